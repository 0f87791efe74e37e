"""A reader at work with the LTP panel: what its tests share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.jobs.events import Event

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCLTPDetection" / "HCCLTPDetection.py"
sys.path.append(str(ROOT / "Testing" / "unit"))


def ras(lps: Any) -> tuple[float, float, float]:
    return (-lps[0], -lps[1], lps[2])


def load_blobs(grid: Any = None) -> Any:
    """Soft tissue with three bright balls, as the arterial CT; the first ball in the views."""
    import slicer
    from ltp_blob import BLOBS, blob_image, straight_grid

    from HCCAssistLib.scene.volumes import volume_from_image

    image = blob_image(grid or straight_grid())
    volume = volume_from_image(image, slicer.mrmlScene, "CT", Window(level=100, width=300))
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras(BLOBS[0][0]))
    return volume


def rows(ui: Any) -> list[list[str]]:
    return [[ui.table.item(r, c).text() for c in range(ui.table.columnCount)] for r in range(ui.table.rowCount)]


def numbers(ui: Any) -> list[int]:
    return [int(row[0]) for row in rows(ui)]


def detect(desk: Any, ui: Any, quality: str = "fast") -> None:
    """Press Detect and wait for the end."""
    desk.choose(ui.qualityBox, quality)
    desk.click(ui.detectButton)
    desk.wait_until(lambda: not ui.cancelButton.enabled, 60)


def add_to_cohort(desk: Any, ui: Any, cohort: Path, patient: str, seconds: float) -> None:
    """Mark a lesion that was missed, try a part of the patient's name as the case, then add it under a pseudonym."""
    import slicer

    missed = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Dr Who saw")
    missed.AddControlPointWorld(ras((10.0, 12.0, 3.0)))
    ui.missedSelector.setCurrentNode(missed)
    ui.cohortPath.currentPath = str(cohort)
    assert ui.caseEdit.text == "case-001"
    ui.caseEdit.text = patient
    desk.click(ui.addButton)
    assert "part of the patient's name" in ui.exportLabel.text
    ui.caseEdit.text = "case-001"
    desk.click(ui.addButton)
    desk.wait_until(lambda: "2 positive(s), 1 hard negative(s)" in ui.exportLabel.text, seconds)


def frame(desk: Any) -> Any:
    """The frame round the chosen box, or None."""
    import slicer

    found = slicer.mrmlScene.GetNodesByClass("vtkMRMLMarkupsROINode")
    nodes = [found.GetItemAsObject(n) for n in range(found.GetNumberOfItems())]
    return next((n for n in nodes if n.GetAttribute("HCCAssist.frame") and n.GetDisplayVisibility()), None)


def seen_boxes(drawn: Any) -> list[int]:
    """Numbers of the boxes that are shown in slices and in 3-D."""
    displays = {number: box.GetDisplayNode() for number, box in drawn.boxes.items()}
    shown = [
        (n, d.GetVisibility() and d.GetVisibility2D(), d.GetVisibility() and d.GetVisibility3D())
        for n, d in displays.items()
    ]
    assert all(bool(flat) == bool(solid) for _, flat, solid in shown)
    return [number for number, flat, _ in shown if flat]


def warm_places(drawn: Any) -> list[int]:
    """Numbers of the candidates with visible heat in their middle."""
    import slicer

    from HCCAssistLib.scene.inputs import geometry_of_volume

    grid, heat = geometry_of_volume(drawn.heatmap), slicer.util.arrayFromVolume(drawn.heatmap)
    lowest, found = drawn.heatmap.GetDisplayNode().GetLowerThreshold(), []
    for candidate in drawn.result.candidates:
        i, j, k = np.rint(grid.to_index(candidate.box.center)).astype(int)
        if grid.contains(candidate.box.center) and heat[k, j, i] > lowest:
            found.append(candidate.number)
    return found


class AtOnce:
    """An executor that has the result ready: the study's parts are looked at, the worker is not."""

    devices = ("cpu",)

    def __init__(self, result: Any, options: dict[str, Any] | None = None) -> None:
        self.result, self.options = result, options
        self.events: list[Event] = []
        self.study: Any = None
        self.last = 0
        self.closed = False

    def warm_up(self) -> None:
        self.events.append(Event(0, "ready"))

    def submit(self, study: Any, request: Any) -> int:
        self.study = study()
        assert self.options in (None, request.options)
        self.last += 1
        last = Event(self.last, "done", 1.0, result=self.result)
        self.events += [Event(self.last, "started"), Event(self.last, "progress", 0.4, 3.0), last]
        return self.last

    def poll(self) -> list[Event]:
        return [self.events.pop(0)] if self.events else []

    def cancel(self, job: int) -> None:
        self.events = [Event(job, "cancelled")]

    def close(self) -> None:
        self.closed = True
