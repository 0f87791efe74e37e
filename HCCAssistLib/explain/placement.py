"""Grad-CAM maps put back to where the patches were cut from the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.imaging.geometry import Box, Geometry
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


def place_frames(
    maps: npt.NDArray[Any],
    frames: Sequence[Box],
    geometry: Geometry,
    *,
    pixels: int,
    pixels_per_cell: int,
    first_center: float | None = None,
) -> Image | None:
    """Put maps of flat pictures onto the voxels of a volume, in any storage order, each on its own highest activation.

    A voxel has the value of a map where its centre lies in the frame, within half of the frame's thickness (or of the
    volume's own slices, where these are thicker) above or below its plane.

    Args:
        maps: raw maps ``(N, rows, columns)``, at least 0; rows run along the second axis of their frame.
        frames: where each picture lies in the patient; the third axis is its thickness.
        geometry: grid of the volume.
        pixels: along each side of a picture.
        pixels_per_cell: from one cell of a map to the next.
        first_center: pixel on which the first cell is centred, along both axes: where convolutions with stride halve a
            picture, that is not the middle of the first pixels. None where cell ``c`` is the pixels from ``c`` times
            ``pixels_per_cell`` on; the last one may reach beyond.

    Returns:
        The largest value of all maps at each voxel, 0 to 1, cropped to the frames; None where the volume holds none.

    Raises:
        ValueError: no maps, negative or not finite ones.
    """
    maps = np.asarray(maps, dtype=np.float32)
    if maps.ndim != 3 or len(maps) != len(frames) or len(maps) == 0:
        raise ValueError(f"{maps.shape} maps do not fit {len(frames)} frames")
    if not np.isfinite(maps).all() or maps.min() < 0:
        raise ValueError("maps must be finite and at least 0")
    at_first = (pixels_per_cell - 1) / 2 if first_center is None else first_center
    blocks = [_block(frame, geometry) for frame in frames]
    there = [(cells, frame, *block) for cells, frame, block in zip(maps, frames, blocks, strict=True) if block]
    if not there:
        return None
    low = np.min([first for _, _, first, _ in there], axis=0)
    high = np.max([end for _, _, _, end in there], axis=0)
    merged = np.zeros((high - low)[::-1], dtype=np.float32)
    for cells, frame, first, end in there:
        heat = _of_frame(cells / (cells.max() or 1.0), frame, geometry, first, end, pixels, pixels_per_cell, at_first)
        target = merged[tuple(slice(a, b) for a, b in zip((first - low)[::-1], (end - low)[::-1], strict=True))]
        np.maximum(target, heat, out=target)
    history = (f"Grad-CAM of {len(maps)} pictures, each scaled to its own highest activation",)
    return Image(merged, geometry.crop(low.tolist(), merged.shape), "Grad-CAM", history)


def _half_thickness(frame: Box, geometry: Geometry) -> float:
    """Of the voxels that show a frame: at least half of a slice."""
    across = np.abs(np.array(frame.axes[2]) @ geometry.directions)
    return max(frame.size[2], float(geometry.spacing[across.argmax()])) / 2 + 1e-3


def _block(frame: Box, geometry: Geometry) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """First and one-past-last voxel ``(i, j, k)`` around a frame, None where the volume has none there."""
    thick = Box(frame.center, (*frame.size[:2], 2 * _half_thickness(frame, geometry)), frame.axes)
    index = geometry.to_index(thick.corners())
    first = np.clip(np.floor(index.min(axis=0)), 0, geometry.size_ijk).astype(np.int64)
    end = np.clip(np.ceil(index.max(axis=0)) + 1, 0, geometry.size_ijk).astype(np.int64)
    return (first, end) if (end > first).all() else None


def _of_frame(
    cells: npt.NDArray[np.float32],
    frame: Box,
    geometry: Geometry,
    first: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    pixels: int,
    pixels_per_cell: int,
    first_center: float,
) -> npt.NDArray[np.float32]:
    """One map on a block of voxels ``(k, j, i)``; 0 outside its frame."""
    i, j, k = (np.arange(a, b) for a, b in zip(first, end, strict=True))
    index = np.stack(np.broadcast_arrays(i, j[:, None], k[:, None, None]), axis=-1)
    place = (geometry.to_world(index) - np.array(frame.center)) @ np.array(frame.axes).T
    half = np.array([frame.size[0] / 2, frame.size[1] / 2, _half_thickness(frame, geometry)])
    inside = (np.abs(place) <= half).all(axis=-1)
    heat = np.zeros(inside.shape, dtype=np.float32)
    pixel = (place[inside][:, :2] / half[:2] + 1) / 2 * pixels - 0.5
    across = (pixel - first_center) / pixels_per_cell
    heat[inside] = ndimage.map_coordinates(cells, across[:, ::-1].T, order=1, mode="nearest")
    return heat


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
