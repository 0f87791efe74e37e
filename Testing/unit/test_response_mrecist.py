"""The response follows from the diameters by the rule, with its limits, and bad numbers have none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.response.mrecist import response


@pytest.mark.parametrize(
    ("pre", "post", "new_lesion", "category"),
    [
        ([50.0], [0.0], False, "CR"),
        ([50.0, 20.0], [0.0, 0.0], False, "CR"),
        ([50.0, 20.0], [0.0, 1.0], False, "PR"),
        ([50.0], [35.0], False, "PR"),
        ([50.0], [35.01], False, "SD"),
        ([50.0], [50.0], False, "SD"),
        ([50.0], [59.99], False, "SD"),
        ([50.0], [60.0], False, "PD"),
        ([50.0, 20.0], [30.0, 54.0], False, "PD"),  # the sum counts
        ([50.0], [0.0], True, "PD"),
        ([50.0], [35.0], True, "PD"),
        ([21.7], [15.19], False, "PR"),  # -29.999999999999996 % in binary numbers
        ([0.7, 0.1], [0.56, 0.4], False, "PD"),  # 0.7 + 0.1 is 0.7999999999999999
        ([35.4], [42.48], False, "PD"),
    ],
)
def test_the_rule_of_2010_with_both_limits(pre: Any, post: Any, new_lesion: bool, category: str) -> None:
    found = response(pre, post, new_lesion=new_lesion)
    assert found.category == category
    assert found.is_objective == (category in ("CR", "PR"))


def test_sums_and_change_are_told() -> None:
    found = response([42.0, 18.5], [30.0, 12.5])
    assert (found.sum_pre, found.sum_post) == (60.5, 42.5)
    assert found.percent_change == pytest.approx(-29.7520661)


@pytest.mark.parametrize(
    ("pre", "post", "says"),
    [
        ([], [], "there is no target lesion"),
        ([10.0, 20.0, 30.0], [10.0, 20.0, 30.0], "3 target lesions"),
        ([10.0, 20.0], [10.0], "2 targets were measured before treatment and 1 at follow-up"),
        ([0.0], [10.0], "target 1: a target lesion of 0 mm before treatment"),
        ([20.0, 0.0], [10.0, 0.0], "target 2: a target lesion of 0 mm before treatment"),
        ([-20.0], [10.0], "-20.0 mm before"),
        ([20.0], [-0.1], "-0.1 mm at follow-up"),
        ([math.nan], [10.0], "nan mm before"),
        ([20.0], [math.inf], "inf mm at follow-up"),
        ([None], [10.0], "None mm before"),
        (["20"], [10.0], "'20' mm before"),
        ([True], [10.0], "True mm before"),
    ],
)
def test_numbers_without_a_response_are_refused_in_words(pre: Any, post: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        response(pre, post)
