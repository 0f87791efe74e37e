"""A patient flagged beside the lesion is no find: against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from HCCAssistLib.evaluation.flagged import sensitivity_on_lesions
from HCCAssistLib.evaluation.intervals import proportion_interval
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.results.cutoff import CutOff

CUTOFF = CutOff(0.5, "validation scans")


def volume(patient: str, candidates: list[tuple[float, ...]], lesions: list[tuple[float, ...]]) -> VolumeFindings:
    """Candidates as (x, y, z, score), lesions as (x, y, z)."""
    found, true = np.array(candidates).reshape(-1, 4), np.array(lesions).reshape(-1, 3)
    return VolumeFindings(patient, found[:, :3], found[:, 3], true, np.zeros(len(true)))


VOLUMES = [
    volume("found", [(3, 4, 0, 0.5)], [(0, 0, 0)]),
    volume("beside", [(40, 0, 0, 0.9), (0, 0, 9, 0.49)], [(0, 0, 0)]),  # the lesion is hit below the cut-off
    volume("missed", [(0, 0, 0, 0.2)], [(0, 0, 0)]),
    volume("nothing", [], [(0, 0, 0)]),
    volume("second scan", [(90, 0, 0, 0.7)], [(0, 0, 0)]),
    volume("second scan", [(0, 0, 30, 0.6)], [(9, 9, 9), (0, 0, 30)]),
    volume("healthy", [(0, 0, 0, 0.99)], []),
]
POSITIVE = ("found", "beside", "missed", "nothing", "second scan")


def test_only_patients_with_a_hit_at_the_cutoff_count() -> None:
    estimate = sensitivity_on_lesions(VOLUMES, POSITIVE, CUTOFF, tolerance_mm=10)
    assert (estimate.successes, estimate.n, estimate.value, estimate.unit) == (2, 5, 0.4, "patient")
    assert estimate.note == "3 of 5 positive patients are flagged, 2 of them by a candidate on a true lesion"
    assert estimate.interval == proportion_interval(2, 5)
    assert estimate.cutoff == CUTOFF


@pytest.mark.parametrize(("tolerance", "successes"), [(4.9, 1), (5.0, 2)])
def test_the_rule_is_that_of_the_froc_curve(tolerance: float, successes: int) -> None:
    assert sensitivity_on_lesions(VOLUMES, POSITIVE, CUTOFF, tolerance_mm=tolerance).successes == successes


def test_without_a_positive_patient_it_is_undefined() -> None:
    estimate = sensitivity_on_lesions(VOLUMES, (), CUTOFF, tolerance_mm=10)
    assert (estimate.value, estimate.n) == (None, 0) and "no patient is positive" in estimate.note


def test_one_flagged_patient_is_said_in_the_singular() -> None:
    estimate = sensitivity_on_lesions(VOLUMES, ("found",), CUTOFF, tolerance_mm=10)
    assert estimate.note == "1 of 1 positive patients is flagged, 1 of them by a candidate on a true lesion"
