"""One axial slice of a case as a reader of a report sees it: plain, and beside it with boxes, scores and truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from HCCAssistLib.evaluation.figures import COLOURS, as_png, canvas
from HCCAssistLib.evaluation.values import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import stored_slice, to_lps_order
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.results.stamp import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from HCCAssistLib.results.detection import Candidate

NEAR_MM = 10.0
"""Annotated points this far above or below a slice are still marked on it."""

RING_MM = 9.0
"""Radius of the ring around an annotated point: most lesions lie within it and stay to be seen."""

THUMBNAIL_MM = 70.0
SCALE_BAR_MM = 50.0
FOUND, TRUTH = COLOURS[4], COLOURS[5]
"""Colours of candidates and of annotated points."""


@dataclass(frozen=True, eq=False, slots=True)
class SliceView:
    """One axial slice, the patient's left on the viewer's right.

    Attributes:
        grey: ``(rows, columns)`` from 0 (black) to 1.
        spacing: mm between columns and between rows.
        number, slices: of the slice, from 1 as the volume is stored, and how many there are.
        focus: column and row of what is to be seen.
        boxes: corners ``(4, 2)`` in columns and rows of each candidate at or above the cut-off, with its score.
        weak: the same of candidates below the cut-off.
        points: annotated points ``(n, 2)`` in columns and rows.
        window: of the grey values.
        stamp: of ``results.stamp``, written into the picture.
    """

    grey: npt.NDArray[np.float32]
    spacing: tuple[float, float]
    number: int
    slices: int
    focus: tuple[float, float]
    boxes: tuple[tuple[FloatArray, float], ...]
    points: FloatArray
    window: Window
    weak: tuple[tuple[FloatArray, float], ...] = ()
    stamp: str = ""

    @property
    def caption(self) -> str:
        """What the picture shows and how."""
        marked = f"; rings, annotated points within {NEAR_MM:g} mm of the slice" if len(self.points) else ""
        boxes = "; boxes, candidates at or above the cut-off with their scores" if self.boxes else ""
        boxes += "; dotted, the surest candidate, below the cut-off" if self.weak else ""
        return (
            f"{in_words(self.stamp)}axial slice {self.number} of {self.slices}, patient's left on the right, level "
            f"{self.window.level:g} HU, width {self.window.width:g} HU; left, the image alone{boxes}{marked}"
        )


def slice_view(
    image: Image,
    candidates: Sequence[Candidate],
    points: FloatArray,
    at: npt.ArrayLike,
    window: Window,
    *,
    cutoff: float = 0.0,
    stamp: str = "",
) -> SliceView:
    """The slice through a place.

    Args:
        image: in any storage order.
        candidates: those to be drawn where the slice cuts their boxes.
        points: annotated points ``(n, 3)``, LPS mm.
        at: LPS mm; a place outside the volume takes the nearest slice.
        window: of the grey values.
        cutoff: candidates below are drawn dotted.
        stamp: of ``results.stamp``.
    """
    ordered = to_lps_order(image)
    to_index, spacing = ordered.geometry.to_index, ordered.geometry.spacing
    column, row, along = to_index(at)
    k = int(np.clip(np.round(along), 0, ordered.array.shape[0] - 1))
    low = window.level - window.width / 2
    grey = np.clip((ordered.array[k].astype(np.float32) - low) / window.width, 0, 1)
    strong, weak = list[tuple[FloatArray, float]](), list[tuple[FloatArray, float]]()
    for candidate in candidates:
        depth = to_index(candidate.box.corners())[:, 2]
        if depth.min() - 0.5 <= k <= depth.max() + 0.5:
            corners = to_index(candidate.rectangle)[:, :2]
            (strong if candidate.probability >= cutoff else weak).append((corners, candidate.probability))
    marked = to_index(np.asarray(points, dtype=np.float64).reshape(-1, 3))
    marked = marked[np.abs(marked[:, 2] - k) * spacing[2] <= NEAR_MM]
    on_slice = ordered.geometry.to_world((column, row, k))
    return SliceView(
        grey=grey,
        spacing=(float(spacing[0]), float(spacing[1])),
        number=stored_slice(image.geometry, on_slice) + 1,
        slices=ordered.array.shape[0],
        focus=(float(column), float(row)),
        boxes=tuple(strong),
        weak=tuple(weak),
        points=marked[:, :2],
        window=window,
        stamp=stamp,
    )


def slice_figure(view: SliceView) -> Figure:
    """The plain slice, and beside it the same with boxes, scores and annotated points; cut to the patient."""
    left, right, top, bottom = _patient(view.grey)
    width = 3.4
    height = width * (bottom - top) * view.spacing[1] / ((right - left) * view.spacing[0])
    with canvas(2 * width, min(height, 1.5 * width)) as (figure, first):
        figure.delaxes(first)
        for number, axes in enumerate(figure.subplots(1, 2)):
            _draw(axes, view, marks=number == 1)
            axes.set(xlim=(left, right), ylim=(bottom, top))
            _letters(axes, view)
        return figure


def thumbnail(view: SliceView) -> bytes:
    """A small PNG of the surroundings of what is to be seen, with its boxes and points."""
    half = [THUMBNAIL_MM / 2 / spacing for spacing in view.spacing]
    with canvas(1.0, 1.0) as (figure, axes):
        _draw(axes, view, marks=True, scores=False)
        (x, y), (across, down) = view.focus, half
        axes.set(xlim=(x - across, x + across), ylim=(y + down, y - down))
        figure.set_layout_engine("none")
        axes.set_position((0, 0, 1, 1))
        return as_png(figure, dpi=112)


def _patient(grey: npt.NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Edges of what is not black: first and last column, first and last row."""
    seen = grey > 0
    if not seen.any():
        seen = np.ones_like(seen)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return columns[0] - 0.5, columns[-1] + 0.5, rows[0] - 0.5, rows[-1] + 0.5


def _draw(axes: Axes, view: SliceView, *, marks: bool, scores: bool = True) -> None:
    from matplotlib.patches import Ellipse
    from matplotlib.patheffects import withStroke

    axes.imshow(view.grey, cmap="gray", vmin=0, vmax=1, aspect=view.spacing[1] / view.spacing[0])
    axes.axis("off")
    if not marks:
        return
    edge = [withStroke(linewidth=1.5, foreground="black")]
    for boxes, style in ((view.boxes, "-"), (view.weak, ":")):
        for corners, score in boxes:
            axes.plot(*np.vstack((corners, corners[:1])).T, color=FOUND, linewidth=1.2, linestyle=style)
            if scores:
                axes.annotate(
                    f"{score:.2f}", corners.min(axis=0), xytext=(0, 2), textcoords="offset points", color=FOUND,
                    fontsize=9, fontweight="bold", path_effects=edge,
                )  # fmt: skip
    for point in view.points:
        across, down = (2 * RING_MM / spacing for spacing in view.spacing)
        axes.add_patch(Ellipse(tuple(point), across, down, edgecolor=TRUTH, facecolor="none", linewidth=1.2))


def _letters(axes: Axes, view: SliceView) -> None:
    """Sides of the patient, number of the slice, scale bar, and the stamp."""
    from matplotlib.patheffects import withStroke

    edge = [withStroke(linewidth=2, foreground="black")]
    texts = [(0.02, 0.5, "R", "left"), (0.98, 0.5, "L", "right"), (0.02, 0.97, f"slice {view.number}", "left")]
    if view.stamp:
        texts.append((0.98, 0.97, view.stamp, "right"))
    for x, y, text, side in texts:
        axes.text(
            x, y, text, transform=axes.transAxes, color="white", fontsize=8, fontweight="bold", ha=side,
            va="center" if y == 0.5 else "top", path_effects=edge,
        )  # fmt: skip
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    start, height = left + 0.03 * (right - left), bottom + 0.04 * (top - bottom)
    length = SCALE_BAR_MM / view.spacing[0]
    length = length if length < 0.6 * (right - left) else length / 5
    axes.plot((start, start + length), (height, height), color="white", linewidth=2, path_effects=edge)
    axes.annotate(
        f"{length * view.spacing[0]:g} mm", (start, height), xytext=(0, 3), textcoords="offset points", color="white",
        fontsize=7, path_effects=edge,
    )  # fmt: skip
