"""A detection: frozen candidates with geometry, and the record of the run that found them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.result import check_counts, check_place, heading, reading, warnings_from
from HCCAssistLib.results.review import PENDING, Review, Verdict
from HCCAssistLib.results.run_record import RunRecord


@dataclass(frozen=True, slots=True)
class Candidate:
    """One predicted lesion.

    Attributes:
        number: 1 for the most probable candidate of the run; stays the same under any threshold.
        box: the predicted box, LPS mm.
        probability: the network's highest score in the candidate, 0 to 1.
        slice: index of the axial slice through the centre, in the input volume as stored.
        slices: first and last index of the slices that the box covers.
        rectangle: LPS corners ``(4, 3)`` of the paper's axial rectangle on ``slice``.
        diameter_mm: longest edge of the box within the axial plane.
        distance_to_ablation_mm: from the box's centre to the surface of the ablation zone (negative inside),
            None where no zone was given.
        review: what a reader said of it.
    """

    number: int
    box: Box
    probability: float
    slice: int
    slices: tuple[int, int]
    rectangle: tuple[tuple[float, float, float], ...]
    diameter_mm: float
    distance_to_ablation_mm: float | None = None
    review: Review = PENDING

    def __post_init__(self) -> None:
        what = f"candidate {self.number}"
        check_counts(self.number, self.slice, *self.slices, what=what)
        for corner in self.rectangle:
            check_place(corner, what)
        if self.distance_to_ablation_mm is not None and not math.isfinite(self.distance_to_ablation_mm):
            raise ValueError(f"{what}: the distance to the ablation zone is not finite")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"a probability lies between 0 and 1, not {self.probability}")
        if self.number < 1 or not self.slices[0] <= self.slice <= self.slices[1]:
            raise ValueError(f"{what}: slice {self.slice} is not within {self.slices}")
        if self.review.category:
            raise ValueError(f"{what}: a candidate has no category")
        if len(self.rectangle) != 4 or not (math.isfinite(self.diameter_mm) and self.diameter_mm > 0):
            raise ValueError(f"{what}: the rectangle or the diameter is not valid")

    def as_json(self) -> dict[str, Any]:
        """One entry of "candidates" in result.json."""
        return {
            "number": self.number,
            "probability": self.probability,
            **self.box.as_json(),
            "slice": self.slice,
            "slices": list(self.slices),
            "rectangle_lps": [list(corner) for corner in self.rectangle],
            "diameter_mm": self.diameter_mm,
            "distance_to_ablation_mm": self.distance_to_ablation_mm,
            **self.review.as_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Candidate:
        """Read what ``as_json`` wrote."""
        return cls(
            number=data["number"],
            box=Box.from_json(data),
            probability=data["probability"],
            slice=data["slice"],
            slices=(data["slices"][0], data["slices"][1]),
            rectangle=tuple(tuple(corner) for corner in data["rectangle_lps"]),
            diameter_mm=data["diameter_mm"],
            distance_to_ablation_mm=data["distance_to_ablation_mm"],
            review=Review.from_json(data),
        )


@dataclass(frozen=True, slots=True)
class Searched:
    """Where candidates were looked for.

    Attributes:
        region: in words: ``"liver"``, ``"ring of 20 mm around the ablation zone"``, ``"whole volume"``.
        volume_ml: of the region: of the liver without the margin around it that is searched too, of the ring with the
            zone in it, of the whole volume.
        patches: how many the network scored.
    """

    region: str
    volume_ml: float
    patches: int

    def __post_init__(self) -> None:
        check_counts(self.patches, what="patches")
        if not isinstance(self.region, str) or not (math.isfinite(self.volume_ml) and self.volume_ml >= 0):
            raise ValueError(f"{self.region!r} of {self.volume_ml} ml cannot be searched")

    def __str__(self) -> str:
        ml = f"{self.volume_ml:,.0f}" if self.volume_ml >= 10 else f"{self.volume_ml:.2g}"
        return f"{self.region}, {ml} ml, {self.patches:,} patches"

    def as_json(self) -> dict[str, Any]:
        """The entry "searched" of result.json."""
        return {"region": self.region, "volume_ml": self.volume_ml, "patches": self.patches}


@dataclass(frozen=True, eq=False, slots=True)
class DetectionResult:
    """All candidates of one study, whatever their probability, with the threshold as a view on them.

    Attributes:
        candidates: sorted by falling probability.
        threshold: a candidate counts where its probability is at least this.
        threshold_source: where the threshold came from, in words.
        geometry: grid of the input volume.
        run: how the result came about.
        warnings: what a reader must know before trusting it.
        heatmap: merged Grad-CAM in patient space (0 to 1, cropped), or None.
        searched: where candidates were looked for, None where it is not stated.
    """

    candidates: tuple[Candidate, ...]
    threshold: float
    threshold_source: str
    geometry: Geometry
    run: RunRecord
    warnings: tuple[Problem, ...] = ()
    heatmap: Image | None = field(default=None)
    searched: Searched | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"a threshold lies between 0 and 1, not {self.threshold}")
        if not isinstance(self.threshold_source, str):
            raise ValueError("the source of a threshold is a text")
        probabilities = [candidate.probability for candidate in self.candidates]
        if probabilities != sorted(probabilities, reverse=True):
            raise ValueError("candidates must be sorted by falling probability")
        if len({candidate.number for candidate in self.candidates}) != len(self.candidates):
            raise ValueError("two candidates carry the same number")

    def at(self, threshold: float) -> tuple[Candidate, ...]:
        """The candidates that count at a threshold: a view, never a re-run."""
        return tuple(candidate for candidate in self.candidates if candidate.probability >= threshold)

    @property
    def shown(self) -> tuple[Candidate, ...]:
        """The candidates at the result's own threshold."""
        return self.at(self.threshold)

    @property
    def kind(self) -> Literal["detection"]:
        """Which kind of result it is."""
        return "detection"

    @property
    def findings(self) -> tuple[Candidate, ...]:
        """The candidates, whatever their probability."""
        return self.candidates

    @property
    def heatmaps(self) -> Mapping[str, Image]:
        """The heat map, where there is one, by the volume that was searched: the first of the inputs."""
        found = {} if self.heatmap is None else {next(iter(self.run.inputs), ""): self.heatmap}
        return MappingProxyType(found)

    def reviewed(self, number: int, review: Review) -> DetectionResult:
        """A new result in which one candidate carries a review.

        Raises:
            KeyError: no candidate has that number.
            ValueError: the verdict ``UNSURE``, which goes with a category.
        """
        if review.verdict is Verdict.UNSURE:
            raise ValueError(f"candidate {number}: a detection is accepted, rejected or other, not unsure")
        if number not in {candidate.number for candidate in self.candidates}:
            raise KeyError(f"there is no candidate {number}")
        return replace(
            self, candidates=tuple(replace(c, review=review) if c.number == number else c for c in self.candidates)
        )

    def as_json(self) -> dict[str, Any]:
        """The content of result.json; the heat map lies beside it where there is one."""
        return {
            **heading(self),
            "threshold": self.threshold,
            "threshold_source": self.threshold_source,
            "candidates": [candidate.as_json() for candidate in self.candidates],
            "geometry": self.geometry.as_json(),
            "searched": self.searched.as_json() if self.searched else None,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], heatmaps: Mapping[str, Image] | None = None) -> DetectionResult:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: the content is not a detection of a known format.
        """
        with reading(data, "detection"):
            return cls(
                candidates=tuple(Candidate.from_json(c) for c in data["candidates"]),
                threshold=data["threshold"],
                threshold_source=data["threshold_source"],
                geometry=Geometry.from_json(data["geometry"]),
                run=RunRecord.from_json(data["run"]),
                warnings=warnings_from(data),
                heatmap=next(iter((heatmaps or {}).values()), None),
                searched=Searched(**data["searched"]) if data["searched"] else None,
            )
