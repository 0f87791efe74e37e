"""The patient-clustered bootstrap against a loop over scikit-learn, in one process on one core.

    python benchmarks/bootstrap_intervals.py

The last lines are one JSON object per goal: goal, value, target, met.
"""

from __future__ import annotations

import json
import time

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from threadpoolctl import threadpool_limits

from HCCAssistLib.evaluation.bootstrap import bootstrap_draws, bootstrap_metrics, ranking_statistic
from HCCAssistLib.evaluation.scores import ScoredRows, checked_rows

PATIENTS, PATCHES_EACH, DRAWS, LOOP_DRAWS, CUTOFF = 40, 20, 10_000, 200, 0.7


def cohort() -> ScoredRows:
    """800 patches of 40 patients, 160 of them positive, as in Lim 2023; a patient's scores share a shift."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(PATIENTS), PATCHES_EACH)
    labels = np.tile(np.arange(PATCHES_EACH) < 4, PATIENTS)
    scores = 1.5 * labels + rng.normal(size=groups.size) + rng.normal(0, 0.5, PATIENTS)[groups]
    return checked_rows(labels, scores, groups)


def loop(rows: ScoredRows, draws: int) -> np.ndarray:
    """The same statistics on copied rows with scikit-learn, as they are usually written."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(rows.groups == patient) for patient in range(rows.patients)]
    values = []
    for _ in range(draws):
        copied = np.concatenate([members[patient] for patient in rng.integers(rows.patients, size=rows.patients)])
        labels, scores = rows.labels[copied], rows.scores[copied]
        called = scores >= CUTOFF
        values.append(
            [
                roc_auc_score(labels, scores),
                average_precision_score(labels, scores),
                accuracy_score(labels, called),
                recall_score(labels, called),
                recall_score(~labels, ~called),
                precision_score(labels, called),
                precision_score(~labels, ~called),
                f1_score(labels, called),
                balanced_accuracy_score(labels, called),
            ]
        )
    return np.array(values)


def largest_difference(rows: ScoredRows) -> float:
    """Of AUC and AP between our weights and scikit-learn on the same draws of patients."""
    drawn = np.random.default_rng(1).multinomial(rows.patients, np.full(rows.patients, 1 / rows.patients), 200)
    ours = ranking_statistic(rows)(drawn.astype(np.float64))
    theirs = [
        [function(rows.labels, rows.scores, sample_weight=weights[rows.groups]) for weights in drawn]
        for function in (roc_auc_score, average_precision_score)
    ]
    return float(np.abs(ours - np.array(theirs).T).max())


def main() -> None:
    """Measure, print, and say which goals are met."""
    rows = cohort()
    bootstrap_metrics(rows, CUTOFF, draws=100)
    bootstrap_draws(ranking_statistic(rows), rows.patients, draws=100)
    start = time.perf_counter()
    intervals = bootstrap_metrics(rows, CUTOFF, draws=DRAWS)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    slow = loop(rows, LOOP_DRAWS)
    theirs = (time.perf_counter() - start) * DRAWS / LOOP_DRAWS
    print(f"{DRAWS} draws of 9 statistics on {rows.n} patches of {rows.patients} patients")
    print(f"  HCCAssist           {ours:8.2f} s")
    print(f"  loop, scikit-learn  {theirs:8.1f} s ({LOOP_DRAWS} draws timed)")
    for i, name in enumerate(intervals):
        low, high = np.quantile(slow[:, i], (0.025, 0.975))
        print(f"  {name:18} {intervals[name].low:.4f} to {intervals[name].high:.4f}   loop {low:.4f} to {high:.4f}")
    difference = largest_difference(rows)
    goals = (
        ("10,000 clustered draws of AUC, AP and seven metrics on 800 patches, seconds", ours, 2.0, ours < 2.0),
        ("speed against a loop over scikit-learn, times", theirs / ours, 50.0, theirs / ours >= 50.0),
        ("largest difference from scikit-learn on the same draws", difference, 1e-12, difference <= 1e-12),
    )
    for goal, value, target, met in goals:
        print(json.dumps({"goal": goal, "value": value, "target": target, "met": bool(met)}))


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
