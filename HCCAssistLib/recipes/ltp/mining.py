"""Hard negatives: what a first network takes for LTP on the training cases and is not.

The paper draws negatives at random over the abdomen and tests on patches drawn alike. In a scan of a whole liver
nearly every patch is negative, and the few that look like LTP (vessels, shunts, perfusion) decide how many false
positives a reader meets; random patches hardly ever show them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.recipe import LTP
from HCCAssistLib.recipes.ltp.sampling import IntArray, is_negative, marked, start_around, voxel_of
from HCCAssistLib.recipes.ltp.sliding_window.candidates import non_maximum_suppression
from HCCAssistLib.recipes.ltp.sliding_window.scanning import scan_study
from HCCAssistLib.recipes.options import Value

if TYPE_CHECKING:
    from HCCAssistLib.imaging.image import Image
    from HCCAssistLib.recipes.ltp.network import LTPNetwork

LEAST = 0.05
"""False positives below this probability teach nothing."""


def hard_negative_starts(
    study: Study, options: Mapping[str, Value], networks: Sequence[LTPNetwork], *, device: str = "cpu"
) -> tuple[Image, list[IntArray]]:
    """The highest-scoring patches of a case that keep the recipe's rule for negatives.

    Args:
        study: with its annotated points.
        options: of the recipe; ``hard_negatives`` is how many at most.
        networks: trained without hard negatives.
        device: where to scan.

    Returns:
        The image that was scanned, and the first voxel ``(i, j, k)`` of each patch on it, best score first.
    """
    scanned = scan_study(study, networks, LTP.resolve({"stride": "fast"}, run=True), device=device)
    image = scanned.image
    known = [voxel_of(image, point) for name in ("ltp", "ignored") for point in marked(study, name)]
    starts: list[IntArray] = []
    for peak in non_maximum_suppression(scanned.scores):
        start = start_around(np.rint(peak.center).astype(np.int64))
        if peak.probability < LEAST or len(starts) == int(options["hard_negatives"]):
            break
        if is_negative(start, known, image, radius=float(options["radius"]), unit=str(options["radius_unit"])):
            starts.append(start)
    return image, starts
