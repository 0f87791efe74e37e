"""The demo of LTP detection: a case with a nodule, and the network beside a threshold on HU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.phantoms.demo import Demo, Row
from HCCAssistLib.wording import plural

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.report import Report
    from HCCAssistLib.inference.loaded_model import LoadedModel
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.recipes.ltp.performance import LTPEvaluation
    from HCCAssistLib.results.detection import DetectionResult


def evidence(pages: Report, cohort: Cohort, model: LoadedModel, found: LTPEvaluation) -> list[Row]:
    """The threshold on HU and the pointing game, added to the report; the threshold's rows of the short table."""
    from HCCAssistLib.phantoms.ltp.evidence import add_evidence

    if found.froc is None:
        return []
    baseline = add_evidence(pages, cohort, model.networks[0], found.froc)
    return [("lesion, HU threshold", one) for one in (*baseline.at_rates[3:5], baseline.cpm)]


def describe(result: DetectionResult, study: Study) -> tuple[str, Sequence[str], Sequence[Sequence[object]]]:
    """A sentence on what was found of the planted lesions; headings and rows of the candidates."""
    from HCCAssistLib.recipes.ltp.operating_point import TOLERANCE_MM

    lesions = study.points["post/ltp"].positions
    centers = np.array([candidate.box.center for candidate in result.shown]).reshape(-1, 3)
    away = np.linalg.norm(lesions[:, None] - centers[None], axis=2)
    found = int((away <= TOLERANCE_MM).any(axis=1).sum())
    shown, planted = len(result.shown), len(lesions)
    sentence = (
        f"{shown} {plural('candidate', shown)} at or above {result.threshold:.4f}, {found} of {planted} planted "
        f"{plural('lesion', planted)} found (a centre within {TOLERANCE_MM:g} mm)"
    )
    rows = [
        (
            c.number,
            f"{c.probability:.4f}",
            c.slice + 1,
            " ".join(f"{v:.0f}" for v in c.box.center),
            "-" if c.distance_to_ablation_mm is None else f"{c.distance_to_ablation_mm:.0f}",
        )
        for c in result.shown
    ]
    return sentence, ("number", "score", "slice", "centre LPS mm", "mm to the ablation zone"), rows


DEMO = Demo(
    cases=144,  # the 74 patients of the paper are too few: the network then learns bright spots, as a threshold does
    least_cases=6,
    title="LTP detection on held-out phantoms",
    training={"epochs": 6},
    short=(56, 6),
    run={"stride": "fine"},
    shows=lambda row: row["ltp"] == 1,
    evidence=evidence,
    describe=describe,
)
