"""The demo of the response to TACE: several tumours in one case, and the network beside measures of texture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.phantoms.demo import Demo, Row
from HCCAssistLib.phantoms.tace.cases import RESPONSE
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, SMALL

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.report import Report
    from HCCAssistLib.inference.loaded_model import LoadedModel
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.results.classification import ClassificationResult


def evidence(pages: Report, cohort: Cohort, model: LoadedModel, found: Any) -> list[Row]:
    """What can be told from measures under the whole segment, added to the report; its row of the short table."""
    from HCCAssistLib.phantoms.tace.evidence import patient_auc, transferred_scores, tumours_in

    train, test = (tumours_in(cohort.of_split(split)) for split in ("train", "test"))
    measured = patient_auc(test, transferred_scores(train, test), "AUC by measures of texture")
    pages.add_heading("Beside measures under the segment")
    pages.add_text(
        "A logistic regression on texture at two scales, rim, necrosis, shunts, volume and mean HU of all of a tumour, "
        "fitted to the training cases: the phantoms hold at least so much."
    )
    pages.add_estimates("Measures of texture", (measured,))
    return [("patient, texture", measured)]


def describe(result: ClassificationResult, study: Study) -> tuple[str, Sequence[str], Sequence[Sequence[object]]]:
    """A sentence on the planted response; headings and rows of the tumours and of the patient."""
    planted = study.values.get(RESPONSE, "")
    rows: list[Sequence[object]] = [
        (
            finding.label,
            "yes" if finding.target else "no",
            len(finding.patches),
            finding.predicted,
            f"{result.grouped(finding.probabilities)['objective_response']:.2f}",
        )
        for finding in result.findings
    ]
    patient = result.patient or {}
    if patient:
        called = max(patient, key=patient.__getitem__)
        rows.append(("patient", "", "", called, f"{result.grouped(patient)['objective_response']:.2f}"))
    depth = result.volumes[ARTERIAL].spacing[2]
    sentence = f"planted response {planted}, slices {depth:.3g} mm apart"
    return sentence, ("tumour", "target", "patches", "predicted", "objective response"), rows


DEMO = Demo(
    cases=100,
    least_cases=24,
    title="Response to TACE on held-out phantoms",
    training={"epochs": 12},
    shipped={"body": SMALL},
    run={},
    shows=lambda row: row[RESPONSE] in ("CR", "PD"),  # what the model should tell most surely
    evidence=evidence,
    describe=describe,
)
