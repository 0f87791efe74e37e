"""Examples for a report: the surest find, the lesion missed by most, and the surest false positive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from HCCAssistLib.evaluation.slice_view import SliceView, slice_view
from HCCAssistLib.evaluation.values import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window

if TYPE_CHECKING:
    from HCCAssistLib.results.detection import DetectionResult

KINDS = {
    "found": "The annotated lesion that was found with the highest score",
    "missed": "An annotated lesion without any candidate at or above the cut-off near it",
    "false positive": "The false positive with the highest score",
}


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """One telling slice.

    Attributes:
        kind: one of ``KINDS``.
        case_id: whose it is.
        view: the slice.
    """

    kind: str
    case_id: str
    view: SliceView

    @property
    def caption(self) -> str:
        """What is to be seen."""
        return f"{KINDS[self.kind]} (case {self.case_id}); {self.view.caption}"


class ExampleCases:
    """Sees one case after the other and remembers the most telling of each kind; only their images are read.

    Args:
        tolerance_mm: a candidate this close to an annotated point has found it.
        window: of the grey values.
    """

    def __init__(self, *, tolerance_mm: float, window: Window) -> None:
        self.tolerance_mm, self.window = tolerance_mm, window
        self._best: dict[str, tuple[float, Callable[[], Example]]] = {}

    def see(
        self,
        case_id: str,
        read: Callable[[], Image],
        result: DetectionResult,
        points: FloatArray,
        *,
        stamp: str = "",
    ) -> None:
        """Look at one case.

        Args:
            case_id: named beside the picture.
            read: gives the volume that was scanned.
            result: what was found in it.
            points: annotated points ``(n, 3)``, LPS mm.
            stamp: of ``results.stamp``.
        """

        def keep(kind: str, worth: float, at: npt.ArrayLike) -> None:
            if kind not in self._best or worth > self._best[kind][0]:
                self._best[kind] = (
                    worth,
                    lambda: Example(
                        kind, case_id, slice_view(read(), result.shown, points, at, self.window, stamp=stamp)
                    ),
                )

        centers = np.array([c.box.center for c in result.candidates]).reshape(-1, 3)
        near = np.linalg.norm(centers[:, None] - points[None], axis=2) <= self.tolerance_mm
        for candidate, hit in zip(result.candidates, near.any(axis=1), strict=True):
            if candidate.probability >= result.threshold:
                keep("found" if hit else "false positive", candidate.probability, candidate.box.center)
        for point, hits in zip(points, near.T, strict=True):
            best = max((c.probability for c, hit in zip(result.candidates, hits, strict=True) if hit), default=0.0)
            if best < result.threshold:
                keep("missed", 1 - best, point)

    def examples(self) -> tuple[Example, ...]:
        """At most one per kind, drawn from the images that are read now."""
        return tuple(self._best[kind][1]() for kind in KINDS if kind in self._best)
