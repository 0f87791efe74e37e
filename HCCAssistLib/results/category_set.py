"""The categories of a finding that a calibrated model cannot exclude, and whether it is like anything seen before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from HCCAssistLib.results.result import check_counts

UNLIKE = 0.05
"""Share of the held-out findings of the training that are called unlike anything seen, too."""

NOTHING = "unlike anything seen"
NO_SET = "no calibrated set"

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class CategorySet:
    """What held-out findings of the training say of a new one. The level is a view of it, never another run.

    Attributes:
        p_values: by category: the share of the held-out patients in whom the right category fitted no better.
        p_seen: the share of the held-out patients whose findings lay as far from those of the training.
        level: share of findings whose set is to hold the right category.
        n, patients: held-out findings, and the patients behind them.
    """

    p_values: Mapping[str, float]
    p_seen: float
    level: float
    n: int
    patients: int

    def __post_init__(self) -> None:
        check_counts(self.n, self.patients, what="a category set")
        given = {str(code): float(p) for code, p in self.p_values.items()}
        if not given or not all(0.0 < p <= 1.0 for p in (*given.values(), float(self.p_seen))):
            raise ValueError("a p-value lies above 0 and is at most 1")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"the level of a set lies between 0 and 1, not at {self.level}")
        object.__setattr__(self, "p_values", MappingProxyType(given))

    @property
    def codes(self) -> tuple[str, ...]:
        """The categories that cannot be excluded at the level, in their order."""
        return tuple(code for code, p in self.p_values.items() if p > 1 - self.level + ROUNDING)

    @property
    def unlike(self) -> bool:
        """Whether it is unlike anything seen: too far from all of the training, or of no category at the level."""
        return self.p_seen <= UNLIKE + ROUNDING or not self.codes

    @property
    def text(self) -> str:
        """``A or C``, ``unlike anything seen`` or ``unlike anything seen, at best B``."""
        named = " or ".join(filter(None, (", ".join(self.codes[:-1]), *self.codes[-1:])))
        return f"{NOTHING}{f', at best {named}' if named else ''}" if self.unlike else named

    @property
    def basis(self) -> str:
        """Level and n in words."""
        return f"{100 * self.level:g} %, calibrated on {self.n} findings of {self.patients} patients"

    def as_json(self) -> dict[str, Any]:
        """The entry "category_set" of a finding."""
        return {
            "categories": list(self.codes),
            "unlike_anything_seen": self.unlike,
            "level": self.level,
            "n": self.n,
            "patients": self.patients,
            "p_values": dict(self.p_values),
            "p_seen": self.p_seen,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CategorySet:
        """Read what ``as_json`` wrote."""
        return cls(data["p_values"], data["p_seen"], data["level"], data["n"], data["patients"])
