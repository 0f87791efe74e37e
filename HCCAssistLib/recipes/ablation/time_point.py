"""A time point as the network sees it: four phases, each with three slices, laid on the delayed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ablation.intensity import scale_of
from HCCAssistLib.recipes.ablation.recipe import FIXED, MARGIN, PHASES
from HCCAssistLib.recipes.ablation.regions import Region, region_of
from HCCAssistLib.recipes.ablation.registering import Registrations, registrations_of
from HCCAssistLib.recipes.ablation.sections import STORED, Sections, sections_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.registration.moving import moved
from HCCAssistLib.registration.registration import Registration

LEAST_HELD, WELL_HELD = 0.5, 0.85
"""Share of what the network sees that a phase must hold, and below which a reader is told."""


@dataclass(frozen=True, eq=False, slots=True)
class TimePoint:
    """What is seen of a time point.

    Attributes:
        name: ``"pre"`` or ``"post"``.
        pictures: 16-bit floats ``(4, 3, 168, 168)``, 0..1, by phase and slice: 20 pixels more on each side than the
            network sees. Slices run to superior, rows to posterior, columns to the patient's left.
        region: that it is taken around.
        sections: where its slices lie.
        registrations: of each phase but the delayed one.
        problems: what is doubtful.
    """

    name: str
    pictures: npt.NDArray[np.float16]
    region: Region
    sections: Sections
    registrations: Registrations
    problems: tuple[Problem, ...]


def time_point_of(study: Study, name: str, options: Mapping[str, Value]) -> TimePoint:
    """The slices around the region of a time point, its phases registered to the delayed one.

    Args:
        study: with the four phases of the time point and its region.
        name: ``"pre"`` or ``"post"``.
        options: of the recipe.

    Raises:
        InputError: no region, a registration that failed, or a phase that shows too little around it.
    """
    region = region_of(study, name)
    sections = sections_of(region, study.volumes[f"{name}/{FIXED}"].geometry)
    registrations, doubts = registrations_of(study, name, sections.center, options)
    volumes = {phase: study.volumes[f"{name}/{phase}"] for phase in PHASES}
    held = [
        problem
        for phase, volume in volumes.items()
        for problem in _held(volume, registrations.get(phase), sections.grid(), f"{name}/{phase}")
    ]
    if stops := [problem for problem in held if problem.level == "STOP"]:
        raise InputError(stops)
    return TimePoint(
        name=name,
        pictures=pictures_of(volumes, registrations, sections, str(options["intensity"])),
        region=region,
        sections=sections,
        registrations=registrations,
        problems=(*region.problems(), *sections.problems(region.where), *doubts, *held),
    )


def pictures_of(
    volumes: Mapping[str, Image], registrations: Mapping[str, Registration], sections: Sections, intensity: str
) -> npt.NDArray[np.float16]:
    """``TimePoint.pictures`` of the volumes of a time point by phase."""
    grid = sections.grid(STORED)
    found = np.empty((len(PHASES), len(sections.slices), STORED, STORED), dtype=np.float16)
    for number, phase in enumerate(PHASES):
        volume = volumes[phase]
        try:
            scale = scale_of(volume, intensity)
        except InputError as error:
            raise InputError(replace(problem, where=phase) for problem in error.problems) from error
        darkest = float(volume.array.min())
        one = moved(_as_float(volume), registrations.get(phase, _STILL), grid, fill_value=darkest)
        found[number] = scale(one.array)[sections.rows]
    return found


def center_crop(pictures: npt.NDArray[np.float16]) -> npt.NDArray[np.float16]:
    """What the network sees, ``(..., 128, 128)``, of pictures with a margin."""
    return pictures[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


_STILL = Registration(np.eye(4), "rigid")


def _as_float(volume: Image) -> Image:
    """Signal between whole numbers is not rounded."""
    return volume if volume.array.dtype == np.float32 else volume.with_array(volume.array.astype(np.float32), "float")


def _held(volume: Image, registration: Registration | None, grid: Geometry, where: str) -> list[Problem]:
    """What of the slices lies outside a phase."""
    k, j, i = np.indices(grid.shape)
    places = grid.to_world(np.stack([i, j, k], axis=-1)[:, ::8, ::8]).reshape(-1, 3)
    if registration is not None:
        places = registration.to_moving(places)
    share = float(volume.geometry.contains(places).mean())
    if share >= WELL_HELD:
        return []
    what, remedy = f"it holds {share:.0%} of the square around the region", "give the whole series, uncropped"
    if registration is not None:
        what += " that is seen in the delayed phase"
        remedy = "is its field of view another one? give the phases of one examination, uncropped"
    return [Problem("STOP" if share < LEAST_HELD else "WARN", what, where, remedy)]
