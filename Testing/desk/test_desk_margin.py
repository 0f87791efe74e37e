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

pytestmark = pytest.mark.heavy

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
        settings=None,
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


@pytest.fixture(scope="module")
def scans():
    """A scan before and one after with another breath, the liver before, and another patient's scan."""
    from HCCAssistLib.imaging.geometry import Geometry
    from HCCAssistLib.phantoms.dynamic_t1 import Abdomen, breath

    grid = Geometry.from_parts((36, 96, 96), (3.0, 3.0, 5.0), (-142.5, -142.5, -87.5))
    patient, motion = Abdomen(1), breath(5)
    after = patient.image("portal", grid, motion=motion, seed=2)
    other = Abdomen(2).image("portal", grid, motion=breath(6), seed=3)
    return patient.image("delayed", grid, seed=1), after, patient.liver(grid), other, motion


def painted(name, mask, scan):
    """A segment on a scan of the scene."""
    import slicer

    from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

    volume = volume_from_image(scan, slicer.mrmlScene, f"scan of {name}")
    return segmentation_from_masks({name: mask}, volume, slicer.mrmlScene, f"{name} segments", surfaces=False)


def on_scans(part, scans, *, other=False):
    """Tumour, zone and liver as they were painted on two scans that a breath lies between."""
    from HCCAssistLib.imaging.image import Image

    before, after, liver, stranger, motion = scans
    tumour, zone = TUMOUR.painted((1.0, 1.0, 1.5), np.eye(3)), ZONE.painted((1.0, 1.0, 1.5), np.eye(3))
    corner, *ends = motion.forward(np.vstack([np.zeros(3), np.eye(3)]))
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = (np.array(ends) - corner).T, corner
    zone = Image(zone.array, type(zone.geometry)(zone.geometry.shape, moved @ zone.geometry.affine))
    first = painted("tumour", tumour, before)
    choose(part, first, painted("ablation", zone, stranger if other else after))
    part.ui.marginLiver.setCurrentNode(painted("liver", liver, before))
    part.ui.marginLiver.setCurrentSegmentID(part.ui.marginLiver.currentNode().GetSegmentation().GetNthSegmentID(0))
    return first, moved


def waited(part, button, desk):
    desk.click(button)
    assert not part.ui.measureMarginButton.enabled and not part.ui.registerMarginButton.enabled
    desk.wait_until(lambda: not part.poll(), 240)  # seconds of work, minutes on a machine that others use


def registered(desk, scans, folder):
    """Register, measure, save the page; the page."""
    part = opened()
    ui = part.ui
    assert not ui.registerMarginButton.enabled and not ui.saveMarginButton.visible
    _, moved = on_scans(part, scans)
    waited(part, ui.registerMarginButton, desk)
    node = ui.marginTransform.currentNode()
    assert node is not None and "moves the liver by" in ui.marginFoundLabel.text, ui.marginFoundLabel.text
    waited(part, ui.measureMarginButton, desk)
    record = part._drawn.record
    assert record.registration.source == "rigid" and record.registration.quality is not None
    back = np.append(TUMOUR.center, 1)
    assert np.linalg.norm((record.registration.matrix @ back - moved @ back)[:3]) < 1.5, "not where the breath moved it"
    assert record.margin.smallest_mm == pytest.approx(TRUTH, abs=2)
    with desk.choosing(folder / "page"):
        waited(part, ui.saveMarginButton, desk)
    assert "Saved as page.html" in ui.marginFoundLabel.text
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "registered rigidly" in page and page.count("data:image/png") >= 3 and "scan of" not in page
    return part, node


@pytest.mark.slow
def test_scans_are_registered_the_margin_measured_and_its_page_saved(desk, scans, tmp_path):
    import slicer

    from HCCAssistLib.scene.transforms import from_vtk, to_vtk

    part, node = registered(desk, scans, tmp_path)
    ui = part.ui
    again = opened()  # as in a scene that was loaded
    again.bind(part._node)
    with desk.choosing(tmp_path / "again.html"):
        waited(again, again.ui.saveMarginButton, desk)
    assert (tmp_path / "again.html").read_text() == (tmp_path / "page.html").read_text()
    segmentation = ui.marginTumour.currentNode()
    volume = segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())
    choose(part, painted("another", ZONE.painted((1.0, 1.0, 1.5), np.eye(3)), scans[0]), ui.marginZone.currentNode())
    with desk.choosing(tmp_path / "other.html"):
        waited(part, ui.saveMarginButton, desk)
    assert "not those that were measured" in ui.marginFoundLabel.text and not (tmp_path / "other.html").exists()
    with desk.choosing(""):
        desk.click(ui.saveMarginButton)
    assert ui.saveMarginButton.enabled, "a person who chooses no file begins nothing"
    choose(part, segmentation, ui.marginZone.currentNode())
    shifted = from_vtk(node.GetMatrixTransformToParent())
    shifted[0, 3] += 2
    node.SetMatrixTransformToParent(to_vtk(shifted))
    waited(part, ui.measureMarginButton, desk)
    assert part._drawn.record.registration.source == "person", "it was moved by hand since"
    slicer.mrmlScene.RemoveNode(volume)
    desk.click(ui.registerMarginButton)
    assert "does not say which scan it was painted on" in ui.marginFoundLabel.text
    part.close()
    again.close()


def test_a_registration_that_fails_is_told_and_leaves_no_transform(desk, scans):
    import slicer

    part = opened()
    tumour, _ = on_scans(part, scans, other=True)
    waited(part, part.ui.registerMarginButton, desk)
    assert "the registration failed" in part.ui.marginFoundLabel.text, part.ui.marginFoundLabel.text
    assert part.ui.marginTransform.currentNode() is None
    assert not slicer.mrmlScene.GetNodesByName("Scan after to scan before").GetNumberOfItems()
    choose(part, tumour, tumour)
    desk.click(part.ui.registerMarginButton)
    assert "painted on the same scan" in part.ui.marginFoundLabel.text
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


LATER_MISTAKES = {
    "zone's scan for both": ("margin", "= chosen.scan(TUMOUR),", "= chosen.scan(ZONE),"),
    "transform not chosen": ("margin", "self.ui.marginTransform.setCurrentNode(node)", "None"),
    "no file begins a page": ("margin", "if path and drawn is not None:", "if drawn is not None and not path:"),
    "nothing is written": ("margin", "self._saving.write(drawn, chosen, named)", "None"),
}  # fmt: skip


@pytest.mark.parametrize("name", some_of(LATER_MISTAKES))
def test_mistakes_in_what_registers_and_saves_are_noticed(desk, expected_faults, monkeypatch, scans, tmp_path, name):
    plant_part(monkeypatch, *LATER_MISTAKES[name])
    with pytest.raises(Exception):  # noqa: B017 - whatever the work meets
        registered(desk, scans, tmp_path)
        assert not expected_faults()
    expected_faults()
