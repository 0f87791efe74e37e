"""A model card in a few lines leaves nothing out that a person must know before trusting a model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ltp_blob import blob_model

from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.models.summary import RESEARCH, card_rows, figures
from HCCAssistLib.results.cutoff import CutOff


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    card = blob_model(tmp_path_factory.mktemp("m")).package.card
    labels, patients = [0, 1] * 20, [n // 4 for n in range(40)]
    scores = [0.4 + 0.01 * n if n % 2 else 0.6 - 0.011 * n for n in range(40)]
    found = binary_evaluation(labels, scores, patients, unit="patch", cutoff=CutOff(0.5, "x"), draws=200)
    return replace(
        card,
        scan_cutoff=CutOff(0.8125, "at most 1 false positive per volume"),
        metrics={name: found.estimates[name].as_json() for name in ("AUC", "sensitivity")},
        training={"patients": 58, "cases": {"train": 48, "validation": 10, "test": 16}, "synthetic": True},
    )


def test_recipe_data_figures_cutoff_and_use_are_told(card):
    rows = dict(card_rows(card))
    assert rows["Recipe"] == "Local tumour progression after ablation"
    assert rows["Trained on"] == "58 synthetic cases (48 train, 10 validation)"
    assert rows["Beware"].startswith("This model was trained on synthetic cases only (58)")
    assert rows["Cut-off"] == "0.8125: at most 1 false positive per volume"
    assert rows["Cut-off of patches"] == "0.5: set by hand for a test"
    assert rows["Use"] == RESEARCH
    assert "Research use only" in RESEARCH
    assert rows["Licence"] == "not stated"


def test_figures_carry_the_interval_that_resamples_patients_with_n_and_unit(card):
    auc, sensitivity = figures(card)
    stored = card.metrics["AUC"]
    low, high = stored["clustered_interval"]["low"], stored["clustered_interval"]["high"]
    assert (low, high) != (stored["interval"]["low"], stored["interval"]["high"])
    assert auc == f"AUC: {stored['value']:.2f} (95 % CI {low:.2f} to {high:.2f}; 40 patches)"
    assert "20 patches)" in sensitivity


def test_where_patients_cannot_be_resampled_the_formula_stands(card):
    none = {**card.metrics["AUC"], "clustered_interval": {"low": None, "high": None, "reason": "one patient"}}
    assert "95 % CI" in figures(replace(card, metrics={"AUC": none}))[0]
    none["interval"] = {"low": None, "high": None}
    assert "no interval" in figures(replace(card, metrics={"AUC": none}))[0]


def test_a_card_that_says_little_says_so(card):
    rows = dict(card_rows(replace(card, metrics={"note": "good"}, training={})))
    assert rows["Figures"] == "none are stored in the package"
    assert rows["Trained on"] == "not stated"
    shuffled = replace(card, training={**card.training, "permuted_labels": True})
    assert "mean nothing" in dict(card_rows(shuffled))["Trained on"]
