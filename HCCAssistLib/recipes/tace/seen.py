"""What the network saw of a tumour, made again from the result: the pictures of its patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import patient_axes
from HCCAssistLib.imaging.seen_picture import SeenPicture
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, SIZE
from HCCAssistLib.recipes.tace.sampling import pictures
from HCCAssistLib.recipes.tace.tumours import Patch
from HCCAssistLib.results.classification import most_probable


def seen(finding: Any, volumes: Mapping[str, Image], options: Mapping[str, Value]) -> tuple[SeenPicture, ...]:
    """The pictures of a tumour's patches, and what each alone is taken for.

    Where three slices are the channels of one patch, the middle one is shown.

    Args:
        finding: of a result of this recipe.
        volumes: the volumes of its run.
        options: of its run.
    """
    volume = volumes[ARTERIAL]
    grids = [_pixels(patch.box, volume.geometry) for patch in finding.patches]
    greys = pictures(volume, [Patch((grid,)) for grid in grids], {**options, "channels": "grey"})[:, 0]
    found = []
    for patch, grey in zip(finding.patches, greys, strict=True):
        code = most_probable(patch.probabilities)
        side = patch.box.size[0]
        text = f"Image {patch.slice + 1}, {side:.0f} mm\n{code} {patch.probabilities[code]:.2f}"
        found.append(SeenPicture(ARTERIAL, text, grey, _grid(patch.box, SIZE, side / SIZE)))
    return tuple(found)


def _pixels(box: Box, geometry: Geometry) -> Geometry:
    """The pixels that a patch of a volume was made of: as large as the smaller side of the volume's own."""
    side = float(geometry.spacing[list(patient_axes(geometry))][:2].min())
    count = max(1, round(box.size[0] / side))
    return _grid(box, count, box.size[0] / count)


def _grid(box: Box, count: int, side: float) -> Geometry:
    x, y, z = box.center
    half = (count - 1) / 2 * side
    return Geometry.from_parts((1, count, count), (side, side, box.size[2]), (x - half, y - half, z))
