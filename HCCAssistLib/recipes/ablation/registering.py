"""The phases of a time point laid on the delayed one, and what a reader must know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ablation.recipe import FIXED, LIVER, PHASES
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.registration.deformable import register_deformable
from HCCAssistLib.registration.quality import agreement
from HCCAssistLib.registration.region import prepare_fixed, prepare_moving
from HCCAssistLib.registration.registration import Quality, Registration
from HCCAssistLib.registration.rigid import FEWEST_EDGES, FEWEST_NORMALIZED, register_phases, register_rigid, why_not
from HCCAssistLib.registration.threads import one_thread

AROUND_MM = 50.0
"""Where the liver is not segmented, the phases are registered by what lies so near to the region."""

MOVED_MM = 20.0
"""A larger shift between two phases is told: a breath moves the liver by less as a rule."""

SAME_MM = 2.0
"""A shift that is found and not used, since the phases fit as well without it, is told from here on."""

Registrations = dict[str, Registration]


def registrations_of(
    study: Study, time_point: str, center: tuple[float, float, float], options: Mapping[str, Value]
) -> tuple[Registrations, tuple[Problem, ...]]:
    """How the phases of a time point lie on its delayed one: by computation, or as a person gives it.

    Only the liver, or what lies around the region where it is not segmented, is looked at. A transform that a person
    gives (``study.transforms``) counts instead of a computed one.

    Args:
        study: with the four phases.
        time_point: ``"pre"`` or ``"post"``.
        center: of the region, LPS mm.
        options: of the recipe; ``registration`` is rigid, deformable or none.

    Returns:
        By phase, without the delayed one; and what is doubtful.

    Raises:
        InputError: a registration failed and no person gives a transform; each such phase is listed.
    """
    fixed = _named(study, time_point, FIXED)
    given = {name: study.transforms.get(f"{time_point}/{name}") for name in PHASES if name != FIXED}
    found = {name: _by_person(matrix, f"{time_point}/{name}") for name, matrix in given.items() if matrix is not None}
    moving = {name: _named(study, time_point, name) for name in given if name not in found}
    problems = [
        Problem("WARN", f"{note}, and was not computed", f"{time_point}/{name}", "check it in the linked views")
        for name, one in found.items()
        for note in one.notes[:1]
    ]
    if moving and options["registration"] == "none":
        problems += _unregistered(fixed, moving, _mask(study, time_point, center), time_point)
        found |= {name: Registration(np.eye(4), "rigid", notes=("not registered",)) for name in moving}
    elif moving:
        of_each = _computed(fixed, moving, _mask(study, time_point, center), str(options["registration"]))
        judged = {name: _judged(one, f"{time_point}/{name}") for name, one in of_each.items()}
        if stops := [p for _, doubts in judged.values() for p in doubts if p.level == "STOP"]:
            raise InputError(stops)
        problems += [problem for _, doubts in judged.values() for problem in doubts]
        problems += _without_liver(study, time_point)
        found |= {name: one for name, (one, _) in judged.items()}
    return {name: found[name] for name in given}, tuple(problems)


def _named(study: Study, time_point: str, phase: str) -> Image:
    """A volume that says what it is in the sentences of a registration."""
    place = f"{time_point}/{phase}"
    return replace(study.volumes[place], name=place)


def _by_person(matrix: FloatArray, where: str) -> Registration:
    try:
        return Registration.by_person(matrix)
    except InputError as error:
        raise InputError(replace(problem, where=f"transform of {where}") for problem in error.problems) from error


def _computed(fixed: Image, moving: Mapping[str, Image], mask: Image, kind: str) -> Registrations:
    if kind == "rigid":
        return register_phases(fixed, moving, mask)
    found = {}
    for name, image in moving.items():
        one = register_deformable(fixed, image, mask)
        if one.failure and one.source == "deformable":
            rigid = register_rigid(fixed, image, mask)
            one = replace(rigid, notes=(*rigid.notes, one.failure))
        found[name] = one
    return found


def _judged(one: Registration, where: str) -> tuple[Registration, list[Problem]]:
    """The registration that is used, and what is doubtful about it; a STOP where it must not be used."""
    if one.failure and one.quality is not None and _fits_as_it_is(one.quality):
        still = Registration(np.eye(4), "rigid", quality=one.quality, notes=(*one.notes, one.failure))
        if one.quality.shift_mm < SAME_MM:
            return still, []
        what = f"it was not moved, since it fits the delayed phase as it is: {one.failure}"
        return still, [Problem("WARN", what, where, "check it in the linked views")]
    if one.failure:
        what = f"it could not be registered to the delayed phase: {one.failure}"
        remedy = f"a transform node in the panel, or {where.split('/')[-1]}.tfm beside the volume, counts instead"
        return one, [Problem("STOP", what, where, remedy, leaves_out="registration")]
    doubts = []
    if one.quality is not None and one.quality.shift_mm > MOVED_MM:
        moved = f"what it shows lies {one.quality.shift_mm:.0f} mm from where the delayed phase shows it"
        figure = f"agreement of edges after the registration {one.quality.edges_after:.2f}"
        doubts.append(Problem("WARN", f"{moved}; {figure}", where, "check it in the linked views"))
    if one.source == "rigid" and any("deformation" in note for note in one.notes):
        doubts.append(Problem("WARN", f"it was registered rigidly: {one.notes[-1]}", where))
    return one, doubts


def _fits_as_it_is(quality: Quality) -> bool:
    """Whether nothing speaks against an outcome but that the images fitted as well before."""
    if quality.normalized_before < FEWEST_NORMALIZED or quality.edges_before < FEWEST_EDGES:
        return False
    return not why_not(replace(quality, information_before=quality.information_after, edges_before=quality.edges_after))


def _without_liver(study: Study, time_point: str) -> Iterator[Problem]:
    place = f"{time_point}/{LIVER}"
    if place not in study.masks:
        what = (
            f"the liver is not segmented, so the phases were registered by all that lies within {AROUND_MM:g} mm of "
            "the region; near the wall, along which the liver slides, that may be some millimetres off"
        )
        yield Problem("WARN", what, place, "segment the liver in the delayed phase")


def _unregistered(fixed: Image, moving: Mapping[str, Image], mask: Image, time_point: str) -> Iterator[Problem]:
    """Phases that were to stay as they are and do not fit the delayed one there."""
    with one_thread():
        try:
            ready = prepare_fixed(fixed, mask)
        except InputError as error:
            what = f"whether its phases lie on each other cannot be told: {error.problems[0].what}"
            yield Problem("WARN", what, time_point, "look at them in linked views")
            return
        for name, image in moving.items():
            source = prepare_moving(image, ready)
            if source is None:  # what is seen of it is judged elsewhere
                continue
            information, edges = agreement(ready, source, sitk.Transform(3, sitk.sitkIdentity))
            if information < FEWEST_NORMALIZED or edges < FEWEST_EDGES:
                what = (
                    f"it does not lie on the delayed phase, and was not registered: agreement of edges {edges:.2f} "
                    f"(expected {FEWEST_EDGES:g}), normalised mutual information {information:.3f} "
                    f"(expected {FEWEST_NORMALIZED:g})"
                )
                yield Problem("WARN", what, f"{time_point}/{name}", "use a model that registers, or give a transform")


def _mask(study: Study, time_point: str, center: tuple[float, float, float]) -> Image:
    """The liver, or a ball around the region, on the part of the delayed grid that holds it."""
    liver = study.masks.get(f"{time_point}/{LIVER}")
    if liver is not None:
        return replace(liver, name=f"{time_point}/{LIVER}")
    grid = study.volumes[f"{time_point}/{FIXED}"].geometry
    around = _box_of(grid, center)
    k, j, i = np.indices(around.shape)
    away = np.linalg.norm(around.to_world(np.stack([i, j, k], axis=-1)) - np.array(center), axis=-1)
    ball = Image((away <= AROUND_MM).astype(np.uint8), around, "around the region")
    start = np.rint(grid.to_index(around.origin)).astype(int)
    return replace(crop(ball, (-start).tolist(), grid.shape, fill_value=0), geometry=grid)


def _box_of(grid: Geometry, center: tuple[float, float, float]) -> Geometry:
    """The voxels of a grid within reach of a place."""
    reach = np.ceil(AROUND_MM / grid.spacing)
    index = grid.to_index(center)
    first = np.clip(np.floor(index - reach), 0, grid.size_ijk - 1).astype(int)
    end = np.clip(np.ceil(index + reach) + 1, first + 1, grid.size_ijk).astype(int)
    return grid.crop(first.tolist(), (end - first)[::-1].tolist())
