"""Whether patients were flagged for the right reason: by a candidate on a true lesion, not by one beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from HCCAssistLib.evaluation.intervals import proportion_interval
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.results.cutoff import CutOff

NAME = "sensitivity by a candidate on a true lesion"


def sensitivity_on_lesions(
    volumes: Sequence[VolumeFindings],
    positive: Collection[str],
    cutoff: CutOff,
    *,
    tolerance_mm: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Share of the positive patients with a candidate at or above the cut-off that hits a true lesion.

    A patient whose only candidates lie beside the lesions counts as flagged at the patient level and not here. The
    matching rule is that of ``froc``; the interval is Clopper-Pearson over patients.

    Args:
        volumes: of all patients.
        positive: the patients with the disease.
        cutoff: a candidate counts with ``score >= cutoff.value``.
        tolerance_mm: a candidate this near to a lesion's centre hits it.
        level: of the interval.
    """
    hit, flagged = set(), set()
    for volume in volumes:
        if volume.patient not in positive:
            continue
        if (volume.scores >= cutoff.value).any():
            flagged.add(volume.patient)
        if (volume.matched(tolerance_mm)[0] >= cutoff.value).any():
            hit.add(volume.patient)
    n, found = len(set(positive)), len(hit)
    are = "is" if len(flagged) == 1 else "are"
    text = f"{len(flagged)} of {n} positive patients {are} flagged, {found} of them by a candidate on a true lesion"
    return Estimate(
        name=NAME,
        value=found / n if n else None,
        n=n,
        unit="patient",
        successes=found,
        interval=proportion_interval(found, n, level=level),
        clusters=n,
        cutoff=cutoff,
        note=text if n else "undefined: no patient is positive",
    )
