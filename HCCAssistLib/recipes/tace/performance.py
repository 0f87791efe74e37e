"""The figures of an evaluation of TACE responses: by patch and by patient as in the paper, beside simple rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from HCCAssistLib.errors import Problem
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.binary import BinaryEvaluation, binary_evaluation
from HCCAssistLib.evaluation.by_size import accuracy_by_size
from HCCAssistLib.evaluation.calibration import Calibration, calibration
from HCCAssistLib.evaluation.case_warnings import several_cases
from HCCAssistLib.evaluation.crop_view import CropView
from HCCAssistLib.evaluation.evaluated import evaluation_json
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.group_tests import mann_whitney
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.tace.baseline import RULES
from HCCAssistLib.recipes.tace.beside import DecisionCurves, Versus, decision_curves, versus_rules
from HCCAssistLib.recipes.tace.evaluated_case import EvaluatedCase, MeasuredTumour
from HCCAssistLib.recipes.tace.judged_case import JudgedCase, by_rule
from HCCAssistLib.recipes.tace.level import DRAWS, OBJECTIVE, ResponseLevel, response_level
from HCCAssistLib.recipes.tace.recipe import COLUMN, TACE
from HCCAssistLib.results.classification import ClassificationResult, Finding
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.evaluated_cases import EvaluatedCases
from HCCAssistLib.training.simple_rules import rules_of
from HCCAssistLib.wording import plural

SEED = 2020
"""Of the shuffled responses on which a model with shuffled labels is tested."""

SEVERAL = "keep the first TACE of each, as the paper did, or trust only intervals that resample patients"
MORE_LIKELY = CutOff(0.5, "more likely than not; the paper names no cut-off, and none was chosen on data")


@dataclass(frozen=True, eq=False, slots=True)
class TACEEvaluation:
    """Performance on unseen cases.

    Attributes:
        cases: all that were judged.
        patch: by each patch of the targets with the patient's response, as in the paper.
        patient: by the mean over the targets.
        objective: probability of an objective response of the patient.
        groups: the same of patients with and without one compared; None where there is but one kind.
        versus: the network against simple rules on the same patients; empty where the model has none, or all patients
            are of one kind.
        decisions: net benefit of the network and of the rules.
        calibration: of the probability of an objective response, of the network and of the rules likewise; empty where
            all patients are of one kind.
        by_size: how often the response of a target tumour was named, by its diameter.
        results: by case id.
        left_out: cases that were to be evaluated and could not be, by case id, with what is wrong.
        flow: from the cases of the table to those that were evaluated.
        characteristics: of the cases by split; None where the table describes none.
        period: whether the evaluated cases are later than the others; empty where the table tells no years.
        run: what the figures rest on.
        synthetic: ids of the cases that are phantoms.
        problems: what is doubtful.
    """

    cases: tuple[JudgedCase, ...]
    patch: ResponseLevel
    patient: ResponseLevel
    objective: BinaryEvaluation
    groups: HypothesisTest | None
    versus: tuple[Versus, ...]
    decisions: DecisionCurves
    calibration: tuple[tuple[str, Calibration], ...]
    by_size: tuple[Estimate, ...]
    results: Mapping[str, ClassificationResult]
    left_out: Mapping[str, tuple[Problem, ...]]
    flow: Flow
    characteristics: BaselineTable | None
    period: str
    run: Mapping[str, Any]
    synthetic: frozenset[str]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def sentence(self) -> str:
        """How many patients the right response was predicted for."""
        found, n = self.patient.categories.accuracy.successes, len(self.cases)
        likeliest = max(Counter(one.response for one in self.cases).values())
        return (
            f"The right one of four responses is predicted for {found} of {n} {plural('patient', n)}; to name the most "
            f"frequent response for everybody would be right for {likeliest}."
        )

    @property
    def headline(self) -> Estimate:
        """AUC of objective response, by patient."""
        return self.patient.areas[OBJECTIVE]

    def summary(self) -> list[tuple[str, Estimate]]:
        """Level and figure of the short table on the terminal."""
        chosen = [
            (level.unit, one)
            for level in (self.patch, self.patient)
            for one in (level.categories.accuracy, *level.areas.values())
        ]
        return chosen + [("patient, rule", replace(one.area, name=f"{one.rule}: AUC")) for one in self.versus]

    def as_json(self) -> dict[str, Any]:
        """Every figure at full precision, what it rests on, and what went wrong; curves are in report.json."""
        curves = ("roc", "precision_recall")
        figures = {
            "patch": self.patch.as_json(),
            "patient": self.patient.as_json(),
            "objective_response": {n: value for n, value in self.objective.as_json().items() if n not in curves},
            "response_against_none": self.groups.as_json() if self.groups else None,
            "rules": [one.as_json() for one in self.versus],
            "net_benefit": [{"of": name, **one.as_json()} for name, one in self.decisions.at],
            "calibration": {name: one.as_json() for name, one in self.calibration},
            "by_size": [one.as_json() for one in self.by_size],
            "period": self.period,
        }
        return evaluation_json(self, figures)


def performance(found: EvaluatedCases[EvaluatedCase], model: LoadedModel) -> TACEEvaluation:
    """The figures of the finished cases."""
    cases = _judged(found, model)
    patients, truth = [one.patient_id for one in cases], [one.response for one in cases]
    labels, scores = [one.responded for one in cases], [one.objective for one in cases]
    rules = {name: [one.by_rule[name] for one in cases] for name in cases[0].by_rule}
    both = len(set(labels)) == 2
    results = {one.case_id: one.done.result for one in cases}
    rows = [(one, patch) for one in cases for patch in one.patches]
    targets = [(one, finding) for one in cases for finding, _ in one.tumours if finding.target]
    return TACEEvaluation(
        cases=tuple(cases),
        patch=response_level(
            [one.response for one, _ in rows],
            [patch for _, patch in rows],
            [one.patient_id for one, _ in rows],
            unit="patch",
        ),
        patient=response_level(truth, [one.probabilities for one in cases], patients, unit="patient"),
        objective=binary_evaluation(labels, scores, patients, unit="patient", cutoff=MORE_LIKELY, draws=DRAWS),
        groups=_groups(labels, scores) if both else None,
        versus=versus_rules(labels, scores, rules, patients) if both else (),
        decisions=decision_curves(labels, scores, rules, patients),
        calibration=tuple(
            (name, calibration(labels, risks, patients, unit="patient", bins=5, draws=DRAWS))
            for name, risks in {"network": scores, **rules}.items()
        )
        if both
        else (),
        by_size=accuracy_by_size(
            [finding.predicted == one.response for one, finding in targets],
            [np.nan if finding.diameter_mm is None else finding.diameter_mm for _, finding in targets],
            [one.patient_id for one, _ in targets],
            unit="tumour",
            draws=DRAWS,
        ),
        results=results,
        left_out=found.left_out,
        flow=found.flow(TACE.label, model.package.card),
        characteristics=found.characteristics(TACE),
        period=found.period,
        run=found.run,
        synthetic=found.synthetic,
        problems=found.problems(
            model.package.card,
            {name: one.warnings for name, one in results.items()},
            several_cases(patients, SEVERAL),
        ),
    )


def patches_shown(finding: Finding, tumour: MeasuredTumour, *, stamp: str) -> CropView:
    """The patches of one tumour as the network saw them, by the slices that they lie in."""
    sides = [patch.box.size[0] for patch in finding.patches]
    if tumour.patches.shape[1] == 1:
        slices = [f"slice {patch.slice + 1}" for patch in finding.patches]
        named = dict(zip(slices, tumour.patches[:, 0], strict=True))
        if len(named) == len(sides):  # oblique volumes: two axial patches may lie nearest to one stored slice
            return CropView(named, sides, stamp)
        return CropView({f"patch {n}": seen[0] for n, seen in enumerate(tumour.patches, 1)}, sides, stamp)
    channels = dict(zip(("largest slice", "below", "above"), tumour.patches[0], strict=True))
    return CropView(channels, sides[0], stamp)


def _judged(found: EvaluatedCases[EvaluatedCase], model: LoadedModel) -> list[JudgedCase]:
    """The finished cases; their responses are dealt out anew where those of the training were."""
    rules = rules_of(model.package.card, tuple(RULES))
    responses = [case.values[COLUMN] for case in found.cases]
    if model.package.card.options.get("permute_labels"):
        responses = np.random.default_rng(SEED).permutation(responses).tolist()
    judged = []
    for case, response in zip(found.cases, responses, strict=True):
        one = found.done[case.case_id]
        probabilities = one.result.patient or {}
        judged.append(JudgedCase(case.case_id, case.patient_id, response, one, probabilities, by_rule(rules, one)))
    return judged


def _groups(labels: Sequence[bool], scores: Sequence[float]) -> HypothesisTest:
    """Mann-Whitney of the probability of an objective response, with both medians."""
    apart = [[score for label, score in zip(labels, scores, strict=True) if label is kind] for kind in (True, False)]
    test = mann_whitney(*apart, unit="patient")
    medians = {f"median, {name}": float(np.median(of)) for name, of in zip((OBJECTIVE, "none"), apart, strict=True)}
    return replace(test, details={**test.details, **medians})
