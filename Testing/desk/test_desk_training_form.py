"""A training asked for on the desk: every setting of every method, what the table says, faults beside their field."""

from __future__ import annotations

import shutil

import pytest
from training_reading import MODULE, choose_cohort, cohort, fill_small, looked

from HCCAssistLib.recipes.registry import RECIPES

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("small_view")]


@pytest.fixture(scope="module")
def livers(tmp_path_factory):
    return cohort(tmp_path_factory.mktemp("made") / "livers")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test sees the trainings and models of the person who runs it."""
    import slicer

    for name in ("TRAINING", "MODELS", "PROFILES"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    slicer.app.settings().clear()
    yield tmp_path
    slicer.app.settings().clear()


@pytest.fixture
def panel(desk, home):
    widget = desk.open(MODULE)
    looked(desk, widget)
    return widget


def test_an_empty_panel_says_what_to_do_and_lets_nobody_start(desk, panel):
    ui = panel.ui
    assert "Choose the folder of a cohort" in ui.trainingFacts.text
    assert not (ui.trainingStartButton.enabled or ui.trainingDryRunButton.enabled)
    assert "No training was begun yet" in ui.jobsLabel.text
    assert not (ui.jobsTable.visible or ui.jobFrame.visible or ui.trainingProgress.visible)
    assert ui.trainingName.text == "ltp-1"


def test_the_facts_of_the_table_stand_there_before_anything_is_begun(desk, panel, livers):
    ui = panel.ui
    choose_cohort(desk, panel, livers)
    assert "8 cases of 8 patients. Labels: 4 x 0, 4 x 1. Split: 4 train, 2 validation, 2 test." in ui.trainingFacts.text
    assert ui.trainingStartButton.enabled and ui.trainingDryRunButton.enabled
    ui.trainingFolds.value = 5
    looked(desk, panel)
    assert "of the faults below stop" in ui.trainingFacts.text
    assert "5 folds" in ui.trainingFaults.toPlainText()
    assert not ui.trainingStartButton.enabled
    assert ui.trainingNetworks.text == "= 5 networks"
    ui.trainingFolds.value = 1
    looked(desk, panel)
    assert ui.trainingStartButton.enabled


def test_the_last_cohort_is_chosen_when_slicer_is_opened_again(desk, panel, livers):
    choose_cohort(desk, panel, livers)
    widget = desk.open(MODULE)
    looked(desk, widget)
    assert widget.panel.choice.folder == livers
    assert widget.ui.trainingStartButton.enabled


def test_a_table_that_was_mended_meanwhile_is_looked_at_again(desk, panel, livers, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(livers, copy)
    table = (copy / "cohort.csv").read_text()
    (copy / "cohort.csv").write_text(table.replace("c0,train,0", "c0,train,seven"))
    choose_cohort(desk, panel, copy)
    assert "seven" in panel.ui.trainingFaults.toPlainText()
    assert not panel.ui.trainingStartButton.enabled
    (copy / "cohort.csv").write_text(table)
    desk.panel.exit()
    desk.panel.enter()
    looked(desk, panel)
    assert panel.ui.trainingStartButton.enabled


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_every_setting_of_a_method_can_be_changed_and_follows_the_preset(desk, panel, livers, recipe):
    form = panel.panel.form
    desk.choose(panel.ui.cohortMethodBox, recipe.title)
    assert form.form.values == recipe.resolve({})
    for preset, words in (("paper", "as in the paper"), ("quick", "quick: to try things out"), ("", "defaults")):
        desk.choose(panel.ui.trainingPreset, words)
        assert form.form.values == recipe.resolve({}, preset=preset)
    desk.click(panel.ui.trainingOptionsButton)
    assert all(field.widget.visible for field in form.form.fields.values())
    wanted = {}
    for option in recipe.options:
        field = form.form.fields[option.name]
        if option.choices:
            wanted[option.name] = option.choices[-1]
            desk.choose(field.widget, str(option.choices[-1]))
        elif isinstance(option.default, bool):
            wanted[option.name] = not option.default
            field.widget.checked = not option.default
        elif option.bounds:
            wanted[option.name] = option.parse(option.bounds[1])
            field.widget.text = f"{option.bounds[1]:g}"
    assert form.form.values == recipe.resolve(wanted)
    named = panel.ui.trainingChanged.text
    assert all(name.replace("_", " ") in named for name, value in wanted.items() if value != recipe.resolve({})[name])


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("epochs", "many", "is not a whole number"),
        ("epochs", "0", "outside 1 to 1000"),
        ("learning_rate", "1,5", "is not a number"),
        ("learning_rate", "7", "outside 1e-07 to 1"),
        ("batch", "", "is not a whole number"),
    ],
)
def test_a_setting_that_is_not_possible_is_told_below_it(desk, panel, livers, option, text, words):
    choose_cohort(desk, panel, livers)
    fill_small(desk, panel)
    assert panel.ui.trainingStartButton.enabled
    form = panel.panel.form.form
    form.fields[option].widget.text = text
    desk.process_events()
    assert words in form._faults[option].text
    assert form._faults[option].visible
    assert option.replace("_", " ") in panel.ui.trainingChanged.text
    assert not panel.ui.trainingStartButton.enabled
    desk.type(form.fields[option].widget, "4" if option != "learning_rate" else "0.01")
    looked(desk, panel)
    assert not form._faults[option].visible
    assert panel.ui.trainingStartButton.enabled


def test_names_seeds_and_folders_that_are_not_possible_are_told_beside_them(desk, panel, livers, tmp_path):
    ui = panel.ui
    choose_cohort(desk, panel, livers)
    for name in ("", "my model", "../up", "a/b"):
        ui.trainingName.text = name
        assert "Write a name of letters" in ui.trainingNameProblem.text
        assert not ui.trainingStartButton.enabled
    ui.trainingName.text = "mine"
    for seed in ("", "-1", "1.5", "x", str(2**32)):
        ui.trainingSeed.text = seed
        assert "Write a whole number" in ui.trainingSeedProblem.text
        assert not ui.trainingStartButton.enabled
    ui.trainingSeed.text = "7"
    looked(desk, panel)
    assert ui.trainingStartButton.enabled
    choose_cohort(desk, panel, tmp_path)
    assert "There is no cohort in" in ui.cohortNote.text
    assert not ui.trainingStartButton.enabled


@pytest.mark.slow
def test_a_dry_run_says_how_long_it_would_take_and_keeps_nothing(desk, panel, livers, home):
    ui = panel.ui
    choose_cohort(desk, panel, livers)
    fill_small(desk, panel)
    desk.click(ui.trainingDryRunButton)
    assert ui.trainingProgress.visible and not ui.trainingStartButton.enabled
    desk.wait_until(lambda: not ui.trainingProgress.visible, 60)
    assert "an epoch: about" in ui.trainingLabel.text
    assert "at most 6 epochs" in ui.trainingLabel.text
    assert "nothing was kept" in ui.trainingLabel.text
    assert not (home / "training").exists() or not list((home / "training").rglob("training.json"))
    assert ui.trainingStartButton.enabled
    desk.click(ui.trainingDryRunButton)
    desk.click(ui.trainingCancelButton)
    desk.wait_until(lambda: not ui.trainingProgress.visible, 20)
    assert ui.trainingLabel.text == "Cancelled."


def test_without_pytorch_this_computer_cannot_train_and_says_so(desk, home, livers, monkeypatch):
    monkeypatch.setattr("HCCAssistLib.panels.training_form.installed_version", lambda name: None)
    widget = desk.open(MODULE)
    choose_cohort(desk, widget, livers)
    assert "PyTorch is missing here" in widget.ui.trainingEngineProblem.text
    assert not widget.ui.trainingStartButton.enabled
