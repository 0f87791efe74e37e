"""Two readers of the same cases stand beside each other, with figures that can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.limits_of_agreement import limits_of_agreement
from HCCAssistLib.response.diameter import Diameter
from HCCAssistLib.response.readers import HEADINGS, compare_readers, majority
from HCCAssistLib.response.reading import Reading, Target


def reading(reader: str, pre: float, post: float, *, new_lesion: bool = False) -> Reading:
    return Reading(reader, (Target("t", Diameter.typed(pre), Diameter.typed(post)),), new_lesion)


FIRST = {f"c{n}": reading("A", 50.0, post) for n, post in enumerate([0, 0, 30, 30, 50, 50, 70, 70, 50, 30])}
SECOND = {f"c{n}": reading("B", 48.0, post) for n, post in enumerate([0, 20, 30, 45, 50, 50, 70, 50, 20, 30])}


def test_kappa_and_differences_are_those_counted_by_hand() -> None:
    found = compare_readers(FIRST, {**SECOND, "only-second": reading("B", 20.0, 20.0)})
    pytest.importorskip("statsmodels")
    # first: CR 2, PR 3, SD 3, PD 2; second: CR 1, PR 4, SD 4, PD 1; agreed: c0, c2, c4, c5, c6, c9
    expected = (2 * 1 + 3 * 4 + 3 * 4 + 2 * 1) / 100
    assert found.response_kappa.value == pytest.approx((0.6 - expected) / (1 - expected))
    # objective: 5 and 5, agreed in c0, c1, c2, c9 and c4-c7
    assert found.objective_kappa.value == pytest.approx((0.8 - 0.5) / 0.5)
    assert found.sum_pre is not None and found.sum_pre.difference.value == pytest.approx(2.0)
    assert found.sum_post is not None and found.sum_post.difference.value == pytest.approx((-20 - 15 + 20 + 30) / 10)
    assert found.left_out == ("only-second",)
    assert found.response_kappa.n == len(found.cases) == 10
    assert dict(zip(HEADINGS, found.rows[1], strict=True)) == {
        "case_id": "c1",
        "first_sum_pre_mm": "50.0",
        "second_sum_pre_mm": "48.0",
        "first_sum_post_mm": "0.0",
        "second_sum_post_mm": "20.0",
        "first_change_percent": "-100.0",
        "second_change_percent": "-58.3",
        "first_response": "CR",
        "second_response": "PR",
        "agree": "no",
    }


def test_a_single_case_has_no_limits_and_no_kappa_that_means_anything() -> None:
    found = compare_readers({"c": reading("A", 50, 0)}, {"c": reading("B", 50, 0)})
    assert found.sum_pre is None and found.sum_post is None
    assert found.response_kappa.value is None


def test_readings_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(InputError, match="both readings are by A"):
        compare_readers(FIRST, FIRST)
    with pytest.raises(InputError, match="no case that both read"):
        compare_readers({"x": reading("A", 50, 0)}, {"y": reading("B", 50, 0)})
    with pytest.raises(InputError, match="the readings are by A, B"):
        compare_readers({"x": reading("A", 50, 0), "y": reading("B", 50, 0)}, SECOND)
    with pytest.raises(InputError, match="there is no reading"):
        compare_readers(FIRST, {})


def test_the_majority_counts_and_a_tie_is_told() -> None:
    three = [reading("A", 50, 0), reading("B", 50, 30), reading("C", 50, 20)]
    assert majority(three) == "PR"
    assert majority(three[:1]) == "CR"
    with pytest.raises(InputError, match=r"there is no majority \(A CR, B PR\)"):
        majority(three[:2])
    for wrong in ([], [three[0], three[0]]):
        with pytest.raises(InputError, match="one reading by each of several readers"):
            majority(wrong)


def test_the_limits_of_agreement_hold_most_differences_and_their_intervals_the_truth() -> None:
    rng = np.random.default_rng(4)
    held = {"difference": 0, "low": 0, "high": 0}
    truth = {"difference": 1.5, "low": 1.5 - 1.959964 * 4, "high": 1.5 + 1.959964 * 4}
    for _ in range(300):
        size = rng.uniform(20, 60, 40)
        found = limits_of_agreement(size + 1.5 + rng.normal(0, 4, 40), size, unit="lesion")
        for name, value in truth.items():
            interval = getattr(found, name).interval
            held[name] += interval.low <= value <= interval.high
    assert all(0.91 <= count / 300 <= 0.99 for count in held.values())


def test_measurements_without_limits_are_refused() -> None:
    for first, second in (
        ([1.0], [2.0]),
        ([1.0, 2.0], [1.0]),
        ([1.0, math.nan], [1.0, 2.0]),
        ([1.0, math.inf], [1, 2]),
    ):
        with pytest.raises(InputError):
            limits_of_agreement(first, second, unit="lesion")
