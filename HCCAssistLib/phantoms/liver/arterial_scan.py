"""A CT of a part of a liver with its tumours, and where in it they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.arterial_region import Region
from HCCAssistLib.phantoms.liver.arterial_tumour import PlantedTumour
from HCCAssistLib.phantoms.liver.storage import Storage
from HCCAssistLib.phantoms.liver.storage import stored as stored_as
from HCCAssistLib.phantoms.liver.tumour_truth import NOTE


@dataclass(frozen=True, eq=False, slots=True)
class ArterialScan:
    """One scan; all images lie on one grid.

    Attributes:
        arterial: int16 HU.
        labels: 0 outside, n in the n-th tumour.
        necrosis: 1 where a tumour is necrotic.
    """

    arterial: Image
    labels: Image
    necrosis: Image


def take_scan(
    rng: np.random.Generator, region: Region, tumours: Sequence[PlantedTumour], grid: Geometry, order: Storage
) -> ArterialScan:
    """Draw a patient with tumours on a grid and store the voxels in an order.

    Args:
        rng: of the noise.
        region: the patient.
        tumours: drawn one after the other.
        grid: of axial slices; LPS mm.
        order: of the stored voxels.
    """
    canvas = region.canvas(grid)
    masks = {name: np.zeros(grid.shape, dtype=np.uint8) for name in ("tumours", "necrosis")}
    for number, tumour in enumerate(tumours, 1):
        if (painted := tumour.paint(canvas, region)) is not None:
            masks["tumours"][painted.slices][painted.inside] = number
            masks["necrosis"][painted.slices][painted.necrotic] = 1
    labels, necrosis = (stored_mask(Image(mask, grid, name), order) for name, mask in masks.items())
    return ArterialScan(stored_as(region.develop(rng, canvas), order), labels, necrosis)


def stored_mask(mask: Image, order: Storage) -> Image:
    """A mask in an order of the voxels, marked as synthetic."""
    return replace(stored_as(mask, order), history=(NOTE,))
