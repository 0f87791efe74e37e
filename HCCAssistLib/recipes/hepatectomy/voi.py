"""The volume of interest (VOI): ten slices of 150 x 150 voxels of 1 mm around the tumour, by the patient's axes.

Only that part of the volume is resampled. Its voxels lie at whole millimetres of the patient, where those of the whole
volume resampled to 1 mm lie too, so that the values are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.axial import fill_of
from HCCAssistLib.imaging.cropping import crop_start
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import axis_aligned_grid, resample
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.recipes.hepatectomy.recipe import VOI_SHAPE, tumour_alone
from HCCAssistLib.recipes.hepatectomy.tumour import Tumour
from HCCAssistLib.recipes.options import Value

VOXEL_MM = (1.0, 1.0, 1.0)

LEAST_VOXELS = 27
"""Of 1 mm that a tumour has at least: 3 mm along each side are the smallest thing that can be told from noise."""

DENSE_HU = 350
"""Above what an arterial tumour takes up: lipiodol, or chalk."""


@dataclass(frozen=True, eq=False, slots=True)
class Voi:
    """What is seen of a tumour, before it is scaled.

    Attributes:
        voxels: 16-bit Hounsfield units ``(z, y, x)``: slices run to superior, rows to posterior, columns to left. What
            the volume does not hold is air, and so is what lies outside the segment where the tumour alone is seen:
            air is 0 whatever is clipped.
        grid: of these voxels.
        hu: mean of the tumour in it, or of the box.
        dense: share of that above ``DENSE_HU``.
        held: share of what the network sees that the volume holds.
        slices: in how many of the ten slices the volume holds the middle.
    """

    voxels: npt.NDArray[np.int16]
    grid: Geometry
    hu: float
    dense: float
    held: float
    slices: int

    @property
    def box(self) -> Box:
        """What the network sees, in the patient: 150 x 150 x 10 mm."""
        x, y, z = (float(at) for at in self.grid.center)
        depth, height, width = (float(size) for size in VOI_SHAPE)
        return Box((x, y, z), (width, height, depth))


def voi_grid(geometry: Geometry, tumour: Tumour, *, margin: int = 0) -> Geometry:
    """Where the voxels of a VOI lie; it may reach beyond the volume.

    The middle of the tumour's box lies in the middle, of the even numbers of voxels in the one behind it: of a tall
    tumour these are the central ten slices.

    Args:
        geometry: of the volume.
        tumour: of ``tumour_of``.
        margin: more voxels on each side, in-plane.
    """
    depth, height, width = VOI_SHAPE
    shape = (depth, height + 2 * margin, width + 2 * margin)
    whole = axis_aligned_grid(geometry, VOXEL_MM)
    return whole.crop(crop_start(whole, tumour.box.center, shape), shape)


def voi_of(volume: Image, tumour: Tumour, options: Mapping[str, Value], *, margin: int = 0) -> Voi:
    """The VOI of a tumour, linearly interpolated; its segment takes the nearest voxel.

    Args:
        volume: the arterial phase, in any storage order.
        tumour: of ``tumour_of``.
        options: of the recipe.
        margin: more voxels on each side, in-plane.

    Raises:
        InputError: there is too little of the tumour in it.
    """
    grid = voi_grid(volume.geometry, tumour, margin=margin)
    marked = _marked(tumour, grid)
    core = (slice(None), *(slice(margin, margin + size) for size in VOI_SHAPE[1:]))
    held = volume.geometry.contains(_places(grid))[core]
    measured = marked[core] & held
    if (count := int(np.count_nonzero(measured))) < LEAST_VOXELS:
        what = f"{count} mm³ of the tumour lie in the slices that are seen: too little to see"
        raise InputError(what, tumour.where, f"mark all of the tumour; {LEAST_VOXELS} mm³ at least")
    if fill_of(volume.array.dtype) != AIR_HU:
        volume = volume.with_array(volume.array.astype(np.int32), "signed, so that it can hold air")
    voxels = np.rint(resample(volume, grid, fill_value=AIR_HU).array).clip(AIR_HU, np.iinfo(np.int16).max)
    values = voxels[core][measured]
    return Voi(
        voxels=np.where(marked, voxels, AIR_HU).astype(np.int16) if tumour_alone(options) else voxels.astype(np.int16),
        grid=grid,
        hu=float(values.mean()),
        dense=float(np.mean(values > DENSE_HU)),
        held=float(held.mean()),
        slices=int(held[:, VOI_SHAPE[1] // 2, VOI_SHAPE[2] // 2].sum()),
    )


def _marked(tumour: Tumour, grid: Geometry) -> npt.NDArray[np.bool_]:
    """Whether each voxel lies in the tumour's segment, or in its box where there is none."""
    if tumour.segment is not None:
        mask = resample(tumour.segment.mask, grid, interpolation="nearest", fill_value=0)
        inside: npt.NDArray[np.bool_] = mask.array > 0
        return inside
    return tumour.box.contains(_places(grid))


def _places(grid: Geometry) -> npt.NDArray[np.float64]:
    k, j, i = np.indices(grid.shape)
    return grid.to_world(np.stack([i, j, k], axis=-1))
