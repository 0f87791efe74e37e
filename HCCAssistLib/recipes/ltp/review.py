"""What a reader's review teaches the next model: accepted findings are positives, rejected ones hard negatives.

Findings that are something else, such as a new tumour far from the zone, are neither: negatives keep away from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from HCCAssistLib.cohort.point_checks import CLOSE_MM
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.recipes.annotations import TrainingAnnotations
from HCCAssistLib.recipes.ltp.recipe import LABEL, TIME_POINT
from HCCAssistLib.results.detection import Candidate, DetectionResult
from HCCAssistLib.results.review import Verdict

POSITIVES, HARD_NEGATIVES, IGNORED = (f"{TIME_POINT}/{name}" for name in ("ltp", "rejected", "ignored"))


def training_annotations(result: DetectionResult, *, missed: PointList | None = None) -> TrainingAnnotations:
    """Points and label of a reviewed case, for a cohort to train on.

    Verdicts count whatever the threshold. Candidates still to review are left out. Labels and comments of the reader
    are not taken over, since they may hold names.

    Args:
        result: with the reader's verdicts.
        missed: lesions that the model did not find, marked by the reader.

    Raises:
        InputError: nothing says whether the patient has a progression, or a point lies in a rejected candidate or
            marks an accepted one again.
    """
    by = {verdict: [c for c in result.candidates if c.review.verdict is verdict] for verdict in Verdict}
    accepted, rejected, other = by[Verdict.ACCEPTED], by[Verdict.REJECTED], by[Verdict.OTHER]
    extra = missed.points if missed else ()
    warnings = list(_contradictions(extra, accepted, [*rejected, *other]))
    pending = [candidate for candidate in result.shown if candidate.review.verdict is Verdict.PENDING]
    some = f"{len(pending)} candidate{'s are' if len(pending) > 1 else ' is'} still to review"
    if pending and not accepted and not extra:
        raise InputError(
            f"{some}, and a case without an accepted one counts as free of progression",
            remedy="give each a verdict first",
        )
    if pending:
        what = f"{some} and not exported; training may take a negative there"
        warnings.append(Problem("WARN", what, "", "give each a verdict"))
    positives = [
        *_centers(accepted, result.geometry),
        *(Point(f"missed {n}", p.position) for n, p in enumerate(extra, 1)),
    ]
    points = {
        POSITIVES: PointList("ltp", tuple(positives)),
        HARD_NEGATIVES: PointList("rejected", tuple(_centers(rejected, result.geometry))),
        IGNORED: PointList("ignored", tuple(_centers(other, result.geometry))),
    }
    return TrainingAnnotations(points, {LABEL: str(int(bool(positives)))}, tuple(warnings))


def _contradictions(extra: Sequence[Point], accepted: list[Candidate], denied: list[Candidate]) -> Iterator[Problem]:
    """What speaks against lesions that the reader marked beside the candidates."""
    for point in extra:
        for candidate in (c for c in accepted if c.box.contains(point.position)):
            away = float(np.linalg.norm(np.subtract(point.position, candidate.box.center)))
            here = f"the missed lesion {point.label!r} lies in candidate {candidate.number}, which is accepted"
            if away <= CLOSE_MM:
                what = f"{here}, {away:.1f} mm from its centre: one lesion would count twice"
                raise InputError(what, remedy="delete the point")
            again = f"{here}, {away:.0f} mm from its centre: it counts as another lesion"
            yield Problem("WARN", again, "", "delete the point if it marks the same one")
        for candidate in (c for c in denied if c.box.contains(point.position)):
            verdict = "rejected" if candidate.review.verdict is Verdict.REJECTED else "another tumour"
            raise InputError(
                f"the missed lesion {point.label!r} lies in candidate {candidate.number}, which is {verdict}",
                remedy="accept the candidate instead, or move the point",
            )


def _centers(candidates: list[Candidate], grid: Geometry) -> list[Point]:
    """Their centres; one at the volume's very edge is moved into its last voxel."""
    points = []
    for candidate in candidates:
        x, y, z = candidate.box.center
        if not grid.contains(candidate.box.center):
            x, y, z = grid.to_world(np.clip(grid.to_index(candidate.box.center), 0, grid.size_ijk - 1))
        points.append(Point(f"candidate {candidate.number}", (x, y, z)))
    return points
