"""Grad-CAM maps put back to where the patches were cut from the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image


@dataclass(frozen=True, eq=False, slots=True)
class PlacedMaps:
    """Maps in the patient, on voxels of the scan.

    Attributes:
        merged: the largest value of all maps at each voxel, 0 to 1, cropped to the patches.
        each: every map on its own patch, 0 to 1.
        scales: raw activation of each map that is shown as 1; 0 where a map has none.
    """

    merged: Image
    each: tuple[Image, ...]
    scales: tuple[float, ...]


def place(
    maps: npt.NDArray[Any], starts_ijk: npt.ArrayLike, geometry: Geometry, *, patch_shape: Sequence[int]
) -> PlacedMaps:
    """Put maps onto the voxels that their patches cover, each on the scale of its own highest activation.

    A map shows which regions of the patch raised the score, not how high it is: that is the candidate's probability.

    The cells of a map share the patch evenly: of ``n`` cells over ``m`` voxels, cell ``c`` is centred at voxel
    ``(c + 0.5) m / n - 0.5``. Between the centres values are interpolated linearly; beyond the outermost ones, still
    within the patch, they are those of the border cells.

    Args:
        maps: raw maps ``(N, cells k, j, i)``, at least 0.
        starts_ijk: ``(N, 3)`` first voxel ``(i, j, k)`` of each patch; patches may stick out of the volume.
        geometry: grid of the volume that the patches were cut from.
        patch_shape: voxels ``(k, j, i)`` that a map covers: the core of a patch, without its context.

    Raises:
        ValueError: no maps, negative or not finite ones, or a patch that lies outside the volume.
    """
    starts = np.asarray(starts_ijk, dtype=int).reshape(-1, 3)[:, ::-1]
    maps = np.asarray(maps, dtype=np.float32)
    if maps.ndim != 4 or len(maps) != len(starts) or len(maps) == 0:
        raise ValueError(f"{maps.shape} maps do not fit {len(starts)} patches")
    if not np.isfinite(maps).all() or maps.min() < 0:
        raise ValueError("maps must be finite and at least 0")
    shape = np.array(patch_shape)
    firsts = np.clip(starts, 0, geometry.shape)
    ends = np.clip(starts + shape, 0, geometry.shape)
    if (ends <= firsts).any():
        raise ValueError("a patch lies outside the volume")
    scales = tuple(float(cells.max()) for cells in maps)
    history = (f"Grad-CAM of {len(maps)} patches, each scaled to its own highest activation",)
    low, high = firsts.min(axis=0), ends.max(axis=0)
    merged = np.zeros(high - low, dtype=np.float32)
    each = []
    for cells, scale, start, first, end in zip(maps, scales, starts, firsts, ends, strict=True):
        voxels = _on_voxels(cells / scale if scale > 0 else cells, shape)
        voxels = voxels[tuple(slice(a, b) for a, b in zip(first - start, end - start, strict=True))]
        target = merged[tuple(slice(a, b) for a, b in zip(first - low, end - low, strict=True))]
        np.maximum(target, voxels, out=target)
        each.append(_image(voxels, geometry, first, history))
    return PlacedMaps(_image(merged, geometry, low, history), tuple(each), scales)


def _on_voxels(cells: npt.NDArray[np.float32], shape: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    # grid_mode counts from the cells' edges, which is what the rule of the docstring above says
    voxels: npt.NDArray[np.float32] = ndimage.zoom(
        cells, shape / cells.shape, order=1, mode="nearest", grid_mode=True, output=np.float32
    )
    return np.clip(voxels, 0.0, 1.0)


def _image(
    voxels: npt.NDArray[np.float32], geometry: Geometry, first: npt.NDArray[Any], history: tuple[str, ...]
) -> Image:
    return Image(voxels, geometry.crop(first[::-1].tolist(), voxels.shape), "Grad-CAM", history)
