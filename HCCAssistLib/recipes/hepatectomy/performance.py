"""The figures of an evaluation of early recurrence: as in the paper, at the model's cut-off and at 0.5."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort_spec import follow_up
from HCCAssistLib.cohort.synthetic import is_synthetic, unclear
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.binary import BinaryEvaluation, binary_evaluation
from HCCAssistLib.evaluation.calibration import Calibration, calibration
from HCCAssistLib.evaluation.case_warnings import once
from HCCAssistLib.evaluation.cohort_description import cohort_flow, cohort_table
from HCCAssistLib.evaluation.confusion import no_information_rate_test
from HCCAssistLib.evaluation.decision import DecisionCurve, net_benefit, net_benefit_at
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.periods import temporal
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.recipes.hepatectomy.evaluated_case import EvaluatedCase
from HCCAssistLib.recipes.hepatectomy.judged_case import JudgedCase
from HCCAssistLib.recipes.hepatectomy.recipe import OUTCOME
from HCCAssistLib.recipes.hepatectomy.survival import DRAWS, RiskGroups, risk_groups
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.risk import RiskResult
from HCCAssistLib.training.evaluated_cases import EvaluatedCases
from HCCAssistLib.wording import plural

SEED = 2022
"""Of the shuffled outcomes on which a model with shuffled labels is tested."""

HALF = CutOff(0.5, "more likely than not; the paper does not say at which cut-off its counts were made")

THRESHOLDS = (0.2, 0.4, 0.6)
"""At which the net benefit is given with its interval: chosen before any figure was seen."""


@dataclass(frozen=True, eq=False, slots=True)
class RecurrenceEvaluation:
    """Performance on unseen cases.

    Attributes:
        cases: all of them.
        at_cutoff: early recurrence at the model's cut-off, of the patients of whom it is known.
        at_half: the same at 0.5.
        against_rate: accuracy against the no-information rate, at the model's cut-off and at 0.5, by their names; empty
            where all patients are of one kind.
        groups: recurrence-free survival of all patients by risk group.
        calibration: of the risk; None where all patients are of one kind.
        decision: net benefit of acting on the risk.
        at: the same at ``THRESHOLDS``, of the network and of acting on everybody.
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
    at_cutoff: BinaryEvaluation
    at_half: BinaryEvaluation
    against_rate: tuple[tuple[str, HypothesisTest], ...]
    groups: RiskGroups
    calibration: Calibration | None
    decision: DecisionCurve
    at: tuple[tuple[str, Estimate], ...]
    results: Mapping[str, RiskResult]
    left_out: Mapping[str, tuple[Problem, ...]]
    flow: Flow
    characteristics: BaselineTable | None
    period: str
    run: Mapping[str, Any]
    synthetic: frozenset[str]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def censored(self) -> int:
        """Patients who were lost before two years without a recurrence: in the survival alone."""
        return sum(one.early is None for one in self.cases)

    @property
    def sentence(self) -> str:
        """For how many patients it was told whether the recurrence comes early."""
        counts, n = self.at_cutoff.confusion, self.at_cutoff.n
        frequent = max(counts.tp + counts.fn, counts.tn + counts.fp)
        lost = f" {self.censored} more were followed for less than that without one." if self.censored else ""
        return (
            f"Whether the tumour recurs within {OUTCOME.horizon_months:g} months is told rightly for "
            f"{counts.tp + counts.tn} of {n} {plural('patient', n)} at the cut-off; to tell everybody what is more "
            f"frequent would be right for {frequent}.{lost}"
        )

    def summary(self) -> list[tuple[str, Estimate]]:
        """Level and figure of the short table on the terminal."""
        chosen = ("AUC", "accuracy", "sensitivity", "specificity", "PPV", "NPV")
        return [("patient", self.at_cutoff.estimates[name]) for name in chosen] + [("patient", self.groups.concordance)]

    def as_json(self) -> dict[str, Any]:
        """Every figure at full precision, what it rests on, and what went wrong; curves are in report.json."""
        curves = ("roc", "precision_recall")
        return {
            "kind": "evaluation",
            "research_use_only": True,
            "run": dict(self.run),
            "warnings": [{"what": p.what, "where": p.where, "remedy": p.remedy} for p in self.problems],
            "early_recurrence": {n: value for n, value in self.at_cutoff.as_json().items() if n not in curves},
            "early_recurrence_at_half": {n: value for n, value in self.at_half.as_json().items() if n not in curves},
            "accuracy_against_no_information_rate": {name: test.as_json() for name, test in self.against_rate},
            "censored": self.censored,
            "survival": self.groups.as_json(),
            "calibration": self.calibration.as_json() if self.calibration else None,
            "net_benefit": [{"of": name, **one.as_json()} for name, one in self.at],
            "period": self.period,
            "flow": self.flow.as_json(),
            "cases": list(self.results),
            "failed": [
                {"case_id": case_id, "problem": "\n".join(map(str, problems))}
                for case_id, problems in self.left_out.items()
            ],
        }


def performance(found: EvaluatedCases[EvaluatedCase], model: LoadedModel) -> RecurrenceEvaluation:
    """The figures of the finished cases.

    Raises:
        InputError: every patient was lost before anybody could tell whether the recurrence came early.
    """
    card, held_out = model.package.card, found.held_out
    cases = _judged(found, model)
    known = [one for one in cases if one.early is not None]
    if not known:
        what = f"no case was followed for {OUTCOME.horizon_months:g} months or had a recurrence before"
        raise InputError(what, TABLE, "add cases with a longer follow-up")
    patients = [one.patient_id for one in known]
    labels, scores = [bool(one.early) for one in known], [one.risk for one in known]
    cutoff = card.default_cutoff or HALF
    at_cutoff, at_half = (
        binary_evaluation(labels, scores, patients, unit="patient", cutoff=one, draws=DRAWS) for one in (cutoff, HALF)
    )
    both = len(set(labels)) == 2
    of_model = {problem.what for problem in model_warnings(card)}
    results = {one.case_id: one.done.result for one in cases}
    warned = [(name, p) for name, result in results.items() for p in result.warnings if p.what not in of_model]
    doubtful = {problem.case_id for problem in unclear(found.cases)}
    return RecurrenceEvaluation(
        cases=tuple(cases),
        at_cutoff=at_cutoff,
        at_half=at_half,
        against_rate=(("at the model's cut-off", _against(at_cutoff)), ("at 0.5", _against(at_half))) if both else (),
        groups=risk_groups(cases, cutoff),
        calibration=calibration(labels, scores, patients, unit="patient", bins=5, draws=DRAWS) if both else None,
        decision=net_benefit(labels, scores, unit="patient"),
        at=_net_benefits(labels, scores, patients),
        results=results,
        left_out=found.left_out,
        flow=cohort_flow(
            held_out.cohort,
            results,
            label=OUTCOME,
            left_out={name: problems[0].what for name, problems in found.left_out.items()},
        ),
        characteristics=cohort_table(held_out.cohort, results),
        period=temporal(held_out.cohort, set(results)),
        run=found.run,
        synthetic=frozenset(c.case_id for c in found.cases if c.case_id not in doubtful and is_synthetic(c)),
        problems=(
            *model_warnings(card),
            *_again([one.patient_id for one in cases]),
            *(problem for problem in held_out.problems if not problem.case_id),
            *once([(p.case_id, p) for p in held_out.problems if p.case_id] + warned),
        ),
    )


def _judged(found: EvaluatedCases[EvaluatedCase], model: LoadedModel) -> list[JudgedCase]:
    """The finished cases; their outcomes are dealt out anew where those of the training were."""
    outcomes = [follow_up(case, OUTCOME) for case in found.cases]
    if model.package.card.options.get("permute_labels"):
        order = np.random.default_rng(SEED).permutation(len(outcomes))
        outcomes = [outcomes[number] for number in order]
    return [
        JudgedCase(case.case_id, case.patient_id, months, event, found.done[case.case_id])
        for case, (months, event) in zip(found.cases, outcomes, strict=True)
    ]


def _against(found: BinaryEvaluation) -> HypothesisTest:
    counts = found.confusion
    rate = max(counts.tp + counts.fn, counts.tn + counts.fp) / counts.n
    return no_information_rate_test(counts.tp + counts.tn, counts.n, rate)


def _net_benefits(
    labels: Sequence[bool], scores: Sequence[float], patients: Sequence[str]
) -> tuple[tuple[str, Estimate], ...]:
    return tuple(
        (name, net_benefit_at(labels, risks, threshold, patients, unit="patient", draws=DRAWS))
        for threshold in THRESHOLDS
        for name, risks in {"network": scores, "treat all": [1.0] * len(labels)}.items()
    )


def _again(patients: Sequence[str]) -> tuple[Problem, ...]:
    """The warning that a patient counts more than once."""
    several = [name for name, count in Counter(patients).items() if count > 1]
    if not several:
        return ()
    what = f"{len(several)} {plural('patient', len(several))} with several cases: each case counts as a patient"
    remedy = "keep the first operation of each, or trust only intervals that resample patients"
    return (Problem("WARN", what, TABLE, remedy),)
