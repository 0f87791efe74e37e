"""FROC against counting by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.froc import froc, lesion_operating_point
from HCCAssistLib.evaluation.lesion_matching import LesionMatches, VolumeFindings
from HCCAssistLib.results.cutoff import CutOff


def volume(patient: str, candidates: list[tuple[float, ...]], lesions: list[tuple[float, ...]]) -> VolumeFindings:
    """Candidates as (x, y, z, score), lesions as (x, y, z, radius)."""
    c, t = np.array(candidates).reshape(-1, 4), np.array(lesions).reshape(-1, 4)
    return VolumeFindings(patient, c[:, :3], c[:, 3], t[:, :3], t[:, 3])


COHORT = [
    # Lesion at the origin, radius 5: hit by 0.9 and again by 0.8; a false positive at 0.7.
    volume("a", [(1, 2, 2, 0.9), (0, -4, 0, 0.8), (30, 0, 0, 0.7)], [(0, 0, 0, 5)]),
    # Two lesions, one found at 0.6, one missed: its candidate is 5.1 mm away.
    volume("b", [(50, 0, 3, 0.6), (0, 0, 5.1, 0.5)], [(50, 0, 0, 4), (0, 0, 0, 5)]),
    # No lesion, one false positive.
    volume("c", [(9, 9, 9, 0.65)], []),
    volume("d", [], []),
]


def test_points_are_those_counted_by_hand() -> None:
    curve = froc(COHORT, draws=200)
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.65, 0.6, 0.5], "the second hit at 0.8 changes nothing"
    assert curve.sensitivity == pytest.approx(np.array([1, 1, 1, 2, 2]) / 3)
    assert curve.false_positives_per_volume == pytest.approx(np.array([0, 1, 2, 2, 3]) / 4)
    assert (curve.lesions, curve.volumes, curve.patients) == (3, 4, 4)


def test_sensitivity_at_a_rate_is_the_highest_reached_without_more_false_positives() -> None:
    curve = froc(COHORT, draws=200)
    by_rate = {rate: figure.value for rate, figure in zip(curve.rates, curve.at_rates, strict=True)}
    assert by_rate == pytest.approx({0.125: 1 / 3, 0.25: 1 / 3, 0.5: 2 / 3, 1: 2 / 3, 2: 2 / 3, 4: 2 / 3, 8: 2 / 3})
    assert curve.cpm.value == pytest.approx(4 / 7)
    assert curve.at_rates[2].successes == 2 and curve.at_rates[2].n == 3


def test_the_tolerance_decides_what_is_found_and_is_stated() -> None:
    curve = froc(COHORT, tolerance_mm=5.2, draws=200)
    assert curve.sensitivity[-1] == 1.0
    assert curve.false_positives_per_volume[-1] == 0.5
    assert "5.2 mm" in curve.as_json()["matching_rule"]


def test_a_candidate_between_two_lesions_hits_only_the_nearer() -> None:
    between = [volume("a", [(3, 0, 0, 0.9)], [(0, 0, 0, 9), (7, 0, 0, 9)])]
    best, false = between[0].matched(0.0)
    assert best.tolist() == [0.9, -np.inf] and len(false) == 0
    assert froc(between, draws=50).sensitivity.tolist() == [0.5]


def test_the_operating_point_counts_at_the_cutoff() -> None:
    sensitivity, rate = lesion_operating_point(COHORT, CutOff(0.65, "validation set"), draws=500)
    assert (sensitivity.successes, sensitivity.n, sensitivity.unit) == (1, 3, "lesion")
    assert sensitivity.interval.method.startswith("Clopper-Pearson")
    assert sensitivity.clustered is not None and sensitivity.clustered.dropped > 0, "draws of c and d have no lesion"
    assert (rate.value, rate.n, rate.unit) == (0.5, 4, "volume")
    assert rate.cutoff is not None and rate.cutoff.source == "validation set"


def test_volumes_of_one_patient_are_drawn_together() -> None:
    found = volume("a", [(0, 0, 0, 0.9)], [(0, 0, 0, 5)])
    missed = volume("b", [], [(0, 0, 0, 5)])
    apart = [VolumeFindings(f"{v.patient}{i}", v.candidates, v.scores, v.lesions, v.radii)
             for v in (found, missed) for i in range(30)]  # fmt: skip
    together = [found] * 30 + [missed] * 30
    narrow = lesion_operating_point(apart, CutOff(0.5, "x"), draws=1000)[0].clustered
    wide = lesion_operating_point(together, CutOff(0.5, "x"), draws=1000)[0].clustered
    assert narrow is not None and wide is not None
    assert narrow.high - narrow.low < 0.3
    assert (wide.low, wide.high) == (0.0, 1.0)


def test_the_interval_equals_a_slow_bootstrap_over_patients() -> None:
    rng = np.random.default_rng(4)
    cohort = []
    for patient in range(15):
        centres = rng.uniform(0, 100, (rng.integers(1, 4), 3))
        points = np.r_[centres + rng.normal(0, 3, centres.shape), rng.uniform(0, 100, (6, 3))]
        scores = np.r_[rng.normal(1.5, 1, len(centres)), rng.normal(0, 1, 6)]
        cohort.append(VolumeFindings(str(patient), points, scores, centres, np.full(len(centres), 6.0)))
    interval = froc(cohort, rates=(1.0,), draws=4000).at_rates[0].interval
    slow = []
    for _ in range(400):
        drawn = rng.integers(15, size=15)
        copies = [VolumeFindings(str(i), v.candidates, v.scores, v.lesions, v.radii)
                  for i, v in enumerate(cohort[d] for d in drawn)]  # fmt: skip
        slow.append(froc(copies, rates=(1.0,), draws=1).at_rates[0].value)
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(slow, (0.025, 0.975))), abs=0.06)


def test_sensitivity_at_a_rate_of_a_draw_is_read_off_its_own_curve_with_ties() -> None:
    rng = np.random.default_rng(3)
    cohort = []
    for patient in range(12):
        centres = rng.uniform(0, 100, (rng.integers(0, 4), 3))
        points = np.r_[centres + rng.normal(0, 3, centres.shape), rng.uniform(0, 100, (20, 3))]
        scores = np.round(np.r_[rng.normal(1.5, 1, len(centres)), rng.normal(0, 1, 20)], 1)
        cohort.append(VolumeFindings(str(patient), points, scores, centres, np.full(len(centres), 6.0)))
    events = LesionMatches.of(cohort, 0.0)
    drawn = rng.multinomial(12, np.full(12, 1 / 12), 100).astype(float)
    sensitivity, false_positives = events.curve(drawn, events.thresholds())
    expected = [
        [max([0.0, *found[rate <= limit]]) for limit in (0.125, 1, 4)]
        for found, rate in zip(sensitivity, false_positives, strict=True)
    ]
    assert events.at_rates(drawn, (0.125, 1, 4)) == pytest.approx(np.array(expected))


def test_a_model_that_finds_nothing_has_a_curve_at_the_origin() -> None:
    silent = [volume("a", [], [(0, 0, 0, 5)]), volume("b", [], [(0, 0, 0, 5)])]
    curve = froc(silent, draws=50)
    assert curve.cpm.value == 0.0 and curve.sensitivity.tolist() == [0.0]
    assert '"thresholds": [null]' in json.dumps(curve.as_json(), allow_nan=False)


def test_what_cannot_be_evaluated_is_refused() -> None:
    with pytest.raises(InputError, match="no volumes"):
        froc([])
    with pytest.raises(InputError, match="no true lesion"):
        froc([volume("a", [(0, 0, 0, 1)], [])])
    with pytest.raises(InputError, match="tolerance"):
        froc(COHORT, tolerance_mm=-1)
    with pytest.raises(InputError, match="not finite"):
        volume("a", [(0, 0, 0, float("nan"))], [])
    with pytest.raises(InputError, match="2 candidates have 1 scores"):
        VolumeFindings("a", np.zeros((2, 3)), np.zeros(1), np.zeros((0, 3)), np.zeros(0))
