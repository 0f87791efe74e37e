"""What the networks saw of a patient, made again from the result: each phase of each time point in its middle slice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.seen_picture import SeenPicture
from HCCAssistLib.recipes.ablation.recipe import FIXED, PHASES, REGIONS, SIZE, SLICES, TIME_POINTS
from HCCAssistLib.recipes.ablation.sections import sections_of_box
from HCCAssistLib.recipes.ablation.time_point import center_crop, pictures_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.results.risk import RiskResult

MIDDLE = SLICES // 2


def seen(result: RiskResult, volumes: Mapping[str, Image], options: Mapping[str, Value]) -> tuple[SeenPicture, ...]:
    """The pictures, by time point and phase; the other two slices are not shown.

    Args:
        result: of this recipe.
        volumes: the volumes of its run.
        options: of its run.
    """
    found = []
    for time_point in (name for name in TIME_POINTS if REGIONS[name] in result.boxes):
        fixed = volumes[f"{time_point}/{FIXED}"].geometry
        sections = sections_of_box(result.boxes[REGIONS[time_point]], fixed)
        registrations = {
            phase: Registration.from_json(result.registrations[f"{time_point}/{phase}"])
            for phase in PHASES
            if phase != FIXED
        }
        grid = sections.grid().crop((0, 0, sections.rows[MIDDLE]), (1, SIZE, SIZE))
        of_phase = {phase: volumes[f"{time_point}/{phase}"] for phase in PHASES}
        pictures = center_crop(pictures_of(of_phase, registrations, sections, str(options["intensity"])))
        for phase, picture in zip(PHASES, pictures, strict=True):
            grey = np.rint(picture[MIDDLE].astype(np.float32) * 255).astype(np.uint8)
            text = f"{time_point.capitalize()}, {phase}"
            found.append(SeenPicture(f"{time_point}/{phase}", text, grey, grid))
    return tuple(found)
