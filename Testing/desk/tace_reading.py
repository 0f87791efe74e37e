"""A reader at work with the module of the response to TACE and its worker: what its tests share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ltp_reading import cells, chord, numbers, ras

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCTACEResponse" / "HCCTACEResponse.py"
sys.path.append(str(ROOT / "Testing" / "unit"))

TURNED = np.linalg.qr(np.array([[0.98, 0.1, -0.05], [-0.12, 0.99, 0.04], [0.05, -0.06, -0.99]]).T)[0]
"""Axes of an oblique volume whose slices run downwards."""


def load_tumours(turned: Any = None, targets: Sequence[str] = ("yes",)) -> tuple[Any, Any]:
    """A CT with a segment for each tumour, tagged as target or not; the volume and the segmentation."""
    import slicer
    from tace_toy import CENTER, grid, segment, volume

    from HCCAssistLib.scene.roles import set_role
    from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

    geometry = grid((1.2, 1.2, 3.0), turned)
    scan = volume_from_image(volume(geometry), slicer.mrmlScene, "CT arterial", None)
    set_role(scan, "pre/arterial")
    x, y, z = CENTER
    drawn = {
        f"T{n + 1}": segment(geometry, (x + 50 * n, y, z), scale=1.0 if n == 0 else 0.6).mask
        for n in range(len(targets))
    }
    node = segmentation_from_masks(drawn, scan, slicer.mrmlScene, "Tumours", surfaces=False)
    for n, target in enumerate(targets):
        node.GetSegmentation().GetNthSegment(n).SetTag("target", target)
    return scan, node


def predict(desk: Any, widget: Any) -> None:
    """Press the button and wait for the worker, and for the pictures."""
    widget.ui.inputsButton.collapsed = widget.ui.detectionButton.collapsed = False
    desk.click(widget.ui.runButton)
    desk.wait_until(lambda: not widget.logic.session.running, 60)
    if widget.logic.session.current is not None:
        desk.wait_until(lambda: bool(widget.ui.seenLabel.text), 20)


def line(name: str, one: Sequence[float], other: Sequence[float]) -> Any:
    """A line between two places, LPS mm."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", name)
    for place in (one, other):
        node.AddControlPointWorld(*ras(place))
    return node


def work_through(desk: Any, path: Path) -> Any:
    """Open the module, predict the response of two tumours, look at them, measure the follow-up; the Python widget."""
    from PySide6.QtCore import Qt
    from tace_toy import CENTER

    from HCCAssistLib.scene.targets import is_target

    _, segmentation = load_tumours(targets=("yes", "no"))
    widget = desk.open(path)
    ui = widget.ui
    assert ui.runButton.text.startswith("Predict")
    assert not ui.noteLabel.visible
    ui.input_pre_tumour_segment.setCurrentNode(segmentation)
    second = ui.targetList.item(1)
    assert second.checkState() == Qt.CheckState.Unchecked
    second.setCheckState(Qt.CheckState.Checked)
    assert is_target(segmentation, segmentation.GetSegmentation().GetNthSegmentID(1))
    second = ui.targetList.item(1)
    second.setCheckState(Qt.CheckState.Unchecked)
    predict(desk, widget)
    review = widget.logic.session.current
    assert review is not None, ui.statusLabel.text
    assert sorted(numbers(ui)) == [1, 2]
    assert "before the treatment" in ui.noteLabel.text
    assert ui.resultLabel.text.startswith("Patient, mean over 1 target"), ui.resultLabel.text
    assert all(0 < float(text) < 1 for text in cells(ui, "Objective response"))
    widget.panel._review.choose(1)
    desk.wait_until(lambda: "saw of 1" in ui.seenLabel.text, 5)
    assert [button.visible for button in (ui.seenButton1, ui.seenButton2, ui.seenButton3)] == [True] * 3
    assert not ui.seenButton1.icon.isNull()
    chord(desk, ui.table, "A")
    assert review.result.findings[0].review.verdict == "accepted"
    ui.resultsButton.collapsed = True
    ui.followUpButton.collapsed = False
    x, y, z = CENTER
    ui.preLine1.setCurrentNode(line("before", (x - 20, y, z), (x + 20, y, z)))
    ui.postLine1.setCurrentNode(line("after", (x - 10, y, z), (x + 14, y, z)))
    assert (ui.preEdit1.text, ui.postEdit1.text) == ("40.0", "24.0")
    assert ui.measuredLabel.text.startswith("Measured: PR (partial response), an objective response")
    ui.preLine2.setCurrentNode(line("second before", (x, y - 10, z), (x, y + 10, z)))
    desk.type(ui.postEdit2, "20")
    assert "60.0 mm before, 44.0 mm at the follow-up: -26.7 %" in ui.measuredLabel.text, ui.measuredLabel.text
    ui.postLine1.currentNode().SetNthControlPointPositionWorld(1, *ras((x + 22, y, z)))
    assert "60.0 mm before, 52.0 mm" in ui.measuredLabel.text, ui.measuredLabel.text
    return widget
