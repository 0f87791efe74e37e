"""The pictures of the tutorial of the response to TACE, made on the desk with the sample case.

    python Testing/desk/tace_pictures.py MODEL [OUT]

MODEL is a model package, such as ``hccassist demo --recipe tace-response`` makes; the pictures go to
``Resources/Screenshots``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from tace_reading import MODULE, ROOT, line, predict
from window_picture import save

from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.phantoms.tace.sample import make_sample, read_sample
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.scene.rendering import rendering_available

SIZE = (1366, 728)
PANEL = 450
"""Pixels of the panel, as on a laptop of 1366 x 768."""


def take(out: Path, samples: Path) -> None:
    """Predict the response of the tumours of the sample case, look at one, measure a follow-up."""
    import slicer
    from slicer_desk.desktop import start

    from HCCAssistLib.scene.sample import draw_sample

    recipe = get_recipe("tace-response")
    desk = start()
    desk.tidy()
    desk.window.resize(*SIZE)
    desk._scroll.setFixedWidth(PANEL)
    slicer.app.settings().setValue("HCCAssist/Reader", "R1")
    make_sample(samples)
    case = read_sample(samples)
    assert case is not None
    window = next(iter(recipe.windows.values()))
    masks = {place.rpartition("/")[2]: mask for place, mask in case.masks.items()}
    drawn = list(draw_sample(case.volumes, masks, case.points, slicer.mrmlScene, title="phantom", window=window))
    widget = desk.open(MODULE)
    ui, session = widget.ui, widget.logic.session
    desk.wait_until(lambda: not session.busy, 60)
    ui.input_pre_tumour_segment.setCurrentNode(next(n for n in drawn if n.IsA("vtkMRMLSegmentationNode")))
    slicer.util.resetSliceViews()
    save(desk, out / "tace-panel-1-inputs.jpg")
    predict(desk, widget)
    ui.inputsButton.collapsed = ui.detectionButton.collapsed = True
    desk.click(ui.heatCheck)
    save(desk, out / "tace-panel-2-predicted.jpg")
    ui.resultsButton.collapsed = True
    ui.followUpButton.collapsed = False
    segmentation = ui.input_pre_tumour_segment.currentNode()
    ui.measureSegment.setCurrentNode(segmentation)
    ui.measureSegment.setCurrentSegmentID(segmentation.GetSegmentation().GetNthSegmentID(0))
    desk.click(ui.measureButton)
    desk.wait_until(lambda: ui.preLine1.currentNode() is not None, 20)
    x, y, z = session.current.result.findings[0].center
    ui.postLine1.setCurrentNode(line("target 1 follow-up", (x - 9, y, z), (x + 9, y, z)))
    ui.daysBox.value = 42
    save(desk, out / "tace-panel-3-follow-up.jpg")
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
