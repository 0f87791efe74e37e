"""What a model learnt from is counted apart, and its warning goes with everything it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ltp_blob import blob_image, blob_model, blob_network, blob_package

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.synthetic import counted_apart, is_synthetic, unclear
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.card import card_rows
from HCCAssistLib.models.caveats import model_warnings, trained_on, training_data_warning, validation_doubts
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.recipes.ltp.prediction import predict
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.assembled import class_accuracy, metrics

MIXED = {"trained_on": {"synthetic": 120, "patients": 3}}

SMALL = Geometry.from_parts((10, 40, 44), (0.75, 0.8, 4.0), (-40.0, 0.0, -30.0))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return blob_model(tmp_path_factory.mktemp("m"))


def trained(model: LoadedModel, training: dict[str, Any]) -> LoadedModel:
    package = ModelPackage(model.package.folder, replace(model.package.card, training=training))
    return LoadedModel(package, model.members, model.device)


@pytest.mark.parametrize(
    ("training", "text"),
    [
        (MIXED, "120 synthetic cases, 3 patients"),
        ({"trained_on": {"synthetic": 0, "patients": 3}}, "3 patients"),
        ({"trained_on": {"synthetic": 1, "patients": 0}}, "1 synthetic case"),
        ({"trained_on": {}}, ""),
        ({}, ""),
    ],
)
def test_synthetic_cases_and_patients_are_counted_apart(training: dict[str, Any], text: str) -> None:
    assert trained_on(training) == text


def test_a_model_of_patients_alone_has_no_warning_and_every_other_has(model: LoadedModel) -> None:
    def warning(**training: Any) -> str:
        found = training_data_warning(replace(model.package.card, training=training))
        return "" if found is None else found.what

    assert warning(trained_on={"synthetic": 0, "patients": 58}) == ""
    only = warning(trained_on={"synthetic": 58, "patients": 0})
    assert "synthetic cases only (58); its findings say nothing about patients" in only
    assert "120 synthetic cases, 3 patients" in warning(**MIXED) and "only" not in warning(**MIXED)
    assert "shuffled labels" in warning(**MIXED, permuted_labels=True)


@pytest.mark.parametrize("values", [{}, {"synthetic": "1"}, {"synthetic": "0"}])
def test_every_result_of_such_a_model_carries_the_warning_that_of_a_phantom_too(
    model: LoadedModel, values: dict[str, str]
) -> None:
    study = Study("case-1", {"post/arterial": blob_image(SMALL)}, values=values)
    result = predict(study, trained(model, MIXED), {"stride": "fast", "heatmap": False})
    assert sum("120 synthetic cases, 3 patients" in warning.what for warning in result.warnings) == 1


def test_the_cards_say_it_too(model: LoadedModel) -> None:
    card = trained(model, MIXED).package.card
    patients = trained(model, {"trained_on": {"synthetic": 0, "patients": 9}}).package.card
    for full in (False, True):
        rows = dict(card_rows(card, full=full))
        assert rows["Trained on"] == "120 synthetic cases, 3 patients"
        assert rows["Beware"].lower() == model_warnings(card)[0].what.lower()
        assert "rest on synthetic cases in part" in rows["Beware"]
        assert "Beware" not in dict(card_rows(patients, full=full))


def case(cell: str | None, column: str = "synthetic") -> Case:
    return Case("c7", "p7", "train", {} if cell is None else {column: cell}, Path("c7"))


@pytest.mark.parametrize(
    "cell", [None, "", "0", "no", "No", "FALSE", "false", "n", "f", " F ", "0.0", "NA", "n/a", "-"]
)
def test_these_cells_mean_a_patient(cell: str | None) -> None:
    assert is_synthetic(case(cell)) is False


@pytest.mark.parametrize("cell", ["1", "1.0", "yes", "YES", "True", "TRUE", "y", "t", " 1 "])
def test_these_cells_mean_a_synthetic_case(cell: str) -> None:
    assert is_synthetic(case(cell)) is True
    assert is_synthetic(case(cell, " Synthetic"))


@pytest.mark.parametrize("cell", ["maybe", "2", "x", "phantom", "0,0", "yes and no", "-1"])
def test_any_other_cell_is_named(cell: str) -> None:
    with pytest.raises(InputError, match="c7") as caught:
        is_synthetic(case(cell))
    assert repr(cell) in str(caught.value)
    (problem,) = unclear([case("1"), case(cell), case("")])
    assert (problem.level, problem.case_id) == ("STOP", "c7") and "column synthetic" in problem.what


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        (("1", "yes", "TRUE", "1", ""), {"synthetic": 3, "patients": 1}),
        (("0", "no", "false", "0", "n"), {"synthetic": 0, "patients": 4}),
        (("1", "1", "1", "1", "1"), {"synthetic": 4, "patients": 0}),
        ((), {"synthetic": 0, "patients": 0}),
    ],
)
def test_patients_are_counted_once_whatever_their_cases(cells: tuple[str, ...], counts: dict[str, int]) -> None:
    patients = ("p0", "p1", "p2", "p0", "p4")
    cases = [Case(f"c{n}", patients[n], "train", {"synthetic": cell}, Path()) for n, cell in enumerate(cells)]
    assert counted_apart(cases) == counts


def test_every_command_names_the_cutoff_that_a_prediction_begins_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patch, scan = CutOff(0.25, "of patches"), CutOff(0.999999, "of scans")
    both = {"cutoffs": {"patch": patch, "candidate": scan}, "default_cutoff": "candidate"}
    package = blob_package(tmp_path, blob_network(), **both, training=MIXED)
    store = ("--store", str(tmp_path / "store"))

    def models(*arguments: str) -> tuple[str, str]:
        assert main(["models", *arguments, *store]) == 0
        return capsys.readouterr()

    for said, warned in (models("install", str(package.folder)), models("show", "blobs")):
        lines = said.splitlines()
        assert lines[0] == "blobs"
        assert "  Cut-off: 0.999999: of scans" in lines and "  Cut-off (patch): 0.25: of patches" in lines
        assert "  Trained on: 120 synthetic cases, 3 patients" in lines and "rest on synthetic cases" in warned
    row = models("list")[0].splitlines()[1]
    assert "0.999999" in row and "0.25" not in row and "120 synthetic cases, 3 patients" in row
    assert "rest on synthetic cases" in json.loads(models("show", "blobs", "--json")[0])["warnings"][0]
    study = Study("case-1", {"post/arterial": blob_image(SMALL)})
    result = predict(study, load_model(package), {"stride": "fast", "heatmap": False})
    assert (result.threshold, result.threshold_source) == (scan.value, scan.source)


def figure(value: float, low: float | None, *, n: int = 40, unit: str = "patient", own: bool = True) -> dict[str, Any]:
    """A figure as a card holds it."""
    name = "figure, validation set (optimistic)" if own else "held-out phantoms, figure"
    return {"name": name, "value": value, "n": n, "unit": unit, "interval": {"low": low, "high": 0.9}}


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, ()),
        ({"AUC": figure(0.8, 0.6)}, ()),
        ({"AUC": figure(0.6, 0.45)}, ("AUC 0.60 (0.45 to 0.90, chance 0.50, n = 40 patients)",)),
        ({"AUC": figure(0.4, 0.2, own=False)}, ()),
        ({"AUC": figure(0.8, 0.6) | {"clustered_interval": {"low": 0.4, "high": 1.0}}}, ("0.40 to 1.00",)),
        ({"AUC": figure(0.8, None)}, ()),
        ({"Pre: AUC": figure(0.4, 0.3), "Clinical: AUC": figure(0.7, 0.6)}, ("Pre: AUC 0.40",)),
        ({"accuracy": figure(0.5, 0.35), "no-information rate": figure(0.4, None)}, ("accuracy 0.50",)),
        ({"accuracy": figure(0.5, 0.45), "no-information rate": figure(0.4, None)}, ()),
        ({"accuracy": figure(0.5, 0.1)}, ()),  # of a model from before, which does not say what chance is
        (
            {"lesion-level sensitivity": figure(0, 0, n=18, unit="lesion")},
            ("did not find any of the 18 annotated lesions",),
        ),
        ({"lesion-level sensitivity": figure(0, 0, n=1, unit="lesion")}, ("did not find the one annotated lesion",)),
        ({"lesion-level sensitivity": figure(0, None, n=0, unit="lesion")}, ()),
        ({"lesion-level sensitivity": figure(0.1, 0, n=18, unit="lesion")}, ()),
    ],
)
def test_a_model_that_failed_on_its_own_validation_says_so_in_every_result(
    model: LoadedModel, figures: dict[str, Any], said: tuple[str, ...]
) -> None:
    doubts = validation_doubts(figures)
    assert len(doubts) == len(said)
    assert all(text in doubt for text, doubt in zip(said, doubts, strict=True)), doubts
    card = replace(model.package.card, metrics=figures, training={"trained_on": {"synthetic": 0, "patients": 9}})
    assert [warning.what for warning in model_warnings(card)] == list(doubts)


@pytest.mark.parametrize(
    "wrong",
    [
        "0.4",
        None,
        figure(0.4, 0.2) | {"n": "many"},
        figure(0.4, 0.2) | {"value": None},
        figure(0.4, 0.2) | {"interval": "wide"},
        figure(0.4, 0.2) | {"interval": {"low": "0.2", "high": 0.9}},
        figure(0.4, 0.2) | {"unit": 7},
    ],
)
def test_figures_of_a_card_from_elsewhere_may_be_anything(wrong: Any) -> None:
    for name in ("AUC", "accuracy", "lesion-level sensitivity", "no-information rate"):
        assert validation_doubts({name: wrong}) == ()
    assert len(validation_doubts({"AUC": figure(0.4, 0.2), "accuracy": wrong, "no-information rate": wrong})) == 1
    assert validation_doubts({"a\nb" * 200 + ": AUC": figure(0.4, 0.2)}) == ()


def test_accuracy_stands_beside_what_naming_the_commonest_class_would_have() -> None:
    truth = np.array([0, 0, 0, 1, 2])
    outputs = np.eye(3)[[0, 0, 1, 1, 1]]
    samples = SimpleNamespace(labels=truth)
    accuracy, rate = class_accuracy([SimpleNamespace(validation=samples, outputs=outputs)], "ABC", unit="mass")  # type: ignore[list-item]
    assert (accuracy.value, accuracy.n) == (0.6, 5)
    assert (rate.value, rate.successes, rate.note) == (0.6, 3, "naming A always")
    doubts = validation_doubts(metrics((accuracy, rate), "validation set"))
    assert len(doubts) == 1 and "accuracy 0.60" in doubts[0] and "chance 0.60, n = 5 masses" in doubts[0]
