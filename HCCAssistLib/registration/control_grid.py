"""The control points of a deformation, and which of them move a place by how much."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import sparse

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.registration.sampled import Floats
from HCCAssistLib.registration.spline import ORDER, Spline

SUPPORT = ORDER + 1
"""Control points along each axis that move a place."""


class ControlGrid:
    """Control points over the box of an image, along its axes.

    Args:
        image: whose box is deformed.
        control_mm: distance of control points at most, or nearly so: a whole number of them spans the box.

    Attributes:
        geometry: of the control points; one lies before the box and two, or one, after it.
    """

    def __init__(self, image: sitk.Image, control_mm: float) -> None:
        spacing, sides = np.array(image.GetSpacing()), np.array(image.GetSize()) * image.GetSpacing()
        spans = np.maximum(2, np.rint(sides / control_mm)).astype(int)
        steps = sides / spans
        directions = np.array(image.GetDirection()).reshape(3, 3)
        first = np.array(image.GetOrigin()) - directions @ (spacing / 2 + steps)
        i, j, k = (spans + ORDER).tolist()
        self.geometry = Geometry.from_parts((k, j, i), steps, first, directions)
        self._size = np.array([i, j, k])
        self._scale = (spacing / steps).astype(np.float32)[:, None]
        self._shift = ((spacing / 2 + steps) / steps - 1).astype(np.float32)[:, None]
        around = np.arange(SUPPORT)
        self._around = ((around[:, None, None] * j + around[:, None]) * i + around).ravel()

    @property
    def count(self) -> int:
        """Number of control points."""
        return int(self._size.prod())

    def weights(self, voxels: Floats) -> sparse.csr_matrix:
        """The weight of each control point ``(n, count)`` at voxels ``(3, n)`` of the image, i, j, k."""
        place = voxels * self._scale + self._shift
        first = np.clip(np.floor(place).astype(np.int32), 0, (self._size - SUPPORT)[:, None])
        f = (place - first).astype(np.float32)
        r = 1 - f
        one = np.stack([r**3, 3 * f**3 - 6 * f**2 + 4, 3 * r**3 - 6 * r**2 + 4, f**3], axis=-1) / np.float32(6)
        number = voxels.shape[1]
        planes = (one[2][:, :, None] * one[1][:, None, :]).reshape(number, SUPPORT**2, 1) * one[0][:, None, :]
        start = (first[2] * self._size[1] + first[1]) * self._size[0] + first[0]
        columns = (start[:, None] + self._around).ravel()
        ends = np.arange(0, SUPPORT**3 * number + 1, SUPPORT**3)
        return sparse.csr_matrix((planes.ravel(), columns, ends), (number, self.count))

    def bending(self, coefficients: Floats) -> Floats:
        """Slope of half the sum of squared second differences of coefficients ``(count, 3)`` along each axis."""
        grid = coefficients.reshape(*self.geometry.shape, 3)
        slope = np.zeros_like(grid)
        for axis in range(3):
            along, bent = np.moveaxis(slope, axis, 0), np.moveaxis(np.diff(grid, 2, axis=axis), axis, 0)
            along[:-2] += bent
            along[1:-1] -= 2 * bent
            along[2:] += bent
        return slope.reshape(-1, 3)

    def spline(self, coefficients: Floats) -> Spline:
        """The deformation of coefficients ``(count, 3)``, LPS mm."""
        parts = coefficients.T.reshape(3, *self.geometry.shape)
        return Spline(parts.astype(np.float64), self.geometry)
