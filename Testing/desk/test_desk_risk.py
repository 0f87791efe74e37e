"""The panel of the recurrence risk with its worker: from a segment to risk, pictures and cohort."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from risk_reading import MODULE, load_tumour, predict, work_through

TURNED = np.linalg.qr(np.array([[0.98, 0.1, -0.05], [-0.12, 0.99, 0.04], [0.05, -0.06, -0.99]]).T)[0]
"""Axes of an oblique volume whose slices run downwards."""


def test_a_case_after_hepatectomy_is_predicted_looked_at_and_added_to_a_cohort(desk, own_risk_model, tmp_path):
    widget = work_through(desk, MODULE)
    ui = widget.ui
    ui.exportsButton.collapsed = False
    with desk.choosing(tmp_path / "cohort"):
        desk.click(ui.newCohortButton)
    with desk.answering():
        desk.click(ui.addButton)
        desk.wait_until(lambda: not widget.panel._exports._export.writing, 30)
        widget.panel.poll()
    assert "is in the cohort" in ui.exportLabel.text, ui.exportLabel.text
    assert "filled from no prediction" in ui.exportLabel.text
    assert not widget.panel._sections.marginButton.visible, "a margin is of an ablation"
    (row,) = csv.DictReader((tmp_path / "cohort" / "cohort.csv").open(encoding="utf-8-sig"))
    assert not row.get("event") and not row.get("follow_up_months"), "a prediction never becomes a label"
    written = {file.name for file in (tmp_path / "cohort" / "cases" / row["case_id"] / "pre").iterdir()}
    assert {"arterial.nrrd", "tumour.seg.nrrd"} <= written


def slices(widget) -> list[np.ndarray]:
    """What the strip shows."""
    (strip,) = (part for part in widget.panel._added if hasattr(part.ui, "seenLabel"))
    return [picture.grey.astype(float) for picture in strip._shown.pictures]


@pytest.mark.parametrize(
    "turned",
    [
        pytest.param(TURNED, id="oblique"),
        pytest.param(np.diag([-1.0, 1.0, -1.0]), id="flipped", marks=pytest.mark.slow),
    ],
)
def test_what_the_network_saw_is_shown_as_it_lies_in_the_patient_and_again_from_a_saved_scene(
    desk, small_view, own_risk_model, turned, tmp_path
):
    import slicer

    from HCCAssistLib.scene.mrb import save_mrb

    load_tumour(turned)
    widget = desk.open(MODULE)
    predict(desk, widget)
    first = slices(widget)
    assert len(first) == 10 and first[5][0, 0] == 0, "what lies around the tumour is not black"
    # the toy is brighter to the left, the front and the head: to the right of a picture, above, and in later ones
    middle = first[5][65:85, 60:90]
    assert middle[:, -5:].mean() > middle[:, :5].mean() + 10 and middle[:5].mean() > middle[-5:].mean() + 5
    assert first[8][65:85, 60:90].mean() > first[1][65:85, 60:90].mean() + 5
    save_mrb(slicer.mrmlScene, tmp_path / "scene.mrb")
    slicer.mrmlScene.Clear(0)
    slicer.app._host.load(tmp_path / "scene.mrb")
    desk.process_events()
    desk.wait_until(lambda: bool(widget.ui.seenLabel.text), 20)
    assert widget.ui.seenButton10.visible, widget.ui.seenLabel.text
    assert max(np.abs(now - before).max() for now, before in zip(slices(widget), first, strict=True)) <= 1


def test_a_segment_that_was_painted_since_is_not_shown_as_what_the_network_saw(
    desk, small_view, own_risk_model, tmp_path
):
    import slicer

    from HCCAssistLib.scene.mrb import save_mrb

    _scan, segmentation = load_tumour()
    widget = desk.open(MODULE)
    predict(desk, widget)
    name = segmentation.GetSegmentation().GetNthSegmentID(0)
    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, name).copy()
    voxels[: len(voxels) // 2] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, segmentation, name)
    widget.panel.refresh()
    assert "Changed since the run" in widget.ui.changedLabel.text
    save_mrb(slicer.mrmlScene, tmp_path / "scene.mrb")
    slicer.mrmlScene.Clear(0)
    slicer.app._host.load(tmp_path / "scene.mrb")
    desk.process_events()
    desk.wait_until(lambda: bool(widget.ui.seenLabel.text), 20)
    assert "cannot be made again" in widget.ui.seenLabel.text and not widget.ui.seenButton1.visible


def test_a_scene_closed_in_mid_run_ends_it_and_the_panel_goes_on(desk, small_view, own_risk_model):
    import slicer

    load_tumour()
    widget = desk.open(MODULE)
    desk.click(widget.ui.runButton)
    assert widget.logic.session.running
    slicer.mrmlScene.Clear(0)
    desk.process_events()
    assert not widget.logic.session.running and not widget.ui.RiskResult.visible
    load_tumour()
    desk.process_events()
    predict(desk, widget)
    assert widget.logic.session.current is not None, widget.ui.statusLabel.text


def test_a_case_without_a_segment_is_not_begun_and_several_tumours_are_refused(desk, small_view, own_risk_model):
    from hepatectomy_toy import segment

    from HCCAssistLib.scene.volumes import segmentation_from_masks

    scan, segmentation = load_tumour()
    widget = desk.open(MODULE)
    ui = widget.ui
    ui.input_pre_tumour_segment.setCurrentNode(None)
    assert "Mark the tumour" in ui.statusLabel.text and not ui.runButton.enabled
    from HCCAssistLib.scene.inputs import geometry_of_volume

    grid = geometry_of_volume(scan)
    masks = {"T1": segment(grid).mask, "T2": segment(grid, (-40.0, 10.0, 0.0), 0.5).mask}
    both = segmentation_from_masks(masks, scan, segmentation.GetScene(), "Both", surfaces=False)
    ui.input_pre_tumour_segment.setCurrentNode(both)
    predict(desk, widget)
    assert widget.logic.session.current is None and "single one" in ui.statusLabel.text, ui.statusLabel.text
