"""A model card in a few lines leaves nothing out that a person must know before trusting a model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ltp_blob import blob_model

from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.models.card import NO_FIGURES, RESEARCH, card_rows, figures
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.cutoff import CutOff

LTP = get_recipe("ltp")


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    card = blob_model(tmp_path_factory.mktemp("m")).package.card
    labels, patients = [0, 1] * 20, [n // 4 for n in range(40)]
    scores = [0.4 + 0.01 * n if n % 2 else 0.6 - 0.011 * n for n in range(40)]
    found = binary_evaluation(labels, scores, patients, unit="patch", cutoff=CutOff(0.5, "x"), draws=200)
    return replace(
        card,
        cutoffs={**card.cutoffs, "candidate": CutOff(0.8125, "at most 1 false positive per volume")},
        default_name="candidate",
        metrics={name: found.estimates[name].as_json() for name in ("AUC", "sensitivity")},
        training={
            "trained_on": {"synthetic": 58, "patients": 0},
            "cases": {"train": 48, "validation": 10, "test": 16},
            "samples_per_class": {"train": {"0": 1920, "1": 720}, "validation": {"0": 400, "1": 100}},
            "history": [[{"train_loss": 0.5}]],
            "splits_drawn_from": "",
            "seed": 7,
        },
    )


def test_recipe_data_figures_cutoff_and_use_are_told(card):
    rows = dict(card_rows(card))
    assert rows["Recipe"] == "Local tumour progression after ablation"
    assert rows["Trained on"] == "58 synthetic cases (48 train, 10 validation)"
    assert rows["Beware"].startswith("This model was trained on synthetic cases only (58)")
    assert rows["Cut-off"] == "0.8125: at most 1 false positive per volume"
    assert rows["Cut-off (patch)"] == "0.5: set by hand for a test"
    assert rows["Use"] == RESEARCH
    assert "Research use only" in RESEARCH
    assert rows["Licence"] == "not stated"


def test_cases_that_taught_nothing_are_told_from_those_that_did(card):
    told = {"trained_on": {"synthetic": 27, "patients": 0}, "cases": {"train": 26, "validation": 6}}
    rows = dict(card_rows(replace(card, training={**card.training, **told, "outcome_unknown": 5})))
    assert rows["Trained on"].startswith("27 synthetic cases (26 train, 6 validation; of these, 5 were lost before")


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
    assert rows["Figures"] == NO_FIGURES
    assert rows["Trained on"] == "not stated"
    shuffled = replace(card, training={**card.training, "permuted_labels": True})
    assert "mean nothing" in dict(card_rows(shuffled))["Trained on"]


def test_the_full_card_tells_what_a_report_asks_for(card):
    short, rows = dict(card_rows(card)), dict(card_rows(card, full=True))
    assert rows["Name"] == "blobs" and rows["Recipe"].endswith("(ltp)") and "Lim" in rows["Published in"]
    assert "epochs 50" in rows["All options"] and "pools 2" in rows["All options"]
    assert rows["Categories"] == "0: no progression\n1: local tumour progression"
    assert rows["Samples"].splitlines()[0] == "train: 1920 no progression, 720 local tumour progression"
    assert "splits drawn from" not in rows["Training"], "there is nothing to say of it"
    assert "seed 7" in rows["Training"] and "cases (train 48" in rows["Training"]
    assert not {"0.5", "history", "samples"} & set(rows["Training"].replace(";", " ").split())
    assert rows["SHA-256 of weights-0.safetensors"] == card.files["weights-0.safetensors"]
    assert rows["Seal of model.json"] == card.seal
    value = card.metrics["AUC"]["value"]
    assert f"AUC: {value:.3f} (95 % CI " in rows["Figures"] and "40 patches)" in rows["Figures"]
    assert [text for text in short if text not in rows] == [], "the full card leaves nothing out"
    assert len(dict(card_rows(card, full=True))) == len(card_rows(card, full=True))


def test_each_member_has_a_line_in_the_full_card(card):
    members = [{"fold": n, "repeat": 0, "seed": n, "best_epoch": {"pre": 3 + n, "post": 5}} for n in (0, 1)]
    training = {**card.training, "folds": 2, "repeats": 1, "members": members}
    rows = dict(card_rows(replace(card, training=training), full=True))
    assert rows["Members"].splitlines() == [
        "fold 1 of 2, seed 0; best epoch (pre 3; post 5)",
        "fold 2 of 2, seed 1; best epoch (pre 4; post 5)",
    ]
    assert "fold" not in rows["Training"]
    for odd in ("two", [3], [{}], {"fold": 1}):
        card_rows(replace(card, training={**training, "members": odd}), full=True)


def test_what_is_other_than_in_the_paper_is_told(card):
    def told(preset="", **given):
        return dict(card_rows(replace(card, options=LTP.resolve(given, preset=preset), preset=preset)))["Settings"]

    assert told("paper") == "preset paper; as in the paper"
    assert "hard negatives 40 (paper: 0)" in told()
    quick = told("quick")
    assert quick.startswith("preset quick; ")
    assert "width 0.5: smaller than the paper's" in quick and "epochs 6 (paper: 50)" in quick
    assert "pools 2 (paper: 3)" in told("paper", pools=2)


def test_a_model_without_cutoffs_says_so_and_names_what_lies_beside_its_weights(card):
    sha = "0" * 64
    files = {f"weights-{n}-{name}.safetensors": sha for n in (0, 1) for name in ("pre", "pre_post")}
    other = replace(card, cutoffs={}, default_name="", files={**files, "trees-0.safetensors": sha, "curves.json": sha})
    rows = dict(card_rows(other))
    assert rows["Cut-off"] == "none"
    assert rows["Networks"] == "2 members, each with pre, pre post; besides curves.json, trees-0.safetensors"
    assert dict(card_rows(card))["Networks"] == "1"


@pytest.mark.parametrize(
    "metrics",
    [
        {"AUC": 0.9},
        {"AUC": {"value": "high"}},
        {"AUC": {"value": True}},
        {"AUC": {"value": 0.9, "n": "many", "unit": 3}},
        {"AUC": {"value": 0.9, "interval": {"low": "a", "high": None}}},
        {"AUC": {"value": 0.9, "interval": [0.8, 0.95], "clustered_interval": "none"}},
        {"validation": {"AUC": {"value": 0.9, "name": None, "unit": "", "n": 4}}},
        {"AUC": [1, 2]},
    ],
)
def test_figures_of_any_shape_are_told_or_left_out(card, metrics):
    for full in (False, True):
        text = dict(card_rows(replace(card, metrics=metrics), full=full))["Figures"]
        assert text == NO_FIGURES or (text.startswith("AUC: 0.9") and "no interval" in text)


def test_no_text_of_a_card_takes_over_a_terminal(card):
    hostile = "\x1b[2J\x07\r"
    wild = {hostile: [hostile], "cases": {hostile: 1}, "trained_on": {"synthetic": 1, "patients": 0}}
    metrics = {"AUC": {"value": 0.9, "name": hostile, "unit": hostile, "n": 2}}
    other = replace(
        card, licence=hostile, training=wild, metrics=metrics, software={hostile: hostile}, input={"a": hostile}
    )
    for full in (False, True):
        text = "".join(heading + text for heading, text in card_rows(other, full=full))
        assert not set(hostile[:1] + hostile[-2:]) & set(text)
