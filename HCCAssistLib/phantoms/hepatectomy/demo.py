"""The demo of early recurrence after hepatectomy: the network beside measures of texture and beside the true risk."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.phantoms.demo import Demo, Row
from HCCAssistLib.phantoms.recurrence_demo import describe, is_known
from HCCAssistLib.recipes.hepatectomy.recipe import HEPATECTOMY, OUTCOME

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.report import Report
    from HCCAssistLib.inference.loaded_model import LoadedModel


def evidence(pages: Report, cohort: Cohort, model: LoadedModel, found: Any) -> list[Row]:
    """What can be told from measures under the whole segment, and from the true risk; their rows of the short table."""
    from HCCAssistLib.phantoms.hepatectomy.evidence import concordance, early_auc, patients_in
    from HCCAssistLib.phantoms.recurrence_patients import transferred_scores

    cases = cohort.of_split("test")
    train, test = (patients_in(part) for part in (cohort.of_split("train"), cases))
    scores = transferred_scores(train, test)
    risks = np.array([_risk(case) for case in cases])
    measured = early_auc(test, scores, "AUC by measures of texture")
    best = early_auc(test, risks, "AUC by the true risk")
    pages.add_heading("Beside measures under the segment, and beside the true risk")
    pages.add_text(
        "A logistic regression on texture at two scales, rim, necrosis, volume and mean HU of all of the tumour, "
        "fitted to the training cases: the phantoms hold at least so much. Times are drawn from the true risk, so that "
        "no score can be expected to come to more than the risk itself."
    )
    of_all = (concordance(test, scores, "C-index by texture"), concordance(test, risks, "C-index by the true risk"))
    pages.add_estimates("Measures of texture and true risk", (measured, best, *of_all))
    return [("patient, texture", measured), ("patient, true risk", best)]


def _risk(case: Case) -> float:
    truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
    return float(truth["scores"]["risk"])


DEMO = Demo(
    cases=220,
    least_cases=30,
    title="Early recurrence after hepatectomy on held-out phantoms",
    training={**HEPATECTOMY.presets["quick"]},
    run={},
    shows=partial(is_known, OUTCOME),
    evidence=evidence,
    describe=partial(describe, OUTCOME, HEPATECTOMY.printed),
)
