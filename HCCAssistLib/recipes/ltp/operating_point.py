"""Where a scan draws the line by default: few enough false positives for a reader.

The paper's cut-off weighs sensitivity and specificity on single patches. A scan asks that question thousands of times
in a volume, so that the same cut-off would show dozens of boxes; it stays the cut-off of patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from HCCAssistLib.evaluation.froc import lesion_operating_point
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.recipe import EXCLUSION_RADIUS, LTP, TIME_POINT
from HCCAssistLib.recipes.ltp.sliding_window.candidates import FLOOR
from HCCAssistLib.recipes.ltp.sliding_window.scanning import refined_peaks, scan_study
from HCCAssistLib.results.cutoff import CutOff

if TYPE_CHECKING:
    from HCCAssistLib.recipes.ltp.network import LTPNetwork

MAX_FALSE_POSITIVES_PER_VOLUME = 1.0
"""On the scans of validation, at the default threshold."""

TOLERANCE_MM = EXCLUSION_RADIUS
"""A candidate this close to an annotated point has found it: the radius within which the paper takes no negatives."""


def scan_findings(study: Study, network: LTPNetwork, patient_id: str, *, device: str) -> VolumeFindings:
    """What a network finds in a scan of a case that it was not trained on, beside the annotated lesions."""
    scanned = scan_study(study, [network], LTP.resolve({}, run=True), device=device)
    peaks = refined_peaks(scanned, [network], device=device)
    marked = study.points.get(f"{TIME_POINT}/ltp")
    truth = marked.positions if marked else np.empty((0, 3))
    centers = scanned.image.geometry.to_world(np.array([peak.center for peak in peaks]).reshape(-1, 3))
    scores = np.array([peak.probability for peak in peaks])
    return VolumeFindings(patient_id, centers, scores, truth, np.zeros(len(truth)))


def candidate_cutoff(volumes: Sequence[VolumeFindings], *, chosen_on: str) -> tuple[CutOff, tuple[Estimate, Estimate]]:
    """The lowest threshold with at most one false positive per volume.

    With it come the sensitivity for lesions and the false positives per volume on these very scans.

    Args:
        volumes: scans of cases that their network was not trained on.
        chosen_on: the cases, in words.
    """
    matched = [findings.matched(TOLERANCE_MM) for findings in volumes]
    found = [score for hits, _ in matched for score in hits.tolist()]
    false_positives = sorted((score for _, misses in matched for score in misses.tolist()), reverse=True)
    lesions = sum(len(findings.lesions) for findings in volumes)
    allowed = int(MAX_FALSE_POSITIVES_PER_VOLUME * len(volumes))
    # just above the first false positive that is one too many
    value = float(np.nextafter(np.float32(false_positives[allowed]), 1)) if len(false_positives) > allowed else FLOOR
    cutoff = CutOff(
        value=min(1.0, max(FLOOR, value)),
        source=(
            f"at most {MAX_FALSE_POSITIVES_PER_VOLUME:g} false positive per volume on scans of the {chosen_on} "
            f"({len(volumes)} volumes, {sum(score >= value for score in found)} of {lesions} lesions found)"
        ),
    )
    return cutoff, lesion_operating_point(volumes, cutoff, tolerance_mm=TOLERANCE_MM)
