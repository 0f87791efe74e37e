"""The segment of a second rater: the same tumour with borders that lie a little elsewhere."""

from __future__ import annotations

import numpy as np

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.arterial_tumour import PlantedTumour
from HCCAssistLib.phantoms.liver.canvas import Canvas, edge
from HCCAssistLib.phantoms.liver.texture import Waves

WIDER_MM = 0.8
"""Standard deviation of how much wider a second rater draws all of a tumour."""

WANDERS_MM = 0.9
"""Standard deviation of the border around that, from place to place."""


def second_segment(rng: np.random.Generator, tumour: PlantedTumour, grid: Geometry) -> Image:
    """0 and 1 on a grid, 1 where the second rater saw tumour.

    Args:
        rng: of the rater.
        tumour: as planted.
        grid: of the volume; LPS mm.
    """
    mask = np.zeros(grid.shape, dtype=np.uint8)
    shape = tumour.shape
    wider, wanders = float(rng.normal(0, WIDER_MM)), Waves(rng, max(8.0, tumour.diameter_mm))
    canvas = Canvas(grid, np.zeros((1, 1, 1), dtype=np.float32))
    patch = shape.patch(canvas, margin_mm=4 * (WIDER_MM + WANDERS_MM))
    if patch is not None:
        depth = shape.depth(patch) + np.float32(wider) + np.float32(WANDERS_MM) * wanders.on(patch)
        mask[patch.slices] = patch.average(edge(depth, canvas.pixel)) > 0.5
    return Image(mask, grid, "tumour, second rater")
