"""A classification: each finding with a probability per category, and where several are pooled, the patient's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.category_set import CategorySet
from HCCAssistLib.results.result import (
    check_counts,
    check_place,
    heading,
    only_volumes,
    probabilities_of,
    reading,
    volume_parts,
)
from HCCAssistLib.results.review import PENDING, Review, Verdict
from HCCAssistLib.results.run_record import RunRecord

Probabilities = Mapping[str, float]


def most_probable(probabilities: Probabilities) -> str:
    """The category with the highest probability; the first of those that are equally probable."""
    return max(probabilities, key=probabilities.__getitem__)


@dataclass(frozen=True, slots=True)
class Patch:
    """One of several pictures of a finding, and what it alone is taken for.

    Attributes:
        box: what the network saw, LPS mm; as thick as the slices are apart.
        slice: index of the axial slice through the box's centre, in the first volume as stored.
        probabilities: by category; the mean over the networks.
    """

    box: Box
    slice: int
    probabilities: Probabilities

    def __post_init__(self) -> None:
        check_counts(self.slice, what="a patch")
        object.__setattr__(self, "probabilities", probabilities_of(self.probabilities, self.probabilities))

    def as_json(self) -> dict[str, Any]:
        """One entry of "patches" of a finding."""
        return {"box": self.box.as_json(), "slice": self.slice, "probabilities": dict(self.probabilities)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Patch:
        """Read what ``as_json`` wrote."""
        return cls(Box.from_json(data["box"]), data["slice"], data["probabilities"])


@dataclass(frozen=True, slots=True)
class Finding:
    """One mass, or one treated tumour, and what it is taken for.

    Attributes:
        number: 1 and up, in the order in which the reader marked them.
        label: of the point or segment that marks it.
        center: LPS millimetres, where the reader marked it or in the middle of its segment.
        probabilities: by category; the mean over the networks, and over the patches where there are several.
        box: what the network saw of it, LPS mm: a frame in a section is as thick as the section; the first patch's
            where there are several.
        slice: index of the axial slice through the box's centre, in the first volume as stored.
        by_network: the same by each network, in the order of the members; empty where there is one.
        diameter_mm: longest diameter in the axial plane, None where only a point marks it.
        target: whether it counts in the patient's mean.
        patches: what the mean is taken over where a method sees several pictures of one finding; empty elsewhere.
        review: what a reader said of it.
        category_set: the categories that cannot be excluded, None of a model that is not calibrated.
    """

    number: int
    label: str
    center: tuple[float, float, float]
    probabilities: Probabilities
    box: Box
    slice: int
    by_network: tuple[Probabilities, ...] = ()
    diameter_mm: float | None = None
    target: bool = True
    patches: tuple[Patch, ...] = ()
    review: Review = PENDING
    category_set: CategorySet | None = None

    def __post_init__(self) -> None:
        what = f"finding {self.number}"
        check_counts(self.number, self.slice, what=what)
        check_place(self.center, what)
        if self.number < 1 or not isinstance(self.label, str) or not isinstance(self.target, bool):
            raise ValueError(f"{what}: the number, the label or the target is not valid")
        if self.diameter_mm is not None and not (math.isfinite(self.diameter_mm) and self.diameter_mm > 0):
            raise ValueError(f"{what}: a diameter is longer than 0 mm, not {self.diameter_mm}")
        object.__setattr__(self, "center", tuple(float(v) for v in self.center))
        object.__setattr__(self, "probabilities", probabilities_of(self.probabilities, self.probabilities))
        of_each = tuple(probabilities_of(one, self.probabilities) for one in self.by_network)
        object.__setattr__(self, "by_network", of_each)
        for patch in self.patches:
            probabilities_of(patch.probabilities, self.probabilities)
        object.__setattr__(self, "patches", tuple(self.patches))
        if self.category_set is not None and tuple(self.category_set.p_values) != tuple(self.probabilities):
            raise ValueError(f"{what}: the set is of other categories than the probabilities")

    @property
    def predicted(self) -> str:
        """The most probable category."""
        return most_probable(self.probabilities)

    @property
    def spread(self) -> Mapping[str, tuple[float, float]]:
        """Lowest and highest probability of each category over the networks; empty where there is one."""
        if not self.by_network:
            return {}
        return {
            name: (min(one[name] for one in self.by_network), max(one[name] for one in self.by_network))
            for name in self.probabilities
        }

    def as_json(self) -> dict[str, Any]:
        """One entry of "findings" in result.json."""
        return {
            "number": self.number,
            "label": self.label,
            "center_lps": list(self.center),
            "probabilities": dict(self.probabilities),
            "predicted": self.predicted,
            "by_network": [dict(one) for one in self.by_network],
            "spread": {name: list(limits) for name, limits in self.spread.items()},
            "slice": self.slice,
            "box": self.box.as_json(),
            "diameter_mm": self.diameter_mm,
            "target": self.target,
            "patches": [patch.as_json() for patch in self.patches],
            "category_set": self.category_set.as_json() if self.category_set else None,
            **self.review.as_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Read what ``as_json`` wrote."""
        return cls(
            number=data["number"],
            label=data["label"],
            center=tuple(data["center_lps"]),
            probabilities=data["probabilities"],
            box=Box.from_json(data["box"]),
            slice=data["slice"],
            by_network=tuple(data["by_network"]),
            diameter_mm=data["diameter_mm"],
            target=data["target"],
            patches=tuple(Patch.from_json(one) for one in data.get("patches", ())),
            review=Review.from_json(data),
            category_set=CategorySet.from_json(given) if (given := data.get("category_set")) else None,
        )


@dataclass(frozen=True, eq=False, slots=True)
class ClassificationResult:
    """All findings of one case with their categories.

    Attributes:
        categories: code to name, in the order of the network's outputs.
        findings: by rising number.
        volumes: grids of the volumes that the networks saw, by ``"<time point>/<name>"``; slices are counted in the
            first.
        run: how the result came about.
        groups: categories that are read together, by name: ``{"objective_response": ("CR", "PR")}``.
        patient: probabilities of the patient, pooled over the targets; None where nothing is pooled.
        warnings: what a reader must know before trusting it.
        heatmaps: merged Grad-CAM in patient space (0 to 1, cropped), by the volume that it explains.
    """

    categories: Mapping[str, str]
    findings: tuple[Finding, ...]
    volumes: Mapping[str, Geometry]
    run: RunRecord
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    patient: Probabilities | None = None
    warnings: tuple[Problem, ...] = ()
    heatmaps: Mapping[str, Image] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.categories) < 2 or not self.volumes:
            raise ValueError("a classification has two categories or more, and a volume")
        if not all(isinstance(name, str) for name in self.categories.values()):
            raise ValueError("the name of a category is a text")
        numbers = [finding.number for finding in self.findings]
        if numbers != sorted(set(numbers)):
            raise ValueError("findings are sorted by their number, and no two carry the same")
        for finding in self.findings:
            probabilities_of(finding.probabilities, self.categories)
            self._check(finding.number, finding.review)
        for name, codes in self.groups.items():
            if not codes or not set(codes) < set(self.categories):
                raise ValueError(f"the group {name} holds some of the categories, not {', '.join(codes) or 'none'}")
            if any(name in one.as_json() for one in self.findings):
                raise ValueError(f"a group cannot be called {name}: findings have an entry of that name")
        if self.patient is not None:
            object.__setattr__(self, "patient", probabilities_of(self.patient, self.categories))
        object.__setattr__(self, "categories", MappingProxyType(dict(self.categories)))
        object.__setattr__(self, "groups", MappingProxyType({n: tuple(codes) for n, codes in self.groups.items()}))
        object.__setattr__(self, "volumes", MappingProxyType(dict(self.volumes)))
        object.__setattr__(self, "heatmaps", only_volumes(self.heatmaps, self.volumes))

    def _check(self, number: int, review: Review) -> None:
        if review.category and review.category not in self.categories:
            known = ", ".join(self.categories)
            raise ValueError(f"finding {number}: {review.category!r} is none of the categories {known}")

    @property
    def kind(self) -> Literal["classification"]:
        """Which kind of result it is."""
        return "classification"

    @property
    def geometry(self) -> Geometry:
        """Grid of the first volume."""
        return next(iter(self.volumes.values()))

    def grouped(self, probabilities: Probabilities) -> dict[str, float]:
        """The probability of each group: the sum over its categories, at most 1."""
        return {name: min(1.0, sum(probabilities[code] for code in codes)) for name, codes in self.groups.items()}

    def reviewed(self, number: int, review: Review) -> ClassificationResult:
        """A new result in which one finding carries a review.

        Raises:
            KeyError: no finding has that number.
            ValueError: another category that is none, or that is the predicted one.
        """
        found = next((finding for finding in self.findings if finding.number == number), None)
        if found is None:
            raise KeyError(f"there is no finding {number}")
        if review.verdict is Verdict.OTHER and review.category in ("", found.predicted):
            raise ValueError(f"finding {number}: the verdict 'other' names another category than the predicted one")
        changed = replace(found, review=review)
        return replace(self, findings=tuple(changed if one is found else one for one in self.findings))

    def as_json(self) -> dict[str, Any]:
        """The content of result.json; heat maps lie beside it where there are any."""
        patient = None
        if self.patient is not None:
            own = {"probabilities": dict(self.patient), "predicted": most_probable(self.patient)}
            patient = {**own, **self.grouped(self.patient)}
        return {
            **heading(self),
            "categories": dict(self.categories),
            "groups": {name: list(codes) for name, codes in self.groups.items()},
            "findings": [{**one.as_json(), **self.grouped(one.probabilities)} for one in self.findings],
            "patient": patient,
            "volumes": {name: grid.as_json() for name, grid in self.volumes.items()},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], heatmaps: Mapping[str, Image] | None = None) -> ClassificationResult:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: the content is not a classification of a known format.
        """
        with reading(data, "classification"):
            return cls(
                categories=data["categories"],
                findings=tuple(Finding.from_json(one) for one in data["findings"]),
                groups=data["groups"],
                patient=data["patient"] and data["patient"]["probabilities"],
                **volume_parts(data, heatmaps),
            )
