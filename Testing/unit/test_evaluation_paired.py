"""Two models on the same cases: differences with intervals over patients, on scores of which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.concordance import Concordance, c_index
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.paired import paired_classes, paired_detections, paired_risks
from HCCAssistLib.results.cutoff import CutOff

HALF = CutOff(0.5, "set by hand for a test")
HIGH = CutOff(0.8, "set by hand for a test")


def volume(patient: str, scores: list[float], lesions: int = 1) -> VolumeFindings:
    """Candidates on a line, 50 mm apart; the first ones lie on the lesions."""
    places = np.array([[50.0 * n, 0, 0] for n in range(len(scores))]).reshape(-1, 3)
    truth = np.array([[50.0 * n, 3, 0] for n in range(lesions)]).reshape(-1, 3)
    return VolumeFindings(patient, places, np.array(scores), truth, np.zeros(lesions))


def test_detections_are_compared_each_model_at_its_own_cutoff() -> None:
    first = [volume("p1", [0.9, 0.6]), volume("p2", [0.7]), volume("p3", [0.2, 0.6], lesions=0)]
    second = [volume("p1", [0.9, 0.6]), volume("p2", [0.7]), volume("p3", [0.9, 0.2], lesions=0)]
    (found, false), ((what, test),) = paired_detections(first, second, cutoffs=(HALF, HIGH), tolerance_mm=10, draws=500)
    assert (found.value, found.n, found.unit) == (0.5, 2, "lesion")  # 2 of 2 less 1 of 2
    assert false.value == pytest.approx((2 - 1) / 3)
    assert (what, test.details) == ("lesions found", {"only_first_right": 1.0, "only_second_right": 0.0})
    assert found.clusters == 3
    assert found.interval.low is not None and found.interval.low <= 0.5 <= (found.interval.high or 0)


def test_a_model_compared_with_itself_differs_in_nothing() -> None:
    volumes = [volume(f"p{n}", [0.9, 0.4, 0.6], lesions=n % 3) for n in range(9)]
    (found, false), ((_, test),) = paired_detections(volumes, volumes, cutoffs=(HALF, HALF), tolerance_mm=10, draws=200)
    assert (found.value, false.value, test.p) == (0, 0, None)


def test_detections_on_other_volumes_are_refused() -> None:
    with pytest.raises(InputError, match="same volumes"):
        paired_detections([volume("p1", [0.9])], [volume("p2", [0.9])], cutoffs=(HALF, HALF), tolerance_mm=10)
    with pytest.raises(InputError, match="same lesions"):
        paired_detections(
            [volume("p1", [0.9])], [volume("p1", [0.9], lesions=0)], cutoffs=(HALF, HALF), tolerance_mm=10
        )


def test_the_interval_of_classes_resamples_patients_and_not_their_masses() -> None:
    truth, first, second = ["A"] * 40, ["A"] * 20 + ["B"] * 20, ["B"] * 40
    alone, _ = paired_classes(truth, first, second, [f"p{n}" for n in range(40)], unit="mass", draws=2000)
    together, _ = paired_classes(truth, first, second, [f"p{n // 10}" for n in range(40)], unit="mass", draws=2000)
    assert alone[0].value == together[0].value == 0.5
    widths = [(one[0].interval.high or 0) - (one[0].interval.low or 0) for one in (alone, together)]
    assert widths[1] > 1.8 * widths[0]


def test_the_c_index_is_that_of_lifelines() -> None:
    utils = pytest.importorskip("lifelines.utils")
    rng = np.random.default_rng(3)
    for _ in range(20):
        months, events = rng.uniform(1, 60, 30), rng.integers(0, 2, 30)
        events[0] = 1
        risk = np.round(rng.normal(size=30), 1)  # some risks are equal
        assert Concordance.of(months, events, risk).value == pytest.approx(
            utils.concordance_index(months, -risk, events)
        )


def test_patients_who_were_lost_early_count_in_the_c_index_and_not_in_the_auc() -> None:
    months = [5, 9, 14, 30, 40, 8]
    events = [1, 1, 0, 0, 0, 0]
    early = [True, True, None, False, False, None]
    risk = [0.9, 0.7, 0.8, 0.2, 0.1, 0.3]
    worse = [0.1, 0.7, 0.8, 0.2, 0.9, 0.3]
    (area, index), ((_, test),) = paired_risks(months, events, early, risk, worse, draws=300)
    assert (area.n, area.excluded, area.value) == (4, 2, 1 - 1 / 4)
    assert test.n == 4
    assert index.n == 6
    first, second = c_index(months, events, risk, draws=50), c_index(months, events, worse, draws=50)
    assert first.value is not None and second.value is not None
    assert index.value == pytest.approx(first.value - second.value)


def test_without_two_patients_to_rank_there_is_no_c_index() -> None:
    assert c_index([5, 9], [0, 0], [0.1, 0.2], draws=10).value is None
    with pytest.raises(InputError, match="1 risks"):
        c_index([5, 9], [1, 0], [0.1, float("nan")], draws=10)
