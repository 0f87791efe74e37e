"""A body with a tumour that is known everywhere, sampled on any grid; models with random weights; a small cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.cohort.finding_labels import findings_of_boxes, findings_of_segments
from HCCAssistLib.cohort.points import LabelledBox
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.package import write_package
from HCCAssistLib.recipes import registry
from HCCAssistLib.recipes.hepatectomy.network import build
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, EARLY_RECURRENCE, HEPATECTOMY, TUMOUR
from HCCAssistLib.results.cutoff import CutOff

Place = tuple[float, float, float]

CENTER: Place = (12.3, -7.2, 4.1)
HALF_AXES = np.array([24.0, 18.0, 14.0])
"""Of the tumour, in mm along left, posterior and superior."""

SLOPE = np.array([0.9, -0.5, 2.0])
"""HU per mm along the same: what lies between voxels is known, and no mirror image is like another."""

TILTED = np.array([[0.87, -0.42, -0.26], [0.45, 0.89, 0.06], [0.21, -0.17, 0.96]])
OBLIQUE = np.linalg.qr(TILTED)[0] * np.sign(np.diag(np.linalg.qr(TILTED)[1]))
SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
"""Columns: i runs to the back, j downwards, k to the left."""

TINY = {"width": 0.05}


def hounsfield(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Tissue at places ``(..., 3)``, LPS mm, that grows brighter to the left, the front and the head."""
    values: npt.NDArray[np.float64] = 70 + (places - np.array(CENTER)) @ SLOPE
    return values


def in_air(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same in an ellipse of 190 x 150 mm, with air around it."""
    inside = (places[..., 0] / 95) ** 2 + (places[..., 1] / 75) ** 2 < 1
    return np.where(inside, hounsfield(places), -1000.0)


def places_of(geometry: Geometry) -> npt.NDArray[np.float64]:
    k, j, i = np.indices(geometry.shape)
    return geometry.to_world(np.stack([i, j, k], -1))


def grid(spacing: Place = (2.0, 2.0, 4.0), turned: npt.ArrayLike | None = None, mm: Place = (200, 160, 60)) -> Geometry:
    """A grid around the origin that holds a block of ``mm``; ``turned`` are its axes in LPS, as columns."""
    axes = np.eye(3) if turned is None else np.asarray(turned, dtype=float)
    size = np.ceil(np.abs(axes).T @ np.array(mm) / spacing).astype(int) + 1
    origin = axes @ (-(size - 1) * np.array(spacing) / 2)
    return Geometry.from_parts(tuple(int(n) for n in size[::-1]), spacing, origin.tolist(), axes)


def volume(geometry: Geometry, noise: float = 0.0, seed: int = 0) -> Image:
    """The body in air, in whole Hounsfield units."""
    values = in_air(places_of(geometry))
    values += noise * np.random.default_rng(seed).standard_normal(values.shape)
    return Image(np.rint(values).astype(np.int16), geometry, "case-1")


def segment(geometry: Geometry, center: Place = CENTER, scale: float = 1.0, name: str = "T1", **tags: str) -> Segment:
    away = (places_of(geometry) - np.array(center)) / (HALF_AXES * scale)
    return Segment(name, Image(((away**2).sum(axis=-1) <= 1).astype(np.uint8), geometry), tags)


def box_around(center: Place = CENTER, size: Place = (48.0, 36.0, 28.0), name: str = "B1") -> LabelledBox:
    return LabelledBox(name, Box(center, size))


def study(geometry: Geometry | None = None, marks: Sequence[Segment | LabelledBox] | None = None) -> Study:
    geometry = geometry or grid()
    return marked(Study("case-1", {ARTERIAL: volume(geometry)}), marks or [segment(geometry)])


def marked(one: Study, marks: Sequence[Segment | LabelledBox]) -> Study:
    """The study with other marks."""
    segments, _ = findings_of_segments([mark for mark in marks if isinstance(mark, Segment)], None)
    boxes = tuple(mark for mark in marks if isinstance(mark, LabelledBox))
    of_boxes, _ = findings_of_boxes(boxes, None)
    return replace(one, findings={TUMOUR: (*segments, *of_boxes)}, boxes={TUMOUR: boxes} if boxes else {})


def case(months: float = 8, event: int = 1, split: str = "train", name: str = "case-1") -> Case:
    values = {"follow_up_months": f"{months:g}", "event": str(event)}
    return Case(name, f"patient of {name}", split, values, Path(name))


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe among those of the registry: a model package is read by the recipe that it names."""
    there = {**registry.RECIPES, HEPATECTOMY.id: HEPATECTOMY}
    monkeypatch.setattr(registry, "RECIPES", MappingProxyType(there))


def model(
    folder: Path,
    *,
    members: int = 1,
    cutoff: float | None = 0.5,
    training: Mapping[str, Any] | None = None,
    weights: Sequence[Mapping[str, torch.Tensor]] = (),
    **options: Any,
) -> LoadedModel:
    """A small model, with random weights where none are given."""
    chosen, drawn = HEPATECTOMY.resolve({**TINY, **options}), []
    for seed in range(members):
        torch.manual_seed(seed)
        drawn.append({"": build(chosen).state_dict()})
    package = write_package(
        folder / "toy",
        [{"": one} for one in weights] or drawn,
        name="toy",
        recipe=HEPATECTOMY,
        options=chosen,
        input_spec={},
        training=dict(training or {}),
        software={},
        cutoffs={EARLY_RECURRENCE: CutOff(cutoff, "chosen before")} if cutoff is not None else {},
        default_cutoff=EARLY_RECURRENCE if cutoff is not None else "",
    )
    return load_model(package)


def write_toy_cohort(folder: Path, outcomes: Sequence[tuple[float, int]]) -> Path:
    """A case of each follow-up in months and event: the tumours of early recurrences are brighter."""
    rows = []
    for number, (months, event) in enumerate(outcomes):
        geometry, early = grid((3.0, 3.0, 5.0)), bool(event and months <= 24)
        drawn = segment(geometry, scale=0.9 + 0.02 * number)
        image = volume(geometry, noise=5.0, seed=number)
        time_point = folder / "cases" / f"case-{number}" / "pre"
        time_point.mkdir(parents=True)
        brighter = (image.array + 60 * early * drawn.mask.array).astype(np.int16)
        write_image(image.with_array(brighter, "toy"), time_point / "arterial.nrrd")
        write_segments([drawn], time_point / "tumour.seg.nrrd")
        rows.append({"case_id": f"case-{number}", "follow_up_months": f"{months:g}", "event": str(event)})
    write_cohort_table(folder, [{**row, "synthetic": "1"} for row in rows])
    return folder
