"""The report of an evaluation of early recurrence: what a reader asks first stands first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from HCCAssistLib.evaluation.crop_view import CropView, crop_thumbnail
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_blocks import CaseRow
from HCCAssistLib.evaluation.report_pages import case_stem
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.hepatectomy.evaluated_case import SLICES
from HCCAssistLib.recipes.hepatectomy.judged_case import JudgedCase
from HCCAssistLib.recipes.hepatectomy.methods import methods
from HCCAssistLib.recipes.hepatectomy.performance import THRESHOLDS, RecurrenceEvaluation
from HCCAssistLib.recipes.hepatectomy.recipe import OUTCOME, VOI_SHAPE
from HCCAssistLib.training.evaluation_report import add_evaluated, add_model, begin_report, not_external
from HCCAssistLib.wording import plural, rounded

HORIZON = f"{OUTCOME.horizon_months:g} months"

INTENT = (
    "The model predicts, from the arterial phase before a hepatectomy for a single tumour, how probable a recurrence "
    f"within {HORIZON} is. It is meant to help a reader in research, not to choose a treatment. The truth is the "
    "follow-up in the table. Cases of the split test are evaluated where the table names splits; an image that the "
    "model was trained on is refused."
)
CENSORED = (
    f"Patients who were followed for {HORIZON} or less without a recurrence are neither early recurrences nor free of "
    "one: they stay out of AUC, counts, calibration and net benefit, and count in the survival and in the C-index as "
    "long as they were followed. In the paper such patients were excluded."
)
IN_THE_PAPER = (
    "In the paper's 42 test patients the AUC is 0.789 (0.637 to 0.941) with the tumour alone, and 0.560 (0.378 to "
    "0.742) with its surroundings. Its cut-offs were chosen on patients that the networks had learnt; that of this "
    "model was chosen on patients that were held out, or as the model card says."
)
DECISION = (
    "Net benefit, in true positives per patient, of acting where the risk reaches the threshold. "
    f"{', '.join(f'{one:g}' for one in THRESHOLDS)} were chosen before any figure was seen. What the action would be "
    "is a question of its own, which no curve answers."
)
MIX = (
    "A risk is what a model gives after training with both kinds of patients balanced, where the options say so. Where "
    "early recurrences are more or less frequent than that, it is calibrated otherwise."
)
PREDICTIONS = "predictions.csv"
COLUMNS = (
    "case_id", "patient_id", OUTCOME.time, OUTCOME.event, "early_recurrence", "risk", "group", "cutoff",
)  # fmt: skip
"""Of predictions.csv; ``early_recurrence`` is empty where the follow-up does not tell."""


def report(
    found: RecurrenceEvaluation,
    model: LoadedModel,
    *,
    external: RecurrenceEvaluation | None = None,
    title: str = "Early recurrence after hepatectomy: evaluation",
) -> Report:
    """The report of an evaluation, to be written or added to.

    Args:
        found: on unseen cases.
        model: that was evaluated.
        external: on a cohort from elsewhere or from a later period, shown beside; nothing was fitted to it.
        title: of the report.
    """
    pages = begin_report(title, found, model, external, _counted)
    _key_results(pages, found, external)
    pages.add_warnings(found.problems)
    pages.add_text(INTENT)
    pages.add_text(f"{CENSORED} {found.period}".rstrip())
    pages.add_text(IN_THE_PAPER)
    _figures(pages, found, "")
    _cases(pages, found)
    if external:
        level = f"External cohort {external.run['cohort']}".rstrip()
        pages.add_heading(level)
        again = not_external(_scans(found), _scans(external))
        pages.add_warnings((*again, *(p for p in external.problems if p not in found.problems)))
        pages.add_text("Model and cut-off are those of above; nothing was fitted to this cohort.")
        pages.add_flow(external.flow, title=level)
        _figures(pages, external, f"{level}, ")
    add_evaluated(pages, found)
    add_model(pages, model)
    pages.add_heading("Pictures of the tumours")
    for one in found.cases:
        caption = f"Case {one.case_id}, {_outcome(one)}, risk {rounded(one.risk, 2)}"
        pages.add_crops(case_stem("voi", one.case_id), _seen(one, found), caption, unit="patient")
    pages.add_methods(methods(found, model.package.card))
    pages.attach_csv(PREDICTIONS, COLUMNS, prediction_rows(found))
    return pages


def _counted(found: RecurrenceEvaluation) -> str:
    return f"{len(found.cases)} unseen {plural('case', len(found.cases))}"


def _key_results(pages: Report, found: RecurrenceEvaluation, external: RecurrenceEvaluation | None) -> None:
    cohorts = [found, *([external] if external else [])]
    names = [cohort.run["cohort"] or "this cohort" for cohort in cohorts]
    names[1:] = [f"{name} (external)" for name in names[1:]]
    questions = {
        f"AUC of recurrence within {HORIZON}": "AUC",
        "Patients told rightly at the cut-off": "accuracy",
        "Early recurrences at or above the cut-off": "sensitivity",
        "Others below the cut-off": "specificity",
    }
    answers: list[tuple[str, list[Estimate | None]]] = [
        (question, [one.at_cutoff.estimates[name] for one in cohorts]) for question, name in questions.items()
    ]
    answers.append(("C-index, all patients", [one.groups.concordance for one in cohorts]))
    pages.add_heading("Key results")
    pages.add_key_results(names, answers)
    for name, cohort in zip(names, cohorts, strict=True):
        pages.add_text(f"{name}: {cohort.sentence}" if external else cohort.sentence)


def _figures(pages: Report, found: RecurrenceEvaluation, prefix: str) -> None:
    """Counts at both cut-offs, survival of the groups, calibration and net benefit."""

    def named(title: str) -> str:
        return f"{prefix}{title}" if prefix else title[0].upper() + title[1:]

    pages.add_binary_evaluation(named("early recurrence at the cut-off"), found.at_cutoff)
    if found.at_half.cutoff.value != found.at_cutoff.cutoff.value:
        title = named("early recurrence at 0.5")
        pages.add_heading(title)
        names = ("accuracy", "sensitivity", "specificity", "PPV", "NPV")
        pages.add_estimates(f"{title}: diagnostic performance", [found.at_half.estimates[name] for name in names])
    if found.against_rate:
        pages.add_tests(named("accuracy against the no-information rate"), found.against_rate)
    pages.add_survival(
        named("recurrence-free survival"),
        found.groups.curves,
        test=found.groups.test,
        at=(OUTCOME.horizon_months,),
    )
    errors = [
        f"{curve.name} {rounded(curve.median.value, 1)} (standard error {rounded(curve.median_standard_error, 2)})"
        for curve in found.groups.curves
        if curve.median.value is not None and curve.median_standard_error is not None
    ]
    if errors:
        pages.add_text(f"Median recurrence-free survival in months: {'; '.join(errors)}.")
    pages.add_estimates(named("concordance of risk and time to recurrence"), [found.groups.concordance])
    if found.calibration:
        pages.add_calibration(named("calibration of the risk"), [("", found.calibration)])
        pages.add_text(MIX)
    pages.add_decision_curves(named("net benefit"), [("network", found.decision)], at=found.at)
    pages.add_text(DECISION)


def _cases(pages: Report, found: RecurrenceEvaluation) -> None:
    pages.add_heading("Cases")
    columns, rows = case_rows(found)
    listed = [
        CaseRow(row, crop_thumbnail(_seen(one, found)), case_stem("voi", one.case_id))
        for row, one in zip(rows, found.cases, strict=False)
    ]
    pages.add_case_table(
        "Evaluated cases",
        columns,
        [*listed, *(CaseRow(row) for row in rows[len(listed) :])],
        note=(
            f"A thumbnail shows what the network saw: the {', '.join(SLICES)} of its ten slices. All risks: "
            f"{PREDICTIONS}, beside this page."
        ),
        data=dict(found.run),
    )
    pages.add_warnings(problem for problems in found.left_out.values() for problem in problems)


def _seen(one: JudgedCase, found: RecurrenceEvaluation) -> CropView:
    pictures = dict(zip(SLICES, one.done.seen, strict=True))
    return CropView(pictures, float(VOI_SHAPE[2]), one.case_id in found.synthetic)


def _scans(found: RecurrenceEvaluation) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(result.run.inputs[volume] for volume in result.volumes) for name, result in found.results.items()
    }


def _outcome(one: JudgedCase) -> str:
    if one.early is None:
        return "not known"
    return "early recurrence" if one.early else "none within two years"


def case_rows(found: RecurrenceEvaluation) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of cases: follow-up and risk, or why a case was left out."""
    columns = ("Case", "Follow-up (months)", "Recurrence", "Early", "Risk", "Group", "Outcome")
    cutoff = found.groups.cutoff.value
    rows: list[tuple[str, ...]] = []
    for one in found.cases:
        called = one.risk >= cutoff
        right = "" if one.early is None else "right" if called == one.early else "wrong"
        group, event = "high" if called else "low", "yes" if one.event else "no"
        rows.append((one.case_id, f"{one.months:g}", event, _outcome(one), rounded(one.risk, 2), group, right))
    blank = [""] * (len(columns) - 3)
    rows += [(name, "left out", *blank, problems[0].what) for name, problems in found.left_out.items()]
    return columns, rows


def prediction_rows(found: RecurrenceEvaluation) -> Iterator[tuple[Any, ...]]:
    """Rows of predictions.csv."""
    cutoff = found.groups.cutoff.value
    for one in found.cases:
        early = None if one.early is None else int(one.early)
        group = "high" if one.risk >= cutoff else "low"
        yield one.case_id, one.patient_id, one.months, int(one.event), early, one.risk, group, cutoff
