"""Patients of the ablation recipe: an abdomen at both time points, and a signal that is known everywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from registration_phantoms import SMALL, patient

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.cohort.finding_labels import findings_of_boxes, findings_of_segments
from HCCAssistLib.cohort.points import LabelledBox
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.package import write_package
from HCCAssistLib.recipes import registry
from HCCAssistLib.recipes.ablation.clinical import COLUMNS
from HCCAssistLib.recipes.ablation.network import build
from HCCAssistLib.recipes.ablation.recipe import ABLATION, FULLEST_FIRST, NETWORKS, PHASES, SIGNATURE, TUMOUR, ZONE
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.extra_trees import fit_extra_trees

Place = tuple[float, float, float]
Floats = npt.NDArray[np.float64]

OF_PHANTOM = {"unenhanced": "plain", "arterial": "arterial", "portal": "portal", "delayed": "delayed"}

CENTER: Place = tuple(float(at) for at in patient().lesions[2][0])  # type: ignore[assignment]
"""Of the largest lesion, which is the tumour; its radius is 15 mm."""

ZONE_HALF_AXES = np.array([22.0, 17.0, 13.0])
ZONE_SIGNAL = {"unenhanced": 160.0, "arterial": 120.0, "portal": 90.0, "delayed": 80.0}
"""Bright before contrast, and it takes up none."""

TINY = {"width": 0.1, "registration": "none"}

VALUES = {
    "tumour_size_mm": "30",
    "tumour_number": "1",
    "hbv": "1",
    "total_protein_g_per_l": "70",
    "afp_ng_per_ml": "12.5",
}


def places_of(geometry: Geometry) -> Floats:
    k, j, i = np.indices(geometry.shape)
    return geometry.to_world(np.stack([i, j, k], -1))


def ellipsoid(geometry: Geometry, center: Place, half_axes: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    away = (places_of(geometry) - np.array(center)) / np.asarray(half_axes)
    inside: npt.NDArray[np.bool_] = (away**2).sum(axis=-1) <= 1
    return inside


def segment(
    geometry: Geometry, center: Place = CENTER, half_axes: npt.ArrayLike = (15, 15, 15), name: str = "T1", **t: str
) -> Segment:
    return Segment(name, Image(ellipsoid(geometry, center, half_axes).astype(np.uint8), geometry), t)


@cache
def phase(time_point: str, name: str) -> Image:
    """Of the abdomen, as whole numbers; after the ablation the zone lies where the tumour was."""
    seed = PHASES.index(name) + (10 if time_point == "post" else 1)
    image = patient().image(OF_PHANTOM[name], SMALL, seed=seed)
    array = np.rint(image.array)
    if time_point == "post":
        array[ellipsoid(SMALL, CENTER, ZONE_HALF_AXES)] = ZONE_SIGNAL[name]
    return Image(array.astype(np.int16), SMALL, "case-1")


def study(*time_points: str, values: Mapping[str, str] = VALUES) -> Study:
    """Both time points where none is named, with a tumour, a zone and all clinical values."""
    wanted = time_points or ("pre", "post")
    volumes = {f"{time}/{name}": phase(time, name) for time in wanted for name in PHASES}
    masks = {ZONE: segment(SMALL, CENTER, ZONE_HALF_AXES).mask} if "post" in wanted else {}
    return marked(Study("case-1", volumes, masks=masks, values=dict(values)), [segment(SMALL)])


def marked(one: Study, marks: Sequence[Segment | LabelledBox]) -> Study:
    """The study with other marks of the tumour."""
    segments, _ = findings_of_segments([mark for mark in marks if isinstance(mark, Segment)], None)
    boxes = tuple(mark for mark in marks if isinstance(mark, LabelledBox))
    of_boxes, _ = findings_of_boxes(boxes, None)
    there = {key: drawn for key, drawn in one.boxes.items() if key != TUMOUR}
    return replace(
        one, findings={TUMOUR: (*segments, *of_boxes)}, boxes={**there, **({TUMOUR: boxes} if boxes else {})}
    )


def case(months: float = 8, event: int = 1, split: str = "train", name: str = "case-1", **values: str) -> Case:
    row = {"follow_up_months": f"{months:g}", "event": str(event), **VALUES, **values}
    return Case(name, f"patient of {name}", split, row, Path(name))


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe among those of the registry: a model package is read by the recipe that it names."""
    there = {**registry.RECIPES, ABLATION.id: ABLATION}
    monkeypatch.setattr(registry, "RECIPES", MappingProxyType(there))


def trees(*, signature: bool, missing: bool = False, seed: int = 0) -> Any:
    """Fitted on 40 invented patients, with or without values that are not known."""
    rng = np.random.default_rng(seed)
    columns = [rng.uniform(10, 50, 40), rng.integers(1, 4, 40), rng.integers(0, 2, 40), rng.normal(70, 5, 40)]
    table = np.column_stack([*columns, rng.lognormal(3, 1, 40), *([rng.random(40)] if signature else [])]).astype(float)
    if missing:
        table[::7] = np.where(rng.random(table[::7].shape) < 0.5, np.nan, table[::7])
        table[0, :5] = np.nan
    names = (*COLUMNS, SIGNATURE) if signature else COLUMNS
    events = (table[:, -1] > np.nanmedian(table[:, -1])).astype(int)
    return fit_extra_trees(table, events, names, trees=30, max_depth=4, seed=seed)


def model(
    folder: Path,
    *,
    members: int = 1,
    cutoffs: Mapping[str, float] = MappingProxyType(dict.fromkeys(FULLEST_FIRST, 0.5)),
    training: Mapping[str, Any] | None = None,
    forests: Mapping[str, Any] | None = None,
    signature_of: str = "prepost",
    weights: Sequence[Mapping[str, Mapping[str, torch.Tensor]]] = (),
    **options: Any,
) -> LoadedModel:
    """A small model of all four parts, with random weights where none are given."""
    chosen, drawn = ABLATION.resolve({**TINY, **options}), []
    for seed in range(members):
        torch.manual_seed(seed)
        drawn.append({name: build(chosen, name).state_dict() for name in NETWORKS})
    fitted = (
        forests if forests is not None else {"clinical": trees(signature=False), "dl_clinical": trees(signature=True)}
    )
    package = write_package(
        folder / "toy",
        [dict(one) for one in weights] or drawn,
        name="toy",
        recipe=ABLATION,
        options=chosen,
        input_spec={},
        training={"signature_of": signature_of if "dl_clinical" in fitted else "", **(training or {})},
        software={},
        cutoffs={name: CutOff(value, "chosen before") for name, value in cutoffs.items()},
        default_cutoff=next((name for name in FULLEST_FIRST if name in cutoffs), ""),
        extras={f"trees-{name}.safetensors": one.as_arrays() for name, one in fitted.items()},
    )
    return load_model(package)


# A signal that is known everywhere, in any storage

SLOPE = np.array([0.9, -0.5, 2.0])
"""Signal per mm along left, posterior and superior: what lies between voxels is known, and no mirror image is alike."""

MIDDLE: Place = (12.3, -7.2, 4.1)

TILTED = np.array([[0.87, -0.42, -0.26], [0.45, 0.89, 0.06], [0.21, -0.17, 0.96]])
OBLIQUE = np.linalg.qr(TILTED)[0] * np.sign(np.diag(np.linalg.qr(TILTED)[1]))
SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
"""Columns: i runs to the back, j downwards, k to the left."""


def grid(spacing: Place = (2.0, 2.0, 4.0), turned: npt.ArrayLike | None = None, mm: Place = (200, 190, 90)) -> Geometry:
    """A grid around the origin that holds a block of ``mm``; ``turned`` are its axes in LPS, as columns."""
    axes = np.eye(3) if turned is None else np.asarray(turned, dtype=float)
    size = np.ceil(np.abs(axes).T @ np.array(mm) / spacing).astype(int) + 1
    origin = axes @ (-(size - 1) * np.array(spacing) / 2)
    return Geometry.from_parts(tuple(int(n) for n in size[::-1]), spacing, origin.tolist(), axes)


STORAGES = {
    "as the network sees it": grid(),
    "flipped, pixels that are no squares": grid((1.8, 2.4, 5.0), np.diag((1.0, -1.0, -1.0))),
    "sagittal": grid((2.0, 3.0, 2.0), SAGITTAL),
    "oblique, left-handed": grid((2.0, 2.4, 3.0), OBLIQUE * (1, -1, 1)),
}


def signal(places: Floats) -> Floats:
    values: Floats = 400 + (places - np.array(MIDDLE)) @ SLOPE
    return values


def ramp(geometry: Geometry, factor: float = 1.0) -> Image:
    return Image((signal(places_of(geometry)) * factor).astype(np.float32), geometry, "case-1")


def write_toy_cohort(folder: Path, outcomes: Sequence[tuple[float, int]], *, post: Sequence[int] = ()) -> Path:
    """A case of each follow-up in months and event; early recurrences are brighter in the arterial phase.

    Args:
        folder: of the cohort.
        outcomes: months and event.
        post: numbers of the cases that have MR after the ablation; all where empty.
    """
    rows, geometry = [], grid((5.0, 5.0, 6.0))
    drawn = [segment(geometry, (4.0, -3.0, 2.0), (18, 14, 15), name) for name in ("tumour", "ablation")]
    body = (places_of(geometry)[..., 0] / 95) ** 2 + (places_of(geometry)[..., 1] / 85) ** 2 < 1
    for number, (months, event) in enumerate(outcomes):
        early, rng = bool(event and months <= 24), np.random.default_rng(number)
        for time_point, mark in zip(("pre", "post"), drawn, strict=True):
            if time_point == "post" and post and number not in post:
                continue
            place = folder / "cases" / f"case-{number}" / time_point
            place.mkdir(parents=True)
            for name in PHASES:
                voxels = 150 + 60 * mark.mask.array * (early and name == "arterial") + rng.normal(0, 12, geometry.shape)
                image = Image(
                    np.rint(np.where(body, voxels, abs(rng.normal(0, 4, geometry.shape)))).astype(np.int16), geometry
                )
                write_image(image, place / f"{name}.nrrd")
            write_segments([mark], place / f"{mark.name}.seg.nrrd")
        row = {
            **VALUES,
            "tumour_size_mm": f"{20 + 15 * early + rng.integers(0, 12)}",
            "afp_ng_per_ml": f"{rng.integers(2, 90)}",
        }
        row |= {"total_protein_g_per_l": f"{rng.integers(60, 80)}", "hbv": f"{number % 2}" if number != 1 else ""}
        rows.append({"case_id": f"case-{number}", "follow_up_months": f"{months:g}", "event": str(event), **row})
    write_cohort_table(folder, [{**row, "synthetic": "1"} for row in rows])
    return folder
