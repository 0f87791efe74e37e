"""The panel of the recurrence risk after ablation with made-up results: roles, clinical form, bars, curves, views."""

from __future__ import annotations

import csv

import pytest
from ltp_reading import chord
from made_up_risk import CENTERS, cells, load_phases, phase, predict, work_through
from risk_reading import MODULE, load_tumour

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.ablation.recipe import PHASES, REGIONS


@pytest.fixture
def opened(desk, made_up_risks):
    """The module over the MR of both time points."""
    load_phases()
    return desk.open(MODULE)


def test_a_case_is_predicted_from_all_that_is_loaded_and_what_decided_is_told_and_seen(desk, made_up_risks):
    from slicer_desk.views import pixels

    widget = work_through(desk, MODULE, made_up_risks)
    shown = pixels(widget.ui.survivalPlot).astype(int)
    red, blue = shown[..., 0] - shown[..., 2] > 80, shown[..., 2] - shown[..., 0] > 60
    assert red.sum() > 2 * blue.sum() > 100, "the patient's group is not the wider line"
    views = [desk.layout_manager.sliceWidget(f"HCCAssist{n}") for n in (1, 2, 3, 4)]
    heat = [view.mrmlSliceCompositeNode().GetForegroundVolumeID() is not None for view in views]
    assert heat == [False, True, False, True]
    displays = [segments_display(name) for name in ("tumour segments", "ablation segments")]
    seen = [[one.IsDisplayableInView(view.mrmlSliceNode().GetID()) for view in views] for one in displays]
    assert seen == [[True, True, False, False], [False, False, True, True]], "a segment lies over the other time point"
    desk.click(widget.ui.phasesCheck)
    assert all(one.IsDisplayableInView("vtkMRMLSliceNodeRed") for one in displays)
    assert views[0].mrmlSliceNode().GetViewGroup() == 0
    boxes = widget.logic.session.current.drawn.boxes.values()
    assert all(box.GetDisplayNode().IsDisplayableInView("vtkMRMLSliceNodeRed") for box in boxes)
    assert desk.layout_manager.sliceWidget("Red").visible


def segments_display(name):
    import slicer

    return slicer.util.getNode(name).GetDisplayNode()


def test_the_sample_case_is_known_as_mr_and_nothing_of_it_is_doubtful(desk, small_view, made_up_risks):
    import slicer

    from HCCAssistLib.imaging.windows import Window
    from HCCAssistLib.scene.sample import draw_sample

    volumes = {f"{time}/{name}": phase(time, name) for time in CENTERS for name in PHASES}
    grid = volumes["pre/delayed"].geometry
    masks = {place: Image((volumes[f"{time}/delayed"].array > 250).astype("uint8"), grid)
             for time, place in REGIONS.items()}  # fmt: skip
    title = "ABLATION-RECURRENCE phantom (synthetic)"
    list(draw_sample(volumes, masks, {}, slicer.mrmlScene, title=title, window=Window(150, 300), modality="MR"))
    widget = desk.open(MODULE)
    assert widget.logic.recipe.id == "ablation-recurrence", widget.chooser.ui.methodLabel.text
    assert set(cells(widget.ui).values()) == {"confirmed"}
    assert widget.ui.input_pre_tumour_segment.currentNode() is not widget.ui.input_post_ablation_segment.currentNode()
    assert widget.ui.input_post_ablation_segment.currentNode().GetName().startswith("ablation")
    assert not widget.ui.windowBox.visible


def test_no_finding_and_no_verdict_is_asked_for(desk, small_view, opened):
    predict(desk, opened)
    ui = opened.ui
    hidden = (ui.FindingsTable, ui.VerdictBar, ui.ThresholdBar, ui.Missed, ui.resultLabel)
    assert not any(widget.visible for widget in hidden)
    before = opened.logic.session.current.result
    for key in "ARU":
        chord(desk, ui.runButton, key)
    assert opened.logic.session.current.result is before


def test_a_result_without_its_model_says_why_there_are_no_curves(desk, small_view, opened, monkeypatch):
    from HCCAssistLib.panels.run_model import RunModels

    monkeypatch.setattr(RunModels, "_card", lambda *_: None)
    predict(desk, opened)
    assert "not installed" in opened.ui.survivalProblem.text and not opened.ui.survivalPlot.visible


def test_the_grid_tells_what_is_missing_twice_or_only_guessed(desk, small_view, made_up_risks):
    nodes = load_phases("pre", roles=False)
    widget = desk.open(MODULE)
    ui = widget.ui
    assert set(list(cells(ui).values())[:4]) == {"by name"} and set(list(cells(ui).values())[4:]) == {"not used"}
    ui.input_pre_portal_volume.setCurrentNode(None)
    assert cells(ui)["pre/portal"] == "missing"
    assert "Load a scan and choose it: portal venous phase, MR before treatment." in ui.statusLabel.text
    ui.input_pre_portal_volume.setCurrentNode(nodes["pre/arterial"])
    assert (cells(ui)["pre/portal"], cells(ui)["pre/arterial"]) == ("twice", "twice")
    assert "The same scan is chosen twice" in ui.readinessLabel.text and not ui.runButton.enabled
    ui.input_pre_portal_volume.setCurrentNode(nodes["pre/portal"])
    assert ui.runButton.enabled and "No MR after the ablation" in ui.readinessLabel.text
    assert ui.marginButton.visible
    from HCCAssistLib.scene.roles import set_role

    set_role(nodes["pre/delayed"], "post/delayed")
    widget.panel.refresh()
    assert cells(ui)["pre/delayed"] == "other role"


FAULTS = (
    ("total_protein_g_per_l", "7.1", "is it in g/dL? Write it in g/L"),
    ("tumour_size_mm", "2.3", "is it in cm? Write it in mm"),
    ("afp_ng_per_ml", "1,234", "marks between thousands"),
    ("afp_ng_per_ml", ">1000", "but a bound"),
    ("afp_ng_per_ml", "high", "is not a number"),
    ("afp_ng_per_ml", "-3", "outside 0 to 1000000 ng/mL"),
    ("tumour_number", "55", "outside 1 to 20"),
)


def test_an_impossible_clinical_value_is_told_and_nothing_runs(desk, small_view, opened):
    ui = opened.ui
    for column, typed, told in FAULTS:
        desk.type(getattr(ui, f"clinical_{column}"), typed)
        assert told in ui.clinicalLabel.text, ui.clinicalLabel.text
        assert not ui.runButton.enabled and column not in opened.panel._chosen().values
        desk.type(getattr(ui, f"clinical_{column}"), "")
        assert not ui.clinicalLabel.text and ui.runButton.enabled


def test_what_is_not_typed_is_unknown_and_no_number(desk, small_view, opened, made_up_risks):
    assert "Unknown, decided without: largest tumour" in opened.ui.readinessLabel.text
    desk.type(opened.ui.clinical_afp_ng_per_ml, "unknown")
    assert not opened.ui.clinicalLabel.text
    predict(desk, opened)
    assert next(one.study for one in made_up_risks if one.study is not None).values == {}
    assert "Unknown, decided without: largest tumour" in opened.ui.clinicalUsedLabel.text


def test_a_saved_scene_holds_method_values_result_and_curves(desk, small_view, opened, tmp_path, monkeypatch):
    import slicer

    from HCCAssistLib.panels.run_model import RunModels
    from HCCAssistLib.scene.mrb import save_mrb

    desk.type(opened.ui.clinical_afp_ng_per_ml, "12")
    predict(desk, opened)
    save_mrb(slicer.mrmlScene, tmp_path / "scene.mrb")
    slicer.mrmlScene.Clear(0)
    desk.process_events()
    ui = opened.ui
    assert not ui.RiskResult.visible and not ui.SurvivalPart.visible
    monkeypatch.setattr(RunModels, "_card", lambda *_: None)  # on a computer without the model
    slicer.app._host.load(tmp_path / "scene.mrb")
    desk.process_events()
    assert opened.logic.recipe.id == "ablation-recurrence"
    assert opened.ui.clinical_afp_ng_per_ml.text == "12"
    assert "0.66" in opened.ui.riskLabel.text
    assert opened.ui.survivalPlot.visible and opened.ui.atRiskTable.item(0, 1).text() == "24"
    assert len(slicer.util.getNodesByClass("vtkMRMLPlotChartNode")) == 1


def test_the_method_follows_from_what_is_loaded_until_it_is_chosen_by_hand(desk, small_view, made_up_risks):
    import slicer

    widget = desk.open(MODULE)
    chooser = widget.chooser.ui
    assert "tell no method" in chooser.methodLabel.text and chooser.MethodChooser.visible
    load_tumour()
    desk.process_events()
    assert widget.logic.recipe.id == "hepatectomy-recurrence"
    assert "Loaded: arterial phase, CT before treatment" in chooser.methodLabel.text
    assert [page.visible for page in widget.pages] == [True, False]
    load_phases("pre", roles=False)
    desk.process_events()
    assert "fit several methods" in chooser.methodLabel.text
    desk.choose(chooser.methodBox, "Early recurrence after ablation")
    assert widget.logic.recipe.id == "ablation-recurrence" and "by hand" in chooser.methodLabel.text
    assert [page.visible for page in widget.pages] == [False, True]
    assert widget.ui.input_pre_arterial_volume.currentNode().GetName().startswith("MR")
    assert widget.ui.input_pre_tumour_segment.currentNode().GetName() == "tumour segments"
    slicer.mrmlScene.Clear(0)
    desk.process_events()
    assert "tell no method" in chooser.methodLabel.text


@pytest.mark.slow
def test_a_method_that_shows_a_result_is_not_changed_by_a_scan_and_hides_it_when_it_is(desk, small_view, opened):
    predict(desk, opened)
    boxes = list(opened.logic.session.current.drawn.boxes.values())
    load_tumour(role="", name="CT arterial before operation")
    desk.process_events()
    assert opened.logic.recipe.id == "ablation-recurrence" and opened.ui.RiskResult.visible
    desk.choose(opened.chooser.ui.methodBox, "Early recurrence after hepatectomy")
    assert not any(node.GetDisplayNode().GetVisibility2D() for node in boxes)
    assert not opened.ui.RiskResult.visible
    desk.choose(opened.chooser.ui.methodBox, "Early recurrence after ablation")
    assert all(node.GetDisplayNode().GetVisibility2D() for node in boxes)
    assert "0.66" in opened.ui.riskLabel.text


@pytest.mark.slow
def test_the_case_goes_into_a_cohort_with_its_values_and_without_an_outcome(
    desk, small_view, opened, tmp_path, monkeypatch
):
    from types import SimpleNamespace

    from HCCAssistLib.recipes.annotations import TrainingAnnotations
    from HCCAssistLib.recipes.spec import Recipe

    monkeypatch.setattr(
        Recipe,
        "module",
        lambda _self, _name: SimpleNamespace(training_annotations=lambda *_, **__: TrainingAnnotations({}, {}, ())),
    )
    desk.type(opened.ui.clinical_afp_ng_per_ml, "12")
    predict(desk, opened)
    ui = opened.ui
    ui.exportsButton.collapsed = False
    with desk.choosing(tmp_path / "cohort"):
        desk.click(ui.newCohortButton)
    with desk.answering():
        desk.click(ui.addButton)
        desk.wait_until(lambda: not opened.panel._exports._export.writing, 30)
        opened.panel.poll()
    assert "is in the cohort" in ui.exportLabel.text, ui.exportLabel.text
    (row,) = csv.DictReader((tmp_path / "cohort" / "cohort.csv").open(encoding="utf-8-sig"))
    assert row["afp_ng_per_ml"] == "12" and not row.get("event") and not row.get("follow_up_months")


def test_a_phase_is_checked_by_flicker_squares_and_points_and_laid_by_hand(desk, small_view, made_up_risks):
    import numpy as np
    import slicer
    import vtk

    from HCCAssistLib.registration.registration import Registration

    nodes, shift = load_phases(), np.array([6.0, 4.8, -8.0])
    moving = nodes["pre/arterial"]
    moving.SetOrigin(*(np.array(moving.GetOrigin()) + shift))
    widget = desk.open(MODULE)
    ui = widget.ui
    ui.alignmentButton.collapsed = False
    desk.choose(ui.checkedPhase, "arterial phase, MR before treatment")
    center = np.array(CENTERS["pre"]) * (-1, -1, 1)
    for selector, places in ((ui.fixedPoints, [center]), (ui.movingPoints, [center + shift])):
        listed = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "places")
        for place in places:
            listed.AddControlPointWorld(*place)
        selector.setCurrentNode(listed)
    assert f"{np.linalg.norm(shift):.1f} mm apart" in ui.pointsLabel.text, ui.pointsLabel.text
    slicer.util.setSliceViewerLayers(background=nodes["pre/delayed"])
    view = desk.layout_manager.sliceWidget("Red").mrmlSliceCompositeNode()
    moving.GetDisplayNode().SetAutoWindowLevel(False)
    moving.GetDisplayNode().SetWindow(0.0)  # as of a volume without contrast
    desk.click(ui.flickerButton)
    desk.wait_until(lambda: view.GetForegroundVolumeID() is not None, 10)
    shown = slicer.mrmlScene.GetNodeByID(view.GetForegroundVolumeID())
    assert np.abs(place_of_ball(shown) - (center + shift)).max() < 1.0
    before = view.GetForegroundOpacity()
    desk.wait_until(lambda: view.GetForegroundOpacity() != before, 5)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "by hand")
    matrix = vtk.vtkMatrix4x4()
    for axis in range(3):
        matrix.SetElement(axis, 3, -shift[axis])
    transform.SetMatrixTransformToParent(matrix)
    ui.givenTransform.setCurrentNode(transform)
    assert view.GetForegroundVolumeID() is None and not ui.flickerButton.checked
    assert "0.0 mm apart" in ui.pointsLabel.text and "Laid by a transform of yours" in ui.readinessLabel.text
    desk.click(ui.squaresButton)
    desk.wait_until(lambda: view.GetForegroundVolumeID() is not None, 10)
    board = slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(view.GetForegroundVolumeID()))
    assert board.min() >= 0 and board.max() <= 1
    desk.click(ui.flickerButton)
    assert not ui.squaresButton.checked
    desk.wait_until(lambda: view.GetForegroundVolumeID() is not None, 10)
    shown = slicer.mrmlScene.GetNodeByID(view.GetForegroundVolumeID())
    assert np.abs(place_of_ball(shown) - center).max() < 1.0
    desk.click(ui.flickerButton)
    assert view.GetForegroundVolumeID() is None and shown.GetScene() is None
    desk.click(ui.squaresButton)
    desk.click(ui.squaresButton)  # taken back while it is made
    assert ui.pointsLabel.text.startswith("Laying")
    desk.wait_until(lambda: not ui.pointsLabel.text.startswith("Laying"), 10)  # it is ready, and nobody wants it
    assert view.GetForegroundVolumeID() is None and not ui.flickerButton.checked
    predict(desk, widget)
    study = next(one.study for one in made_up_risks if one.study is not None)
    laid = Registration.by_person(study.transforms["pre/arterial"]).to_moving([CENTERS["pre"]])[0]
    np.testing.assert_allclose(laid, np.array(CENTERS["pre"]) + shift * (-1, -1, 1), atol=1e-6)
    matrix.SetElement(0, 3, 0.0)
    transform.SetMatrixTransformToParent(matrix)
    widget.panel.refresh()
    assert "Changed since the run: arterial phase, MR before treatment" in ui.changedLabel.text


def place_of_ball(node):
    """RAS of the middle of what is bright."""
    import numpy as np
    import slicer

    from HCCAssistLib.scene.inputs import geometry_of_volume

    voxels = slicer.util.arrayFromVolume(node).astype(float)
    bright = np.argwhere(voxels - np.median(voxels, axis=(1, 2), keepdims=True) > 30)
    return geometry_of_volume(node).to_world(bright.mean(axis=0)[::-1]) * (-1, -1, 1)
