"""What this recipe asks of a case whose files can be read: phases that belong together, masses that lie in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.hounsfield import hounsfield_objection
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.liver_mass.alignment import WARN_MM, box_around, shift_between
from HCCAssistLib.recipes.liver_mass.masses import Mass, field_of_view, masses_of
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, TIME_POINT, phases_of
from HCCAssistLib.recipes.liver_mass.sections import cut, mean_hu, outside_share
from HCCAssistLib.recipes.options import Value

NO_HU = "the voxels are not Hounsfield units"
AIR_HU = -300
APART = "are the phases of one examination, and was the mark placed on one of them?"
MOST_OUTSIDE = 0.02
"""Share of a frame that a volume may lack without a word."""

Volumes = Mapping[str, Image]
"""By phase, in the order of the network's channels."""


def problems(case: CaseContents, options: Mapping[str, Value] | None = None) -> Iterator[Problem]:
    """Why pictures cannot be taken from a case, and what is doubtful about them; nothing where its files have faults.

    Args:
        case: as read.
        options: of the recipe; its defaults where None is given.
    """
    chosen = options or LIVER_MASS.resolve({})
    places = {phase: f"{TIME_POINT}/{phase}" for phase in phases_of(chosen)}
    if any(place not in case.volumes for place in places.values()):
        return
    if any(problem.level == "STOP" for problem in case.problems):
        return
    volumes = {phase: case.volumes[place] for phase, place in places.items()}
    try:
        masses = masses_of(case, chosen)
    except InputError as error:
        yield from error.problems
        return
    for problem in volume_problems(volumes, masses):
        yield replace(problem, level="STOP") if problem.what.startswith(NO_HU) else problem
    yield from mass_problems(volumes, masses, chosen)


def volume_problems(volumes: Volumes, masses: Sequence[Mass]) -> Iterator[Problem]:
    """Volumes that are no CT, phases that are one and the same, or that do not lie on each other around the masses."""
    odd = {phase: objection for phase, volume in volumes.items() if (objection := hounsfield_objection(volume))}
    for phase, objection in odd.items():
        remedy = "give the CT with its stored values, not windowed or normalised, and no MR"
        yield Problem("WARN", f"{NO_HU}: {objection}", f"{TIME_POINT}/{phase}", remedy)
    same = [pair for pair in combinations(volumes, 2) if _same(*(volumes[phase] for phase in pair))]
    for one, other in same:
        what = f"the {one} and the {other} phase are the same images"
        yield Problem("STOP", what, f"{TIME_POINT}/{other}", "give the series of that phase")
    if not same:
        yield from _shifts({phase: volume for phase, volume in volumes.items() if phase not in odd}, masses)


def _shifts(volumes: Volumes, masses: Sequence[Mass]) -> Iterator[Problem]:
    inside = [m.center for m in masses if all(volume.geometry.contains(m.center) for volume in volumes.values())]
    if len(volumes) < 2 or not inside:
        return
    (first, fixed), *others = volumes.items()
    box = box_around(inside)
    for phase, moving in others:
        shift = shift_between(fixed, moving, box)
        if shift is None:
            what = f"whether the {phase} phase lies on the {first} phase around the masses cannot be told"
            yield Problem("WARN", what, f"{TIME_POINT}/{phase}", "compare them side by side before you rely on it")
        elif (away := float(np.linalg.norm(shift))) > WARN_MM:
            x, y, z = shift
            what = (
                f"the {phase} phase lies {away:.0f} mm from the {first} phase around the masses ({x:+.0f} mm to the "
                f"left, {y:+.0f} mm to the back, {z:+.0f} mm upwards): the frames show different parts of the liver"
            )
            remedy = "register the phases first; are they of one patient and one examination?"
            yield Problem("WARN", what, f"{TIME_POINT}/{phase}", remedy)


def mass_problems(volumes: Volumes, masses: Sequence[Mass], options: Mapping[str, Value]) -> Iterator[Problem]:
    """Masses outside a phase or in air, and frames that leave a volume or do not hold their mass."""
    strange = [p for p, volume in volumes.items() if not any(volume.geometry.contains(m.center) for m in masses)]
    for phase in strange:
        what = f"the {phase} phase holds none of the masses ({len(masses)})"
        yield Problem("STOP", what, f"{TIME_POINT}/{phase}", APART)
    others = {phase: volume for phase, volume in volumes.items() if phase not in strange}
    for mass in masses:
        where = f"mass {mass.label!r}"
        out = [phase for phase, volume in others.items() if not volume.geometry.contains(mass.center)]
        airy = {p: hu for p, v in others.items() if p not in out and (hu := _hu(v, mass)) < AIR_HU}
        side = field_of_view(mass.diameter_mm, options)
        lacks = {p: outside_share(v.geometry, mass.center, side) for p, v in others.items() if p not in {*out, *airy}}
        most = max(lacks, key=lacks.__getitem__, default="")
        if out:
            yield Problem("STOP", f"it lies outside the {_phases(out)}", where, APART)
        if airy:
            what = f"it lies in air or lung in the {_phases(airy)}: mean {min(airy.values()):.0f} HU"
            yield Problem("STOP", what, where, "place the mark in the mass")
        if most and lacks[most] > MOST_OUTSIDE:
            odd = [phase for phase, share in lacks.items() if share > MOST_OUTSIDE]
            what = f"{lacks[most]:.0%} of its frame lies outside the {_phases(odd)} and is seen as black"
            yield Problem("WARN", what, where, "prefer a series that shows all around the mass")
        if mass.diameter_mm > side:
            what = f"its {mass.diameter_mm:.0f} mm are more than its frame of {side:.0f} mm"
            yield Problem("WARN", what, where, "read the result as one of the middle of the mass")


def _phases(names: Iterable[str]) -> str:
    """``delayed phase``, ``arterial and delayed phases``."""
    *first, last = names
    return f"{', '.join(first)} and {last} phases" if first else f"{last} phase"


def _hu(volume: Image, mass: Mass) -> float:
    width = min(mass.diameter_mm, 10.0)
    return mean_hu(cut(volume, mass.center, 2 * width, 8), mass.center, width)


def _same(one: Image, other: Image) -> bool:
    return one.geometry.matches(other.geometry) and np.array_equal(one.array, other.array)
