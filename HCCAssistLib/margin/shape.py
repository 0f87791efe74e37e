"""A closed surface through the points of a margin, with the margin at each of its corners: what a scene draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.margin.ablation_margin import AblationMargin

WIDE = 1.6
"""Edge of the voxels that points are sorted into, in mean distances of points: a shell of them has no gap."""

FINEST_MM = 0.8

NEAR = 6
"""Points whose mean is the place of a corner."""

PAD = 4


@dataclass(frozen=True, eq=False, slots=True)
class Solid:
    """What the points of a margin enclose, as a level: above 0.5 inside.

    Attributes:
        level: ``[k, j, i]``.
        origin: of the first voxel, LPS mm; the axes are those of the patient.
        step: mm between voxels.
    """

    level: npt.NDArray[np.float32]
    origin: FloatArray
    step: float


def solid_of(margin: AblationMargin) -> Solid:
    """What the outermost points enclose; cavities are filled."""
    from scipy import ndimage

    points = margin.points
    step = max(FINEST_MM, WIDE * float(np.sqrt(margin.areas.sum() / len(points))))
    origin = points.min(axis=0) - PAD * step
    index = np.rint((points - origin) / step).astype(int)
    shell = np.zeros(tuple((index.max(axis=0) + PAD + 1)[::-1].tolist()), bool)
    shell[tuple(index.T[::-1])] = True
    around = ndimage.generate_binary_structure(3, 3)
    filled = ndimage.binary_fill_holes(ndimage.binary_dilation(shell, around))
    # half of the shell was put outside of the points
    inside = ndimage.binary_erosion(filled, around).astype(np.float32)
    return Solid(ndimage.gaussian_filter(inside, 0.7), origin, step)


def onto_points(margin: AblationMargin, corners: FloatArray) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Corners ``(n, 3)`` LPS mm brought onto the points: places, margins in mm, and whether they count."""
    from scipy.spatial import cKDTree

    if not len(corners):
        return np.zeros((0, 3)), np.zeros(0), np.zeros(0, bool)
    away, number = cKDTree(margin.points).query(corners, k=min(NEAR, len(margin.points)))
    away, number = away.reshape(len(corners), -1), number.reshape(len(corners), -1)
    weight = 1 / (away + 0.1)
    weight /= weight.sum(axis=1, keepdims=True)
    places = np.einsum("nk,nka->na", weight, margin.points[number])
    return places, (weight * margin.margins[number]).sum(axis=1), margin.counted[number[:, 0]]
