"""Confidence intervals of proportions and of predictive values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.stats import binomtest, norm

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.result import Interval

ProportionMethod = Literal["clopper-pearson", "wilson", "wilson-continuity"]

_SCIPY_NAMES = {"clopper-pearson": "exact", "wilson": "wilson", "wilson-continuity": "wilsoncc"}
METHOD_TITLES = {
    "clopper-pearson": "Clopper-Pearson (exact binomial)",
    "wilson": "Wilson score",
    "wilson-continuity": "Wilson score with continuity correction",
}
MERCALDO = "Mercaldo logit"


def check_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1); 95 instead of 0.95 is the usual slip."""
    if not 0.0 < level < 1.0:
        raise InputError(f"a confidence level lies between 0 and 1, not {level}", remedy="write 0.95 for 95 %")


def proportion_interval(
    successes: int, n: int, *, method: ProportionMethod = "clopper-pearson", level: float = 0.95
) -> Interval:
    """The confidence interval of ``successes / n``.

    Predictive values have their own interval, ``mercaldo_logit``, because their denominator is not fixed
    by the design.

    Raises:
        InputError: counts that are negative or do not fit, an unknown method, a level outside (0, 1).
    """
    check_level(level)
    if method not in _SCIPY_NAMES:
        remedy = f"use one of {', '.join(_SCIPY_NAMES)}"
        if "mercaldo" in method or "logit" in method:
            remedy = "call mercaldo_logit with the four counts: it needs sensitivity, specificity and prevalence"
        raise InputError(f"unknown interval method {method!r}", remedy=remedy)
    if n < 0 or not 0 <= successes <= n or int(successes) != successes or int(n) != n:
        raise InputError(f"{successes} of {n} is not a proportion")
    title = METHOD_TITLES[method]
    if n == 0:
        return Interval.missing("nothing was counted (0 of 0)", title, level)
    limits = binomtest(int(successes), int(n)).proportion_ci(confidence_level=level, method=_SCIPY_NAMES[method])
    return Interval(float(limits.low), float(limits.high), title, level)


@dataclass(frozen=True, slots=True)
class PredictiveValues:
    """Positive and negative predictive value at a prevalence.

    Attributes:
        ppv, npv: the values, None where nothing was called positive (negative).
        ppv_interval, npv_interval: their intervals.
        prevalence: the prevalence they hold for.
    """

    ppv: float | None
    npv: float | None
    ppv_interval: Interval
    npv_interval: Interval
    prevalence: float


def _logit_interval(log_odds: float, variance: float, method: str, level: float) -> Interval:
    half = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    low, high = (1 / (1 + math.exp(-(log_odds + sign * half))) for sign in (-1, 1))
    return Interval(low, high, method, level)


def mercaldo_logit(
    tp: int, fn: int, tn: int, fp: int, *, prevalence: float | None = None, level: float = 0.95
) -> PredictiveValues:
    """Predictive values with the logit interval of Mercaldo, Lau and Zhou (Stat Med 2007;26:2170).

    The variance holds sensitivity and specificity as the random quantities, so it also fits case-control
    samples and predictive values at another prevalence. At 0 or 100 % the logit does not exist: the
    Clopper-Pearson interval of the counts takes its place at the sample's own prevalence, and no
    interval is given at another one.

    Args:
        tp, fn, tn, fp: the four counts.
        prevalence: of the disease where the test will be used; the sample's own by default.
        level: confidence level.

    Raises:
        InputError: no diseased or no healthy units, negative counts, or a prevalence outside (0, 1).
    """
    check_level(level)
    diseased, healthy = tp + fn, tn + fp
    if min(tp, fn, tn, fp) < 0 or diseased == 0 or healthy == 0:
        raise InputError(
            f"predictive values need diseased and healthy units: TP {tp}, FN {fn}, TN {tn}, FP {fp}",
            remedy="evaluate on a cohort that holds both",
        )
    own = diseased / (diseased + healthy)
    p = own if prevalence is None else float(prevalence)
    if not 0.0 < p < 1.0:
        raise InputError(f"a prevalence lies between 0 and 1, not {prevalence}")
    at_own = prevalence is None
    method = MERCALDO + (" at the sample's prevalence" if at_own else f" at prevalence {p:g}")

    def value(right: int, wrong: int, of_right: int, of_wrong: int, weight: float) -> tuple[float | None, Interval]:
        # right/wrong: correct and false calls of this sign; of_right/of_wrong: sizes of the classes they came from.
        if right + wrong == 0:
            return None, Interval.missing("no unit was called so", method, level)
        if right == 0 or wrong == 0:
            extreme = 1.0 if wrong == 0 else 0.0
            if at_own:
                exact = proportion_interval(right, right + wrong, level=level)
                name = f"{exact.method} because the logit interval does not exist at {100 * extreme:.0f} %"
                return extreme, Interval(exact.low, exact.high, name, level)
            reason = f"the logit interval does not exist at {100 * extreme:.0f} %"
            return extreme, Interval.missing(reason, method, level)
        rate_right, rate_wrong = right / of_right, wrong / of_wrong
        odds = rate_right * weight / (rate_wrong * (1 - weight))
        variance = (1 - rate_right) / (rate_right * of_right) + (1 - rate_wrong) / (rate_wrong * of_wrong)
        return odds / (1 + odds), _logit_interval(math.log(odds), variance, method, level)

    ppv, ppv_interval = value(tp, fp, diseased, healthy, p)
    npv, npv_interval = value(tn, fn, healthy, diseased, 1 - p)
    return PredictiveValues(ppv, npv, ppv_interval, npv_interval, p)
