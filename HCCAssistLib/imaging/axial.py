"""What methods that look at axial slices ask of a volume: how far apart they are, and what is measured in one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.orientation import patient_axes
from HCCAssistLib.imaging.windows import AIR_HU

STRAIGHT_DEGREES = 1.0
"""Slices tilted by less are taken as axial: 1 degree is 0.7 mm at the border of a field of view of 80 mm."""


def slice_spacing(geometry: Geometry) -> float:
    """Millimetres between axial slices."""
    return float(geometry.spacing[patient_axes(geometry)[2]])


def longest_diameter(section: npt.NDArray[np.generic], spacing: npt.NDArray[np.float64]) -> float:
    """Longest distance in mm between two corners of painted pixels.

    Args:
        section: ``(rows, columns)``, above 0 where painted; at least one pixel is.
        spacing: mm between columns, and between rows.
    """
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    pixels = np.argwhere(section)[:, ::-1]
    corners = np.concatenate([pixels + offset for offset in ((0, 0), (0, 1), (1, 0), (1, 1))]) * spacing[:2]
    return float(pdist(corners[ConvexHull(corners).vertices]).max())


def fill_of(dtype: np.dtype) -> int:
    """What stands where a volume has no voxel: air, or 0 where its type holds no such value."""
    return AIR_HU if dtype.kind == "f" or (dtype.kind in "iu" and np.iinfo(dtype).min <= AIR_HU) else 0
