"""Examples for a report: the surest find, the lesion missed by most, and the surest false alarm, on an axial slice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from HCCAssistLib.evaluation.figures import COLOURS, canvas
from HCCAssistLib.evaluation.scores import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order
from HCCAssistLib.imaging.windows import Window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from HCCAssistLib.results.detection import Candidate, DetectionResult

NEAR_MM = 10.0
"""Annotated points this far above or below a slice are still marked on it."""


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """One axial slice, the patient's left on the viewer's right.

    Attributes:
        kind: ``"found"``, ``"missed"`` or ``"false alarm"``.
        caption: what is to be seen.
        grey: ``(rows, columns)`` from 0 (black) to 1.
        spacing: mm between columns and between rows.
        boxes: corners ``(4, 2)`` in columns and rows of each candidate at or above the cut-off, with its probability.
        points: annotated points ``(n, 2)`` in columns and rows.
    """

    kind: str
    caption: str
    grey: npt.NDArray[np.float32]
    spacing: tuple[float, float]
    boxes: tuple[tuple[FloatArray, float], ...]
    points: FloatArray


class ExampleCases:
    """Sees one case after the other and remembers the most telling of each kind; only their images are read.

    Args:
        tolerance_mm: a candidate this close to an annotated point has found it.
        window: of the grey values.
    """

    def __init__(self, *, tolerance_mm: float, window: Window) -> None:
        self.tolerance_mm, self.window = tolerance_mm, window
        self._best: dict[str, tuple[float, Callable[[], Example]]] = {}

    def see(self, read: Callable[[], Image], result: DetectionResult, points: FloatArray) -> None:
        """Look at one case.

        Args:
            read: gives the volume that was scanned.
            result: what was found in it.
            points: annotated points ``(n, 3)``, LPS mm.
        """
        centers = np.array([c.box.center for c in result.candidates]).reshape(-1, 3)
        distance = np.linalg.norm(centers[:, None] - points[None], axis=2)
        hits = (distance <= self.tolerance_mm).any(axis=1)
        for candidate, hit in zip(result.candidates, hits, strict=True):
            if candidate.probability >= result.threshold:
                self._keep(
                    "found" if hit else "false alarm",
                    candidate.probability,
                    candidate.box.center,
                    read,
                    result,
                    points,
                )
        for number, point in enumerate(points):
            near = [
                c.probability
                for c, d in zip(result.candidates, distance[:, number], strict=True)
                if d <= self.tolerance_mm
            ]
            if max(near, default=0.0) < result.threshold:
                self._keep("missed", 1 - max(near, default=0.0), point, read, result, points)

    def _keep(
        self,
        kind: str,
        worth: float,
        at: npt.ArrayLike,
        read: Callable[[], Image],
        result: DetectionResult,
        points: FloatArray,
    ) -> None:
        if kind not in self._best or worth > self._best[kind][0]:
            self._best[kind] = worth, lambda: _example(kind, read(), result.shown, points, at, self.window)

    def examples(self) -> tuple[Example, ...]:
        """At most one per kind, drawn from the images that are read now."""
        return tuple(self._best[kind][1]() for kind in ("found", "missed", "false alarm") if kind in self._best)


def _example(
    kind: str, image: Image, candidates: Sequence[Candidate], points: FloatArray, at: npt.ArrayLike, window: Window
) -> Example:
    ordered = to_lps_order(image)
    to_index, spacing = ordered.geometry.to_index, ordered.geometry.spacing
    k = int(np.clip(np.round(to_index(at)[2]), 0, ordered.array.shape[0] - 1))
    low = window.level - window.width / 2
    grey = np.clip((ordered.array[k].astype(np.float32) - low) / window.width, 0, 1)
    boxes = []
    for candidate in candidates:
        depth = to_index(candidate.box.corners())[:, 2]
        if depth.min() - 0.5 <= k <= depth.max() + 0.5:
            boxes.append((to_index(candidate.rectangle)[:, :2], candidate.probability))
    marked = to_index(points.reshape(-1, 3))
    marked = marked[np.abs(marked[:, 2] - k) * spacing[2] <= NEAR_MM]
    words = {
        "found": "The annotated lesion that was found with the highest score",
        "missed": "An annotated lesion without any candidate at or above the cut-off near it",
        "false alarm": "The false alarm with the highest score",
    }
    caption = (
        f"{words[kind]}. Axial slice, patient's left on the right, level {window.level:g} HU, width {window.width:g} "
        "HU; boxes, candidates at or above the cut-off with their scores; crosses, annotated points within "
        f"{NEAR_MM:g} mm of the slice"
    )
    return Example(kind, caption, grey, (float(spacing[0]), float(spacing[1])), tuple(boxes), marked[:, :2])


def example_figure(example: Example) -> Figure:
    """The slice with boxes, scores and annotated points."""
    rows, columns = example.grey.shape
    width = 3.4
    height = width * rows * example.spacing[1] / (columns * example.spacing[0])
    from matplotlib.patheffects import withStroke

    edge = [withStroke(linewidth=1.5, foreground="black")]
    with canvas(width, height) as (figure, axes):
        axes.imshow(example.grey, cmap="gray", vmin=0, vmax=1, aspect=example.spacing[1] / example.spacing[0])
        for corners, probability in example.boxes:
            closed = np.vstack((corners, corners[:1]))
            axes.plot(*closed.T, color=COLOURS[4], linewidth=1.2)
            x, y = corners.min(axis=0)
            axes.annotate(
                f"{probability:.2f}",
                (x, y),
                xytext=(0, 2),
                textcoords="offset points",
                color=COLOURS[4],
                fontsize=8,
                path_effects=edge,
            )
        axes.plot(*example.points.T, "+", color=COLOURS[5], markersize=7, markeredgewidth=1.2)
        axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
        axes.axis("off")
        return figure
