"""A risk: named probabilities of an event, and the risk group that a cut-off puts the patient in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.result import heading, only_volumes, probabilities_of, reading, volume_parts
from HCCAssistLib.results.review import Review
from HCCAssistLib.results.run_record import RunRecord


@dataclass(frozen=True, slots=True)
class ClinicalValue:
    """A clinical value as the model took it.

    Attributes:
        column: of cohort.csv; the unit is part of its name where there is one.
        given: as it was known, None where it was missing.
        used: what the model computed with: the given value, one in its stead, or None where it decided without.
    """

    column: str
    given: float | None
    used: float | None

    def __post_init__(self) -> None:
        if any(value is not None and not math.isfinite(value) for value in (self.given, self.used)):
            raise ValueError(f"the value of {self.column} is a finite number or None")
        if self.given is not None and self.used != self.given:
            raise ValueError(f"the value of {self.column} is known, so the model computes with no other")

    @property
    def state(self) -> Literal["given", "imputed", "missing"]:
        """Where the value comes from."""
        if self.given is not None:
            return "given"
        return "missing" if self.used is None else "imputed"

    def as_json(self) -> dict[str, Any]:
        """An entry of "clinical" in result.json."""
        return {"given": self.given, "used": self.used, "state": self.state}


@dataclass(frozen=True, eq=False, slots=True)
class RiskResult:
    """The risk of one patient.

    Attributes:
        probabilities: by the name of what gives them: ``{"early_recurrence": 0.61}``, or one for a signature of the
            images and one that takes clinical values in.
        decides: name of the probability that the cut-off is for.
        cutoff: from which on the risk is high, None where there is none, and then there are no groups.
        run: how the result came about.
        volumes: grids of the volumes that the networks saw, by ``"<time point>/<name>"``.
        boxes: what the networks saw of them, LPS mm, by what marked the place: ``"pre/tumour"``.
        clinical: clinical values, in the order of the recipe.
        contributions: how much each variable raised (above 0) or lowered the deciding probability in this patient;
            the signature of the images is one of them.
        curve: name of the reference curve in the model package that the group is shown against, ``""`` for none.
        warnings: what a reader must know before trusting it.
        heatmaps: merged Grad-CAM in patient space (0 to 1, cropped), by the volume that it explains.
        registrations: how each volume was laid on another one of its time point, as ``Registration.as_json`` has it, by
            the name of the volume.
    """

    probabilities: Mapping[str, float]
    decides: str
    cutoff: CutOff | None
    run: RunRecord
    volumes: Mapping[str, Geometry]
    boxes: Mapping[str, Box] = field(default_factory=dict)
    clinical: tuple[ClinicalValue, ...] = ()
    contributions: Mapping[str, float] = field(default_factory=dict)
    curve: str = ""
    warnings: tuple[Problem, ...] = ()
    heatmaps: Mapping[str, Image] = field(default_factory=dict)
    registrations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.volumes:
            raise ValueError("a risk rests on a volume")
        if self.decides not in self.probabilities:
            raise ValueError(f"{self.decides!r} decides, but there is no such probability")
        if self.cutoff is not None and not 0.0 <= self.cutoff.value <= 1.0:
            raise ValueError(f"a cut-off lies between 0 and 1, not at {self.cutoff.value}")
        if not isinstance(self.curve, str):
            raise ValueError("the name of a reference curve is a text")
        if len({value.column for value in self.clinical}) != len(self.clinical):
            raise ValueError("a clinical value stands there twice")
        if not all(math.isfinite(value) for value in self.contributions.values()):
            raise ValueError("a contribution is a finite number")
        object.__setattr__(self, "probabilities", probabilities_of(self.probabilities))
        for name in ("volumes", "boxes", "contributions", "registrations"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "heatmaps", only_volumes(self.heatmaps, self.volumes))

    @property
    def kind(self) -> Literal["risk"]:
        """Which kind of result it is."""
        return "risk"

    @property
    def geometry(self) -> Geometry:
        """Grid of the first volume."""
        return next(iter(self.volumes.values()))

    @property
    def findings(self) -> tuple[()]:
        """A risk has no findings to judge one by one."""
        return ()

    @property
    def probability(self) -> float:
        """The one that decides."""
        return self.probabilities[self.decides]

    @property
    def group(self) -> Literal["high", "low"] | None:
        """The risk group at the result's own cut-off."""
        return self.group_at(self.cutoff.value) if self.cutoff else None

    def group_at(self, threshold: float) -> Literal["high", "low"]:
        """The risk group at a threshold: a view, never a re-run."""
        return "high" if self.probability >= threshold else "low"

    def reviewed(self, number: int, review: Review) -> RiskResult:
        """There is nothing to review.

        Raises:
            KeyError: always.
        """
        raise KeyError(f"a risk has no finding {number}")

    def as_json(self) -> dict[str, Any]:
        """The content of result.json; heat maps lie beside it where there are any."""
        return {
            **heading(self),
            "probabilities": dict(self.probabilities),
            "decides": self.decides,
            "group": self.group,
            "cutoff": {"name": self.decides, **self.cutoff.as_json()} if self.cutoff else None,
            "clinical": {value.column: value.as_json() for value in self.clinical},
            "contributions": dict(self.contributions),
            "curve": self.curve,
            "volumes": {name: grid.as_json() for name, grid in self.volumes.items()},
            "boxes": {name: box.as_json() for name, box in self.boxes.items()},
            "registrations": {name: dict(one) for name, one in self.registrations.items()},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], heatmaps: Mapping[str, Image] | None = None) -> RiskResult:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: the content is not a risk of a known format.
        """
        with reading(data, "risk"):
            return cls(
                probabilities=data["probabilities"],
                decides=data["decides"],
                cutoff=CutOff.from_json(data["cutoff"]) if data["cutoff"] else None,
                boxes={name: Box.from_json(box) for name, box in data["boxes"].items()},
                clinical=tuple(
                    ClinicalValue(column, one["given"], one["used"]) for column, one in data["clinical"].items()
                ),
                contributions=data["contributions"],
                curve=data["curve"],
                registrations=data["registrations"],
                **volume_parts(data, heatmaps),
            )
