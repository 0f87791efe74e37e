"""The report of an evaluation of early recurrence: what a reader asks first stands first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from HCCAssistLib.evaluation import figures
from HCCAssistLib.evaluation.crop_view import CropView, crop_thumbnail
from HCCAssistLib.evaluation.display import estimate_text, interval_text, p_value
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_blocks import CaseRow
from HCCAssistLib.evaluation.report_pages import case_stem, file_stem, prefixed
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.risk_figures import SEVEN, THRESHOLDS, RiskFigures
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.labels import TimeToEvent
from HCCAssistLib.training.evaluation_report import add_evaluated, add_model, begin_report, not_external
from HCCAssistLib.training.recurrence import JudgedPatient, RecurrenceEvaluation, T
from HCCAssistLib.training.recurrence_explorer import FOLLOWS, explorer
from HCCAssistLib.training.recurrence_tables import (
    PREDICTIONS,
    case_rows,
    outcome_text,
    prediction_columns,
    prediction_rows,
)
from HCCAssistLib.training.second_rater import SecondRater
from HCCAssistLib.training.second_rater_report import add_second_rater
from HCCAssistLib.wording import plural, rounded

DECISION = (
    "Net benefit, in true positives per patient, of acting where the risk reaches the threshold. "
    f"{', '.join(f'{one:g}' for one in THRESHOLDS)} were chosen before any figure was seen. What the action would be "
    "is a question of its own, which no curve answers."
)
MIX = (
    "A risk is what a model gives after training with both kinds of patients balanced, where the options say so. Where "
    "early recurrences are more or less frequent than that, it is calibrated otherwise."
)


Printed = Callable[[str], str]
"""From what files call a model to what readers call it."""


@dataclass(frozen=True, slots=True)
class RecurrenceWords(Generic[T]):
    """What the report of one recipe has of its own.

    Attributes:
        title: of the report.
        intent: what the model is for, and what it is measured against.
        in_the_paper: the paper's figures, and how this evaluation differs.
        beside: what the simpler models are, and what they were fitted to.
        no_beside: why there are none, where there are none.
        methods: the paragraph on the method itself.
        seen: what the network saw of a case.
        seen_note: what a thumbnail shows.
        heading: of these pictures.
    """

    title: str
    intent: str
    in_the_paper: str
    beside: str
    no_beside: str
    methods: str
    seen: Callable[[JudgedPatient[T], bool], CropView]
    seen_note: str
    heading: str


def recurrence_report(
    found: RecurrenceEvaluation[T],
    model: LoadedModel,
    words: RecurrenceWords[T],
    *,
    external: RecurrenceEvaluation[T] | None = None,
    rated: SecondRater | None = None,
) -> Report:
    """The report of an evaluation, to be written or added to.

    Args:
        found: on unseen cases.
        model: that was evaluated.
        words: of the recipe.
        external: on a cohort from elsewhere or from a later period, shown beside; nothing was fitted to it.
        rated: the same cases as a second rater drew them.
    """
    horizon = f"{found.outcome.horizon_months:g} months"
    pages = begin_report(words.title, found, model, external, _counted)
    _key_results(pages, found, external, horizon)
    pages.add_warnings(found.problems)
    pages.add_text(words.intent)
    pages.add_text(f"{_censored(horizon, found.censored)} {found.period}".rstrip())
    pages.add_text(words.in_the_paper)
    printed = model.package.recipe.printed
    _figures(pages, found, "", printed)
    _models(pages, found, "", printed)
    _beside(pages, found, words, "", printed)
    if rated:
        add_second_rater(pages, rated)
    _cases(pages, found, words)
    if external:
        level = f"External cohort {external.run['cohort']}".rstrip()
        with pages.section(level):
            again = not_external(_scans(found), _scans(external))
            pages.add_warnings((*again, *(p for p in external.problems if p not in found.problems)))
            pages.add_text("Model and cut-off are those of above; nothing was fitted to this cohort.")
            pages.add_text(f"{external.censored} of its patients were lost before {horizon} without a recurrence.")
            pages.add_flow(external.flow, title=level)
            _figures(pages, external, f"{level}, ", printed)
            _models(pages, external, f"{level}, ", printed)
            _beside(pages, external, words, f"{level}, ", printed)
    add_evaluated(pages, found)
    add_model(pages, model)
    pages.add_heading(words.heading)
    for one in found.cases:
        caption = f"Case {one.case_id}, {outcome_text(one)}, risk {rounded(one.risk, 2)}"
        view = words.seen(one, one.case_id in found.synthetic)
        pages.add_crops(case_stem("voi", one.case_id), view, caption, unit="patient")
    pages.add_methods(words.methods)
    pages.attach_csv(PREDICTIONS, prediction_columns(found), prediction_rows(found))
    return pages


def _censored(horizon: str, count: int) -> str:
    return (
        f"Patients who were followed for {horizon} or less without a recurrence ({count} here) are neither early "
        "recurrences nor free of one: they stay out of AUC, counts, calibration and net benefit, and count in the "
        "survival and in the C-index as long as they were followed. In the paper such patients were excluded."
    )


def _counted(found: RecurrenceEvaluation[T]) -> str:
    return f"{len(found.cases)} unseen {plural('case', len(found.cases))}"


def _key_results(
    pages: Report, found: RecurrenceEvaluation[T], external: RecurrenceEvaluation[T] | None, horizon: str
) -> None:
    cohorts = [found, *([external] if external else [])]
    names = [cohort.run["cohort"] or "this cohort" for cohort in cohorts]
    names[1:] = [f"{name} (external)" for name in names[1:]]
    questions = {
        f"AUC of recurrence within {horizon}": "AUC",
        "Patients told rightly at the cut-off": "accuracy",
        "Early recurrences at or above the cut-off": "sensitivity",
        "Others below the cut-off": "specificity",
    }
    answers: list[tuple[str, list[Estimate | None]]] = [
        (question, [one.figures.at_cutoff.estimates[name] for one in cohorts]) for question, name in questions.items()
    ]
    answers.append(("C-index, all patients", [one.figures.groups.concordance for one in cohorts]))
    pages.add_heading("Key results")
    pages.add_key_results(names, answers)
    for name, cohort in zip(names, cohorts, strict=True):
        pages.add_text(f"{name}: {cohort.sentence}" if external else cohort.sentence)


def _named(prefix: str, title: str) -> str:
    return f"{prefix}{title}" if prefix else title[0].upper() + title[1:]


def _figures(pages: Report, found: RecurrenceEvaluation[T], prefix: str, printed: Printed) -> None:
    """Counts at both cut-offs, survival of the groups, calibration and net benefit."""
    one = found.figures
    pages.add_binary_evaluation(_named(prefix, "early recurrence at the cut-off"), one.at_cutoff)
    if one.at_half.cutoff.value != one.at_cutoff.cutoff.value:
        title = _named(prefix, "early recurrence at 0.5")
        pages.add_heading(title)
        names = ("accuracy", "sensitivity", "specificity", "PPV", "NPV")
        pages.add_estimates(f"{title}: diagnostic performance", [one.at_half.estimates[name] for name in names])
    if one.against_rate:
        pages.add_tests(_named(prefix, "accuracy against the no-information rate"), one.against_rate)
    _survival(pages, found.outcome, one, _named(prefix, "recurrence-free survival"))
    pages.add_estimates(_named(prefix, "concordance of risk and time to recurrence"), [one.groups.concordance])
    if one.calibration:
        pages.add_calibration(_named(prefix, "calibration of the risk"), [("", one.calibration)])
        pages.add_text(MIX)
    title = _named(prefix, "net benefit")
    curves, at = [(found.name, one.decision), *_simple(found)], one.at
    pages.add_decision_curves(
        title, [(printed(name), curve) for name, curve in curves], at=[(printed(name), value) for name, value in at]
    )
    pages.add_text(DECISION)


def _simple(found: RecurrenceEvaluation[T]) -> list[tuple[str, Any]]:
    """Net benefit of the simpler models that are no models of the package, on all patients of the main curve."""
    return [
        (one.name, one.decision)
        for one in found.beside
        if one.name not in found.models and one.decision.n == found.figures.decision.n
    ]


def _survival(pages: Report, outcome: TimeToEvent, one: RiskFigures, title: str) -> None:
    label, at = "Recurrence-free survival", (outcome.horizon_months,)
    pages.add_survival(title, one.groups.curves, test=one.groups.test, at=at, label=label)
    errors = [
        f"{curve.name} {rounded(curve.median.value, 1)} (standard error {rounded(curve.median_standard_error, 2)})"
        for curve in one.groups.curves
        if curve.median.value is not None and curve.median_standard_error is not None
    ]
    if errors:
        pages.add_text(f"Median recurrence-free survival in months: {'; '.join(errors)}.")


def _models(pages: Report, found: RecurrenceEvaluation[T], prefix: str, printed: Printed) -> None:
    """One row per model, and ROC, net benefit and survival of all of them."""
    if not found.models:
        return
    models = {printed(name): one for name, one in found.models.items()}
    title = _named(prefix, "each model")
    with pages.section(title):
        decide = {one.done.result.decides for one in found.cases}
        fullest = f"{printed(min(decide))}, the fullest, decides on all of them"
        which = fullest if len(decide) == 1 else "the fullest decides on each"
        pages.add_text(f"Each model on the patients whose inputs allow it, at its own cut-off; {which}.")
        columns = ("Model", "n", *(metric[:1].upper() + metric[1:] for metric in SEVEN), "C-index", "Log-rank P")
        note = (
            "In brackets, 95 % percentile bootstrap intervals over patients; n, patients of whom it is known whether "
            "the recurrence came early."
        )
        tests = [one.groups.test for one in models.values() if one.groups.test]
        data = {name: one.as_json() for name, one in found.models.items()}
        rows = [_row(name, one) for name, one in models.items()]
        pages.add_table(f"{title}: at its own cut-off", columns, rows, note=note, tests=tests, data=data)
        drawn = [
            (name, one.at_cutoff.roc, one.at_cutoff.estimates["AUC"])
            for name, one in models.items()
            if one.at_cutoff.roc is not None
        ]
        if drawn:
            pages.add_figure(
                file_stem(title, "roc"),
                figures.roc_figure(drawn),
                f"{title}: receiver operating characteristic curves; no cut-off is shown",
                n=found.figures.at_cutoff.n,
                unit="patient",
                estimates=[prefixed(name, area) for name, _, area in drawn],
                data={name: curve.as_json() for name, curve, _ in drawn},
            )
        benefit = _named(prefix, "net benefit of each model")
        pages.add_decision_curves(benefit, [(name, one.decision) for name, one in models.items()])
        for name, one in models.items():
            _survival(pages, found.outcome, one, _named(prefix, f"recurrence-free survival by {name}"))


def _row(name: str, one: RiskFigures) -> tuple[str, ...]:
    seven = [f"{estimate_text(one.seven[metric])} ({interval_text(one.seven[metric].interval)})" for metric in SEVEN]
    return name, str(one.at_cutoff.n), *seven, estimate_text(one.groups.concordance), _p(one)


def _p(one: RiskFigures) -> str:
    return p_value(one.groups.test.p) if one.groups.test else "one group"


def _beside(
    pages: Report, found: RecurrenceEvaluation[T], words: RecurrenceWords[T], prefix: str, printed: Printed
) -> None:
    title = _named(prefix, "beside simpler models")
    pages.add_heading(title)
    if not found.beside or found.figures.at_cutoff.roc is None:
        pages.add_text(words.no_beside)
        return
    pages.add_text(words.beside)
    rows = [
        (printed(one.name), one.curve, one.area, one.comparison.differences[0], one.comparison.delong)
        for one in found.beside
    ]
    area = found.figures.at_cutoff.estimates["AUC"]
    curve = found.figures.at_cutoff.roc
    pages.add_beside(title, curve, area, rows, of="early recurrence", model=printed(found.name))


def _cases(pages: Report, found: RecurrenceEvaluation[T], words: RecurrenceWords[T]) -> None:
    pages.add_heading("Cases")
    columns, rows = case_rows(found)
    listed = [
        CaseRow(row, crop_thumbnail(words.seen(one, one.case_id in found.synthetic)), case_stem("voi", one.case_id))
        for row, one in zip(rows, found.cases, strict=False)
    ]
    pages.add_case_table(
        "Evaluated cases",
        columns,
        [*listed, *(CaseRow(row) for row in rows[len(listed) :])],
        note=f"{words.seen_note} All risks: {PREDICTIONS}, beside this page.",
        data=dict(found.run),
        scales=[explorer(found)],
        follows=FOLLOWS,
    )
    pages.add_warnings(problem for problems in found.left_out.values() for problem in problems)


def _scans(found: RecurrenceEvaluation[T]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(result.run.inputs[volume] for volume in result.volumes) for name, result in found.results.items()
    }
