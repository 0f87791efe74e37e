"""Time to event: Kaplan-Meier, log-rank, median with standard error."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import CensoredData, chi2, ecdf, logrank

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.optional import statsmodels
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest, Interval
from HCCAssistLib.evaluation.scores import checked_labels
from HCCAssistLib.evaluation.values import BoolArray, FloatArray, IntArray, floats, number, samples_of

LOG_LOG = "Greenwood's variance, log-log transform"
_HALF = 1e-9
"""How near S(t) must be to 0.5 to count as equal to it."""


@dataclass(frozen=True, eq=False, slots=True)
class KaplanMeier:
    """The product-limit estimate of survival.

    Attributes:
        name: of the group.
        times: distinct times of events and censorings, rising.
        survival: S(t) from each time on.
        low, high: pointwise limits; NaN where S is 1 or 0 and the log-log limits do not exist.
        at_risk: units still followed just before each time.
        events: events at each time.
        followed: every unit's follow-up time.
        median: the first time with S(t) <= 0.5, None where it is not reached.
        median_standard_error: of the median (Collett), None where it cannot be given.
        n, unit, level: of the estimate.
    """

    name: str
    times: FloatArray
    survival: FloatArray
    low: FloatArray
    high: FloatArray
    at_risk: IntArray
    events: IntArray
    followed: FloatArray
    median: Estimate
    median_standard_error: float | None
    n: int
    unit: str
    level: float

    def survival_at(self, time: float) -> Estimate:
        """S(t) with its interval; undefined beyond the last follow-up unless it has fallen to 0."""
        time = number(time, "time")
        index = int(np.searchsorted(self.times, time, side="right")) - 1
        value = 1.0 if index < 0 else float(self.survival[index])
        name, method = f"survival at {time:g}", f"Kaplan-Meier ({LOG_LOG})"
        if time > self.times[-1] and value > 0:
            reason = f"undefined: follow-up ends at {self.times[-1]:g}"
            return Estimate(name, None, self.n, self.unit, Interval.missing(reason, method, self.level), note=reason)
        if index < 0 or math.isnan(self.low[index]):
            interval = Interval.missing(f"the log-log limits do not exist where S is {value:g}", method, self.level)
        else:
            interval = Interval(float(self.low[index]), float(self.high[index]), method, self.level)
        return Estimate(name, value, self.n, self.unit, interval, note=f"{self.number_at_risk(time)} at risk")

    def number_at_risk(self, time: float) -> int:
        """Units followed to this time or longer."""
        return int((self.followed >= number(time, "time")).sum())

    def as_json(self) -> dict[str, Any]:
        """Plain values; limits that do not exist are null."""

        def numbers(values: FloatArray) -> list[float | None]:
            return [float(v) if math.isfinite(v) else None for v in values]

        return {
            "name": self.name,
            "times": self.times.tolist(),
            "survival": self.survival.tolist(),
            "low": numbers(self.low),
            "high": numbers(self.high),
            "at_risk": self.at_risk.tolist(),
            "events": self.events.tolist(),
            "median": self.median.as_json(),
            "median_standard_error": self.median_standard_error,
            "n": self.n,
            "unit": self.unit,
            "interval": LOG_LOG,
        }


def checked_follow_up(times: npt.ArrayLike, events: npt.ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Follow-up times and whether each ended in an event.

    Raises:
        InputError: lengths that differ, times that are negative or missing, events other than 0 and 1, nothing.
    """
    followed, happened = floats(times, "follow-up"), checked_labels(events)
    if followed.shape != happened.shape:
        raise InputError(f"there are {followed.size} follow-up times and {happened.size} events")
    if followed.size == 0:
        raise InputError("nobody was followed: no rows")
    if not np.isfinite(followed).all() or (followed < 0).any():
        raise InputError("a follow-up time is missing or negative", "follow-up", "leave the patient out and say so")
    return followed, happened


def kaplan_meier(
    times: npt.ArrayLike, events: npt.ArrayLike, *, name: str = "", unit: str = "patient", level: float = 0.95
) -> KaplanMeier:
    """The Kaplan-Meier curve with log-log limits.

    >>> curve = kaplan_meier([6, 6, 12, 20, 24], [1, 0, 1, 1, 0])
    >>> round(curve.survival_at(12).value, 3), curve.number_at_risk(12)
    (0.533, 3)

    Args:
        times: ``(n,)`` follow-up, in any unit of time.
        events: ``(n,)`` 1 where the event happened, 0 where it was censored.
        name: of the group.
        unit: what was followed.
        level: confidence level.

    Raises:
        InputError: see ``checked_follow_up``.
    """
    check_level(level)
    followed, happened = checked_follow_up(times, events)
    function = ecdf(CensoredData.right_censored(followed, ~happened)).sf
    distinct = np.asarray(function.quantiles, dtype=np.float64)
    survival = np.asarray(function.probabilities, dtype=np.float64)
    counts = np.bincount(np.searchsorted(distinct, followed), happened, len(distinct)).astype(np.int64)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # limits that do not exist are NaN, and the reader is told
        if happened.any():
            limits = function.confidence_interval(confidence_level=level, method="log-log")
            low, high = (np.asarray(side.probabilities, dtype=np.float64) for side in (limits.low, limits.high))
        else:
            low = high = np.full(len(distinct), np.nan)
    undefined = (survival <= 0) | (survival >= 1)
    low, high = np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)
    at_risk = len(followed) - np.searchsorted(np.sort(followed), distinct, side="left")
    median = _median(distinct, survival, low, high, len(followed), unit, level)
    error = _median_standard_error(distinct, survival, at_risk, counts, median.value)
    return KaplanMeier(
        name=name,
        times=distinct,
        survival=survival,
        low=low,
        high=high,
        at_risk=at_risk,
        events=counts,
        followed=followed,
        median=median,
        median_standard_error=error,
        n=len(followed),
        unit=unit,
        level=level,
    )


def _first_at_most(times: FloatArray, values: FloatArray, bound: float) -> float | None:
    below = np.flatnonzero(values <= bound + _HALF)
    return float(times[below[0]]) if len(below) else None


def _median(
    times: FloatArray, survival: FloatArray, low: FloatArray, high: FloatArray, n: int, unit: str, level: float
) -> Estimate:
    value = _first_at_most(times, survival, 0.5)
    method = f"Brookmeyer-Crowley ({LOG_LOG})"
    if value is None:
        reason = "the median is not reached"
        return Estimate("median survival", None, n, unit, Interval.missing(reason, method, level), note=reason)
    note = ""
    flat = np.flatnonzero(np.abs(survival - 0.5) <= _HALF)
    if len(flat):
        note = f"S(t) is exactly 0.5 from {value:g} on: others may print a later median, the step's middle or end"
    # Past the time at which S falls to 0 the limits do not exist; there the whole interval lies below 0.5.
    lower = _first_at_most(times, np.where(np.isnan(low) & (survival <= 0), 0.0, np.nan_to_num(low, nan=1.0)), 0.5)
    upper = _first_at_most(times, np.nan_to_num(high, nan=1.0), 0.5)
    if lower is None or upper is None:
        reached = "" if lower is None else f" (the lower one is {lower:g})"
        interval = Interval.missing(f"the upper limit is not reached{reached}", method, level)
    else:
        interval = Interval(lower, upper, method, level)
    return Estimate("median survival", value, n, unit, interval, note=note)


def _median_standard_error(
    times: FloatArray, survival: FloatArray, at_risk: IntArray, events: IntArray, median: float | None
) -> float | None:
    """Collett's standard error of the median, which SPSS prints: SE(S) over the density, spread 0.05 about it."""
    if median is None:
        return None
    at_event = events > 0
    times, survival, at_risk, events = times[at_event], survival[at_event], at_risk[at_event], events[at_event]
    before, after = np.flatnonzero(survival >= 0.55 - _HALF), np.flatnonzero(survival <= 0.45 + _HALF)
    index = int(np.flatnonzero(times == median)[0])
    if len(before) == 0 or len(after) == 0 or survival[index] <= 0:
        return None
    upper, lower = before[-1], after[0]
    density = (survival[upper] - survival[lower]) / (times[lower] - times[upper])
    greenwood = float(
        (events[: index + 1] / (at_risk[: index + 1] * (at_risk[: index + 1] - events[: index + 1]))).sum()
    )
    return float(survival[index]) * math.sqrt(greenwood) / float(density)


def log_rank(groups: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]], *, unit: str = "patient") -> HypothesisTest:
    """The log-rank test of equal survival in two or more groups.

    A group whose follow-up ends before the first event expects none and is left out with its degree of freedom, as
    in R; the result says so.

    >>> high, low = ([3, 5, 6, 8], [1, 1, 1, 1]), ([9, 12, 20, 24], [1, 0, 0, 0])
    >>> round(log_rank([high, low]).p, 3)
    0.007

    Args:
        groups: follow-up times and events of each group.
        unit: what was followed.

    Raises:
        InputError: fewer than two groups, or rows that ``checked_follow_up`` refuses.
        HCCAssistError: more than two groups without statsmodels.
    """
    pairs = [samples_of(group, "groups") for group in samples_of(groups, "groups")]
    if any(len(pair) != 2 for pair in pairs):
        raise InputError("a group is a pair: its follow-up times and its events", "groups")
    if len(pairs) < 2:
        raise InputError("a log-rank test compares two groups or more")
    checked = [checked_follow_up(times, events) for times, events in pairs]
    n = sum(len(times) for times, _ in checked)
    name = "log-rank test"
    if not any(events.any() for _, events in checked):
        return HypothesisTest(name, None, n, unit, reason="there was no event in any group")
    first = min(times[events].min() for times, events in checked if events.any())
    checked = [(times, events) for times, events in checked if times.max() >= first]
    left_out = len(pairs) - len(checked)
    note = f"{left_out} of {len(pairs)} groups left out: nobody at risk at the first event" if left_out else ""
    statistic = math.nan
    if len(checked) == 2:
        with np.errstate(all="ignore"):
            z = float(logrank(*(CensoredData.right_censored(t, ~e) for t, e in checked)).statistic)
        statistic = z**2
    elif len(checked) > 2:
        survdiff = statsmodels("duration.survfunc", "a log-rank test of more than two groups").survdiff
        label = np.repeat(np.arange(len(checked)), [len(times) for times, _ in checked])
        together = [np.concatenate([pair[i] for pair in checked]) for i in (0, 1)]
        with suppress(np.linalg.LinAlgError):
            statistic = float(survdiff(together[0], together[1].astype(int), label)[0])
    if not math.isfinite(statistic):
        reason = "the variance of the statistic is 0: no event happened while more than one group was at risk"
        return HypothesisTest(name, None, n, unit, reason=reason)
    freedom = len(checked) - 1
    return HypothesisTest(
        name=name,
        p=float(chi2.sf(statistic, freedom)),
        n=n,
        unit=unit,
        statistic_name="chi-square",
        statistic=statistic,
        degrees_of_freedom=float(freedom),
        note=note,
        details={"events": float(sum(int(events.sum()) for _, events in checked))},
    )
