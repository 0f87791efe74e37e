"""The pictures of HCC Training, made on the desk with a small synthetic cohort, as on a laptop.

    python Testing/desk/training_pictures.py [OUT]

The pictures go to ``Resources/Screenshots``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from training_reading import MODULE, ROOT, choose_cohort, cohort, fill_small
from window_picture import save

from HCCAssistLib.scene.rendering import rendering_available

SIZE, PANEL = (1366, 900), 450
"""Of the window, and of the panel in it."""


def take(out: Path, folder: Path) -> None:
    """Ask for a training, with a fault and without."""
    from slicer_desk.desktop import start

    desk = start()
    desk.window.resize(*SIZE)
    desk._scroll.setFixedWidth(PANEL)
    widget = desk.open(MODULE)

    def picture(name: str) -> None:
        save(desk, out / f"training-panel-{name}.jpg")

    choose_cohort(desk, widget, cohort(folder / "livers"))
    picture("1-form")
    fill_small(desk, widget, epochs="many")
    picture("2-fault")
    desk.close_module()


def top(desk: Any) -> None:
    desk._scroll.verticalScrollBar().setValue(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", nargs="?", default=ROOT / "Resources" / "Screenshots")
    arguments = parser.parse_args()
    problem = rendering_available()
    if problem is not None:
        raise SystemExit(str(problem))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("models", "training", "profiles"):
            os.environ[f"HCCASSIST_{name.upper()}"] = str(Path(folder) / name)
        take(arguments.out, Path(folder))


if __name__ == "__main__":
    main()
