"""Pictures of masses: one per section for training, the section through the mark for a prediction."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.liver_mass.augmentation import STORED, augmented, center_crop
from HCCAssistLib.recipes.liver_mass.masses import Mass, field_of_view, masses_of
from HCCAssistLib.recipes.liver_mass.recipe import CATEGORIES, SIZE, TIME_POINT, WINDOW_OF, phases_of
from HCCAssistLib.recipes.liver_mass.sections import FILTER_NAME, Place, cut, mean_hu, picture
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.loop import BatchMaker
from HCCAssistLib.training.samples import Origin, Samples

if TYPE_CHECKING:
    from torch import Generator, Tensor

CODES = tuple(CATEGORIES)

CORE = 0.5
"""Share of the diameter in which the mean of a mass is taken."""


def sample_case(study: Study, case: Case, options: Mapping[str, Value], rng: np.random.Generator) -> Samples:
    """The pictures of one case's masses, one row for each section of each mass.

    Args:
        study: the phases, and masses with their categories.
        case: whose they are.
        options: of the recipe.
        rng: not needed, nothing is drawn at random.

    Returns:
        ``image`` 8 bit ``(n, phases, STORED, STORED)``, with label, mass and place of each. ``key`` tells pictures
        apart, ``diameter_mm`` and ``hu`` ``(n, phases)`` are what a prediction is later compared with.

    Raises:
        InputError: a mass without category, or one that a phase does not hold.
    """
    volumes = {phase: study.volumes[f"{TIME_POINT}/{phase}"] for phase in phases_of(options)}
    rows = [
        (mass, center)
        for mass in masses_of(study, options)
        for center in mass.sections
        if center == mass.center or all(volume.geometry.contains(center) for volume in volumes.values())
    ]
    if unknown := [mass.label for mass, _ in rows if not mass.category]:
        raise InputError("it has no category", f"mass {unknown[0]!r}", f"write one of {', '.join(CODES)}")
    images, hu = pictures(volumes, rows, options)
    keys = [zlib.crc32(f"{case.case_id} {mass.number} {mass.sections.index(at)}".encode()) for mass, at in rows]
    return Samples(
        {
            "image": images,
            "key": np.array(keys, dtype=np.int64),
            "diameter_mm": np.array([mass.diameter_mm for mass, _ in rows], dtype=np.float32),
            "hu": hu,
            "label": np.array([CODES.index(mass.category) for mass, _ in rows], dtype=np.uint8),
            "case": np.zeros(len(rows), dtype=np.int32),
            "lesion": np.array([mass.number - 1 for mass, _ in rows], dtype=np.int32),
            "center_lps": np.array([center for _, center in rows], dtype=np.float32).reshape(-1, 3),
        },
        (Origin(case.case_id, case.patient_id, case.split, tuple(one.digest() for one in volumes.values())),),
    )


def pictures(
    volumes: Mapping[str, Image], rows: Sequence[tuple[Mass, Place]], options: Mapping[str, Value]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Masses in all phases at the same places in the patient, each square with a margin that augmentation may bring in.

    Only the sections that are needed are read of each volume.

    Args:
        volumes: by phase, in the order of the network's channels.
        rows: each a mass and the LPS centre of its section.
        options: of the recipe.

    Returns:
        8 bit ``(n, phases, STORED, STORED)``, and the mean HU in the middle of each mass ``(n, phases)``.
    """
    images = np.empty((len(rows), len(volumes), STORED, STORED), dtype=np.uint8)
    hu = np.empty((len(rows), len(volumes)), dtype=np.float32)
    for row, (mass, center) in enumerate(rows):
        side = field_of_view(mass.diameter_mm, options) * STORED / SIZE
        for channel, (phase, volume) in enumerate(volumes.items()):
            section = cut(volume, center, side, STORED)
            jpeg = bool(options["jpeg"])
            images[row, channel] = picture(section, center, side, WINDOW_OF[phase], size=STORED, jpeg=jpeg)
            hu[row, channel] = mean_hu(section, center, CORE * min(mass.diameter_mm, side))
    return images, hu


def batch_maker(options: Mapping[str, Value]) -> BatchMaker:
    """From stored pictures to network input: the wanted copies of each in training, its middle otherwise."""
    widths = tuple(float(WINDOW_OF[phase].width) for phase in phases_of(options))

    def make(inputs: Mapping[str, Tensor], generator: Generator | None) -> Tensor:
        if generator is None or "copy" not in inputs:
            return center_crop(inputs["image"])
        return augmented(inputs["image"], inputs["copy"], inputs["key"], widths)

    return make


def input_spec(options: Mapping[str, Value]) -> dict[str, Any]:
    """What a trained network expects, for model.json."""
    return {
        "time_point": TIME_POINT,
        "phases": list(phases_of(options)),
        "pixels": SIZE,
        "filter": FILTER_NAME,
        "field_of_view": {
            "diameters": options["field_factor"],
            "bounds_mm": [options["field_least"], options["field_most"]],
        },
        "windows": {
            phase: {"level": WINDOW_OF[phase].level, "width": WINDOW_OF[phase].width} for phase in phases_of(options)
        },
        "grey_levels": 256,
    }
