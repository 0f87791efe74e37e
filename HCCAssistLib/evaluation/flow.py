"""Who was evaluated and who was not: the flow of patients with the reasons of every exclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from HCCAssistLib.errors import InputError


@dataclass(frozen=True, slots=True)
class Stage:
    """What was there, and what left before the next stage.

    Attributes:
        name: what these units are ("in the table").
        n: how many there are.
        excluded: how many left after this stage, by reason.
        elsewhere: how many go another way after this stage and are not excluded, such as training cases.
    """

    name: str
    n: int
    excluded: Mapping[str, int] = field(default_factory=dict)
    elsewhere: Mapping[str, int] = field(default_factory=dict)

    @property
    def leaving(self) -> int:
        """How many do not reach the next stage."""
        return sum(self.excluded.values()) + sum(self.elsewhere.values())


@dataclass(frozen=True, slots=True)
class Flow:
    """Stages from the first screening to what was evaluated.

    Attributes:
        unit: what was counted ("patient", "case").
        stages: in order; what is excluded after one is missing in the next.
        parts: how the last stage was divided ("train", "test"); empty where it was not.

    Raises:
        InputError: numbers that do not add up, because then somebody got lost.
    """

    unit: str
    stages: tuple[Stage, ...]
    parts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.stages or not self.unit:
            raise InputError("a flow needs a unit and a stage", "flow of exclusions")
        for stage in self.stages:
            if min(stage.n, *stage.excluded.values(), *stage.elsewhere.values(), 0) < 0:
                raise InputError("a number is negative", f"flow of exclusions, {stage.name}")
        for before, after in zip(self.stages, (*self.stages[1:], None), strict=True):
            left = before.n - before.leaving
            if left != (before.n if after is None else after.n):
                n = "no further stage" if after is None else f"{after.n} {after.name}"
                raise InputError(f"{left} are left after {before.name}, but there is {n}", "flow of exclusions")
        last = self.stages[-1]
        if self.parts and sum(self.parts.values()) != last.n:
            raise InputError(
                f"the parts hold {sum(self.parts.values())}, but there are {last.n} {last.name}", "flow of exclusions"
            )

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "unit": self.unit,
            "stages": [
                {"name": s.name, "n": s.n, "excluded": dict(s.excluded), "elsewhere": dict(s.elsewhere)}
                for s in self.stages
            ],
            "parts": dict(self.parts),
        }
