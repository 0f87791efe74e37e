"""The score from which on something counts as positive, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CutOff:
    """The score from which on a row counts as positive; the rule is ``score >= value`` everywhere.

    Attributes:
        value: the cut-off.
        source: where it came from, in words ("Youden index on the validation set, 240 patches").
        ties: every cut-off that was equally good, the chosen one among them; empty where none was searched.
        data_sha256: digest of the labels and scores it was chosen on, so that an evaluation on
            the same rows is recognised as optimistic.
    """

    value: float
    source: str
    ties: tuple[float, ...] = ()
    data_sha256: str = ""

    def __post_init__(self) -> None:
        if math.isnan(self.value):
            raise ValueError("a cut-off must be a number")
        if not isinstance(self.source, str) or not self.source.strip():
            raise ValueError("a cut-off needs its source")

    def as_json(self) -> dict[str, Any]:
        """Plain values; an infinite cut-off (nothing is positive) is written as the word ``"infinity"``."""
        return {
            "value": self.value if math.isfinite(self.value) else ("infinity" if self.value > 0 else "-infinity"),
            "rule": ">=",
            "source": self.source,
            "ties": list(self.ties),
            "data_sha256": self.data_sha256,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CutOff:
        """Read what ``as_json`` wrote."""
        return cls(float(data["value"]), data["source"], tuple(map(float, data["ties"])), data["data_sha256"])


def cutoff_text(cutoff: CutOff) -> str:
    """The rule, the value and the source of a cut-off."""
    return f"\N{GREATER-THAN OR EQUAL TO} {cutoff_value(cutoff)} ({cutoff.source})"


def cutoff_value(cutoff: CutOff) -> str:
    """Four significant digits, or as many as it takes not to print a cut-off below 1 as 1."""
    texts = (f"{cutoff.value:.{digits}g}" for digits in range(4, 18))
    return next((text for text in texts if float(text) != 1.0 or cutoff.value == 1.0), repr(cutoff.value))
