"""How far two measurements of the same thing lie apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, t

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.values import floats


@dataclass(frozen=True, slots=True)
class LimitsOfAgreement:
    """The mean difference of two measurements and the limits within which most differences lie.

    Attributes:
        difference: mean of first minus second, with its interval.
        low, high: limits of agreement, with the intervals of these limits.
    """

    difference: Estimate
    low: Estimate
    high: Estimate

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {"difference": self.difference.as_json(), "low": self.low.as_json(), "high": self.high.as_json()}


def limits_of_agreement(
    first: Sequence[float], second: Sequence[float], *, unit: str, level: float = 0.95
) -> LimitsOfAgreement:
    """Mean difference and limits of agreement (Bland JM, Altman DG. Lancet 1986;327:307-310).

    The limits are the mean difference -+ 1.96 standard deviations of the differences; their standard error is the
    paper's, sqrt(3 s^2 / n).

    >>> found = limits_of_agreement([10.0, 20.0, 33.0, 41.0], [11.0, 20.0, 30.0, 39.0], unit="lesion")
    >>> found.difference.value, round(found.low.value, 2), round(found.high.value, 2)
    (1.0, -2.58, 4.58)

    Args:
        first, second: two measurements of each unit, in the same order.
        unit: what was measured.
        level: confidence level.

    Raises:
        InputError: fewer than two units, lengths that differ, or a value that is missing or infinite.
    """
    check_level(level)
    one, other = floats(first, "first measurements"), floats(second, "second measurements")
    if len(one) != len(other) or len(one) < 2:
        what = f"there are {len(one)} first and {len(other)} second measurements"
        raise InputError(what, "measurements", "give two measurements of each of two units or more")
    if not np.isfinite([one, other]).all():
        raise InputError("a measurement is missing or infinite", "measurements", "leave out the unit")
    apart = one - other
    n = len(apart)
    mean, spread = float(apart.mean()), float(apart.std(ddof=1))
    quantile = float(t.ppf((1 + level) / 2, n - 1))

    def estimate(name: str, value: float, error: float) -> Estimate:
        interval = Interval(value - quantile * error, value + quantile * error, "Bland-Altman (Student t)", level)
        return Estimate(name, value, n, unit, interval)

    reach = float(norm.ppf(0.975)) * spread
    return LimitsOfAgreement(
        estimate("mean difference", mean, spread / math.sqrt(n)),
        estimate("lower limit of agreement", mean - reach, spread * math.sqrt(3 / n)),
        estimate("upper limit of agreement", mean + reach, spread * math.sqrt(3 / n)),
    )
