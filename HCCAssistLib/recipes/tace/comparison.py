"""Models of the response to TACE against each other on the same patients, and on the same patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.comparison import ModelComparison, SessionComparison, compare_models
from HCCAssistLib.evaluation.model_comparison import Section
from HCCAssistLib.evaluation.paired import paired_classes
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.recipes.tace.judged_case import objective
from HCCAssistLib.recipes.tace.level import DRAWS
from HCCAssistLib.recipes.tace.performance import MORE_LIKELY, TACEEvaluation
from HCCAssistLib.recipes.tace.recipe import OBJECTIVE_RESPONSE
from HCCAssistLib.results.classification import Probabilities, most_probable

PATIENT = "Each patient by the mean over the target tumours; objective response is called from a probability of 0.5 on."
PATCH = "Each patch of the target tumours with the response of its patient, as in the paper."
OTHER_PATCHES = "Not compared: the models see other patches (options slices, channels)."


def compare(
    found: Mapping[str, TACEEvaluation],
) -> tuple[tuple[Section, ...], tuple[tuple[str, SessionComparison], ...]]:
    """Each model against the first one.

    Args:
        found: on the same cases, by the name of the model.

    Returns:
        Sections of each other model, and comparisons of repeated sessions, of which this method has none.
    """
    control, *others = found
    return tuple(one for name in others for one in _sections(name, found[name], found[control])), ()


def _sections(name: str, mine: TACEEvaluation, control: TACEEvaluation) -> tuple[Section, Section]:
    of_patients = ([one.probabilities for one in each.cases] for each in (mine, control))
    truth, patients = [one.response for one in mine.cases], [one.patient_id for one in mine.cases]
    patient = _section("patient", name, truth, patients, *of_patients, note=PATIENT)
    counts = [[len(one.patches) for one in each.cases] for each in (mine, control)]
    if counts[0] != counts[1]:
        return patient, Section("patch", name, (), (), OTHER_PATCHES)
    of_patches = ([patch for one in each.cases for patch in one.patches] for each in (mine, control))
    rows = [one for one in mine.cases for _ in one.patches]
    truth, patients = [one.response for one in rows], [one.patient_id for one in rows]
    return patient, _section("patch", name, truth, patients, *of_patches, note=PATCH)


def _section(
    unit: str,
    name: str,
    truth: Sequence[str],
    patients: Sequence[str],
    mine: Sequence[Probabilities],
    control: Sequence[Probabilities],
    *,
    note: str,
) -> Section:
    named, other = ([most_probable(one) for one in each] for each in (mine, control))
    (accuracy,), ((_, mcnemar),) = paired_classes(truth, named, other, patients, unit=unit)
    differences: list[Estimate] = [replace(accuracy, name="difference of accuracy, four responses")]
    tests: list[tuple[str, HypothesisTest]] = [("right and wrong responses", mcnemar)]
    try:
        compared = _objective(truth, patients, mine, control, unit)
    except InputError as error:
        note = f"{note} Objective response is not compared: {error.problems[0].what}."
        return Section(unit, name, tuple(differences), tuple(tests), note)
    area, decision = compared.differences
    differences += [
        replace(area, name="difference of AUC, objective response"),
        replace(decision, name="difference of accuracy, objective response"),
    ]
    tests += [("AUC, objective response", compared.delong), ("objective response, right and wrong", compared.mcnemar)]
    return Section(unit, name, tuple(differences), tuple(tests), note)


def _objective(
    truth: Sequence[str],
    patients: Sequence[str],
    mine: Sequence[Probabilities],
    control: Sequence[Probabilities],
    unit: str,
) -> ModelComparison:
    labels = [one in OBJECTIVE_RESPONSE for one in truth]
    scores, others = ([objective(one) for one in each] for each in (mine, control))
    return compare_models(
        labels, scores, others, patients, cutoff_a=MORE_LIKELY, cutoff_b=MORE_LIKELY, unit=unit, draws=DRAWS
    )
