"""``curves.json``: survival of the training cohort's risk groups, which a patient's group is shown against.

    {"format": "hccassist-curves/1",
     "curves": {"early_recurrence": {
         "event": "recurrence", "source": "held-out parts of 5 folds, ...", "cutoff": {"value": 0.41, ...},
         "interval": "Greenwood's variance, log-log transform", "level": 0.95, "log_rank_p": 0.002,
         "groups": {"high": {"n": 61, "months": [...], "survival": [...], "low": [...], "high": [...],
                             "at_risk": [...], "events": [...]},
                    "low": {...}}}}}

A curve has the name of the probability whose cut-off divides the groups. Patients are in the group of the score that
they had while they were held out of the training. All lists of a group are as long as ``months``; the limits are null
where they do not exist. A group without a patient is not there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.results.cutoff import CutOff

CURVES = "curves.json"
FORMAT = "hccassist-curves/1"

RiskGroup = Literal["high", "low"]
GROUPS: tuple[RiskGroup, ...] = ("high", "low")
"""Patients at and above the cut-off, and those below it."""

MOST_TIMES, MOST_CURVES, MOST_MONTHS, MOST_LETTERS = 100_000, 16, 1200.0, 1000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ROUNDING = 1e-6

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class GroupCurve:
    """Kaplan-Meier estimate of one risk group.

    >>> group = GroupCurve([6, 12, 30], [0.75, 0.5, 0.5], [None] * 3, [None] * 3, at_risk=[4, 3, 2], events=[1, 1, 0])
    >>> group.n, group.number_at_risk(24), group.survival_at(24), group.median
    (4, 2, 0.5, 12.0)

    Attributes:
        months: ``(t,)`` distinct times of events and censorings, rising.
        survival: ``(t,)`` share without the event from each time on.
        low, high: ``(t,)`` pointwise limits; NaN where they do not exist.
        at_risk: ``(t,)`` patients who are still followed just before each time.
        events: ``(t,)`` at each time.

    Raises:
        ValueError: numbers that are no Kaplan-Meier estimate: not finite, not falling, out of bounds, or not what the
            counts give.
    """

    months: FloatArray
    survival: FloatArray
    low: FloatArray
    high: FloatArray
    at_risk: IntArray
    events: IntArray

    def __post_init__(self) -> None:
        for name in ("months", "survival", "low", "high"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name), gaps=name in ("low", "high")))
        for name in ("at_risk", "events"):
            object.__setattr__(self, name, _counts(name, getattr(self, name)))
        sizes = {len(getattr(self, name)) for name in ("months", "survival", "low", "high", "at_risk", "events")}
        if len(sizes) != 1 or not 0 < len(self.months) <= MOST_TIMES:
            raise ValueError("the lists of a group are of different lengths, empty or far too long")
        if self.months[0] < 0 or self.months[-1] > MOST_MONTHS or (np.diff(self.months) <= 0).any():
            raise ValueError(f"the months do not rise from 0 to {MOST_MONTHS:g} at most")
        left = self.at_risk - self.events
        if (left < 0).any() or self.at_risk[-1] < 1 or (self.at_risk[1:] > left[:-1]).any():
            raise ValueError("more patients are at risk, or have the event, than there are")
        if not np.allclose(np.cumprod(left / self.at_risk), self.survival, rtol=0, atol=_ROUNDING):
            raise ValueError("the survival is not what the numbers at risk and the events give")
        if (np.isnan(self.low) != np.isnan(self.high)).any():
            raise ValueError("one limit is there without the other")
        outside = (self.low < 0) | (self.low > self.survival) | (self.high < self.survival) | (self.high > 1)
        if outside.any():
            raise ValueError("the limits do not lie around the survival")

    @property
    def n(self) -> int:
        """Patients of the group."""
        return int(self.at_risk[0])

    @property
    def steps(self) -> tuple[FloatArray, FloatArray]:
        """Months from 0 on and the survival from each of them on, to be drawn as steps: ``(t + 1,)`` each."""
        return np.append(0.0, self.months), np.append(1.0, self.survival)

    @property
    def censored(self) -> FloatArray:
        """Months at which somebody was lost without the event."""
        lost: FloatArray = self.months[self.at_risk - np.append(self.at_risk[1:], 0) > self.events]
        return lost

    @property
    def median(self) -> float | None:
        """The first month with a survival of 0.5 or less, None where it is not reached."""
        below = np.flatnonzero(self.survival <= 0.5 + 1e-9)
        return float(self.months[below[0]]) if len(below) else None

    def number_at_risk(self, months: float) -> int:
        """Patients who were followed so long or longer."""
        place = int(np.searchsorted(self.months, months, side="left"))
        return int(self.at_risk[place]) if place < len(self.months) else 0

    def survival_at(self, months: float) -> float | None:
        """Share without the event; None beyond the last follow-up, unless it has fallen to 0."""
        place = int(np.searchsorted(self.months, months, side="right")) - 1
        if place < 0:
            return 1.0
        if months > self.months[-1] and self.survival[-1] > 0:
            return None
        return float(self.survival[place])

    def as_json(self) -> dict[str, Any]:
        """An entry of "groups"."""
        return {
            "n": self.n,
            "months": self.months.tolist(),
            "survival": self.survival.tolist(),
            "low": [None if math.isnan(one) else one for one in self.low.tolist()],
            "high": [None if math.isnan(one) else one for one in self.high.tolist()],
            "at_risk": self.at_risk.tolist(),
            "events": self.events.tolist(),
        }


@dataclass(frozen=True, eq=False, slots=True)
class ReferenceCurve:
    """Survival of the training cohort by risk group.

    Attributes:
        event: what the time runs to, in words.
        source: whose survival it is and how they were scored, in words.
        cutoff: that divides the groups.
        groups: ``"high"`` and ``"low"``, those that have a patient.
        interval: method of the limits.
        level: of confidence.
        log_rank_p: of the groups; None where there is only one, or no event.

    Raises:
        ValueError: an empty text, a cut-off or a P value that is none, or other groups.
    """

    event: str
    source: str
    cutoff: CutOff
    groups: Mapping[RiskGroup, GroupCurve]
    interval: str
    level: float = 0.95
    log_rank_p: float | None = field(default=None)

    def __post_init__(self) -> None:
        for text in (self.event, self.source, self.interval, self.cutoff.source):
            if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > MOST_LETTERS:
                raise ValueError("a text is empty, too long or not printable")
        if not 0.0 <= self.cutoff.value <= 1.0:
            raise ValueError("the cut-off is no probability")
        if not self.groups or not set(self.groups) <= set(GROUPS):
            raise ValueError(f"the groups are not {' and '.join(GROUPS)}")
        if not 0.0 < self.level < 1.0 or not (self.log_rank_p is None or 0.0 <= self.log_rank_p <= 1.0):
            raise ValueError("a level or a P value does not lie between 0 and 1")
        in_order = {name: self.groups[name] for name in GROUPS if name in self.groups}
        object.__setattr__(self, "groups", MappingProxyType(in_order))

    @property
    def n(self) -> int:
        """Patients of all groups."""
        return sum(group.n for group in self.groups.values())

    def as_json(self) -> dict[str, Any]:
        """An entry of "curves"."""
        return {
            "event": self.event,
            "source": self.source,
            "cutoff": self.cutoff.as_json(),
            "interval": self.interval,
            "level": self.level,
            "log_rank_p": self.log_rank_p,
            "groups": {name: group.as_json() for name, group in self.groups.items()},
        }


def curves_as_json(curves: Mapping[str, ReferenceCurve]) -> dict[str, Any]:
    """The content of curves.json, by the name of the probability.

    Raises:
        ValueError: no curve, too many, or a name that is none.
    """
    _check_names(curves)
    return {"format": FORMAT, "curves": {name: curve.as_json() for name, curve in curves.items()}}


def curves_of(package: ModelPackage) -> dict[str, ReferenceCurve]:
    """The reference curves of a model by the name of the probability; none where the package has no curves.json.

    Raises:
        InputError: curves.json changed since the package was written, or holds anything but such curves.
    """
    if CURVES not in package.card.files:
        return {}
    content = package.document(CURVES)
    try:
        return _read(content)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        what = f"{CURVES} is damaged ({type(error).__name__}: {str(error)[:200]})"
        raise InputError(what, package.card.name, "install the model again from its source") from error


def curve_name(package: ModelPackage, decides: str) -> str:
    """Name of the curve for a probability, as a result holds it; ``""`` where the model has none.

    Raises:
        InputError: as ``curves_of``.
    """
    return decides if decides in curves_of(package) else ""


def _read(content: Any) -> dict[str, ReferenceCurve]:
    if content["format"] != FORMAT:
        raise ValueError(f"the format is not {FORMAT}")
    _check_names(content["curves"])
    return {name: _curve(one) for name, one in content["curves"].items()}


def _curve(one: Mapping[str, Any]) -> ReferenceCurve:
    groups = {}
    for name, group in one["groups"].items():
        lists = (group[part] for part in ("months", "survival", "low", "high", "at_risk", "events"))
        groups[name] = GroupCurve(*lists)
        if group["n"] != groups[name].n:
            raise ValueError("n is not the number of those who are at risk at the beginning")
    level, p = one["level"], one["log_rank_p"]
    return ReferenceCurve(
        event=one["event"],
        source=one["source"],
        cutoff=CutOff.from_json(one["cutoff"]),
        groups=groups,
        interval=one["interval"],
        level=_number(level),
        log_rank_p=None if p is None else _number(p),
    )


def _check_names(curves: Mapping[str, Any]) -> None:
    if not isinstance(curves, Mapping) or not 0 < len(curves) <= MOST_CURVES:
        raise ValueError(f"there are no curves, or more than {MOST_CURVES}")
    if odd := [name for name in curves if not isinstance(name, str) or not _NAME.fullmatch(name)]:
        raise ValueError(f"a curve cannot be called {str(odd[0])[:40]!r}")


def _number(value: Any) -> float:
    """A finite number; truth values and texts are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise ValueError("a number is missing or not finite")
    return float(value)


def _numbers(name: str, values: Sequence[Any] | FloatArray, *, gaps: bool) -> FloatArray:
    if isinstance(values, (str, Mapping)):
        raise ValueError(f"{name} is no list")
    missing = [one is None or (isinstance(one, float) and math.isnan(one)) for one in values]
    if any(missing) and not gaps:
        raise ValueError(f"a number of {name} is missing")
    found = np.array([math.nan if gap else _number(one) for one, gap in zip(values, missing, strict=True)])
    found.setflags(write=False)
    return found.astype(np.float64, copy=False)


def _counts(name: str, values: Sequence[Any] | IntArray) -> IntArray:
    if isinstance(values, (str, Mapping)):
        raise ValueError(f"{name} is no list")
    if any(isinstance(one, bool) or not isinstance(one, (int, np.integer)) or not 0 <= one < 2**31 for one in values):
        raise ValueError(f"a number of {name} is no count")
    found = np.array(values, dtype=np.int64)
    found.setflags(write=False)
    return found
