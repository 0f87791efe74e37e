"""What this recipe asks of a case whose files can be read: four MR phases of a time point, and a region in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.fingerprints import fingerprint, same_scan
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.hounsfield import hounsfield_objection
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ablation.enhancement import swapped_by_contrast
from HCCAssistLib.recipes.ablation.recipe import ABLATION, FIXED, PHASES, POST, PRE, TIME_POINTS, ZONE
from HCCAssistLib.recipes.ablation.regions import region_of
from HCCAssistLib.recipes.ablation.registering import registrations_of
from HCCAssistLib.recipes.ablation.sections import sections_of
from HCCAssistLib.recipes.options import Value

OF_CT = 0.005
"""Share of voxels below -50, where air and fat are in a CT, from which on a volume is one."""

DAY = 8
"""Digits of a day in ``Image.acquired``."""


def problems(case: CaseContents, options: Mapping[str, Value] | None = None) -> Iterator[Problem]:
    """Why a case cannot be used, and what is doubtful about it; nothing where its files have faults.

    Registrations are computed when the case is sampled, and told by ``registration_problems`` before.

    Args:
        case: as read.
        options: of the recipe; its defaults where None is given.
    """
    if not case.volumes or any(problem.level == "STOP" for problem in case.problems):
        return
    chosen = options or ABLATION.resolve({})
    found = list(study_problems(case, chosen))
    yield from found
    if any(problem.level == "STOP" for problem in found):
        return
    for time_point in time_points_of(case):
        region = region_of(case, time_point)
        sections = sections_of(region, case.volumes[f"{time_point}/{FIXED}"].geometry)
        yield from (*region.problems(), *sections.problems(region.where))


def registration_problems(study: Study, options: Mapping[str, Value]) -> tuple[Problem, ...]:
    """What a training finds of the registrations of a case that can be used otherwise: ``hccassist check`` tells it.

    Args:
        study: at least the phases and the region of one time point.
        options: of the recipe.
    """
    found: list[Problem] = []
    for time_point in time_points_of(study):
        center = sections_of(region_of(study, time_point), study.volumes[f"{time_point}/{FIXED}"].geometry).center
        try:
            found += registrations_of(study, time_point, center, options)[1]
        except InputError as error:
            found += error.problems
    return tuple(found)


def time_points_of(study: Study | CaseContents) -> tuple[str, ...]:
    """The time points that have a volume."""
    return tuple(one for one in TIME_POINTS if any(f"{one}/{phase}" in study.volumes for phase in PHASES))


def study_problems(study: Study | CaseContents, options: Mapping[str, Value]) -> Iterator[Problem]:
    """What is wrong with volumes and regions before any phase is registered; each cause once."""
    found = [*_missing(study), *_kinds(study.volumes), *_same(study.volumes)]
    if not found:
        found = list(_order(study.volumes)) or list(_regions(study))
    yield from found
    if not any(problem.level == "STOP" for problem in found):
        if POST in time_points_of(study):
            yield from swapped_by_contrast(study, str(options["intensity"]))
        elif ZONE in study.masks or ZONE in study.boxes:
            what = "an ablation zone is marked, but there is no volume after the ablation, so it does not count"
            yield Problem("WARN", what, ZONE, "give the four phases after the ablation")


def _missing(study: Study | CaseContents) -> Iterator[Problem]:
    """Phases of a time point that has begun; what is before the ablation is needed in any case."""
    for time_point in dict.fromkeys((PRE, *time_points_of(study))):
        lacking = [phase for phase in PHASES if f"{time_point}/{phase}" not in study.volumes]
        if len(lacking) == len(PHASES):
            what = "there is no volume from before the ablation"
            yield Problem("STOP", what, time_point, f"give the phases {', '.join(PHASES)}")
        elif lacking:
            several = len(lacking) > 1
            what = f"the {' and the '.join(lacking)} {'phases are' if several else 'phase is'} missing"
            also = ", or none of this time point" if time_point == POST else ""
            yield Problem("STOP", what, time_point, f"give all four phases ({', '.join(PHASES)}){also}")


def _kinds(volumes: Mapping[str, Image]) -> Iterator[Problem]:
    """Volumes that are no MR, or hold nothing."""
    for name, volume in volumes.items():
        if not hounsfield_objection(volume) and float(np.mean(volume.array < -50)) > OF_CT:
            what = "the voxels are Hounsfield units: this is a CT, and the method is for T1-weighted MR"
            yield Problem("STOP", what, name, "give the MR")
        elif volume.array.min() == volume.array.max():
            yield Problem("STOP", "all voxels have the same value", name, "give an image of the patient")


def _same(volumes: Mapping[str, Image]) -> Iterator[Problem]:
    """One series that is given twice, however it is stored."""
    told: set[str] = set()
    seen = {name: (volume.digest(), fingerprint(volume)) for name, volume in volumes.items()}
    for (one, (sha, prints)), (other, (other_sha, other_prints)) in combinations(seen.items(), 2):
        if other not in told and (sha == other_sha or same_scan(prints, other_prints)):
            told.add(other)
            yield Problem("STOP", f"it is the same series as {one}", other, "give each phase and time point its own")


def _order(volumes: Mapping[str, Image]) -> Iterator[Problem]:
    """Scans that were not made in the order that their names tell, as far as headers hold day and time."""
    days = {
        one: {volume.acquired[:DAY] for name, volume in volumes.items() if name.startswith(f"{one}/")} - {""}
        for one in TIME_POINTS
    }
    for time_point, found in days.items():
        if len(found) > 1:
            what = "its phases were acquired on different days"
            yield Problem("STOP", what, time_point, "give the four phases of one examination")
    if days[PRE] and days[POST] and max(map(len, days.values())) == 1:
        before, after = days[PRE].pop(), days[POST].pop()
        if before > after:
            what = "what is given as before the ablation was acquired after what is given as after it"
            yield Problem("STOP", what, f"{PRE} and {POST}", "exchange the two time points")
        elif before == after:
            what = "both time points were acquired on the same day"
            yield Problem("WARN", what, f"{PRE} and {POST}", "the method is for MR about a month after the ablation")
    for time_point in TIME_POINTS:
        times = [volumes[name].acquired for phase in PHASES if (name := f"{time_point}/{phase}") in volumes]
        if all(len(one) > DAY for one in times) and times != sorted(times):
            what = f"its phases were not acquired in the order {', '.join(PHASES)}"
            yield Problem("WARN", what, time_point, "is each series what it is given as?")


def _regions(study: Study | CaseContents) -> Iterator[Problem]:
    for time_point in time_points_of(study):
        try:
            region_of(study, time_point)
        except InputError as error:
            yield from error.problems
