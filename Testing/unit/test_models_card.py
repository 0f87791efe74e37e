"""The model card as a report and the panels show it."""

from __future__ import annotations

from dataclasses import replace

from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.models.card import card_rows
from HCCAssistLib.models.package import ModelCard
from HCCAssistLib.results.cutoff import CutOff

CUTOFF = CutOff(0.5, "largest Youden index on the validation set")


def card() -> ModelCard:
    metrics = {"validation": {"AUC": auc([0, 1, 0, 1, 1], [0.1, 0.4, 0.5, 0.8, 0.9], unit="patch").as_json()}}
    return ModelCard(
        name="ltp-0123456789",
        recipe="ltp",
        options={"epochs": 60},
        cutoff=CUTOFF,
        scan_cutoff=CutOff(0.7, "one false positive per validation volume"),
        input={"patch": [32, 32, 8]},
        training={"patients": 30, "cases": {"train": 24, "validation": 6}, "history": [[0.6, 0.5]], "seed": 7},
        software={"torch": "2.13.0"},
        files={"weights-0.safetensors": "ab" * 32},
        metrics=metrics,
        licence="CC BY 4.0",
    )


def test_the_model_card_says_cohort_cutoff_metrics_and_licence() -> None:
    rows = dict(card_rows(card()))
    assert "Lim" in rows["Recipe"] and "epochs 60" in rows["Options"]
    assert "30 patients" in rows["Training cohort"] and "train 24" in rows["Training cohort"]
    assert "history" not in rows["Training cohort"]
    assert "one false positive" in rows["Cut-off"] and CUTOFF.source in rows["Cut-off of single patches"]
    assert rows["Licence of the weights"] == "CC BY 4.0"
    metrics = rows["Metrics in the package"]
    assert metrics.startswith("AUC 0.833 (") and "n = 5 patches" in metrics
    assert ("Metrics in the package", "none are stored") in card_rows(replace(card(), metrics={}))
