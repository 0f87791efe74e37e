"""The page of a comparison, for every kind of method: masses with repeated sessions, and risks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from HCCAssistLib.evaluation.comparison import compare_sessions
from HCCAssistLib.evaluation.concordance import c_index
from HCCAssistLib.evaluation.model_comparison import Comparison, Section, comparison_report
from HCCAssistLib.evaluation.paired import paired_classes, paired_risks
from HCCAssistLib.evaluation.result import Estimate, Interval

RNG = np.random.default_rng(4)
TRUTH = list("ABCDE" * 8)
PATIENTS = [f"p{n // 2}" for n in range(40)]


def said(share_right: float) -> list[str]:
    right = RNG.random(40) < share_right
    return [code if sure else "A" for code, sure in zip(TRUTH, right, strict=True)]


def accuracy(predicted: list[str]) -> float:
    return float(np.mean([one == code for one, code in zip(predicted, TRUTH, strict=True)]))


def test_masses_are_compared_by_their_sessions_and_by_the_masses_that_are_right(tmp_path: Path) -> None:
    sessions = {name: [said(share) for _ in range(5)] for name, share in (("triphasic", 0.9), ("unenhanced", 0.4))}
    values = {name: [accuracy(one) for one in of] for name, of in sessions.items()}
    found = paired_classes(TRUTH, sessions["unenhanced"][0], sessions["triphasic"][0], PATIENTS, unit="mass", draws=300)
    alone = {
        name: (
            ("mass", Estimate("accuracy", value[0], 40, "mass", Interval(None, None, "none", 0.95, reason="a test"))),
        )
        for name, value in values.items()
    }
    comparison = Comparison(
        control="triphasic",
        figures=alone,
        sections=(Section("mass", "unenhanced", *found),),
        cases=("m1", "m2"),
        left_out={},
        problems=(),
        run={},
        sessions=(("accuracy", compare_sessions(values, control="triphasic")),),
    )
    data = json.loads(json.dumps(comparison.as_json()))
    assert data["comparisons"][0]["differences"][0]["value"] < 0
    assert data["sessions"]["accuracy"]["steel"]["unenhanced"]["p"] < 0.05
    page = comparison_report(comparison, title="Masses", provenance={"recipe": "made up"}).write(tmp_path)
    text = page.read_text(encoding="utf-8")
    for words in ("unenhanced against triphasic: mass level", "Kruskal-Wallis", "Steel", "McNemar"):
        assert words in text


def test_risks_are_compared_by_auc_and_c_index(tmp_path: Path) -> None:
    months = RNG.uniform(1, 60, 40)
    events = RNG.integers(0, 2, 40)
    early = [bool(e) if m <= 24 and e else (False if m > 24 else None) for m, e in zip(months, events, strict=True)]
    good, poor = -months + RNG.normal(0, 3, 40), RNG.normal(size=40)
    found = paired_risks(months, events, early, good, poor, draws=300)
    figures = {
        name: (("patient", c_index(months, events, risk, draws=100)),)
        for name, risk in (("clinical", poor), ("both", good))
    }
    comparison = Comparison("clinical", figures, (Section("patient", "both", *found),), ("r1",), {}, (), {})
    assert all((one.value or 0) > 0.2 for one in found[0])
    text = comparison_report(comparison, title="Risks", provenance={}).write(tmp_path).read_text(encoding="utf-8")
    assert "difference of C-index" in text and "DeLong" in text
