"""What a detection says: frozen candidates with geometry, and the record of the run that found them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.run_record import RunRecord


class Verdict(StrEnum):
    """What a reader said of a candidate."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


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
        verdict, reader, comment: a reader's review.
    """

    number: int
    box: Box
    probability: float
    slice: int
    slices: tuple[int, int]
    rectangle: tuple[tuple[float, float, float], ...]
    diameter_mm: float
    distance_to_ablation_mm: float | None = None
    verdict: Verdict = Verdict.PENDING
    reader: str = ""
    comment: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"a probability lies between 0 and 1, not {self.probability}")
        if self.number < 1 or not self.slices[0] <= self.slice <= self.slices[1]:
            raise ValueError(f"candidate {self.number}: slice {self.slice} is not within {self.slices}")
        if len(self.rectangle) != 4 or not (math.isfinite(self.diameter_mm) and self.diameter_mm > 0):
            raise ValueError(f"candidate {self.number}: the rectangle or the diameter is not valid")

    def reviewed(self, verdict: Verdict, reader: str = "", comment: str = "") -> Candidate:
        """The same candidate with a reader's verdict."""
        return replace(self, verdict=verdict, reader=reader, comment=comment)

    def as_json(self) -> dict[str, Any]:
        """One entry of "candidates" in result.json."""
        return {
            "number": self.number,
            "probability": self.probability,
            "center_lps": list(self.box.center),
            "size_mm": list(self.box.size),
            "axes_lps": [list(axis) for axis in self.box.axes],
            "slice": self.slice,
            "slices": list(self.slices),
            "rectangle_lps": [list(corner) for corner in self.rectangle],
            "diameter_mm": self.diameter_mm,
            "distance_to_ablation_mm": self.distance_to_ablation_mm,
            "verdict": self.verdict.value,
            "reader": self.reader,
            "comment": self.comment,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Candidate:
        """Read what ``as_json`` wrote."""
        return cls(
            number=data["number"],
            box=Box(tuple(data["center_lps"]), tuple(data["size_mm"]), tuple(tuple(a) for a in data["axes_lps"])),
            probability=data["probability"],
            slice=data["slice"],
            slices=(data["slices"][0], data["slices"][1]),
            rectangle=tuple(tuple(corner) for corner in data["rectangle_lps"]),
            diameter_mm=data["diameter_mm"],
            distance_to_ablation_mm=data["distance_to_ablation_mm"],
            verdict=Verdict(data["verdict"]),
            reader=data["reader"],
            comment=data["comment"],
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
        searched: where candidates were looked for; None in results of older versions.
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

    def reviewed(self, number: int, verdict: Verdict, reader: str = "", comment: str = "") -> DetectionResult:
        """A new result in which one candidate carries a verdict.

        Raises:
            KeyError: no candidate has that number.
        """
        if number not in {candidate.number for candidate in self.candidates}:
            raise KeyError(f"there is no candidate {number}")
        return replace(
            self,
            candidates=tuple(
                c.reviewed(verdict, reader, comment) if c.number == number else c for c in self.candidates
            ),
        )

    def as_json(self) -> dict[str, Any]:
        """The content of result.json; ``heatmap.nrrd`` lies beside it where there is one."""
        return {
            "format": "hccassist-result/1",
            "kind": "detection",
            "research_use_only": True,
            "threshold": self.threshold,
            "threshold_source": self.threshold_source,
            "candidates": [candidate.as_json() for candidate in self.candidates],
            "geometry": self.geometry.as_json(),
            "searched": self.searched.as_json() if self.searched else None,
            "warnings": [{"what": w.what, "where": w.where, "remedy": w.remedy} for w in self.warnings],
            "run": self.run.as_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], heatmap: Image | None = None) -> DetectionResult:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: the content is not a detection result of a known format.
        """
        if data.get("format") != "hccassist-result/1" or data.get("kind") != "detection":
            raise InputError(f"not a detection result of a known format: {data.get('format')!r}", "result.json")
        try:
            return cls(
                candidates=tuple(Candidate.from_json(c) for c in data["candidates"]),
                threshold=data["threshold"],
                threshold_source=data["threshold_source"],
                geometry=Geometry.from_json(data["geometry"]),
                run=RunRecord.from_json(data["run"]),
                warnings=tuple(Problem("WARN", w["what"], w["where"], w["remedy"]) for w in data["warnings"]),
                heatmap=heatmap,
                searched=Searched(**data["searched"]) if data.get("searched") else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the result is damaged: {error}", "result.json") from error
