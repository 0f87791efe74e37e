"""The surface of a tumour from six sides as a viewer sees it, each pixel with its margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.margin.ablation_margin import AblationMargin
from HCCAssistLib.margin.shape import Solid, onto_points, solid_of

PIXEL_MM, MOST_PIXELS = 0.25, 200
"""Edge of a pixel; longer where the tumour is so wide that a picture would have more along a side."""

SEEN_MM = 2.0
"""A place this far below the surface that is seen still counts as seen."""

Axis = tuple[int, int]
"""One of the patient's axes (left, posterior, superior as 0, 1, 2) and the sign along it."""

SIDES: tuple[tuple[str, Axis, Axis], ...] = (
    ("from the front", (1, 1), (2, 1)),
    ("from the right", (0, 1), (2, 1)),
    ("from above", (2, -1), (1, -1)),
    ("from behind", (1, -1), (2, 1)),
    ("from the left", (0, -1), (2, 1)),
    ("from below", (2, 1), (1, -1)),
)
"""Name, where the viewer looks, and what is up."""

LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Of each axis, against and along it: right and left, anterior and posterior, feet and head."""


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """One view along an axis of the patient, without perspective.

    Attributes:
        name: where it is seen from.
        letters: at the left and right edge, at the top and at the bottom.
        mm: the margin at each pixel ``(rows, columns)``; NaN where there is no tumour.
        counted: whether it counts.
        light: 0 to 1, how much the surface faces the viewer.
        pixel_mm: edge of a pixel.
        axes: of the patient, to the right, up and away from the viewer, as rows.
        corner: LPS mm of the middle of the top left pixel; of the axis away from the viewer, nothing.
        depth: mm along the axis away from the viewer at each pixel; NaN where there is no tumour.
    """

    name: str
    letters: tuple[str, str, str, str]
    mm: FloatArray
    counted: npt.NDArray[np.bool_]
    light: FloatArray
    pixel_mm: float
    axes: FloatArray
    corner: FloatArray
    depth: FloatArray

    def place(self, lps: npt.ArrayLike) -> tuple[float, float, bool]:
        """Column and row of a place, and whether the tumour's surface does not hide it."""
        right, up, away = self.axes @ np.asarray(lps, float)
        first_right, first_up, _ = self.axes @ self.corner
        column, row = (right - first_right) / self.pixel_mm, (first_up - up) / self.pixel_mm
        rows, columns = self.depth.shape
        c, r = round(column), round(row)
        hidden = 0 <= r < rows and 0 <= c < columns and bool(self.depth[r, c] + SEEN_MM < away)
        return float(column), float(row), not hidden


def sides_of(margin: AblationMargin) -> tuple[Side, ...]:
    """The surface from the front, the right and above, and from the opposite sides."""
    solid = _finer(solid_of(margin))
    return tuple(_side(margin, solid, *one) for one in SIDES)


def _finer(solid: Solid) -> Solid:
    from scipy import ndimage

    shape = np.array(solid.level.shape)
    pixel = max(PIXEL_MM, float(shape.max() * solid.step / MOST_PIXELS))
    finer = np.maximum(np.floor((shape - 1) * solid.step / pixel).astype(int) + 1, 2)
    level = ndimage.affine_transform(
        solid.level, np.full(3, pixel / solid.step), output_shape=tuple(finer.tolist()), order=3, mode="nearest"
    )
    return Solid(level.astype(np.float32), solid.origin, pixel)


def _side(margin: AblationMargin, solid: Solid, name: str, look: Axis, up: Axis) -> Side:
    (along, ahead), (vertical, upward) = look, up
    axes = np.zeros((3, 3))
    axes[1, vertical], axes[2, along] = upward, ahead
    axes[0] = np.cross(axes[2], axes[1])
    horizontal = int(np.abs(axes[0]).argmax())
    rightward = int(axes[0, horizontal])
    # rows from the top, columns from the left, then away from the viewer
    level = solid.level.transpose([2 - axis for axis in (vertical, horizontal, along)])
    level = level[::-upward, ::rightward, ::ahead]
    inside = level > 0.5
    hit = inside.any(axis=2)
    first = np.where(hit, inside.argmax(axis=2), 0)
    rows, columns = np.mgrid[: hit.shape[0], : hit.shape[1]]
    behind, before = level[rows, columns, first], level[rows, columns, np.maximum(first - 1, 0)]
    steps = first - np.clip((behind - 0.5) / np.maximum(behind - before, 1e-6), 0, 1)
    corner = solid.origin.copy()
    size = np.array(solid.level.shape[::-1]) - 1
    for axis, sign in ((vertical, -upward), (horizontal, rightward), (along, ahead)):
        corner[axis] += 0 if sign > 0 else size[axis] * solid.step
    start = float(axes[2] @ corner)
    depth = np.where(hit, start + steps * solid.step, np.nan)
    right = float(axes[0] @ corner) + columns[hit] * solid.step
    height = float(axes[1] @ corner) - rows[hit] * solid.step
    places = np.stack([right, height, depth[hit]], axis=1) @ axes
    _, margins, counts = onto_points(margin, places)
    mm, counted = np.full(hit.shape, np.nan), np.zeros(hit.shape, bool)
    mm[hit], counted[hit] = margins, counts
    letters = tuple(
        LETTERS[int(np.abs(way).argmax())][int(way.sum() > 0)] for way in (-axes[0], axes[0], axes[1], -axes[1])
    )
    return Side(name, letters, mm, counted, _light(depth, hit, solid.step), solid.step, axes, corner, depth)  # type: ignore[arg-type]


def _light(depth: FloatArray, hit: npt.NDArray[np.bool_], step: float) -> FloatArray:
    """The cosine between the surface's normal and the line of sight, of a surface smoothed by three pixels."""
    from scipy import ndimage

    filled = np.where(hit, depth, 0.0)
    weight = ndimage.gaussian_filter(hit.astype(float), 3.0)
    smooth = ndimage.gaussian_filter(filled, 3.0) / np.maximum(weight, 1e-6)
    down, across = np.gradient(smooth, step)
    return np.asarray(np.where(hit, 1 / np.sqrt(1 + down**2 + across**2), 0.0))
