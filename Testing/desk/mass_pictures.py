"""The pictures of the liver masses' tutorial, made on the desk with the sample case.

    python Testing/desk/mass_pictures.py MODEL [OUT]

MODEL is a model package, such as ``hccassist demo --recipe liver-mass`` makes; the pictures go to
``Resources/Screenshots``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from mass_reading import MODULE, ROOT, classify
from window_picture import save

from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.phantoms.liver_mass.sample import make_sample, read_sample
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.scene.rendering import rendering_available

SIZE = (1366, 728)
PANEL = 450
"""Pixels of the panel, as on a laptop of 1366 x 768."""


def take(out: Path, samples: Path) -> None:
    """Classify the masses of the sample case, look at one."""
    import slicer
    from slicer_desk.desktop import start

    from HCCAssistLib.scene.sample import draw_sample

    recipe = get_recipe("liver-mass")
    desk = start()
    desk.tidy()
    desk.window.resize(*SIZE)
    desk._scroll.setFixedWidth(PANEL)
    slicer.app.settings().setValue("HCCAssist/Reader", "R1")
    make_sample(samples)
    case = read_sample(samples)
    assert case is not None
    window = next(iter(recipe.windows.values()))
    drawn = draw_sample(case.volumes, case.masks, case.points, slicer.mrmlScene, title="phantom", window=window)
    points = list(drawn)[-1]
    widget = desk.open(MODULE)
    ui, session = widget.ui, widget.logic.session
    desk.wait_until(lambda: not session.busy, 60)
    ui.input_baseline_masses_points.setCurrentNode(points)
    slicer.util.resetSliceViews()
    save(desk, out / "mass-panel-1-inputs.jpg")
    classify(desk, widget)
    ui.inputsButton.collapsed = ui.detectionButton.collapsed = True
    desk.click(ui.nextButton)
    save(desk, out / "mass-panel-2-classified.jpg")
    desk.close_module()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("out", type=Path, metavar="OUT", nargs="?", default=ROOT / "Resources" / "Screenshots")
    arguments = parser.parse_args()
    problem = rendering_available()
    if problem is not None:
        raise SystemExit(str(problem))
    with tempfile.TemporaryDirectory() as folder:
        ModelStore(Path(folder) / "models").install(arguments.model)
        os.environ["HCCASSIST_MODELS"] = str(Path(folder) / "models")
        take(arguments.out, Path(folder) / "samples")


if __name__ == "__main__":
    main()
