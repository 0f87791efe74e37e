"""The panel of the recurrence risk after ablation with made-up results: roles, clinical form, bars, curves, views."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from conftest import seated
from ltp_reading import chord
from made_up_risk import CENTERS, RiskReady, ablation_store, load_phases, register
from risk_reading import MODULE, load_tumour

CLINICAL = {"tumour_size_mm": "23.5", "tumour_number": "1", "total_protein_g_per_l": "71", "afp_ng_per_ml": "12"}


@pytest.fixture
def executors(desk, tmp_path, monkeypatch):
    """The method is registered, a model is installed, and results are made up at once."""
    from HCCAssistLib.jobs import local

    register(monkeypatch)
    made: list[Any] = []
    monkeypatch.setattr(local, "LocalExecutor", lambda **_: made.append(RiskReady()) or made[-1])
    for _store in seated(ablation_store(tmp_path), monkeypatch):
        yield made


@pytest.fixture
def opened(desk, executors):
    """The module over the MR of both time points."""
    load_phases()
    return desk.open(MODULE)


def predict(desk, widget):
    widget.ui.inputsButton.collapsed = widget.ui.detectionButton.collapsed = False
    desk.click(widget.ui.runButton)
    desk.wait_until(lambda: not widget.logic.session.running, 30)
    assert widget.logic.session.current is not None, widget.ui.statusLabel.text


def cells(ui) -> dict[str, str]:
    """The cells of the grid by place, without their marks."""
    table = ui.roleTable
    times, phases = ("pre", "post"), [table.horizontalHeaderItem(n).text() for n in range(table.columnCount)]
    return {
        f"{time}/{phase}": table.item(row, column).text().split("\n")[-1]
        for row, time in enumerate(times)
        for column, phase in enumerate(phases)
    }


def test_a_case_is_predicted_from_all_that_is_loaded_and_what_decided_is_told(desk, small_view, opened, executors):
    widget, ui = opened, opened.ui
    assert widget.logic.recipe.id == "ablation-recurrence"
    assert "Loaded: 4 phases of MR" in widget.chooser.ui.methodLabel.text
    assert set(cells(ui).values()) == {"confirmed"}
    for column, text in CLINICAL.items():
        desk.type(getattr(ui, f"clinical_{column}"), text.replace(".", ","))
    desk.choose(ui.clinical_hbv, "yes")
    assert "8 phases confirmed" in ui.readinessLabel.text and "Unknown" not in ui.readinessLabel.text
    predict(desk, widget)
    study = next(one.study for one in executors if one.study is not None)
    assert study.values == {**CLINICAL, "hbv": "1"}
    assert len(study.volumes) == 8 and set(study.masks) | set(study.findings) == {"pre/tumour", "post/ablation"}
    told = ui.riskLabel.text
    assert "0.66" in told and "<b>high risk</b>" in told and "Youden index on the tuning set, 51 patients" in told
    assert "Decided by: clinical values and the network." in told
    assert "the network, from MR before ablation 0.47; clinical values 0.35" in told
    assert "Base rate of the training 0.32, +0.34 by the values below, makes 0.66" in ui.contributionsLabel.text
    assert ui.contributionsLabel.text.index("Images, by the network") < ui.contributionsLabel.text.index(
        "Total protein"
    )
    assert "largest tumour 23.5 mm" in ui.clinicalUsedLabel.text and "hepatitis B yes" in ui.clinicalUsedLabel.text
    assert cells(ui)["pre/portal"] == "look" and "6.2 mm off" in ui.roleTable.item(0, 2).toolTip()
    assert "follow-up MR" in ui.heatLabel.text and "CT" not in ui.heatLabel.text


def test_no_finding_and_no_verdict_is_asked_for(desk, small_view, opened):
    predict(desk, opened)
    ui = opened.ui
    hidden = (ui.FindingsTable, ui.VerdictBar, ui.ThresholdBar, ui.Missed, ui.resultLabel)
    assert not any(widget.visible for widget in hidden)
    before = opened.logic.session.current.result
    for key in "ARU":
        chord(desk, ui.runButton, key)
    assert opened.logic.session.current.result is before


def test_the_training_cohort_is_a_plot_of_the_scene_with_this_group_emphasised(desk, small_view, opened):
    import slicer
    from slicer_desk.views import pixels

    predict(desk, opened)
    ui = opened.ui
    (chart,) = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    series = [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())]
    widths = {one.GetName(): one.GetLineWidth() for one in series}
    assert widths["high risk (n = 24), this patient's group"] > widths["low risk (n = 31)"] > widths["low, lower limit"]
    steps = slicer.util.arrayFromTableColumn(series[0].GetTableNode(), "high")
    assert steps[0] == 1.0 and steps[-1] < 0.2 and len(steps) == 41
    table = ui.atRiskTable
    assert [table.horizontalHeaderItem(n).text() for n in range(1, 7)] == ["0", "12", "24", "36", "48", "60"]
    assert [table.item(0, n).text() for n in (0, 1, 3)] == ["high risk", "24", "16"]
    assert table.item(0, 0).font().bold() and not table.item(1, 0).font().bold()
    assert "From 55 patients: held-out parts of 5 folds" in ui.curveLabel.text and "P 0.004" in ui.curveLabel.text
    shown = pixels(ui.survivalPlot).astype(int)
    red, blue = shown[..., 0] - shown[..., 2] > 80, shown[..., 2] - shown[..., 0] > 60
    assert red.sum() > 2 * blue.sum() > 100, "the patient's group is not the wider line"


def test_a_result_without_its_model_says_why_there_are_no_curves(desk, small_view, opened, monkeypatch):
    from HCCAssistLib.panels.run_model import RunModels

    monkeypatch.setattr(RunModels, "_card", lambda *_: None)
    predict(desk, opened)
    assert "not installed" in opened.ui.survivalProblem.text and not opened.ui.survivalPlot.visible


def test_before_and_after_lie_side_by_side_each_at_its_own_place_with_heat_on_both(desk, opened):
    predict(desk, opened)
    desk.click(opened.ui.heatCheck)
    views = [desk.layout_manager.sliceWidget(f"HCCAssist{n}") for n in (1, 2, 3, 4)]
    names = [view.sliceLogic().GetBackgroundLayer().GetVolumeNode().GetName() for view in views]
    assert names == [
        f"MR T1 {phase} {when} ablation" for when in ("before", "after") for phase in ("arterial", "delayed")
    ]
    offsets = [view.mrmlSliceNode().GetSliceOffset() for view in views]
    assert offsets == pytest.approx([CENTERS[time][2] for time in ("pre", "pre", "post", "post")], abs=0.1)
    assert [view.mrmlSliceNode().GetViewGroup() for view in views] == [1, 1, 2, 2]
    heat = [view.mrmlSliceCompositeNode().GetForegroundVolumeID() is not None for view in views]
    assert heat == [False, True, False, True]
    desk.click(opened.ui.phasesCheck)
    assert views[0].mrmlSliceNode().GetViewGroup() == 0
    assert desk.layout_manager.sliceWidget("Red").visible


def test_the_grid_tells_what_is_missing_twice_or_only_guessed(desk, small_view, executors):
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


def test_what_is_not_typed_is_unknown_and_no_number(desk, small_view, opened, executors):
    assert "Unknown, decided without: largest tumour" in opened.ui.readinessLabel.text
    desk.type(opened.ui.clinical_afp_ng_per_ml, "unknown")
    assert not opened.ui.clinicalLabel.text
    predict(desk, opened)
    assert next(one.study for one in executors if one.study is not None).values == {}
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


def test_the_method_follows_from_what_is_loaded_until_it_is_chosen_by_hand(desk, small_view, executors):
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
