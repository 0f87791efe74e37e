"""Sample cases made, loaded, cancelled, removed."""

from __future__ import annotations

import time

import pytest
import vtk
from studying import MODULE, STALL_S, gone, heartbeat, processes_of, rest, row_of, volume

pytestmark = pytest.mark.usefixtures("small_view")


def test_the_sample_case_is_made_and_loaded_without_a_stall(desk, panel, home):
    import slicer

    from HCCAssistLib.scene.roles import volume_with_role

    ui = panel.ui
    assert not ui.sampleRemoveButton.enabled
    began = time.monotonic()
    with heartbeat(desk) as gaps:
        desk.click(ui.sampleButton)
        assert not ui.sampleButton.enabled
        assert ui.sampleProgress.visible
        rest(desk, panel, 60)
    assert time.monotonic() - began < 30
    assert max(gaps) < STALL_S
    assert "It is synthetic and says nothing about patients." in ui.sampleLabel.text
    node = volume_with_role(slicer.mrmlScene, "post/arterial")
    assert node.GetName() == "LTP phantom (synthetic)"
    (segments,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    names = [segments.GetSegmentation().GetNthSegment(n).GetName() for n in range(2)]
    assert names == ["liver", "ablation"]
    red = desk.layout_manager.sliceWidget("Red")
    assert red.mrmlSliceCompositeNode().GetBackgroundVolumeID() == node.GetID()
    ids = segments.GetSegmentation().GetSegmentIdBySegmentName("ablation")
    zone = slicer.util.arrayFromSegmentBinaryLabelmap(segments, ids, node)
    ras_to_ijk = vtk.vtkMatrix4x4()
    node.GetRASToIJKMatrix(ras_to_ijk)
    k = round(ras_to_ijk.MultiplyPoint((0, 0, red.sliceLogic().GetSliceOffset(), 1))[2])
    assert zone[k].any()  # an ablation zone is on the slice that is shown

    slicer.mrmlScene.Clear(False)
    began = time.monotonic()
    desk.click(ui.sampleButton)
    rest(desk, panel)
    assert time.monotonic() - began < 10
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    assert "31 MB" in ui.sampleRemoveButton.text
    assert f"Kept in {home / 'samples'}" in ui.sampleLabel.text
    desk.click(ui.sampleRemoveButton)
    rest(desk, panel)
    assert "The kept files were removed." in ui.sampleLabel.text
    assert list((home / "samples").iterdir()) == []
    assert not ui.sampleRemoveButton.enabled
    assert volume_with_role(slicer.mrmlScene, "post/arterial") is not None  # what is loaded stays


def test_the_sample_case_of_masses_comes_with_its_phases_and_its_points(desk, panel):
    import slicer

    from HCCAssistLib.scene.roles import role_volumes

    ui = panel.ui
    titles = [ui.sampleBox.itemText(n) for n in range(ui.sampleBox.count)]
    ui.sampleBox.setCurrentIndex(next(n for n, title in enumerate(titles) if "mass" in title.lower()))
    desk.click(ui.sampleButton)
    rest(desk, panel, 60)
    assert len(list(role_volumes(slicer.mrmlScene))) == 3
    (points,) = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    assert points.GetNumberOfControlPoints() == 5
    assert points.GetNthControlPointDescription(0).endswith(" mm")
    red = desk.layout_manager.sliceWidget("Red")
    assert red.sliceLogic().GetSliceOffset() == pytest.approx(points.GetNthControlPointPositionWorld(0)[2], abs=3)


def until_it_is_written(desk, panel, home):
    """The sample case is being made: half of it is on the disk."""
    desk.click(panel.ui.sampleButton)
    (pid,) = processes_of(panel)
    desk.wait_until(lambda: list((home / "samples").glob("*.part")), 20)
    return pid


def test_making_the_sample_case_is_cancelled_clean(desk, panel, home):
    import slicer

    pid = until_it_is_written(desk, panel, home)
    desk.click(panel.ui.sampleCancelButton)
    began = time.monotonic()
    rest(desk, panel)
    assert time.monotonic() - began < 2
    assert "Cancelled." in panel.ui.sampleLabel.text
    assert panel.ui.sampleButton.enabled
    gone(desk, pid)
    assert list((home / "samples").iterdir()) == []
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0


@pytest.mark.slow
def test_a_scene_closed_in_mid_run_gets_nothing_of_it(desk, panel, home):
    import slicer

    pid = until_it_is_written(desk, panel, home)
    slicer.mrmlScene.Clear(False)
    rest(desk, panel)
    gone(desk, pid)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    assert list((home / "samples").iterdir()) == []
    desk.click(panel.ui.sampleButton)
    rest(desk, panel, 60)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1


def test_closing_the_panel_ends_its_processes_and_leaves_nothing(desk, panel, home):
    pid = until_it_is_written(desk, panel, home)
    (folder,) = panel.logic.tasks.folders
    desk.close_module()
    gone(desk, pid)
    assert list((home / "samples").iterdir()) == []
    assert not folder.exists()


def test_the_sample_case_never_takes_the_role_of_a_patient(desk, panel, made, monkeypatch):
    from HCCAssistLib.scene.roles import role_of, set_role

    panel.sample._folder = made
    patient = volume("5: arterial")
    set_role(patient, "post/arterial")
    desk.click(panel.ui.sampleButton)
    rest(desk, panel, 60)
    assert role_of(patient) == "post/arterial"
    assert row_of(panel, "LTP phantom (synthetic)").button.text == "Confirm"


def test_a_sample_case_that_goes_before_it_is_loaded_is_told(desk, panel, made, monkeypatch):
    import slicer

    panel.sample._folder = made
    monkeypatch.setattr("HCCAssistLib.phantoms.ltp.sample.read_sample", lambda folder: None)
    desk.click(panel.ui.sampleButton)
    rest(desk, panel, 60)
    assert "was removed or damaged in the meantime" in panel.ui.sampleLabel.text
    assert "is loaded" not in panel.ui.sampleLabel.text
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    assert panel.ui.sampleButton.enabled


def test_sample_data_offers_the_case_and_opens_the_panel_with_it(desk, made, monkeypatch):
    import slicer
    from slicer_desk.machine import sample_data_folder

    monkeypatch.setenv("HCCASSIST_SAMPLES", str(made))
    monkeypatch.syspath_prepend(str(sample_data_folder()))
    slicer.modules.sampleDataSources = {}
    slicer.modules.sampleDataSourceCategories = {}
    desk.load(MODULE)
    assert slicer.modules.sampleDataSources == {}
    slicer.app.startupCompleted.emit()
    sources = slicer.modules.sampleDataSources["HCCAssist"]
    source = next(one for one in reversed(sources) if "LTP" in one.sampleName)  # earlier tests loaded the module too
    assert slicer.modules.sampleDataSourceCategories["HCCAssist"]["title"] == "HCCAssist"
    assert "synthetic" in source.sampleName
    source.customDownloader(source)
    assert desk.panel.moduleName == "HCCStudy"
    widget = desk.panel.self()
    rest(desk, widget, 60)
    assert "synthetic" in slicer.util.getNode("LTP phantom (synthetic)").GetName()
