"""The report of an evaluation of liver masses: what a reader asks first stands first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from HCCAssistLib.evaluation import figures
from HCCAssistLib.evaluation.by_size import UNKNOWN
from HCCAssistLib.evaluation.crop_view import crop_thumbnail
from HCCAssistLib.evaluation.explorer import OUTCOMES
from HCCAssistLib.evaluation.ordinal import ordinal_scores
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_blocks import CaseRow
from HCCAssistLib.evaluation.report_pages import case_stem
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.liver_mass.explorer import COLUMN, explorer
from HCCAssistLib.recipes.liver_mass.judged_mass import JudgedMass
from HCCAssistLib.recipes.liver_mass.methods import methods
from HCCAssistLib.recipes.liver_mass.performance import MassEvaluation
from HCCAssistLib.recipes.liver_mass.recipe import CATEGORIES, MALIGNANT
from HCCAssistLib.recipes.liver_mass.sampling import CODES
from HCCAssistLib.results.category_set import NO_SET
from HCCAssistLib.training.evaluation_report import add_evaluated, add_model, begin_report, not_external
from HCCAssistLib.wording import plural, rounded

INTENT = (
    "The model names one of five categories for each mass that a reader marked on CT of the liver: "
    f"{'; '.join(f'{code}, {name}' for code, name in CATEGORIES.items())}. It is meant to help a reader in research, "
    "not to replace one. The truth is the category that stands beside each mark. Cases of the split test are evaluated "
    "where the table names splits; an image that the model was trained on is refused."
)
ONE_UNIT = (
    "Figures count masses. Masses of one patient are not independent: where a patient has several, trust the interval "
    "that resamples patients."
)
ORDINAL = (
    "As in the paper, A and B are told from C, D and E by a score of the predicted category: A and B have 4, C 3, D 2 "
    "and E 1. Its curve has four levels and is not that of the network's probabilities, whose AUC is given apart."
)
MIX = (
    "The probability of A or B is what the network gives after training on a certain mixture of categories. Where "
    "masses are malignant more or less often than here, it is calibrated otherwise."
)
SETS = (
    "A set holds the categories that held-out masses of the training do not exclude, calibrated on {basis}. Each "
    "patient counts once there, however many masses he has. The level holds for new patients like them: where scanners "
    "or the mix of masses differ, look at the coverage. A mass is called unlike anything seen where it lies farther "
    "from all that was trained on than 95 % of the held-out masses, or no category is left."
)
PREDICTIONS = "predictions.csv"
COLUMNS = (
    "case_id", "patient_id", "mass", "label", "category", "subtype", "predicted", "right",
    "category_set", "unlike_anything_seen",
    *(f"probability_{code}" for code in CODES), "probability_malignant", "ordinal_score", "by_session",
    "x_lps_mm", "y_lps_mm", "z_lps_mm", "slice", "diameter_mm", "diameter_source", "field_of_view_mm",
)  # fmt: skip
"""Of predictions.csv: a row for every mass; slices count from 1."""


def report(
    found: MassEvaluation,
    model: LoadedModel,
    *,
    external: MassEvaluation | None = None,
    title: str = "Liver masses: evaluation",
) -> Report:
    """The report of an evaluation, to be written or added to.

    Args:
        found: on unseen cases.
        model: that was evaluated.
        external: on a cohort from elsewhere or from a later period, shown beside.
        title: of the report.
    """
    card = model.package.card
    pages = begin_report(title, found, model, external, _counted)
    _key_results(pages, found, external)
    pages.add_warnings(found.problems)
    pages.add_text(INTENT)
    pages.add_text(f"{ONE_UNIT} {found.period}".rstrip())
    pages.add_category_evaluation("Categories", found.categories)
    _sets(pages, found, "Calibrated sets")
    _sessions(pages, found)
    _malignant(pages, found)
    pages.add_heading("Size of the masses")
    _sizes(pages, found, "Size")
    _masses(pages, found)
    if external:
        _external(pages, external, found)
    add_evaluated(pages, found)
    add_model(pages, model)
    pages.add_heading("Pictures of the masses")
    for mass, view in zip(found.masses, found.crops, strict=True):
        verdict = f"{mass.reference.subtype or mass.reference.category}, predicted {mass.predicted}"
        caption = f"Case {mass.case_id}, mass {mass.finding.number}, {verdict}"
        pages.add_crops(_picture(mass), view, caption, unit="mass")
    pages.add_methods(methods(found, card))
    pages.attach_csv(PREDICTIONS, COLUMNS, prediction_rows(found))
    return pages


def _counted(found: MassEvaluation) -> str:
    masses, cases = len(found.masses), len(found.results)
    return f"{masses} {plural('mass', masses)} in {cases} unseen {plural('case', cases)}"


def _key_results(pages: Report, found: MassEvaluation, external: MassEvaluation | None) -> None:
    cohorts = [found, *([external] if external else [])]
    names = [cohort.run["cohort"] or "this cohort" for cohort in cohorts]
    names[1:] = [f"{name} (external)" for name in names[1:]]
    answers: list[tuple[str, list[Estimate | None]]] = [
        ("Masses in the right category", [cohort.categories.accuracy for cohort in cohorts]),
        ("The same, each category with the same weight", [cohort.categories.balanced_accuracy for cohort in cohorts]),
        ("Malignant masses (A, B) called A or B", [cohort.malignancy.estimates["sensitivity"] for cohort in cohorts]),
        ("Other masses not called A or B", [cohort.malignancy.estimates["specificity"] for cohort in cohorts]),
        ("AUC of the ordinal score, A and B against others", [one.malignancy.estimates["AUC"] for one in cohorts]),
        ("AUC of the probability of A or B", [cohort.probability_auc for cohort in cohorts]),
    ]
    pages.add_heading("Key results")
    pages.add_key_results(names, answers)
    for name, cohort in zip(names, cohorts, strict=True):
        text = f"{cohort.sentence} {_of_sessions(cohort)}".rstrip()
        pages.add_text(f"{name}: {text}" if external else text)


def _of_sessions(found: MassEvaluation) -> str:
    """``One session alone: median accuracy 0.84, range 0.82 to 0.90.``"""
    if found.session_count < 2:
        return ""
    accuracy = found.sessions[0]
    low, high = (rounded(limit, 2) for limit in accuracy.range or (0.0, 0.0))
    return f"A session alone has a median accuracy of {rounded(accuracy.median or 0.0, 2)} (range {low} to {high})."


def _masses(pages: Report, found: MassEvaluation) -> None:
    pages.add_heading("Masses")
    columns, rows = mass_rows(found)
    pictures = [(crop_thumbnail(view), _picture(mass)) for mass, view in zip(found.masses, found.crops, strict=True)]
    pages.add_case_table(
        "Evaluated masses",
        columns,
        [CaseRow(row, *pictures[n]) if n < len(pictures) else CaseRow(row) for n, row in enumerate(rows)],
        note=(
            "A thumbnail shows what the network saw, phase by phase. Sessions: the category by each session, where "
            f"there are several. All probabilities and places: {PREDICTIONS}, beside this page."
        ),
        data=dict(found.run),
        scales=explorer(found),
        follows=[COLUMN],
    )
    pages.add_warnings(problem for problems in found.left_out.values() for problem in problems)


def _sets(pages: Report, found: MassEvaluation, level: str) -> None:
    if found.sets is None:
        pages.add_text(f"{level}: the model has {NO_SET}.")
        return
    pages.add_heading(level)
    pages.add_text(f"{SETS.format(basis=found.sets.basis)} {found.sets.sentence}")
    pages.add_estimates(f"{level}: coverage and size", found.sets.estimates)


def _sessions(pages: Report, found: MassEvaluation) -> None:
    if found.session_count < 2:
        pages.add_text("The model has one session, so there is no median, range or agreement of sessions.")
        return
    pages.add_heading("Sessions")
    pages.add_session_spreads("Each session alone", [one for one in found.sessions if one.known])
    if found.agreement:
        pages.add_estimates("Agreement of the sessions about the category", [found.agreement])


def _malignant(pages: Report, found: MassEvaluation) -> None:
    level = "Malignant or not"
    pages.add_binary_evaluation(level, found.malignancy)
    pages.add_text(ORDINAL)
    pages.add_estimates(f"{level}: probability", [found.probability_auc])
    if not found.curves:
        return
    pages.add_figure(
        "ordinal-and-probability-roc",
        figures.roc_figure(found.curves),
        f"{level}: the paper's ordinal score and, apart from it, the network's probability; no cut-off is shown",
        n=len(found.masses),
        unit="mass",
        estimates=[area for _, _, area in found.curves],
        data={name: curve.as_json() for name, curve, _ in found.curves},
    )
    if found.calibration:
        pages.add_calibration("Calibration", [("probability of A or B", found.calibration)])
        pages.add_text(MIX)


def _sizes(pages: Report, found: MassEvaluation, level: str) -> None:
    if any(not one.name.endswith(UNKNOWN) for one in found.by_size):
        pages.add_estimates(f"{level}: accuracy by the diameter of the mass", found.by_size)
    else:
        pages.add_text(
            "Results by size are not given: no mass has a measured or typed size. Write it beside the category, such "
            "as A, 32 mm, or mark masses by segments or boxes."
        )


def _external(pages: Report, external: MassEvaluation, found: MassEvaluation) -> None:
    level = f"External cohort {external.run['cohort']}".rstrip()
    pages.add_heading(level)
    again = not_external(_scans(found), _scans(external))
    pages.add_warnings((*again, *(p for p in external.problems if p not in found.problems)))
    pages.add_flow(external.flow, title=level)
    pages.add_category_evaluation(f"{level}, categories", external.categories)
    if external.session_count > 1:
        pages.add_session_spreads(f"{level}: each session alone", [one for one in external.sessions if one.known])
    _sets(pages, external, f"{level}: calibrated sets")
    area = external.malignancy.estimates
    pages.add_estimates(f"{level}: malignant or not", [*area.values(), external.probability_auc])
    _sizes(pages, external, level)


def _scans(found: MassEvaluation) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(result.run.inputs[volume] for volume in result.volumes) for name, result in found.results.items()
    }


def _picture(mass: JudgedMass) -> str:
    return f"{case_stem('crops', mass.case_id)}_mass-{mass.finding.number}"


def mass_rows(found: MassEvaluation) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of masses: truth, what each is taken for, or why a case was left out."""
    several = found.session_count > 1
    columns = (
        *("Case", "Mass", "Reference", "Predicted", "Set", "Probability", "A or B", COLUMN, "Sessions", "Size (mm)"),
        "Outcome",
    )
    rows: list[tuple[str, ...]] = []
    for mass in found.masses:
        votes = Counter(mass.named).most_common()
        size = mass.finding.diameter_mm
        rows.append(
            (
                mass.case_id,
                str(mass.finding.number),
                mass.reference.subtype or mass.reference.category,
                mass.predicted,
                mass.finding.category_set.text if mass.finding.category_set else "",
                rounded(mass.finding.probabilities[mass.predicted], 2),
                rounded(mass.malignant, 2),
                OUTCOMES[mass.reference.category in MALIGNANT, mass.predicted in MALIGNANT][0],
                ", ".join(f"{count} {code}" for code, count in votes) if several else "",
                "not given" if size is None else rounded(size, 0),
                "right" if mass.right else "wrong",
            )
        )
    blank = [""] * (len(columns) - 3)
    rows += [(name, "left out", *blank, problems[0].what) for name, problems in found.left_out.items()]
    return columns, rows


def prediction_rows(found: MassEvaluation) -> Iterator[tuple[Any, ...]]:
    """Rows of predictions.csv."""
    for mass in found.masses:
        finding, reference = mass.finding, mass.reference
        place, of_set = [round(v, 2) for v in finding.center], finding.category_set
        yield (
            mass.case_id, mass.patient_id, finding.number, finding.label, reference.category, reference.subtype,
            mass.predicted, int(mass.right), " ".join(of_set.codes) if of_set else None,
            int(of_set.unlike) if of_set else None, *(finding.probabilities[code] for code in CODES), mass.malignant,
            ordinal_scores([mass.predicted])[0], " ".join(mass.named), *place, finding.slice + 1, finding.diameter_mm,
            reference.source, reference.side_mm,
        )  # fmt: skip
