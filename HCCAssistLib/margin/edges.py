"""Whether a segment reaches the edge of the scan that it was painted on, so that a part of it may be missing."""

from __future__ import annotations

import numpy as np

from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

ALIGNED = 0.05
"""Voxels, by which two grids may differ that are one."""


def at_edge(mask: Image, scan: Geometry) -> bool:
    """Whether a painted voxel lies in the outermost layer of a scan's voxels, or outside.

    The grid of the mask tells nothing: files and scenes keep segments cut to what is painted.
    """
    index = scan.to_index(mask.geometry.to_world(np.argwhere(mask.array)[:, ::-1]))
    return bool(((index < 0.5) | (index > scan.size_ijk - 1.5)).any())


def is_painted_on(mask: Image, scan: Geometry) -> bool:
    """Whether the voxels of a mask are voxels of a scan: a segment of another scan tells nothing of this one's edge."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    index = scan.to_index(mask.geometry.to_world(corners))
    steps = np.abs(index[1:] - index[0])
    whole = np.abs(index - np.rint(index)).max() < ALIGNED
    return bool(whole and np.abs(np.sort(steps, axis=1) - (0, 0, 1)).max() < ALIGNED)


def edge_warning(mask: Image, name: str, scan: Geometry | None) -> tuple[Problem, ...]:
    """A warning where a segment reaches the edge of its scan; none where the scan is not known."""
    if scan is None or not at_edge(mask, scan):
        return ()
    what = "the segment reaches the edge of its scan: a part of it may be missing"
    return (Problem("WARN", what, name, "take a scan that shows it as a whole"),)
