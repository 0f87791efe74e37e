"""VOIs as the network sees them, and what of them is kept for a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort_spec import follow_up
from HCCAssistLib.imaging.axial import slice_spacing
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.hepatectomy.augmentation import center_crop, versions
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, OUTCOME, SHIFT, TUMOUR, VERSIONS, VOI_SHAPE, window_of
from HCCAssistLib.recipes.hepatectomy.tumour import tumour_of
from HCCAssistLib.recipes.hepatectomy.voi import VOXEL_MM, voi_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.loop import BatchMaker
from HCCAssistLib.training.samples import Origin, Samples

if TYPE_CHECKING:
    from torch import Generator, Tensor


def sample_case(study: Study, case: Case, options: Mapping[str, Value], rng: np.random.Generator) -> Samples:
    """The VOI of one case, with its follow-up.

    Args:
        study: the arterial phase and the tumour.
        case: whose they are; its columns ``follow_up_months`` and ``event`` hold the outcome.
        options: of the recipe.
        rng: not needed, nothing is drawn at random.

    Returns:
        ``voi``, 16-bit Hounsfield units ``(n, 10, 170, 170)``: 10 voxels more on each side than the network sees, so
        that the translated version shows the patient; ``n`` is 1. ``size_mm``, ``hu`` and ``slice_mm`` are what a
        prediction is later compared with. The ``label`` of a case that was censored within the horizon is 0 and of no
        meaning: see ``Samples.of_known``.

    Raises:
        InputError: no tumour can be seen, or the case has no outcome.
    """
    volume = study.volumes[ARTERIAL]
    months, event = follow_up(case, OUTCOME)
    tumour = tumour_of(study, options)
    voi = voi_of(volume, tumour, options, margin=SHIFT)
    return Samples(
        {
            "voi": voi.voxels[None],
            "size_mm": np.array([max(tumour.box.size)], dtype=np.float32),
            "hu": np.array([voi.hu], dtype=np.float32),
            "slice_mm": np.array([slice_spacing(volume.geometry)], dtype=np.float32),
            "label": np.array([bool(OUTCOME.early(months, event))], dtype=np.uint8),
            "time": np.array([months], dtype=np.float64),
            "event": np.array([event], dtype=np.uint8),
            "case": np.zeros(1, dtype=np.int32),
            "center_lps": np.array([voi.box.center], dtype=np.float32),
        },
        (Origin(case.case_id, case.patient_id, case.split, (volume.digest(),)),),
    )


def batch_maker(options: Mapping[str, Value]) -> BatchMaker:
    """From stored VOIs to network input: the wanted version of each in training, the VOI as it is otherwise."""

    def make(inputs: Mapping[str, Tensor], generator: Generator | None) -> Tensor:
        stored = inputs["voi"]
        if generator is None or "copy" not in inputs:
            return as_input(center_crop(stored), options)
        return as_input(versions(stored, inputs["copy"], generator), options)

    return make


def as_input(voxels: Tensor, options: Mapping[str, Value]) -> Tensor:
    """What a network is given, ``(n, 1, 10, 150, 150)`` 0..1, of Hounsfield units ``(n, 10, 150, 150)``.

    Training and every prediction call this one function.
    """
    return window_of(options)(voxels.float()).unsqueeze(1)


def input_spec(options: Mapping[str, Value]) -> dict[str, Any]:
    """What a trained network expects, for model.json."""
    window = window_of(options)
    return {
        "volume": ARTERIAL,
        "tumour": TUMOUR,
        "voi": options["voi"],
        "voxels": list(VOI_SHAPE),
        "spacing_mm": list(VOXEL_MM),
        "center": "middle of the tumour's bounding box",
        "interpolation": "linear; the segment takes the nearest voxel",
        "clip_hu": [window.lower, window.lower + window.width],
        "outside": 0,
        "versions": list(VERSIONS[: int(options["copies"])]),
    }
