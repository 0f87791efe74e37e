"""What a statistic says: the estimate with its interval, method, n, unit and cut-off, frozen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from HCCAssistLib.results.cutoff import CutOff


def _finite(*values: float | None) -> bool:
    return all(value is None or math.isfinite(value) for value in values)


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, or the reason why there is none.

    Attributes:
        low, high: the limits, both None where they cannot be given.
        method: how they were computed.
        level: confidence level.
        reason: why there are no limits.
        draws: bootstrap draws made, None for a formula.
        dropped: draws on which the statistic was undefined; they are left out and counted here.
        seed: of the bootstrap.
    """

    low: float | None
    high: float | None
    method: str
    level: float = 0.95
    reason: str = ""
    draws: int | None = None
    dropped: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"a confidence level lies between 0 and 1, not {self.level}")
        if (self.low is None) != (self.high is None) or (self.low is None) != bool(self.reason):
            raise ValueError("an interval has two limits, or none and a reason")
        if not _finite(self.low, self.high):
            raise ValueError("the limits of an interval must be finite")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"the interval is upside down: {self.low} to {self.high}")
        if not self.method:
            raise ValueError("an interval needs the name of its method")

    @classmethod
    def missing(cls, reason: str, method: str = "none", level: float = 0.95) -> Interval:
        """No limits, and why."""
        return cls(None, None, method, level, reason)

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        data: dict[str, Any] = {"low": self.low, "high": self.high, "level": self.level, "method": self.method}
        if self.reason:
            data["reason"] = self.reason
        if self.draws is not None:
            data |= {"draws": self.draws, "dropped": self.dropped, "seed": self.seed}
        return data


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure of a report.

    Attributes:
        name: the figure's name ("sensitivity").
        value: the estimate at full precision, None where it is undefined (``note`` says why).
        n: how many units it rests on: the denominator of a proportion, the rows of a score.
        unit: what was counted ("patch", "lesion", "patient", "volume").
        interval: its confidence interval, or why there is none.
        successes: the numerator of a proportion.
        clustered: the interval of the patient-clustered bootstrap, beside ``interval``, where a
            patient gives several rows.
        clusters: number of patients behind the n units.
        cutoff: where the figure depends on a cut-off.
        excluded: rows left out because their score was missing.
        note: what a reader must know beside the figure.
    """

    name: str
    value: float | None
    n: int
    unit: str
    interval: Interval
    successes: int | None = None
    clustered: Interval | None = None
    clusters: int | None = None
    cutoff: CutOff | None = None
    excluded: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.unit:
            raise ValueError("an estimate needs a name and a unit")
        if self.n < 0 or self.excluded < 0:
            raise ValueError(f"{self.name}: a count cannot be negative")
        if self.value is None and not self.note:
            raise ValueError(f"{self.name}: an undefined estimate needs the reason in its note")
        if not _finite(self.value):
            raise ValueError(f"{self.name}: the estimate is not finite")
        if self.value is None and self.interval.low is not None:
            raise ValueError(f"{self.name}: an undefined estimate cannot have an interval")

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision; rounding is for display only."""
        return {
            "name": self.name,
            "value": self.value,
            "n": self.n,
            "unit": self.unit,
            "successes": self.successes,
            "interval": self.interval.as_json(),
            "clustered_interval": self.clustered.as_json() if self.clustered else None,
            "clusters": self.clusters,
            "cutoff": self.cutoff.as_json() if self.cutoff else None,
            "excluded": self.excluded,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class HypothesisTest:
    """A significance test.

    Attributes:
        name: the exact test ("Pearson chi-square test without continuity correction").
        p: P value, None where the test cannot be made (``reason`` says why).
        statistic_name, statistic: what was compared with its distribution; None for exact enumerations.
        n: number of units.
        unit: what was counted.
        alternative: ``"two-sided"``, ``"greater"`` or ``"less"``.
        degrees_of_freedom: of the statistic's distribution, where it has any.
        reason: why there is no P value.
        note: what a reader must know beside it.
        details: further numbers by name (expected minimum, difference, ...).
    """

    name: str
    p: float | None
    n: int
    unit: str
    statistic_name: str = ""
    statistic: float | None = None
    alternative: str = "two-sided"
    degrees_of_freedom: float | None = None
    reason: str = ""
    note: str = ""
    details: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.p is None) != bool(self.reason):
            raise ValueError(f"{self.name}: a test has a P value, or the reason why it has none")
        if self.p is not None and not 0.0 <= self.p <= 1.0:
            raise ValueError(f"{self.name}: a P value lies between 0 and 1, not {self.p}")
        if not _finite(self.statistic):
            raise ValueError(f"{self.name}: the statistic is not finite")

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "name": self.name,
            "p": self.p,
            "n": self.n,
            "unit": self.unit,
            "statistic_name": self.statistic_name,
            "statistic": self.statistic,
            "alternative": self.alternative,
            "degrees_of_freedom": self.degrees_of_freedom,
            "reason": self.reason,
            "note": self.note,
            "details": dict(self.details),
        }
