"""Repeated sessions of one model: each figure's median and range, as papers print them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.evaluation.values import listed, number
from HCCAssistLib.wording import rounded


@dataclass(frozen=True, slots=True)
class SessionSpread:
    """One figure in each session of a model.

    >>> SessionSpread("accuracy", (0.84, 0.82, 0.90)).median
    0.84

    Attributes:
        name: of the figure.
        values: of the sessions, in their order; None where the figure is undefined.

    Raises:
        InputError: no session, or a value that is infinite.
    """

    name: str
    values: tuple[float | None, ...]

    def __post_init__(self) -> None:
        found = tuple(None if v is None else number(v, self.name) for v in listed(list(self.values), self.name))
        if not found or any(v is not None and not math.isfinite(v) for v in found):
            raise InputError("there is no session, or a figure is infinite", self.name)
        object.__setattr__(self, "values", found)

    @property
    def known(self) -> tuple[float, ...]:
        """The values that are defined."""
        return tuple(value for value in self.values if value is not None)

    @property
    def median(self) -> float | None:
        """Of the sessions in which the figure is defined."""
        return statistics.median(self.known) if self.known else None

    @property
    def range(self) -> tuple[float, float] | None:
        """Lowest and highest value."""
        return (min(self.known), max(self.known)) if self.known else None

    def estimate(self, *, n: int, unit: str) -> Estimate:
        """The median as a figure of a report, with its range in the name: a range is no confidence interval.

        Args:
            n: how many units each session was measured on.
            unit: what they are.
        """
        name = f"{self.name}, median of {len(self.values)} sessions"
        none = Interval.missing("a range over sessions is no confidence interval")
        if self.median is None or self.range is None:
            return Estimate(name, None, n, unit, none, note="undefined in every session")
        low, high = (rounded(limit, 3) for limit in self.range)
        return Estimate(f"{name} (range {low} to {high})", self.median, n, unit, none)

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "name": self.name,
            "median": self.median,
            "range": list(self.range) if self.range else None,
            "sessions": list(self.values),
        }


def spreads(sessions: Iterable[dict[str, float | None]]) -> tuple[SessionSpread, ...]:
    """Figures of several sessions, each by its name, as one spread per figure.

    Raises:
        InputError: sessions with different figures, or none.
    """
    each = list(sessions)
    if not each or any(list(one) != list(each[0]) for one in each):
        raise InputError("the sessions do not have the same figures", "sessions")
    return tuple(SessionSpread(name, tuple(one[name] for one in each)) for name in each[0])
