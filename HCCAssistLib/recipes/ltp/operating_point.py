"""Where a scan draws the line by default: few enough false alarms for a reader.

The paper's cut-off weighs sensitivity and specificity on single patches. A scan asks that question thousands of times
in a volume, so that the same cut-off would show dozens of boxes; it stays the cut-off of patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.evaluation.froc import VolumeFindings, lesion_operating_point
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.ltp.recipe import EXCLUSION_RADIUS, LTP, TIME_POINT
from HCCAssistLib.recipes.ltp.sliding_window.candidates import FLOOR
from HCCAssistLib.recipes.ltp.sliding_window.scanning import refined_peaks, scan_study
from HCCAssistLib.results.cutoff import CutOff

if TYPE_CHECKING:
    from HCCAssistLib.recipes.ltp.network import LTPNetwork

FALSE_ALARMS = 1.0
"""False positives per volume on the validation scans that the default threshold allows."""

TOLERANCE_MM = EXCLUSION_RADIUS
"""A candidate this close to an annotated point has found it: the radius within which the paper takes no negatives."""


def choose_scan_cutoff(
    networks: Sequence[tuple[LTPNetwork, Sequence[Case]]], *, device: str, chosen_on: str
) -> tuple[CutOff, tuple[Estimate, Estimate]]:
    """The lowest threshold with at most one false positive per volume on scans of cases that were not trained on.

    With it come the sensitivity for lesions and the false positives per volume on these very scans.

    Args:
        networks: each with the cases it was validated on.
        device: where to scan.
        chosen_on: the cases, in words.
    """
    false_alarms: list[float] = []
    volumes: list[VolumeFindings] = []
    lesions = 0
    best: list[float] = []
    for network, cases in networks:
        for case in cases:
            study = read_study(case, LTP)
            scanned = scan_study(study, [network], LTP.resolve({}, run=True), device=device)
            peaks = refined_peaks(scanned, [network], device=device)
            marked = study.points.get(f"{TIME_POINT}/ltp")
            truth = marked.positions if marked else np.empty((0, 3))
            centers = scanned.image.geometry.to_world(np.array([peak.center for peak in peaks]).reshape(-1, 3))
            scores = np.array([peak.probability for peak in peaks])
            findings = VolumeFindings(case.patient_id, centers, scores, truth, np.zeros(len(truth)))
            hits, misses = findings.matched(TOLERANCE_MM)
            false_alarms += misses.tolist()
            best += hits.tolist()
            volumes.append(findings)
            lesions += len(truth)
    false_alarms.sort(reverse=True)
    allowed = int(FALSE_ALARMS * len(volumes))
    # just above the first false alarm that is one too many
    value = float(np.nextafter(np.float32(false_alarms[allowed]), 1)) if len(false_alarms) > allowed else FLOOR
    found = sum(score >= value for score in best)
    cutoff = CutOff(
        value=min(1.0, max(FLOOR, value)),
        source=(
            f"at most {FALSE_ALARMS:g} false positive per volume on scans of the {chosen_on} ({len(volumes)} volumes, "
            f"{found} of {lesions} lesions found)"
        ),
    )
    return cutoff, lesion_operating_point(volumes, cutoff, tolerance_mm=TOLERANCE_MM)
