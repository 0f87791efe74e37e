"""The part of a panel that measures an ablation margin: by clicks, in a thread, drawn, kept and refused in words."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from planting import plant_part, some_of

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from ellipsoids import Ellipsoid, rigid
from imaging_samples import rotation

TURN = rotation(14, -9, 21) @ np.diag((1.0, -1.0, 1.0))
TUMOUR = Ellipsoid(np.array([7.0, 9.0, 12.0]), np.array([-30.0, 20.0, 55.0]), rotation(10, 50, 30))
ZONE = Ellipsoid(np.array([14.0, 17.0, 22.0]), np.add(TUMOUR.center, (3, -4, 2)), rotation(-40, 20, 60))
TRUTH = float(ZONE.depth(TUMOUR.surface()).min())
MATRIX = rigid(np.random.default_rng(4), 20, 30)


def segmentation(name, image):
    import slicer

    from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

    volume = volume_from_image(image, slicer.mrmlScene, f"scan of {name}")
    return segmentation_from_masks({name: image}, volume, slicer.mrmlScene, f"{name} segments", surfaces=False)


def opened():
    """The part in a window of its own, with a node that keeps what is chosen."""
    import ctk
    import qt
    import slicer

    from HCCAssistLib.panels import margin  # where a mistake may be planted
    from HCCAssistLib.panels.part import Shared

    section = ctk.ctkCollapsibleButton()
    qt.QVBoxLayout(section)
    shared = Shared(
        SimpleNamespace(marginButton=section),
        None,
        section,
        wake=lambda: None,
        reader=str,
        chosen=lambda: None,
        cohort=lambda: None,
        changed=lambda: None,
        package=lambda: None,
    )
    part = sys.modules[margin.__name__].MarginPart(shared)
    part.bind(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "parameters"))
    section.show()
    return part


def loaded(moved=True):
    """Tumour and zone on oblique, flipped, anisotropic grids; the zone lies elsewhere, as on another scan."""
    tumour = segmentation("tumour", TUMOUR.painted((0.8, 0.9, 2.0), TURN))
    zone = ZONE.moved(MATRIX) if moved else ZONE
    return tumour, segmentation("ablation", zone.painted((1.5, 0.9, 0.8), rotation(-20, 16, 140)))


def transform():
    """What lays the scan after over the scan before, as Slicer holds it."""
    import slicer

    from HCCAssistLib.scene.transforms import to_vtk

    flip = np.diag((-1.0, -1.0, 1.0, 1.0))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "post to pre")
    node.SetMatrixTransformToParent(to_vtk(flip @ np.linalg.inv(MATRIX) @ flip))
    return node


def choose(part, tumour, zone):
    for selector, node in ((part.ui.marginTumour, tumour), (part.ui.marginZone, zone)):
        selector.setCurrentNode(node)
        selector.setCurrentSegmentID(node.GetSegmentation().GetNthSegmentID(0))


def measure(desk, part):
    """Click and wait."""
    desk.click(part.ui.measureMarginButton)
    end = time.perf_counter() + 60
    while part.poll():
        time.sleep(0.005)
        assert time.perf_counter() < end


def cells(table):
    return [[table.item(r, c).text() for c in range(table.columnCount)] for r in range(table.rowCount)]


def work(desk):
    """Measure with the registration and an error; what is shown and drawn."""
    import slicer

    part = opened()
    ui = part.ui
    assert not ui.measureMarginButton.enabled and not ui.marginTable.visible
    choose(part, *loaded())
    ui.marginTransform.setCurrentNode(transform())
    desk.type(ui.marginErrorEdit, "2,0")
    assert ui.measureMarginButton.enabled
    measure(desk, part)
    shown = cells(ui.marginTable)
    assert float(shown[0][1].split()[0].replace("\N{MINUS SIGN}", "-")) == pytest.approx(TRUTH, abs=0.6), shown
    low, _, high, _ = shown[0][2].split()
    assert float(low.replace("\N{MINUS SIGN}", "-")) < TRUTH < float(high)
    assert ui.measureMarginButton.enabled
    assert "Its error is 2.0 mm (root mean square) as a person states it" in ui.marginFoundLabel.text
    models = slicer.mrmlScene.GetNodesByClassByName("vtkMRMLModelNode", "margin of the ablation")
    assert models.GetNumberOfItems() == 1
    laid = slicer.mrmlScene.GetNodesByClassByName("vtkMRMLModelNode", "ablation zone, laid on the scan before")
    assert laid.GetNumberOfItems() == 1 and "the segment itself is hidden" in ui.marginFoundLabel.text
    segmentation, segment = part._now().segments["zone"]
    assert not segmentation.GetDisplayNode().GetSegmentVisibility(segment), "it stands elsewhere over the scan before"
    bounds = [0.0] * 6
    models.GetItemAsObject(0).GetRASBounds(bounds)
    narrow = part._drawn.record.margin.smallest_at
    offset = desk.layout_manager.sliceWidget("Red").mrmlSliceNode().GetSliceOffset()
    assert abs(offset - narrow[2]) < 1, "the views do not go to the smallest margin"
    middle = np.multiply((np.array(bounds[::2]) + bounds[1::2]) / 2, (-1, -1, 1))
    np.testing.assert_allclose(middle, TUMOUR.center, atol=1.5)
    return part


def test_a_margin_is_measured_shown_drawn_and_kept(desk):
    part = work(desk)
    node = part._node
    before = cells(part.ui.marginTable)
    again = opened()
    again.bind(node)
    assert cells(again.ui.marginTable) == before
    assert again.ui.marginErrorEdit.text == "2,0" and again.ui.measureMarginButton.enabled
    part.close()
    again.close()


def test_the_zone_that_was_measured_is_hidden_and_not_the_one_that_is_chosen_by_then(desk):
    part = opened()
    before, after = loaded()
    choose(part, before, after)
    part.ui.marginTransform.setCurrentNode(transform())
    segmentation, segment = part._now().segments["zone"]
    other = segmentation.GetSegmentation().AddEmptySegment("other", "other")
    desk.click(part.ui.measureMarginButton)
    part._segments["zone"].setCurrentSegmentID(other)
    desk.wait_until(lambda: not part.poll(), 30)
    display = segmentation.GetDisplayNode()
    assert not display.GetSegmentVisibility(segment) and display.GetSegmentVisibility(other)
    assert "segment itself is hidden" not in part.ui.marginFoundLabel.text
    part.close()


def test_what_cannot_be_measured_is_told_and_nothing_is_drawn(desk):
    import slicer

    part = opened()
    tumour, zone = loaded()
    choose(part, tumour, zone)
    measure(desk, part)
    assert "mm apart: the registration failed" in part.ui.marginFoundLabel.text
    choose(part, tumour, tumour)
    measure(desk, part)
    assert "tumour and ablation zone are the same segment" in part.ui.marginFoundLabel.text
    choose(part, tumour, zone)
    for text, words in (("two", "not a number"), ("0", "an error of 0.0 mm"), ("50", "an error of 50.0 mm")):
        desk.type(part.ui.marginErrorEdit, text)
        desk.click(part.ui.measureMarginButton)
        assert words in part.ui.marginFoundLabel.text, part.ui.marginFoundLabel.text
        part.ui.marginErrorEdit.text = ""
    node = transform()
    part.ui.marginTransform.setCurrentNode(node)
    zone.SetAndObserveTransformNodeID(node.GetID())
    desk.click(part.ui.measureMarginButton)
    assert "the ablation zone stands under this transform already" in part.ui.marginFoundLabel.text
    part.ui.marginTransform.setCurrentNode(None)
    assert not slicer.mrmlScene.GetNodesByClassByName("vtkMRMLModelNode", "margin of the ablation").GetNumberOfItems()
    measure(desk, part)
    assert cells(part.ui.marginTable)[0][2] == "not known"
    assert "measured where they stand in the scene" in part.ui.marginFoundLabel.text
    drawn = slicer.mrmlScene.GetNodesByClassByName("vtkMRMLModelNode", "margin of the ablation")
    assert drawn.GetNumberOfItems() == 1
    part.close()


MISTAKES = {
    "registration forgotten": ("margin", "self.ui.marginTransform.currentNode()", "None"),
    "error forgotten": ("margin", "str(self.ui.marginErrorEdit.text).strip()", '""'),
    "zone taken for the tumour": ("margin", "ZONE: ui.marginZone,", "ZONE: ui.marginTumour,"),
    "not drawn": ("margin", "drawn_in_steps(done, slicer.mrmlScene)", "None"),
    "signal misspelt": ("margin", '"clicked(bool)"', '"clicked(int)"'),
    "never enabled": ("margin", "self._now().is_complete and", "False and"),
}  # fmt: skip


@pytest.mark.parametrize("name", some_of(MISTAKES))
def test_planted_mistakes_are_noticed(desk, expected_faults, monkeypatch, name):
    plant_part(monkeypatch, *MISTAKES[name])
    with pytest.raises(Exception):  # noqa: B017 - whatever the work meets
        work(desk)
        assert not expected_faults()
    expected_faults()
