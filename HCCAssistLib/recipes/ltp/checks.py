"""What this recipe asks of a case to train on, beyond files that can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.hounsfield import hounsfield_objection
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.imaging.working_grid import working_image
from HCCAssistLib.recipes.ltp.recipe import LTP, NEGATIVES_PER_PATIENT, SPACING_MM, TIME_POINT
from HCCAssistLib.recipes.ltp.sampling import marked, negative_starts, voxel_of
from HCCAssistLib.recipes.options import Value


def problems(case: CaseContents, options: Mapping[str, Value] | None = None) -> Iterator[Problem]:
    """Why patches cannot be taken from a case; nothing where they can, or where its files have faults already.

    Args:
        case: as read.
        options: of the recipe; its defaults where None is given.
    """
    where, chosen = f"{TIME_POINT}/arterial", options or LTP.resolve({})
    image = case.volumes.get(where)
    if image is None or any(problem.level == "STOP" for problem in case.problems):
        return
    if objection := hounsfield_objection(image):
        what = f"the voxels are not Hounsfield units: {objection}"
        yield Problem("STOP", what, where, "export the CT again with its stored values, not windowed or normalised")
        return
    rough, _ = working_image(image, SPACING_MM, fill_value=AIR_HU, rough=True)
    try:
        negative_starts(
            rough,
            [voxel_of(rough, point) for name in ("ltp", "ignored") for point in marked(case, name)],
            np.random.default_rng(0),
            count=NEGATIVES_PER_PATIENT,
            radius=float(chosen["radius"]),
            unit=str(chosen["radius_unit"]),
            in_body=chosen["negatives"] == "body",
        )
    except InputError as error:
        yield from (replace(problem, where=where) for problem in error.problems)
