"""A reader at work with the example module: what the desk's own tests do and look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

EXAMPLE = Path(__file__).parent / "modules" / "DeskExample" / "DeskExample.py"
LESION_RAS = (21.0, -14.0, 8.0)


def load_ct() -> Any:
    """A CT of 40 HU with a ball of 140 HU and 9 mm at ``LESION_RAS``; 1.5 x 1.5 x 4 mm voxels, stored towards LPS."""
    import slicer

    shape, spacing = (24, 90, 100), np.array([1.5, 1.5, 4.0])
    k, j, i = np.indices(shape)
    origin = np.array([75.0, 67.0, -44.0])
    ras = np.stack([i, j, k], axis=-1) * spacing * (-1, -1, 1) + origin
    distance = np.linalg.norm(ras - LESION_RAS, axis=-1)
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    volume.SetIJKToRASDirections(-1, 0, 0, 0, -1, 0, 0, 0, 1)
    volume.SetSpacing(*spacing)
    volume.SetOrigin(*origin)
    slicer.util.updateVolumeFromArray(volume, np.where(distance < 9, 140, 40).astype(np.int16))
    volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevel(200, 100)
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *LESION_RAS)
    return volume


def position_in_view(desk: Any, name: str, ras: Any) -> tuple[float, float]:
    """Column and row of a point of the patient in a slice view."""
    import slicer

    view = desk.layout_manager.sliceWidget(name)
    to_ras = slicer.util.arrayFromVTKMatrix(view.mrmlSliceNode().GetXYToRAS())
    x, y = (np.linalg.inv(to_ras) @ (*ras, 1))[:2]
    return float(x), view.sliceView().height - 1 - float(y)


def yellow(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Rows and columns of the pixels in the colour of the example's boxes, ``(n, 2)``."""
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    return np.argwhere((red > 180) & (green > 180) & (blue < 90))


def mark_and_count(desk: Any, path: Path = EXAMPLE) -> Any:
    """Open the module, click the lesion in the Red view, count, choose the row; the module's widget."""
    import slicer
    from slicer_desk.views import pixels

    load_ct()
    widget = desk.open(path)
    ui = widget.ui
    assert not ui.applyButton.enabled
    desk.choose(ui.seedSelector, "Create new")
    desk.click(ui.placeWidget.placeButton())
    desk.click_in_view("Red", LESION_RAS)
    seeds = ui.seedSelector.currentNode()
    assert seeds.GetNumberOfDefinedControlPoints() == 1
    assert not ui.placeWidget.placeModeEnabled
    np.testing.assert_allclose(seeds.GetNthControlPointPositionWorld(0), LESION_RAS, atol=1.0)
    ui.radiusSlider.value = 15
    seen = set()
    ui.progressBar.connect("valueChanged(int)", seen.add)
    desk.click(ui.applyButton)
    assert not ui.applyButton.enabled
    desk.wait_until(lambda: ui.resultLabel.text != "-")
    assert ui.resultLabel.text == "1 lesion(s)"
    assert {20, 100} <= seen
    assert ui.applyButton.enabled
    box = slicer.util.getNode("box 1")
    assert box.GetSize() == (30.0, 30.0, 30.0)
    desk.process_events()
    at = yellow(pixels(desk.layout_manager.sliceWidget("Red").sliceView()))
    column, row = position_in_view(desk, "Red", LESION_RAS)
    assert len(at) > 60
    assert np.abs(at.mean(axis=0) - (row, column)).max() < 8
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 0, 0, 0)
    ui.table.selectRow(0)
    assert abs(desk.layout_manager.sliceWidget("Red").sliceLogic().GetSliceOffset() - LESION_RAS[2]) < 2.1
    return widget
