"""The report of an evaluation of LTP detection: what a reader asks first stands first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from HCCAssistLib.evaluation.by_size import UNKNOWN
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_blocks import CaseRow
from HCCAssistLib.evaluation.report_pages import case_stem
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.slice_view import thumbnail
from HCCAssistLib.imaging.orientation import stored_slice
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.ltp.evaluated_case import SEED
from HCCAssistLib.recipes.ltp.explorer import FOLLOWS, explorer, outcome_text
from HCCAssistLib.recipes.ltp.methods import methods
from HCCAssistLib.recipes.ltp.operating_point import TOLERANCE_MM
from HCCAssistLib.recipes.ltp.performance import LTPEvaluation
from HCCAssistLib.recipes.ltp.recipe import TIME_POINT
from HCCAssistLib.training.evaluation_report import add_evaluated, add_model, begin_report, not_external
from HCCAssistLib.wording import plural

INTENT = (
    "The model looks for local tumour progression (LTP) after ablation on arterial-phase CT. It is meant to help a "
    "reader in research, not to replace one. A score is the network's output between 0 and 1, not the patient's risk. "
    "The truth is the label of the table and the points that a reader annotated; a case where they contradict each "
    "other is left out. Cases of the split test are evaluated where the table names splits; an image that the model "
    "was trained on is refused."
)
NO_RISK = (
    "Not given. The network was trained on patches in a chosen mixture of classes, and a patient's score is the "
    "highest of many patches. Neither is a calibrated risk, so a calibration curve or a net benefit would mean nothing."
)
PREDICTIONS = "predictions.csv"
COLUMNS = (
    "case_id", "patient_id", "kind", "candidate", "score", "at_or_above_cutoff", "x_lps_mm", "y_lps_mm", "z_lps_mm",
    "slice", "diameter_mm", "lesion", "lesion_size_mm", "distance_to_lesion_mm",
)  # fmt: skip
"""Of predictions.csv: a row for every candidate, every missed lesion and every case without either."""


def report(
    found: LTPEvaluation,
    model: LoadedModel,
    *,
    external: LTPEvaluation | None = None,
    title: str = "LTP detection: evaluation",
) -> Report:
    """The report of an evaluation, to be written or added to.

    Args:
        found: on unseen cases.
        model: that was evaluated.
        external: on a cohort from elsewhere, shown beside.
        title: of the report.
    """
    card = model.package.card
    pages = begin_report(title, found, model, external, _counted, **{"test patches seed": str(SEED)})
    _key_results(pages, found, external)
    pages.add_warnings(found.problems)
    pages.add_text(INTENT)
    _cases(pages, found)
    _lesions(pages, found, "Lesion level")
    pages.add_binary_evaluation("Patient level", found.patient)
    pages.add_estimates("Patient level: flagged for the right reason", [found.on_lesions])
    pages.add_examples("Example cases", found.examples, cutoff=card.cutoff())
    if external:
        _external(pages, external, found)
    add_evaluated(pages, found)
    pages.add_binary_evaluation("Patch level", found.patch)
    pages.add_text(
        "Patch level follows the paper: 20 shifted patches around each annotated point, 40 patches per patient away "
        "from all points. Lesion and patient level come from a scan of the whole region, which the paper did not do. "
        "Patches of one patient are not independent: trust the interval that resamples patients."
    )
    pages.add_heading("Calibration and clinical utility")
    pages.add_text(NO_RISK)
    add_model(pages, model)
    _case_pictures(pages, found)
    pages.add_methods(methods(found, card))
    pages.attach_csv(PREDICTIONS, COLUMNS, prediction_rows(found))
    return pages


def _counted(found: LTPEvaluation) -> str:
    return f"{len(found.results)} unseen {plural('case', len(found.results))}"


def _key_results(pages: Report, found: LTPEvaluation, external: LTPEvaluation | None) -> None:
    cohorts = [found, *([external] if external else [])]
    names = [cohort.run["cohort"] or "this cohort" for cohort in cohorts]
    names[1:] = [f"{name} (external)" for name in names[1:]]
    answers: list[tuple[str, list[Estimate | None]]] = [
        ("Lesions found", [cohort.at_cutoff[0] for cohort in cohorts]),
        ("False positives per volume", [cohort.at_cutoff[1] for cohort in cohorts]),
        ("Patients with LTP flagged on a true lesion", [cohort.on_lesions for cohort in cohorts]),
        ("Patients without LTP not flagged", [cohort.patient.estimates.get("specificity") for cohort in cohorts]),
    ]
    pages.add_heading("Key results")
    pages.add_key_results(names, answers)
    for name, cohort in zip(names, cohorts, strict=True):
        pages.add_text(f"{name}: {cohort.sentence}" if external else cohort.sentence)


def _cases(pages: Report, found: LTPEvaluation) -> None:
    pages.add_heading("Cases")
    views, (columns, rows) = found.views, case_rows(found)
    pages.add_case_table(
        "Evaluated cases",
        columns,
        [
            CaseRow(row, thumbnail(views[row[0]]), case_stem("slice", row[0])) if row[0] in views else CaseRow(row)
            for row in rows
        ],
        note=(
            "A thumbnail shows the surest candidate at or above the cut-off; where there is none, a lesion that was "
            "missed, or else the surest candidate below it. Boxes are candidates, rings annotated points. Scores and "
            f"places of all candidates: {PREDICTIONS}, beside this page."
        ),
        data=dict(found.run),
        scales=[explorer(found)],
        follows=FOLLOWS,
    )
    pages.add_warnings(problem for problems in found.left_out.values() for problem in problems)


def _lesions(pages: Report, found: LTPEvaluation, level: str) -> None:
    if found.froc is None:
        pages.add_heading(level)
        pages.add_text("No case holds an annotated lesion, so there is nothing to find.")
        return
    pages.add_froc(level, found.froc, found.at_cutoff)
    if any(one.name != f"lesions found, {UNKNOWN}" for one in found.by_size):
        pages.add_estimates(f"{level}: by size of the lesion", found.by_size)
    else:
        pages.add_text(
            "Results by size of the lesion are not given: no annotated point says its size. Write it into the point's "
            "description in Slicer, such as 12 mm."
        )


def _external(pages: Report, external: LTPEvaluation, found: LTPEvaluation) -> None:
    level = f"External cohort {external.run['cohort']}".rstrip()
    pages.add_heading(level)
    again = not_external(_scans(found), _scans(external))
    pages.add_warnings((*again, *(p for p in external.problems if p not in found.problems)))
    pages.add_flow(external.flow, title=level)
    _lesions(pages, external, f"{level}, lesions")
    pages.add_estimates(f"{level}: patients", [external.on_lesions, *external.patient.estimates.values()])
    pages.add_examples(f"{level}: examples", external.examples, cutoff=external.on_lesions.cutoff)


def _scans(found: LTPEvaluation) -> dict[str, tuple[str, ...]]:
    return {name: (result.run.inputs[f"{TIME_POINT}/arterial"],) for name, result in found.results.items()}


def _case_pictures(pages: Report, found: LTPEvaluation) -> None:
    if not found.views:
        return
    pages.add_heading("Pictures of the cases")
    for case_id, view in found.views.items():
        pages.add_slice(case_stem("slice", case_id), view, f"Case {case_id}: {view.caption}")


def case_rows(found: LTPEvaluation) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of cases: truth, what was found in each and its outcome, or why it was left out."""
    columns = ("Case", "Lesions annotated", "Found", "False positives", "Highest score", "Outcome")
    rows: list[tuple[str, ...]] = []
    for case_id, result in found.results.items():
        lesions, others = found.volumes[case_id].matched(TOLERANCE_MM)
        hits, false = (int((scores >= result.threshold).sum()) for scores in (lesions, others))
        highest = f"{result.candidates[0].probability:.3f}" if result.candidates else "no candidate"
        outcome = outcome_text(len(lesions), hits, false)
        rows.append((case_id, str(len(lesions)), str(hits), str(false), highest, outcome))
    rows += [(case_id, "left out", "", "", "", problems[0].what) for case_id, problems in found.left_out.items()]
    return columns, rows


def prediction_rows(found: LTPEvaluation) -> Iterator[tuple[Any, ...]]:
    """Rows of predictions.csv: candidates from the surest down, then what was missed; slices count from 1."""
    for case_id, result in found.results.items():
        volume, sizes = found.volumes[case_id], found.sizes_mm[case_id]
        case = (case_id, found.patients[case_id])
        away = np.linalg.norm(volume.candidates[:, None] - volume.lesions[None], axis=2)
        known = [None if np.isnan(size) else float(size) for size in sizes]
        for candidate, distances in zip(result.candidates, away, strict=True):
            nearest = int(np.argmin(distances)) if len(distances) else None
            near = nearest is not None and float(distances[nearest]) <= TOLERANCE_MM
            above = candidate.probability >= result.threshold
            truth: tuple[Any, ...] = (None, None, None)
            if near and nearest is not None:
                truth = (nearest + 1, known[nearest], round(float(distances[nearest]), 1))
            place = [round(float(v), 2) for v in candidate.box.center]
            yield (
                *case, "candidate", candidate.number, candidate.probability, int(above), *place, candidate.slice + 1,
                round(candidate.diameter_mm, 1), *truth,
            )  # fmt: skip
        best, _ = volume.matched(TOLERANCE_MM)
        for number, (score, place_lps) in enumerate(zip(best, volume.lesions, strict=True)):
            if score < result.threshold:
                place = [round(float(v), 2) for v in place_lps]
                index = stored_slice(result.geometry, place_lps) + 1
                yield (*case, "missed lesion", None, None, None, *place, index, None, number + 1, known[number], None)
        if not result.candidates and not len(volume.lesions):
            yield (*case, "nothing found", *([None] * (len(COLUMNS) - 3)))
