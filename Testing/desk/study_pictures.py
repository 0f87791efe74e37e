"""The pictures of HCC Study, made on the desk with the sample case, as on a laptop and on a wide screen.

    python Testing/desk/study_pictures.py [OUT]

The pictures go to ``Resources/Screenshots``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from window_picture import save

from HCCAssistLib.scene.rendering import rendering_available

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCStudy" / "HCCStudy.py"
WIDTHS = {"laptop": ((1366, 940), 450), "wide": ((1800, 1000), 760)}
"""Of the window, and of the panel in it."""


def take(out: Path) -> None:
    """Nothing is installed: load the sample case, and scans whose phases are clear, doubtful and unknown."""
    import slicer
    from slicer_desk.desktop import start
    from studying import rest, row_of, volume

    desk = start()
    widget = desk.open(MODULE)
    ui = widget.ui
    ui.voxelCheck.checked = False
    desk.click(ui.sampleButton)
    rest(desk, widget, 120)
    for name in ("5: portal venous 70 s", "6: CT abdomen 3.0"):
        volume(name)
    rest(desk, widget)
    row = row_of(widget, "5: portal venous 70 s")
    desk.choose(row.combo, "Arterial phase, CT at diagnosis")
    with desk.answering("OK"):
        desk.click(row.button)
    rest(desk, widget)
    desk.load(ROOT / "HCCAssist" / "HCCLTPDetection" / "HCCLTPDetection.py")
    widget.goOn.refresh()
    slicer.util.setSliceViewerLayers(background=slicer.util.getNode("LTP phantom (synthetic)"), fit=True)
    # not the folders of whoever makes the pictures
    ui.storeLabel.visible = False
    ui.sampleLabel.text = "\n".join(line for line in ui.sampleLabel.text.split("\n") if "Kept in" not in line)
    for name, (size, width) in WIDTHS.items():
        desk.window.resize(*size)
        desk._scroll.setFixedWidth(width)
        save(desk, out / f"study-panel-{name}.jpg")
    desk.close_module()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", nargs="?", default=ROOT / "Resources" / "Screenshots")
    arguments = parser.parse_args()
    problem = rendering_available()
    if problem is not None:
        raise SystemExit(str(problem))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HCCASSIST_MODELS"] = str(Path(folder) / "models")
        os.environ["HCCASSIST_SAMPLES"] = str(Path(folder) / "samples")
        take(arguments.out)


if __name__ == "__main__":
    main()
