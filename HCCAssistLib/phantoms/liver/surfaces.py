"""Large organs: surfaces evaluated on a coarse grid and drawn at full resolution.

Organs are smooth at the scale of millimetres, so their signed depth is computed every few millimetres in the
slice, interpolated linearly, and turned into occupancy with the width that a voxel has across the surface.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.phantoms.liver.canvas import Canvas, Field, Patch

STEP_MM = 3.0

CACHED = 131_072
"""Voxels that are worked on together."""

FAR_MM = 20.0
"""Nodes that lie so far outside a surface have no part in it."""

Depth = npt.NDArray[np.float32]
"""Millimetres under a surface, per node."""
Hit = npt.NDArray[np.bool_]
Part = tuple[slice, slice, slice]


class CoarseGrid:
    """Nodes every ``STEP_MM`` in the slice, on every slice, of an axial volume.

    Args:
        canvas: the volume to draw in; its axes run to the patient's left, back and head.

    Attributes:
        x, y, z: LPS coordinates of the nodes, shaped to broadcast to ``shape``.
        patch: the nodes as samples, for random fields.
        part: which nodes of all, ``(k, j, i)``; every one, but in what ``around`` gives.
    """

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        spacing, origin = canvas.geometry.spacing, canvas.geometry.origin
        slices, rows, columns = canvas.geometry.shape
        self._rows = _nodes(rows, spacing[1])
        self._columns = _nodes(columns, spacing[0])
        self._above, below = _neighbours(self._rows, rows)
        self._left, right = _neighbours(self._columns, columns)
        # one for each product that is made with them, which is quicker than to multiply with a column
        self._below_weights = np.repeat(below[:, None], columns, axis=1)
        self._right_weights = np.repeat(right[:, None], len(self._rows), axis=1)
        self._voxels_per_node = self._rows[1], self._columns[1]
        self.shape = (slices, len(self._rows), len(self._columns))
        self.x = (origin[0] + self._columns * spacing[0]).astype(np.float32)[None, None, :]
        self.y = (origin[1] + self._rows * spacing[1]).astype(np.float32)[None, :, None]
        self.z = (origin[2] + np.arange(slices) * spacing[2]).astype(np.float32)[:, None, None]
        unit = np.eye(3)
        self.patch = Patch(
            (slice(0, slices), slice(0, rows), slice(0, columns)),
            (
                self.z.ravel()[:, None].astype(np.float64) * unit[2],
                self.y.ravel()[:, None].astype(np.float64) * unit[1],
                self.x.ravel()[:, None].astype(np.float64) * unit[0],
            ),
        )
        self.part = (slice(0, slices), slice(0, self.shape[1]), slice(0, self.shape[2]))

    def around(self, center: Sequence[float], semi_axes: Sequence[float]) -> CoarseGrid:
        """The nodes of the whole grid near an ellipsoid, however it is tilted in the axial plane."""
        wide, high = max(semi_axes[:2]) + FAR_MM, semi_axes[2] + FAR_MM
        x, y, z = center
        k, j, i = _within(self.z, z, high), _within(self.y, y, wide), _within(self.x, x, wide)
        near = copy(self)
        near.part = (k, j, i)
        near.x, near.y, near.z = self.x[:, :, i], self.y[:, j], self.z[k]
        near.shape = (near.z.size, near.y.size, near.x.size)
        near.patch = replace(self.patch, steps=(self.patch.steps[0][k], self.patch.steps[1][j], self.patch.steps[2][i]))
        near._rows, near._columns = self._rows[j], self._columns[i]
        near._above, near._left = self._above - j.start, self._left - i.start
        return near

    def paint(self, depth: npt.NDArray[Any], value: npt.NDArray[Any] | float) -> None:
        """Blend a value into the volume under a surface.

        Args:
            depth: mm under the surface, per node; one slice of nodes stands for all slices.
            value: HU, one or per node.
        """
        nodes = np.broadcast_to(value, self.shape).astype(np.float32) if isinstance(value, np.ndarray) else None
        array = self.canvas.array[self.part[0]]
        for section in self._sections(depth):
            target = array[section.voxels]
            own = np.float32(float(value)) if nodes is None else self._between(nodes[section.nodes], section)
            difference = own - target
            difference *= section.occupancy
            target += difference

    def occupancy(self, depth: npt.NDArray[Any]) -> Field:
        """How much of each voxel of the volume lies under a surface, 0 to 1."""
        full = np.zeros(self.canvas.geometry.shape, dtype=np.float32)
        for section in self._sections(depth):
            full[self.part[0]][section.voxels] = section.occupancy
        return full

    def _sections(self, depth: npt.NDArray[Any]) -> Iterator[_Section]:
        """The surface piece by piece, each of so many slices that they stay in the processor's cache."""
        depth = np.broadcast_to(depth, (len(depth), *self.shape[1:]))
        near: Hit = np.greater(depth, -FAR_MM)
        if not near.any():
            return
        planes, rows, columns = _box(near, (1, 1, 1))
        # complete rows lie side by side in the memory, which is quicker than to leave out a little of them
        whole = 2 * (columns.stop - columns.start) * self._voxels_per_node[1] > self.canvas.geometry.shape[2]
        columns = slice(0, self.shape[2]) if whole else columns
        inner = self._in_voxels(np.asarray(depth[planes, rows, columns], dtype=np.float32))
        touched: Hit = np.greater(inner, -0.6)  # so is a voxel half of it outside; the rest is for rounding
        several = max(1, int(CACHED / (inner[0].size * np.prod(self._voxels_per_node))))
        for first in range(0, len(inner), several):
            hit = touched[first : first + several]
            if not hit.any():
                continue
            k, j, i = _box(hit, (0, 1, 1))
            k, i = _moved(k, first), slice(0, inner.shape[2]) if whole else i
            section = _Section((_moved(k, planes.start), _moved(j, rows.start), _moved(i, columns.start)))
            section.voxels = (
                section.nodes[0],
                _voxels_between(self._rows[section.nodes[1]]),
                _voxels_between(self._columns[section.nodes[2]]),
            )
            section.occupancy = self._between(inner[k, j, i], section)
            section.occupancy += np.float32(0.5)
            np.clip(section.occupancy, 0, 1, out=section.occupancy)
            if len(depth) > 1:
                yield section
            else:  # the same for all slices
                for n in range(self.shape[0]):
                    one = slice(n, n + 1)
                    yield replace(section, nodes=(one, *section.nodes[1:]), voxels=(one, *section.voxels[1:]))

    def _in_voxels(self, depth: Depth) -> Depth:
        """Depth in voxels instead of millimetres, -20 to 20, by the width that a voxel has across the surface."""
        per_row, per_column = (np.float32(count) for count in self._voxels_per_node)
        width = _slope(depth, 1)
        width /= per_row
        across = _slope(depth, 2)
        across /= per_column
        width += across
        if len(depth) > 1:
            width += _slope(depth, 0)
        np.maximum(width, np.float32(self.canvas.pixel / 2), out=width)
        np.divide(depth, width, out=width)
        return np.clip(width, -20, 20, out=width)

    def _between(self, nodes: npt.NDArray[np.float32], section: _Section) -> Field:
        """Linear interpolation of the nodes of a section to its voxels."""
        (_, j, i), (_, rows, columns) = section.nodes, section.voxels
        above, left = self._above[rows] - j.start, self._left[columns] - i.start
        # first between columns and then between rows: each time what is gathered lies side by side
        wide = _filled(nodes.transpose(2, 0, 1), left, self._right_weights[columns, None, : nodes.shape[1]])
        tall = _filled(wide.transpose(2, 1, 0), above, self._below_weights[rows, None, columns])
        return tall.swapaxes(0, 1)


@dataclass(slots=True)
class _Section:
    """A piece of a surface: which nodes ``(k, j, i)``, which voxels, and how much of each of them lies under it."""

    nodes: Part
    voxels: Part = (slice(0), slice(0), slice(0))
    occupancy: Field = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.float32))


def _nodes(count: int, spacing: float) -> npt.NDArray[np.float64]:
    """Fractional indices of nodes over ``count`` voxels."""
    return np.linspace(0, count - 1, max(2, int(np.ceil((count - 1) * spacing / STEP_MM)) + 1))


def _box(hit: Hit, beyond: tuple[int, int, int]) -> Part:
    """The box of all that is true, and of so many nodes more on each side."""
    sides = []
    for others, more in zip(((1, 2), (0, 2), (0, 1)), beyond, strict=True):
        line = np.logical_or.reduce(hit, axis=others)
        last = len(line) - int(line[::-1].argmax())
        sides.append(slice(max(int(line.argmax()) - more, 0), min(last + more, len(line))))
    return sides[0], sides[1], sides[2]


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _within(nodes: npt.NDArray[np.float32], middle: float, reach: float) -> slice:
    """The nodes up to a distance from a place, and one more on each side; two at the least."""
    low, high = np.searchsorted(nodes.ravel(), (middle - reach, middle + reach))
    first = max(min(int(low) - 1, nodes.size - 2), 0)
    return slice(first, max(int(high) + 1, first + 2))


def _filled(nodes: Field, before: npt.NDArray[np.intp], weights: Field) -> Field:
    """Rows between rows of nodes: which is before each of them, and the weight of the one behind that."""
    nodes = np.ascontiguousarray(nodes)
    rise = np.empty_like(nodes)
    np.subtract(nodes[1:], nodes[:-1], out=rise[:-1])
    rise[-1] = 0  # there is none behind the last
    rows = rise[before]
    rows *= weights
    rows += nodes[before]
    return rows


def _slope(depth: Depth, axis: int) -> Depth:
    """How steep it is along an axis, per node; as numpy.gradient, with fewer copies."""
    slope = np.empty_like(depth)
    along, own = np.moveaxis(depth, axis, 0), np.moveaxis(slope, axis, 0)
    np.subtract(along[2:], along[:-2], out=own[1:-1])
    own[1:-1] /= 2
    own[0], own[-1] = along[1] - along[0], along[-1] - along[-2]
    return np.abs(slope, out=slope)


def _voxels_between(nodes: npt.NDArray[np.float64]) -> slice:
    """The whole indices from the first node to the last."""
    return slice(int(np.ceil(nodes[0] - 1e-6)), int(np.floor(nodes[-1] + 1e-6)) + 1)


def _neighbours(nodes: npt.NDArray[np.float64], count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """For each voxel the node on its left and the weight of the node on its right."""
    at = np.arange(count)
    left = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    weight = np.clip((at - nodes[left]) / (nodes[left + 1] - nodes[left]), 0, 1)
    return left, weight.astype(np.float32)


def smooth_min(softness_mm: float, *depths: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Intersection of shapes with rounded edges."""
    k = np.float32(softness_mm)
    lowest = depths[0]
    for depth in depths[1:]:
        lowest = np.minimum(lowest, depth)
    total = np.float32(0)
    for depth in depths:
        total = total + np.exp((lowest - depth) / k)
    return np.asarray(lowest - k * np.log(total), dtype=np.float32)


def blob(
    grid: CoarseGrid,
    center: tuple[float, float, float],
    semi_axes: tuple[float, float, float],
    tilt_degrees: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Depth under the surface of an ellipsoid, tilted in the axial plane."""
    c, s = np.cos(np.radians(tilt_degrees)), np.sin(np.radians(tilt_degrees))
    dx, dy, dz = grid.x - center[0], grid.y - center[1], grid.z - center[2]
    u, v = dx * c + dy * s, dy * c - dx * s
    q = np.sqrt((u / semi_axes[0]) ** 2 + (v / semi_axes[1]) ** 2 + (dz / semi_axes[2]) ** 2)
    distance = np.sqrt(dx * dx + dy * dy + dz * dz)
    depth = np.asarray(distance / np.maximum(q, 0.05) - distance, dtype=np.float32)
    depth[q <= 0.05] = min(semi_axes)
    return depth
