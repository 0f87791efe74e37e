"""The figures of four responses at one level, patches or patients: as in the paper, each by its own AUC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from HCCAssistLib.evaluation.bootstrap import bootstrap_interval, ranking_statistic
from HCCAssistLib.evaluation.categories import CategoryEvaluation, category_evaluation
from HCCAssistLib.evaluation.discrimination import RocCurve, auc, roc
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.scores import checked_rows
from HCCAssistLib.recipes.tace.judged_case import objective
from HCCAssistLib.recipes.tace.recipe import OBJECTIVE_RESPONSE
from HCCAssistLib.recipes.tace.sampling import CODES
from HCCAssistLib.results.classification import Probabilities, most_probable

DRAWS = 1000
"""Of the bootstrap, as in the paper; there it draws patches, here patients."""

OBJECTIVE = "objective response"


@dataclass(frozen=True, eq=False, slots=True)
class ResponseLevel:
    """How well responses are told at one level.

    Attributes:
        unit: what is counted: ``"patch"`` or ``"patient"``.
        categories: the most probable response.
        areas: AUC of each response against the other three, by code, and of CR and PR together as ``OBJECTIVE``.
        curves: ROC of each of them; those that did not occur, or alone, have none.
    """

    unit: str
    categories: CategoryEvaluation
    areas: Mapping[str, Estimate]
    curves: tuple[tuple[str, RocCurve, Estimate], ...]

    @property
    def n(self) -> int:
        """Rows."""
        return self.categories.n

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision; the curves are in report.json."""
        return {**self.categories.as_json(), "auc": {name: one.as_json() for name, one in self.areas.items()}}


def response_level(
    truth: Sequence[str], probabilities: Sequence[Probabilities], patients: Sequence[str], *, unit: str
) -> ResponseLevel:
    """Evaluate probabilities of the four responses; intervals resample whole patients beside the usual ones.

    Args:
        truth: ``(rows,)`` response of the patient of each row.
        probabilities: of each row.
        patients: ``(rows,)``.
        unit: what a row is.
    """
    of_each = {code: ([code == one for one in truth], [row[code] for row in probabilities]) for code in CODES}
    of_each[OBJECTIVE] = ([one in OBJECTIVE_RESPONSE for one in truth], [objective(row) for row in probabilities])
    areas = {
        name: replace(area(labels, scores, patients, unit=unit), name=f"{name}: AUC")
        for name, (labels, scores) in of_each.items()
    }
    return ResponseLevel(
        unit=unit,
        categories=category_evaluation(
            truth, [most_probable(row) for row in probabilities], CODES, patients, unit=unit, draws=DRAWS
        ),
        areas=areas,
        curves=tuple(
            (name, roc(*rows), replace(areas[name], name="AUC"))
            for name, rows in of_each.items()
            if areas[name].value is not None
        ),
    )


def area(labels: Sequence[bool], scores: Sequence[float], patients: Sequence[str], *, unit: str) -> Estimate:
    """AUC with DeLong's interval and, beside it, that of the paper's bootstrap, also where a patient is one row."""
    found = auc(labels, scores, unit=unit, groups=patients, draws=DRAWS)
    if found.value is None or found.clustered:
        return found
    rows = checked_rows(labels, scores, patients)
    ranking = ranking_statistic(rows)
    return replace(found, clustered=bootstrap_interval(lambda w: ranking(w)[:, 0], rows.patients, draws=DRAWS))
