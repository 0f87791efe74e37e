"""Models of liver masses against each other on the same masses, and their sessions as in the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.comparison import ModelComparison, SessionComparison, compare_models, compare_sessions
from HCCAssistLib.evaluation.model_comparison import Section
from HCCAssistLib.evaluation.ordinal import ordinal_scores
from HCCAssistLib.evaluation.paired import paired_classes
from HCCAssistLib.recipes.liver_mass.performance import (
    CALLED_MALIGNANT,
    ORDINAL_AUC,
    PROBABILITY_AUC,
    MassEvaluation,
)
from HCCAssistLib.recipes.liver_mass.recipe import MALIGNANT
from HCCAssistLib.results.cutoff import CutOff

NOTE = (
    "Each model by the mean of its sessions. Malignant is A or B, by the ordinal score of the predicted category as in "
    "the paper; the AUC of the probability stands apart."
)
MEASURES = ("accuracy", ORDINAL_AUC, PROBABILITY_AUC)
"""Of which the sessions are compared."""

ONE_SESSION = (
    "Sessions are not compared by Kruskal-Wallis and Steel's test: {} has one session. Train each model with several, "
    "such as --repeats 5."
)


def compare(
    found: Mapping[str, MassEvaluation],
) -> tuple[tuple[Section, ...], tuple[tuple[str, SessionComparison], ...]]:
    """Each model against the first one.

    Args:
        found: on the same cases, by the name of the model.

    Returns:
        Sections of each other model, and the sessions of all by what was measured, where every model has several.
    """
    control, *others = found
    sections = [_section(name, found[name], found[control]) for name in others]
    if single := [name for name, one in found.items() if one.session_count < 2]:
        return (*sections, Section("session", single[0], (), (), ONE_SESSION.format(single[0]))), ()
    compared = []
    for measure in MEASURES:
        values = {name: next(one for one in each.sessions if one.name == measure) for name, each in found.items()}
        if all(None not in one.values for one in values.values()):
            compared.append((measure, compare_sessions({n: o.known for n, o in values.items()}, control=control)))
    return tuple(sections), tuple(compared)


def _section(name: str, mine: MassEvaluation, control: MassEvaluation) -> Section:
    masses = mine.masses
    patients, truth = [one.patient_id for one in masses], [one.reference.category for one in masses]
    named, other = ([one.predicted for one in each.masses] for each in (mine, control))
    (accuracy,), ((_, mcnemar),) = paired_classes(truth, named, other, patients, unit="mass")
    differences = [replace(accuracy, name="difference of accuracy, five categories")]
    tests = [("right and wrong categories", mcnemar)]
    labels = [code in MALIGNANT for code in truth]
    scores, others = ([one.malignant for one in each.masses] for each in (mine, control))
    try:
        ordinal = _compared(labels, ordinal_scores(named), ordinal_scores(other), patients, CALLED_MALIGNANT)
        probable = _compared(labels, scores, others, patients, CutOff(0.5, "none: only the AUC is compared"))
    except InputError as error:
        note = f"{NOTE} Malignant or not is not compared: {error.problems[0].what}."
        return Section("mass", name, tuple(differences), tuple(tests), note)
    area, decision = ordinal.differences
    differences += [
        replace(area, name=f"difference of {ORDINAL_AUC}"),
        replace(decision, name="difference of accuracy, malignant or not"),
        replace(probable.differences[0], name=f"difference of {PROBABILITY_AUC}"),
    ]
    tests += [
        (ORDINAL_AUC, ordinal.delong),
        ("malignant or not, right and wrong decisions", ordinal.mcnemar),
        (PROBABILITY_AUC, probable.delong),
    ]
    return Section("mass", name, tuple(differences), tuple(tests), NOTE)


def _compared(
    labels: Sequence[bool], mine: Sequence[float], control: Sequence[float], patients: Sequence[str], cutoff: CutOff
) -> ModelComparison:
    return compare_models(labels, mine, control, patients, cutoff_a=cutoff, cutoff_b=cutoff, unit="mass")
