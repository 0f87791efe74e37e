"""A body with masses that are known everywhere: sampled on any grid, in three phases, and a small cohort of such."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.cohort.finding_labels import findings_of_points
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.package import write_package
from HCCAssistLib.recipes.liver_mass.network import build
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, MASSES, PHASES

HU = {
    "A": (45, 140, 60),
    "B": (40, 75, 85),
    "C": (45, 110, 95),
    "D": (40, 90, 130),
    "E": (0, 0, 0),
}
"""Of each category in the three phases; the liver around has 60, 70 and 95."""

LIVER = (60, 70, 95)
BALL, DOT = 12.0, 5.0
"""Radii in mm of a mass, and of the dark dot in its left front part, which makes it like none of its mirror images."""

DOT_AT = np.array([8.0, -16.0, 0.0])
"""From the centre of a mass, LPS mm: outside the ball."""

Masses = Sequence[tuple[tuple[float, float, float], str]]
ONE: Masses = (((12.0, -7.0, 4.0), "A"),)


def hounsfield(places: npt.NDArray[np.float64], phase: int, masses: Masses) -> npt.NDArray[np.float64]:
    """The body at places ``(..., 3)``, LPS mm: an ellipse of 150 x 110 mm in air."""
    values = np.where((places[..., 0] / 75) ** 2 + (places[..., 1] / 55) ** 2 < 1, float(LIVER[phase]), -1000.0)
    for center, code in masses:
        away = np.linalg.norm(places - np.array(center), axis=-1)
        values += (HU[code][phase] - LIVER[phase]) * np.clip((BALL - away) / 2 + 0.5, 0, 1)
        away = np.linalg.norm((places - np.array(center) - DOT_AT)[..., :2], axis=-1)
        values += -60 * np.clip((DOT - away) / 2 + 0.5, 0, 1)
    return values


def volume(geometry: Geometry, phase: int, masses: Masses = ONE, noise: float = 0.0, seed: int = 0) -> Image:
    k, j, i = np.indices(geometry.shape)
    values = hounsfield(geometry.to_world(np.stack([i, j, k], -1)), phase, masses)
    values += noise * np.random.default_rng([seed, phase]).standard_normal(values.shape)
    return Image(np.rint(values).astype(np.int16), geometry, "case-1")


def grid(spacing: tuple[float, float, float] = (1.5, 1.5, 5.0), turned: npt.ArrayLike | None = None) -> Geometry:
    """A grid around the origin that holds the body; ``turned`` are its axes in LPS, as columns."""
    axes = np.eye(3) if turned is None else np.asarray(turned, dtype=float)
    need = np.abs(axes).T @ np.array([170.0, 130.0, 60.0])
    size = np.ceil(need / spacing).astype(int) + 1
    origin = axes @ (-(size - 1) * np.array(spacing) / 2)
    return Geometry.from_parts(tuple(int(n) for n in size[::-1]), spacing, origin.tolist(), axes)


def points(masses: Masses = ONE, diameter: str = "24 mm") -> PointList:
    listed = (
        Point(f"M{n}", center, ", ".join(filter(None, (code, diameter)))) for n, (center, code) in enumerate(masses, 1)
    )
    return PointList("masses", tuple(listed))


def study(grids: Sequence[Geometry] | None = None, masses: Masses = ONE, **more: Any) -> Study:
    """Three phases on straight grids, or on those given, with points that say category and size."""
    grids = grids or [grid((1.5, 1.5, 5.0)), grid((1.2, 1.2, 3.0)), grid((1.2, 1.2, 3.0))]
    volumes = {f"baseline/{name}": volume(grids[n], n, masses) for n, name in enumerate(PHASES)}
    return marked(Study("case-1", volumes, **more), points(masses))


def marked(one: Study, listed: PointList) -> Study:
    """The study with other points."""
    from dataclasses import replace

    findings, problems = findings_of_points(listed, LIVER_MASS.label)  # type: ignore[arg-type]
    assert not problems
    return replace(one, points={MASSES: listed}, findings={MASSES: findings})


def model(folder: Path, *, members: int = 1, training: Mapping[str, Any] | None = None, **options: Any) -> LoadedModel:
    """A small model with random weights."""
    chosen = LIVER_MASS.resolve({"width": 0.1, **options})
    weights = []
    for seed in range(members):
        torch.manual_seed(seed)
        weights.append({"": build(chosen).state_dict()})
    package = write_package(
        folder / "toy",
        weights,
        name="toy",
        recipe=LIVER_MASS,
        options=chosen,
        cutoffs={},
        default_cutoff="",
        input_spec={},
        training=dict(training or {}),
        software={},
    )
    return load_model(package)


PLACES = ((-45.0, 0.0, 5.0), (-15.0, -15.0, -5.0), (20.0, -10.0, 5.0), (45.0, 5.0, -5.0), (0.0, 22.0, 0.0))


def write_toy_cohort(folder: Path, splits: Sequence[str]) -> Path:
    """A mass of each category in each case, at places that change from case to case."""
    rows = []
    for number, split in enumerate(splits):
        codes = np.roll(list(HU), number)
        masses = tuple((place, str(code)) for place, code in zip(PLACES, codes, strict=True))
        time_point = folder / "cases" / f"case-{number}" / "baseline"
        time_point.mkdir(parents=True)
        for phase, name in enumerate(PHASES):
            image = volume(grid((2.0, 2.0, 5.0)), phase, masses, noise=8.0, seed=number)
            write_image(image, time_point / f"{name}.nrrd")
        write_points(points(masses), time_point / "masses.mrk.json")
        rows.append({"case_id": f"case-{number}", "split": split, "synthetic": "1"})
    write_cohort_table(folder, rows)
    return folder
