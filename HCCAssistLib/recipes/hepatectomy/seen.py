"""What the network saw of the tumour, made again from the result: its ten slices, from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.seen_picture import SeenPicture
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, TUMOUR, tumour_alone, window_of
from HCCAssistLib.recipes.hepatectomy.tumour import Tumour
from HCCAssistLib.recipes.hepatectomy.voi import voi_of
from HCCAssistLib.recipes.options import Value


def seen(result: Any, images: Mapping[str, Image], options: Mapping[str, Value]) -> tuple[SeenPicture, ...]:
    """The slices of the volume of interest, black outside the tumour where the network saw the tumour alone.

    Args:
        result: of this recipe.
        images: that its run rests on, by the names that its record gives them.
        options: of its run.

    Raises:
        InputError: the network saw the tumour alone, and its segment is not there as it was.
    """
    segments = [image for name, image in images.items() if name.startswith(f"{TUMOUR} finding ")]
    if tumour_alone(options) and not segments:
        raise InputError("the segment of the tumour is not that of the run any more", TUMOUR, "run again")
    segment = Segment("tumour", segments[0]) if segments else None
    # around the middle of what was seen lies the same grid as around the middle of the tumour
    around = Tumour(1, "tumour", result.boxes[TUMOUR], segment, at_edge=False, parts=1)
    voi = voi_of(images[ARTERIAL], around, options)
    greys = np.rint(255 * window_of(options)(voi.voxels.astype(np.float32))).astype(np.uint8)
    depth, *shape = greys.shape
    grids = [voi.grid.crop((0, 0, k), (1, *shape)) for k in range(depth)]
    return tuple(
        SeenPicture(ARTERIAL, f"{k + 1} of {depth}", grey, grids[k], heat=grids[depth // 2])
        for k, grey in enumerate(greys)
    )
