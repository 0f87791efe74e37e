"""What each member makes of places in a scan: of the candidates that the model finds, or of what readers marked.

A scan is scored by the mean of the members; here each member looks at the patch centred on a place by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.imaging.working_grid import working_image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.recorded import recorded
from HCCAssistLib.inference.scored import Picture, Place, Scored, ScoredCase
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.prediction import predict
from HCCAssistLib.recipes.ltp.recipe import LTP, PATCH_SHAPE, SPACING_MM, TIME_POINT
from HCCAssistLib.recipes.ltp.sampling import IntArray, batch_maker, marked, patches_at, start_around
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.loop import outputs
from HCCAssistLib.training.samples import Origin, Samples

VERDICTS = {"ltp": "local tumour progression", "rejected": "rejected"}
"""What points of readers say."""

Marked = tuple[int, str, Place, str]
"""Number, label, LPS mm and verdict."""


def scored_case(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    confirmed: bool = False,
    pictures: bool = False,
    places: Mapping[int, Place] | None = None,
) -> ScoredCase:
    """Score the candidates of a scan, or the points that readers placed in it.

    Args:
        study: with the arterial phase.
        model: of this recipe.
        run_options: of a prediction.
        confirmed: the points ``ltp`` and ``rejected`` instead of candidates; the scan is not searched.
        pictures: whether the middle slice of each patch is wanted.
        places: of candidates that were found before, by number; the scan is not searched.

    Raises:
        InputError: as the prediction.
    """
    marks: list[Marked] = []
    if confirmed:
        for name, verdict in VERDICTS.items():
            points = marked(study, name)
            marks += [(n, f"{verdict} {n}", one.position, verdict) for n, one in enumerate(points, 1)]
    else:
        if places is None:
            places = {one.number: one.box.center for one in predict(study, model, run_options).candidates}
        marks = [(number, f"candidate {number}", place, "") for number, place in places.items()]
    if not marks:
        return ScoredCase(())
    image, _ = working_image(study.volumes[f"{TIME_POINT}/arterial"], SPACING_MM, fill_value=AIR_HU)
    starts = [_start(image, place) for _, _, place, _ in marks]
    patches = patches_at(image, starts, [0] * len(starts), [-1] * len(starts), Origin(study.case_id, study.case_id, ""))
    make_batch = batch_maker(model.package.card.options)
    with recorded(model.networks) as recordings:
        for network in model.networks:
            outputs(network, make_batch, patches, device=model.device)
    probabilities = np.stack([one.probabilities for one in recordings], axis=1)
    features = np.stack([one.features for one in recordings], axis=1)
    return ScoredCase(
        tuple(
            Scored(
                number,
                label,
                probabilities[row],
                features[row],
                (_picture(image, patches, row),) if pictures else (),
                verdict=verdict,
            )
            for row, (number, label, _, verdict) in enumerate(marks)
        )
    )


def _start(image: Image, place: Place) -> IntArray:
    """First voxel of the patch around a place, moved into the scan where it would begin far outside."""
    voxel = np.rint(image.geometry.to_index(place)).astype(np.int64)
    return start_around(np.clip(voxel, 0, np.array(image.geometry.shape[::-1]) - 1))


def _picture(image: Image, patches: Samples, row: int) -> Picture:
    """The middle slice in the window of the liver, without the margin that augmentation needs."""
    depth, side, _ = PATCH_SHAPE
    voxels = patches["voxels"][row, depth // 2]
    margin = (len(voxels) - side) // 2
    grey = next(iter(LTP.windows.values())).to_uint8(voxels[margin : margin + side, margin : margin + side])
    return Picture("Arterial", grey, float(image.geometry.spacing[0]) * side)
