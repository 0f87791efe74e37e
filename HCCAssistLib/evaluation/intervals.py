"""Confidence intervals of proportions and of predictive values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import betaincinv, expit
from scipy.stats import binomtest, chi2, norm

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.result import Interval
from HCCAssistLib.evaluation.values import number, whole

ProportionMethod = Literal["clopper-pearson", "wilson", "wilson-continuity", "mercaldo-logit"]

_SCIPY_NAMES = {"clopper-pearson": "exact", "wilson": "wilson", "wilson-continuity": "wilsoncc"}
METHOD_TITLES = {
    "clopper-pearson": "Clopper-Pearson (exact binomial)",
    "wilson": "Wilson score",
    "wilson-continuity": "Wilson score with continuity correction",
}
MERCALDO = "Mercaldo logit at the sample's prevalence"


def check_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1); 95 instead of 0.95 is the usual slip."""
    if not 0.0 < number(level, "confidence level") < 1.0:
        raise InputError(f"a confidence level lies between 0 and 1, not {level}", remedy="write 0.95 for 95 %")


def rate_interval(count: int, n: int, *, level: float = 0.95) -> Interval:
    """Garwood's exact interval of ``count / n`` events per unit, where events are rare and independent.

    Args:
        count: events.
        n: units in which they were counted.
        level: confidence level.

    Raises:
        InputError: negative counts, no unit, a level outside (0, 1).

    >>> round(rate_interval(0, 4).high, 2)  # none in four volumes: up to 0.92 in each
    0.92
    """
    check_level(level)
    count, n = whole(count, "rate"), whole(n, "rate")
    if n < 1:
        raise InputError("a rate needs a unit in which events were counted")
    tail = (1 - level) / 2
    low = chi2.ppf(tail, 2 * count) / 2 / n if count else 0.0
    return Interval(float(low), float(chi2.ppf(1 - tail, 2 * count + 2) / 2 / n), "exact Poisson (Garwood)", level)


def proportion_interval(
    successes: int,
    n: int,
    *,
    method: ProportionMethod = "clopper-pearson",
    class_sizes: tuple[int, int] | None = None,
    level: float = 0.95,
) -> Interval:
    """The confidence interval of ``successes / n``.

    The Mercaldo logit interval is for predictive values, whose denominator is not fixed by the design. It needs
    more than the proportion: for PPV 155/170 among 160 diseased and 640 healthy units, ``class_sizes=(160, 640)``;
    for NPV 625/630, ``class_sizes=(640, 160)``. ``mercaldo_logit`` gives both values from the four counts, also at
    another prevalence.

    >>> found = proportion_interval(155, 160)  # sensitivity of Lim 2023
    >>> f"{found.low:.3f} to {found.high:.3f}, {found.method}"
    '0.929 to 0.990, Clopper-Pearson (exact binomial)'

    Args:
        successes, n: the proportion.
        method: name of the interval.
        class_sizes: units of the class that the successes belong to, and of the other class; ``"mercaldo-logit"`` only.
        level: confidence level.

    Raises:
        InputError: counts that are negative or do not fit, an unknown method, a level outside (0, 1).
    """
    check_level(level)
    if method not in (*_SCIPY_NAMES, "mercaldo-logit"):
        names = ", ".join((*_SCIPY_NAMES, "mercaldo-logit"))
        raise InputError(f"unknown interval method {method!r}", remedy=f"use one of {names}")
    successes, n = whole(successes, "proportion"), whole(n, "proportion")
    if successes > n:
        raise InputError(f"{successes} of {n} is not a proportion")
    if (method == "mercaldo-logit") != (class_sizes is not None):
        raise InputError(
            f"the interval {method!r} {'needs' if class_sizes is None else 'has no'} class sizes",
            remedy="give class_sizes=(units of the class that the successes belong to, units of the other class) for "
            "'mercaldo-logit' and for nothing else, or call mercaldo_logit with the four counts",
        )
    if class_sizes is not None:
        own, other = (whole(size, "class sizes") for size in class_sizes)
        if min(own, other) < 1 or successes > own or n - successes > other:
            raise InputError(f"{successes} of {n} cannot come from classes of {own} and {other} units", "class sizes")
        return _predictive_value(
            int(successes), int(n - successes), own, other, own / (own + other), False, MERCALDO, level
        )[1]
    title = METHOD_TITLES[method]
    if n == 0:
        return Interval.missing("nothing was counted (0 of 0)", title, level)
    if method == "clopper-pearson":  # by quantiles of the beta distribution: a report asks for thousands
        tail = (1 - level) / 2
        low = betaincinv(successes, n - successes + 1, tail) if successes else 0.0
        high = betaincinv(successes + 1, n - successes, 1 - tail) if successes < n else 1.0
        return Interval(float(low), float(high), title, level)
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
    tp, fn, tn, fp = (whole(count, "predictive values") for count in (tp, fn, tn, fp))
    if tp + fn == 0 or tn + fp == 0:
        raise InputError(
            f"predictive values need counts of diseased and healthy units: TP {tp}, FN {fn}, TN {tn}, FP {fp}",
            remedy="evaluate on a cohort that holds both",
        )
    diseased, healthy = tp + fn, tn + fp
    if prevalence is not None and not 0.0 < number(prevalence, "prevalence") < 1.0:
        raise InputError(f"a prevalence lies between 0 and 1, not {prevalence}")
    p = diseased / (diseased + healthy) if prevalence is None else float(prevalence)
    method = MERCALDO if prevalence is None else f"Mercaldo logit at prevalence {prevalence:g}"
    elsewhere = prevalence is not None
    ppv, ppv_interval = _predictive_value(tp, fp, diseased, healthy, p, elsewhere, method, level)
    npv, npv_interval = _predictive_value(tn, fn, healthy, diseased, 1 - p, elsewhere, method, level)
    return PredictiveValues(ppv, npv, ppv_interval, npv_interval, p)


def _predictive_value(
    right: int, wrong: int, of_right: int, of_wrong: int, share: float, elsewhere: bool, method: str, level: float
) -> tuple[float | None, Interval]:
    """One predictive value: ``right`` and ``wrong`` calls of its sign, out of classes of these sizes.

    ``share`` is that of the first class where the test will be used; ``elsewhere``, whether that is not this sample.
    """
    if right + wrong == 0:
        return None, Interval.missing("no unit was called so", method, level)
    rate_right, rate_wrong = right / of_right, wrong / of_wrong
    value = rate_right * share / (rate_right * share + rate_wrong * (1 - share))
    reason = ""
    if right == 0 or wrong == 0:
        reason = f"the logit interval does not exist at {100 * value:.0f} %"
    elif right == of_right and wrong == of_wrong:
        reason = "the logit interval has no width where every unit is called alike"
    if reason and elsewhere:
        return value, Interval.missing(reason, method, level)
    if reason:
        exact = proportion_interval(right, right + wrong, level=level)
        return value, Interval(exact.low, exact.high, f"{exact.method} because {reason}", level)
    odds = value / (1 - value)
    variance = (1 - rate_right) / right + (1 - rate_wrong) / wrong
    half = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    low, high = (float(expit(math.log(odds) + sign * half)) for sign in (-1, 1))
    return value, Interval(low, high, method, level)
