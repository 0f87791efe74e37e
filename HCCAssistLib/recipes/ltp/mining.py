"""Hard negatives: what a first network takes for LTP on the training cases and is not.

The paper draws negatives at random over the abdomen and tests on patches drawn alike. In a scan of a whole liver
nearly every patch is negative, and the few that look like LTP (vessels, shunts, perfusion) decide how many false
alarms a reader meets; random patches hardly ever show them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.ltp.recipe import LTP, TIME_POINT
from HCCAssistLib.recipes.ltp.sampling import IntArray, is_negative, marked, patches_at, start_around, voxel_of
from HCCAssistLib.recipes.ltp.sliding_window.candidates import suppressed
from HCCAssistLib.recipes.ltp.sliding_window.scanning import scan_study
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.samples import Samples

if TYPE_CHECKING:
    from HCCAssistLib.recipes.ltp.network import LTPNetwork

LEAST = 0.05
"""False alarms below this probability teach nothing."""


def mine_case(
    case: Case, options: Mapping[str, Value], networks: Sequence[LTPNetwork], *, device: str = "cpu"
) -> Samples:
    """The highest-scoring patches of a case that keep the recipe's rule for negatives.

    Args:
        case: with its annotated points.
        options: of the recipe; ``hard_negatives`` is how many at most.
        networks: trained without hard negatives.
        device: where to scan.
    """
    study = read_study(case, LTP)
    scanned = scan_study(study, networks, LTP.resolve({"stride": "fast"}, run=True), device=device)
    image = scanned.image
    lesions = [voxel_of(image, point) for point in marked(study, "ltp")]
    starts: list[IntArray] = []
    for peak in suppressed(scanned.scores):
        start = start_around(np.rint(peak.center).astype(np.int64))
        if peak.probability < LEAST or len(starts) == int(options["hard_negatives"]):
            break
        if is_negative(start, lesions, image, radius=float(options["radius"]), unit=str(options["radius_unit"])):
            starts.append(start)
    digest = study.volumes[f"{TIME_POINT}/arterial"].digest()
    return patches_at(image, starts, [0] * len(starts), [-1] * len(starts), case, digest)
