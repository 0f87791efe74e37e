"""Patches of tumours as a network sees them, and what of them is kept for a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.axial import fill_of
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.augmentation import VARIANTS, augmented
from HCCAssistLib.recipes.tace.bodies import as_input, backbone_of, described, variant_features
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, COLUMN, RESPONSES, SIZE, TUMOURS, window_of, with_backbone
from HCCAssistLib.recipes.tace.tumours import Patch, Tumour, tumours_of
from HCCAssistLib.training.loop import BatchMaker
from HCCAssistLib.training.samples import Origin, Samples

if TYPE_CHECKING:
    from torch import Generator, Tensor

CODES = tuple(RESPONSES)

SHRINK, ENLARGE = Pillow.Resampling.LANCZOS, Pillow.Resampling.BILINEAR
FILTER_NAME = "smaller by Lanczos of 3 lobes, antialiased; larger linearly (Pillow)"


def sample_case(study: Study, case: Case, options: Mapping[str, Value], rng: np.random.Generator) -> Samples:
    """The patches of one case's target tumours, each with the response of the patient.

    With a backbone, what it makes of a patch's six variants is kept instead of the patch: its weights never change, so
    that these are the same in every epoch, and a training needs neither the backbone nor minutes.

    Args:
        study: the arterial phase and one segment for each tumour.
        case: whose they are; its column ``response`` holds the label.
        options: of the recipe, settled (``training.settled``).
        rng: not needed, nothing is drawn at random.

    Returns:
        ``features`` ``(n, 6, 2048)``, or ``image`` 8 bit ``(n, channels, 224, 224)``, with the label and place of each.
        ``diameter_mm``, ``hu`` and ``slice_mm`` are what a prediction is later compared with, ``volume_ml`` and ``hu``
        what simple rules know of a tumour.

    Raises:
        InputError: no tumour counts, or the case has no response.
    """
    volume = study.volumes[ARTERIAL]
    rows = [(one, patch) for one in tumours_of(study, options) if one.target for patch in one.patches]
    if not rows:
        raise InputError("no tumour is marked as a target", TUMOURS, "tag the segments that count with target yes")
    response = case.values.get(COLUMN, "")
    if response not in CODES:
        raise InputError(
            "the case has no response", "cohort.csv", f"write one of {', '.join(CODES)} into the column {COLUMN}"
        )
    images = pictures(volume, [patch for _, patch in rows], options)
    backbone = backbone_of(options) if with_backbone(options) else None
    seen = {"features": variant_features(backbone, images)} if backbone is not None else {"image": images}
    return Samples(
        {
            **seen,
            "diameter_mm": np.array([one.diameter_mm for one, _ in rows], dtype=np.float32),
            "volume_ml": np.array([one.volume_ml for one, _ in rows], dtype=np.float32),
            "hu": np.array([one.hu for one, _ in rows], dtype=np.float32),
            "slice_mm": np.array([one.slice_mm for one, _ in rows], dtype=np.float32),
            "label": np.full(len(rows), CODES.index(response), dtype=np.uint8),
            "case": np.zeros(len(rows), dtype=np.int32),
            # no number of a lesion: the label is the patient's, and shuffled labels stay so
            "center_lps": np.array([patch.box.center for _, patch in rows], dtype=np.float32),
        },
        (Origin(case.case_id, case.patient_id, case.split, (volume.digest(),)),),
    )


def pictures(volume: Image, patches: Sequence[Patch], options: Mapping[str, Value]) -> npt.NDArray[np.uint8]:
    """Patches in the window, resized: 8 bit ``(n, channels, 224, 224)``, of one channel where it is repeated.

    Only the pixels that are needed are read of the volume; slices as stored are not interpolated.

    Args:
        volume: the arterial phase, in any storage order.
        patches: of ``tumours_of``.
        options: of the recipe.
    """
    window, fill_value = window_of(options), fill_of(volume.array.dtype)
    channels = 3 if options["channels"] == "slices" else 1
    found = np.empty((len(patches), channels, SIZE, SIZE), dtype=np.uint8)
    for row, patch in enumerate(patches):
        for channel, grid in enumerate(patch.grids):
            grey = window.to_uint8(resample(volume, grid, fill_value=fill_value).array[0])
            method = SHRINK if patch.pixels > SIZE else ENLARGE
            found[row, channel] = np.asarray(Pillow.fromarray(grey).resize((SIZE, SIZE), method))
    return found


def batch_maker(options: Mapping[str, Value]) -> BatchMaker:
    """What a network is given of stored samples: a variant that is drawn in training, the patch as it is otherwise."""
    kept = "features" if with_backbone(options) else "image"

    def make(inputs: Mapping[str, Tensor], generator: Generator | None) -> Tensor:
        import torch

        rows = inputs[kept]
        numbers = torch.zeros(len(rows), dtype=torch.long)
        if generator is not None:
            numbers = torch.randint(len(VARIANTS), (len(rows),), generator=generator)
        if kept == "features":
            return rows[torch.arange(len(rows), device=rows.device), numbers.to(rows.device)]
        return as_input(augmented(rows, numbers))

    return make


def input_spec(options: Mapping[str, Value]) -> dict[str, Any]:
    """What a trained network expects, for model.json."""
    window = window_of(options)
    return {
        "volume": ARTERIAL,
        "segments": TUMOURS,
        "patch": "largest square in the tumour, in the slice of largest area and its neighbours",
        "pixels": SIZE,
        "filter": FILTER_NAME,
        "window": {"level": window.level, "width": window.width},
        "slices": options["slices"],
        "channels": options["channels"],
        "grey_levels": 256,
        **described(options),
    }


def by_tumour(tumours: Sequence[Tumour]) -> npt.NDArray[np.int64]:
    """Which tumour each patch is of, patches listed tumour by tumour."""
    return np.repeat(np.arange(len(tumours)), [len(one.patches) for one in tumours])
