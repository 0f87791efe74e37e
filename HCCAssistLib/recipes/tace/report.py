"""The report of an evaluation of TACE responses: what a reader asks first stands first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from HCCAssistLib.evaluation import figures
from HCCAssistLib.evaluation.crop_view import crop_thumbnail
from HCCAssistLib.evaluation.display import p_equation
from HCCAssistLib.evaluation.explorer import OUTCOMES
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_blocks import CaseRow
from HCCAssistLib.evaluation.report_pages import case_stem, file_stem
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.tace.beside import THRESHOLDS
from HCCAssistLib.recipes.tace.explorer import COLUMN, explorer
from HCCAssistLib.recipes.tace.judged_case import JudgedCase, objective
from HCCAssistLib.recipes.tace.level import OBJECTIVE, ResponseLevel
from HCCAssistLib.recipes.tace.methods import methods
from HCCAssistLib.recipes.tace.performance import MORE_LIKELY, TACEEvaluation, patches_shown
from HCCAssistLib.recipes.tace.recipe import RESPONSES, with_backbone
from HCCAssistLib.recipes.tace.sampling import CODES
from HCCAssistLib.results.classification import Finding
from HCCAssistLib.results.stamp import stamp
from HCCAssistLib.training.evaluation_report import add_evaluated, add_model, begin_report, not_external
from HCCAssistLib.wording import plural, rounded

INTENT = (
    "The model predicts, from the arterial phase before a first TACE, which response by mRECIST will follow: "
    f"{'; '.join(f'{code}, {name}' for code, name in RESPONSES.items())}. It is meant to help a reader in research, "
    "not to choose a treatment. The truth is the response in the table, whatever the model or its reader said before "
    "the treatment. Cases of the split test are evaluated where the table names splits; an image that the model was "
    "trained on is refused."
)
PATCHES = (
    "A patch has the response of its patient, as in the paper. Patches of one patient are not independent: trust the "
    "interval that resamples patients, and the figures of patients before those of patches. A P value that counts "
    "patches takes them as independent and is too small."
)
BESIDE = (
    "In the paper, AUCs are 0.94 to 0.98; one of its validation cohorts was watched during the training, and patches "
    "of one patient counted as independent. A network is worth its trouble only where it does better than the volume "
    "and the mean HU of the tumour, which are given beside it. These rules were fitted to the training cases of the "
    "model and to nothing here."
)
NO_RULES = "The model has no simple rules beside it: it was trained without them, or on responses of one kind."
STAND_IN = (
    "This model does not hold the network of the paper: a small network that was trained whole stands in for its "
    "ResNet-50 with ImageNet weights, because none was installed or this was asked for. The figures say nothing about "
    "the method of the paper. The command hccassist backbones install takes the weights."
)
DECISION = (
    "Net benefit, in true positives per patient, of giving TACE where the probability of an objective response reaches "
    f"the threshold. Thresholds of 0.01 to 0.99 are drawn; {', '.join(f'{one:g}' for one in THRESHOLDS)} were chosen "
    "before any figure was seen. The paper reports a gain above thresholds of about 0.02 and 0.04 in its validation "
    "cohorts. At which threshold a clinic would refrain from TACE is a question of its own, which no curve answers."
)
MIX = (
    "A probability is what a model gives after training on a certain mixture of responses, with classes balanced where "
    "the options say so. Where responses are more or less frequent than there, it is calibrated otherwise."
)
PREDICTIONS = "predictions.csv"
COLUMNS = (
    "case_id", "patient_id", "response", "predicted", "right", *(f"patient_{code}" for code in CODES),
    "patient_objective_response", "tumour", "label", "target", "diameter_mm", "volume_ml", "mean_hu",
    "tumour_objective_response", "patch", "slice", "side_mm", *(f"probability_{code}" for code in CODES),
    "probability_objective_response",
)  # fmt: skip
"""Of predictions.csv: a row for every patch, those of tumours that are no target as well; slices count from 1."""


def report(
    found: TACEEvaluation,
    model: LoadedModel,
    *,
    external: TACEEvaluation | None = None,
    title: str = "Response to TACE: evaluation",
) -> Report:
    """The report of an evaluation, to be written or added to.

    Args:
        found: on unseen cases.
        model: that was evaluated.
        external: on a cohort from elsewhere or from a later period, shown beside; nothing was fitted to it.
        title: of the report.
    """
    card = model.package.card
    pages = begin_report(title, found, model, external, _counted)
    _key_results(pages, found, external)
    pages.add_warnings(found.problems)
    if not with_backbone(card.options):
        pages.add_text(STAND_IN)
    pages.add_text(INTENT)
    pages.add_text(f"{PATCHES} {found.period}".rstrip())
    _patients(pages, found, "Patients")
    _beside(pages, found, "Beside volume and mean HU")
    _benefit(pages, found)
    _level(pages, found.patch, "Patches")
    pages.add_heading("Size of the tumours")
    pages.add_estimates("Size: the patient's response named for the tumour, by its diameter", found.by_size)
    _cases(pages, found)
    if external:
        _external(pages, external, found)
    add_evaluated(pages, found)
    add_model(pages, model)
    pages.add_heading("Pictures of the tumours")
    for one in found.cases:
        for finding, tumour in one.tumours:
            seen = patches_shown(finding, tumour, stamp=_stamp(one.case_id, found))
            kind = "" if finding.target else ", no target"
            caption = f"Case {one.case_id}, {finding.label}{kind}, {one.response}, predicted {finding.predicted}"
            pages.add_crops(_picture(one, finding), seen, caption, unit="tumour")
    pages.add_methods(methods(found, card))
    pages.attach_csv(PREDICTIONS, COLUMNS, prediction_rows(found))
    return pages


def _counted(found: TACEEvaluation) -> str:
    patches, cases = found.patch.n, len(found.cases)
    return f"{patches} {plural('patch', patches)} of {cases} unseen {plural('case', cases)}"


def _key_results(pages: Report, found: TACEEvaluation, external: TACEEvaluation | None) -> None:
    cohorts = [found, *([external] if external else [])]
    names = [cohort.run["cohort"] or "this cohort" for cohort in cohorts]
    names[1:] = [f"{name} (external)" for name in names[1:]]
    answers: list[tuple[str, list[Estimate | None]]] = [
        ("AUC of objective response (CR, PR), patients", [one.patient.areas[OBJECTIVE] for one in cohorts]),
        *(
            (
                f"The same by {versus.rule} alone",
                [next((rule.area for rule in one.versus if rule.rule == versus.rule), None) for one in cohorts],
            )
            for versus in found.versus
        ),
        ("Patients whose response was predicted, of four", [one.patient.categories.accuracy for one in cohorts]),
        (
            "Responders with a probability of 0.5 or more",
            [one.objective.estimates["sensitivity"] for one in cohorts],
        ),
        ("Others with one below 0.5", [one.objective.estimates["specificity"] for one in cohorts]),
        ("AUC of objective response, patches", [one.patch.areas[OBJECTIVE] for one in cohorts]),
        ("Patches of the right response, of four", [one.patch.categories.accuracy for one in cohorts]),
    ]
    pages.add_heading("Key results")
    pages.add_key_results(names, answers)
    for name, cohort in zip(names, cohorts, strict=True):
        pages.add_text(f"{name}: {cohort.sentence}" if external else cohort.sentence)


def _level(pages: Report, level: ResponseLevel, title: str) -> None:
    pages.add_category_evaluation(title, level.categories)
    pages.add_estimates(f"{title}: each response against the others, and objective response", level.areas.values())
    if level.curves:
        pages.add_figure(
            file_stem(title, "responses roc"),
            figures.roc_figure(level.curves),
            f"{title}: ROC curve of each response against the others; no cut-off is shown",
            n=level.n,
            unit=level.unit,
            estimates=list(level.areas.values()),
            data={name: curve.as_json() for name, curve, _ in level.curves},
        )


def _patients(pages: Report, found: TACEEvaluation, title: str) -> None:
    _level(pages, found.patient, title)
    pages.add_binary_evaluation(f"{title}: objective response", found.objective)
    if found.groups:
        pages.add_tests(
            f"{title}: probability of an objective response", [("patients with against those without", found.groups)]
        )
        medians = [rounded(value, 2) for name, value in found.groups.details.items() if name.startswith("median")]
        pages.add_text(
            f"The median probability of an objective response is {medians[0]} of patients with one and {medians[1]} of "
            f"those without ({p_equation(found.groups.p)})."
        )


def _beside(pages: Report, found: TACEEvaluation, title: str) -> None:
    pages.add_heading(title)
    pages.add_text(BESIDE)
    if not found.versus:
        pages.add_text(NO_RULES)
        return
    own = found.patient.areas[OBJECTIVE]
    pages.add_beside(
        title,
        next(curve for name, curve, _ in found.patient.curves if name == OBJECTIVE),
        own,
        [(one.rule, one.curve, one.area, one.difference, one.test) for one in found.versus],
        of=OBJECTIVE,
    )


def _benefit(pages: Report, found: TACEEvaluation) -> None:
    if found.calibration:
        pages.add_calibration("Calibration of objective response", found.calibration)
        pages.add_text(MIX)
    pages.add_decision_curves("Net benefit", found.decisions.curves, at=found.decisions.at)
    pages.add_text(DECISION)


def _stamp(case_id: str, found: TACEEvaluation) -> str:
    return stamp(case=case_id in found.synthetic, model=found.results[case_id].run.synthetic_model)


def _cases(pages: Report, found: TACEEvaluation) -> None:
    pages.add_heading("Cases")
    columns, rows = case_rows(found)
    listed = []
    for row, one in zip(rows, found.cases, strict=False):
        finding, tumour = next(pair for pair in one.tumours if pair[0].target)
        view = patches_shown(finding, tumour, stamp=_stamp(one.case_id, found))
        listed.append(CaseRow(row, crop_thumbnail(view), _picture(one, finding)))
    pages.add_case_table(
        "Evaluated cases",
        columns,
        [*listed, *(CaseRow(row) for row in rows[len(listed) :])],
        note=(
            "A thumbnail shows what the network saw of the first target tumour, slice by slice. Objective response: "
            f"its probability; {COLUMN}, whether one is told from {MORE_LIKELY.value:g} on, and rightly; outcome, "
            "whether the right one of four responses is predicted. All patches with their probabilities: "
            f"{PREDICTIONS}, beside this page."
        ),
        data=dict(found.run),
        scales=[explorer(found)],
        follows=[COLUMN],
    )
    pages.add_warnings(problem for problems in found.left_out.values() for problem in problems)


def _external(pages: Report, external: TACEEvaluation, found: TACEEvaluation) -> None:
    level = f"External cohort {external.run['cohort']}".rstrip()
    pages.add_heading(level)
    again = not_external(_scans(found), _scans(external))
    pages.add_warnings((*again, *(p for p in external.problems if p not in found.problems)))
    pages.add_text("Model and rules are those of above; nothing was fitted to this cohort.")
    pages.add_flow(external.flow, title=level)
    _patients(pages, external, f"{level}, patients")
    _beside(pages, external, f"{level}, beside volume and mean HU")
    if external.calibration:
        pages.add_calibration(f"{level}, calibration of objective response", external.calibration)
    pages.add_decision_curves(f"{level}, net benefit", external.decisions.curves, at=external.decisions.at)
    _level(pages, external.patch, f"{level}, patches")


def _scans(found: TACEEvaluation) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(result.run.inputs[volume] for volume in result.volumes) for name, result in found.results.items()
    }


def _picture(one: JudgedCase, finding: Finding) -> str:
    return f"{case_stem('patches', one.case_id)}_tumour-{finding.number}"


def case_rows(found: TACEEvaluation) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows of the table of cases: response, what was predicted, or why a case was left out."""
    columns = (
        "Case",
        "Response",
        "Predicted",
        *CODES,
        "Objective response",
        COLUMN,
        "Targets",
        "Largest (mm)",
        "Outcome",
    )
    rows: list[tuple[str, ...]] = []
    for one in found.cases:
        targets = [finding for finding, _ in one.tumours if finding.target]
        rows.append(
            (
                one.case_id,
                one.response,
                one.predicted,
                *(rounded(one.probabilities[code], 2) for code in CODES),
                rounded(one.objective, 2),
                OUTCOMES[one.responded, one.objective >= MORE_LIKELY.value][0],
                f"{len(targets)} of {len(one.tumours)}",
                rounded(max(finding.diameter_mm or 0.0 for finding in targets), 0),
                "right" if one.right else "wrong",
            )
        )
    blank = [""] * (len(columns) - 3)
    rows += [(name, "left out", *blank, problems[0].what) for name, problems in found.left_out.items()]
    return columns, rows


def prediction_rows(found: TACEEvaluation) -> Iterator[tuple[Any, ...]]:
    """Rows of predictions.csv."""
    for one in found.cases:
        of_patient = [one.probabilities[code] for code in CODES]
        for finding, tumour in one.tumours:
            for number, patch in enumerate(finding.patches, 1):
                yield (
                    one.case_id, one.patient_id, one.response, one.predicted, int(one.right), *of_patient,
                    one.objective, finding.number, finding.label, int(finding.target), finding.diameter_mm,
                    tumour.volume_ml, tumour.hu, objective(finding.probabilities), number, patch.slice + 1,
                    patch.box.size[0], *(patch.probabilities[code] for code in CODES), objective(patch.probabilities),
                )  # fmt: skip
