"""The demo of early recurrence after ablation: the models beside margin and clinical values, and beside the truth."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.phantoms.demo import Demo, Row
from HCCAssistLib.phantoms.recurrence_demo import describe, is_known
from HCCAssistLib.recipes.ablation.recipe import ABLATION, OUTCOME

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.report import Report
    from HCCAssistLib.inference.loaded_model import LoadedModel


def evidence(pages: Report, cohort: Cohort, model: LoadedModel, found: Any) -> list[Row]:
    """What margin and values tell, and what each model can come to; their rows of the short table."""
    from HCCAssistLib.phantoms.ablation.evidence import (
        MEASURES,
        concordance,
        early_auc,
        patients_in,
        true_scores,
        with_values,
    )
    from HCCAssistLib.phantoms.recurrence_patients import transferred_scores

    cases = cohort.of_split("test")
    test, best = patients_in(cases), true_scores(cases)
    by_values = transferred_scores(with_values(cohort.of_split("train")), with_values(cases))
    margin = -test.measures[:, MEASURES.index("smallest margin")]
    of_margin, of_values = (
        early_auc(test, margin, "AUC by the true margin"),
        early_auc(test, by_values, "AUC by values"),
    )
    of_best = [
        early_auc(test, scores, f"AUC by the true score of {ABLATION.printed(name)}") for name, scores in best.items()
    ]
    pages.add_heading("Beside margin, clinical values and the true scores")
    pages.add_text(
        "The smallest margin is the true one; the clinical values are weighed by a logistic regression that was fitted "
        "to the training cases. The true scores are those from which values, tumours and zones were drawn: no model "
        "can be expected to come to more than its own, or than the risk itself."
    )
    index = concordance(test, best["risk"], "C-index by the true risk")
    pages.add_estimates("Margin, values and true scores", (of_margin, of_values, *of_best, index))
    return [("patient, margin", of_margin), ("patient, values", of_values), ("patient, true risk", of_best[-1])]


DEMO = Demo(
    cases=56,
    least_cases=30,
    title="Early recurrence after ablation on held-out phantoms",
    training={**ABLATION.presets["quick"], "registration": "none"},  # which would take longest
    run={},
    shows=partial(is_known, OUTCOME),
    evidence=evidence,
    describe=partial(describe, OUTCOME, ABLATION.printed),
    folds=2,
    split=(3, 1, 1),  # more to test on than among the paper's patients: of so few phantoms these would be seven
)
