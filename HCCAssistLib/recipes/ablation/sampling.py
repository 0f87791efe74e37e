"""Time points as the network sees them, and what of a patient is kept for a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort_spec import follow_up
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ablation.augmentation import turned
from HCCAssistLib.recipes.ablation.checks import time_points_of
from HCCAssistLib.recipes.ablation.clinical import COLUMNS, as_row, clinical_of_case
from HCCAssistLib.recipes.ablation.recipe import (
    FIXED,
    MARGIN,
    OUTCOME,
    PHASES,
    PIXEL_MM,
    POST,
    PRE,
    REGIONS,
    SIZE,
    SLICES,
    TIME_POINTS,
)
from HCCAssistLib.recipes.ablation.sections import STORED
from HCCAssistLib.recipes.ablation.time_point import TimePoint, time_point_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.loop import BatchMaker
from HCCAssistLib.training.samples import Origin, Samples

if TYPE_CHECKING:
    from torch import Generator, Tensor

SHAPE = (len(PHASES), SLICES, STORED, STORED)
"""Of a time point's pictures with their margin."""


def sample_case(study: Study, case: Case, options: Mapping[str, Value], rng: np.random.Generator) -> Samples:
    """Both time points of one case, with its clinical values and outcome.

    Args:
        study: four phases and a region before the ablation, and the same after it where they are known.
        case: whose they are; its columns hold outcome and clinical values.
        options: of the recipe.
        rng: not needed, nothing is drawn at random.

    Returns:
        ``pre`` and ``post``, 16-bit floats ``(n, 4, 3, 168, 168)``, 0..1; ``present`` ``(n, 2)``, whether each of them
        is there (zeros stand in the place of an absent one); ``clinical`` ``(n, 5)`` with NaN where a value is not
        known; ``size_mm`` and ``slice_mm`` ``(n, 2)``, with which a prediction is later compared, NaN where absent.
        ``n`` is 1. The ``label`` of a case that was censored within the horizon is 0 and of no meaning: see
        ``Samples.of_known``.

    Raises:
        InputError: no region, a registration that failed, no outcome, or a clinical value that cannot be.
    """
    months, event = follow_up(case, OUTCOME)
    values = as_row(clinical_of_case(case))
    seen = {name: time_point_of(study, name, options) for name in time_points_of(study)}
    digests = tuple(volume.digest() for volume in study.volumes.values())
    present = [name in seen for name in TIME_POINTS]
    return Samples(
        {
            PRE: _pictures(seen.get(PRE)),
            POST: _pictures(seen.get(POST)),
            "present": np.array([present]),
            "clinical": np.array([values], dtype=np.float64),
            "size_mm": np.array([[_measured(seen.get(name), "size_mm") for name in TIME_POINTS]], dtype=np.float32),
            "slice_mm": np.array([[_measured(seen.get(name), "step_mm") for name in TIME_POINTS]], dtype=np.float32),
            "label": np.array([bool(OUTCOME.early(months, event))], dtype=np.uint8),
            "time": np.array([months], dtype=np.float64),
            "event": np.array([event], dtype=np.uint8),
            "case": np.zeros(1, dtype=np.int32),
            "center_lps": np.array([seen[PRE].sections.center if PRE in seen else (0, 0, 0)], dtype=np.float32),
        },
        (Origin(case.case_id, case.patient_id, case.split, digests),),
    )


def batch_maker(options: Mapping[str, Value]) -> BatchMaker:
    """From stored pictures to network input: turned and mirrored in training, the middle otherwise."""

    def make(inputs: Mapping[str, Tensor], generator: Generator | None) -> tuple[Tensor, Tensor]:
        import torch

        stored = torch.stack([inputs[name] for name in TIME_POINTS], dim=1).float()
        if generator is None:
            return as_input(stored), inputs["present"]
        return _channels(turned(stored, generator)), inputs["present"]

    return make


def as_input(stored: Tensor) -> Tensor:
    """What a network is given, ``(n, times, 12, 128, 128)``, of ``(n, times, 4, 3, 168, 168)`` with a margin.

    Training and every prediction call this one function.
    """
    return _channels(stored.float()[..., MARGIN:-MARGIN, MARGIN:-MARGIN])


def input_spec(options: Mapping[str, Value]) -> dict[str, Any]:
    """What a trained network expects, for model.json."""
    return {
        "volumes": [f"{time}/{phase}" for time in TIME_POINTS for phase in PHASES],
        "regions": list(REGIONS.values()),
        "registered_to": FIXED,
        "registration": options["registration"],
        "intensity": options["intensity"],
        "pixels": [SIZE, SIZE],
        "pixel_mm": PIXEL_MM,
        "slices": SLICES,
        "center": "middle of the region in the axial slice where it is largest",
        "interpolation": "linear",
        "clinical": list(COLUMNS),
    }


def _channels(pictures: Tensor) -> Tensor:
    return pictures.flatten(2, 3)


def _pictures(seen: TimePoint | None) -> np.ndarray:
    return (seen.pictures if seen is not None else np.zeros(SHAPE, dtype=np.float16))[None]


def _measured(seen: TimePoint | None, name: str) -> float:
    return float(getattr(seen.sections, name)) if seen is not None else float("nan")
