"""The evaluation of a model of early recurrence on patients that it has not seen, whichever recipe it is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort_spec import follow_up
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.case_warnings import several_cases
from HCCAssistLib.evaluation.evaluated import evaluation_json
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.risk_figures import HALF, Beside, RiskFigures, beside, risk_figures
from HCCAssistLib.evaluation.risk_groups import FollowedPatient
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.labels import TimeToEvent
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.risk import RiskResult
from HCCAssistLib.training.evaluated_cases import EvaluatedCases
from HCCAssistLib.wording import plural

SEED = 2022
"""Of the shuffled outcomes on which a model with shuffled labels is tested."""

SEVERAL = "keep the first operation of each, or trust only intervals that resample patients"


class EvaluatedRisk(Protocol):
    """What a recipe keeps of a finished case."""

    @property
    def result(self) -> RiskResult:
        """The risk."""


T = TypeVar("T", bound=EvaluatedRisk)


@dataclass(frozen=True, slots=True)
class JudgedPatient(Generic[T]):
    """One case of an evaluation with its outcome.

    Attributes:
        case_id, patient_id: whose it is.
        months: of follow-up, as the table tells; shuffled where the model's labels were.
        event: whether they ended with a recurrence.
        early: whether it came early; None of a patient who was followed for less without one.
        done: what the model makes of it.
        cutoff: of the model that decides.
        score: that all patients are ranked by: the risk, or where the models that decide on them have different
            cut-offs, how far it lies above its own.
    """

    case_id: str
    patient_id: str
    months: float
    event: bool
    early: bool | None
    done: T
    cutoff: CutOff
    score: float

    @property
    def risk(self) -> float:
        """Predicted probability of early recurrence, by the fullest model that the inputs allow."""
        return self.done.result.probability

    @property
    def high(self) -> bool:
        """Whether the risk is high at the cut-off of the model that decides."""
        return self.risk >= self.cutoff.value

    def followed(self, name: str, cutoff: CutOff) -> FollowedPatient:
        """The patient with the risk of that name.

        Raises:
            KeyError: the inputs did not allow it.
        """
        risk = self.done.result.probabilities[name]
        return FollowedPatient(self.patient_id, self.months, self.event, self.early, risk, cutoff)


@dataclass(frozen=True, eq=False, slots=True)
class RecurrenceEvaluation(Generic[T]):
    """Performance on unseen cases.

    Attributes:
        outcome: that is predicted.
        cases: all of them.
        figures: of the risk that decides on each patient.
        models: of each probability by its name, on the patients that have it; empty where there is only one.
        beside: simpler models on the same patients.
        results: by case id.
        left_out: cases that were to be evaluated and could not be, by case id, with what is wrong.
        flow: from the cases of the table to those that were evaluated.
        characteristics: of the cases by split; None where the table describes none.
        period: whether the evaluated cases are later than the others; empty where the table tells no years.
        run: what the figures rest on.
        synthetic: ids of the cases that are phantoms.
        problems: what is doubtful.
    """

    outcome: TimeToEvent
    cases: tuple[JudgedPatient[T], ...]
    figures: RiskFigures
    models: Mapping[str, RiskFigures]
    beside: tuple[Beside, ...]
    results: Mapping[str, RiskResult]
    left_out: Mapping[str, tuple[Problem, ...]]
    flow: Flow
    characteristics: BaselineTable | None
    period: str
    run: Mapping[str, Any]
    synthetic: frozenset[str]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def name(self) -> str:
        """What the model that decides is called: the network where there is only one."""
        return _name(self.results)

    @property
    def censored(self) -> int:
        """Patients who were lost before two years without a recurrence: in the survival alone."""
        return sum(one.early is None for one in self.cases)

    @property
    def sentence(self) -> str:
        """For how many patients it was told whether the recurrence comes early."""
        counts, n = self.figures.at_cutoff.confusion, self.figures.at_cutoff.n
        frequent = max(counts.tp + counts.fn, counts.tn + counts.fp)
        were = "was" if self.censored == 1 else "were"
        lost = f" {self.censored} more {were} followed for less than that without one." if self.censored else ""
        return (
            f"Whether the tumour recurs within {self.outcome.horizon_months:g} months is told rightly for "
            f"{counts.tp + counts.tn} of {n} {plural('patient', n)} at the cut-off; to tell everybody what is more "
            f"frequent would be right for {frequent}.{lost}"
        )

    @property
    def headline(self) -> Estimate:
        """AUC of early recurrence."""
        return self.figures.at_cutoff.estimates["AUC"]

    def summary(self) -> list[tuple[str, Estimate]]:
        """Level and figure of the short table on the terminal."""
        chosen = ("AUC", "accuracy", "sensitivity", "specificity", "PPV", "NPV")
        found = [("patient", self.figures.at_cutoff.estimates[name]) for name in chosen]
        return [*found, ("patient", self.figures.groups.concordance)]

    def as_json(self) -> dict[str, Any]:
        """Every figure at full precision, what it rests on, and what went wrong; curves are in report.json."""
        figures = {
            **self.figures.as_json(),
            "censored": self.censored,
            "models": {name: one.as_json() for name, one in self.models.items()},
            "beside": [one.as_json() for one in self.beside],
            "period": self.period,
        }
        return evaluation_json(self, figures)


def performance(
    found: EvaluatedCases[T],
    model: LoadedModel,
    outcome: TimeToEvent,
    *,
    simple: Callable[[T], Mapping[str, float]] = lambda done: {},
) -> RecurrenceEvaluation[T]:
    """The figures of the finished cases.

    Args:
        found: of ``evaluate_cases``.
        model: that was evaluated.
        outcome: that is predicted.
        simple: risks of a patient by simpler models, by their names: rules that the model's card holds, or the
            probability of clinical values alone.

    Raises:
        InputError: every patient was lost before anybody could tell whether the recurrence came early.
    """
    cases = _judged(found, model, outcome)
    if all(one.early is None for one in cases):
        what = f"no case was followed for {outcome.horizon_months:g} months or had a recurrence before"
        raise InputError(what, TABLE, "add cases with a longer follow-up")
    deciding = [one.followed(one.done.result.decides, one.cutoff) for one in cases]
    given = [simple(one.done) for one in cases]
    names = list(dict.fromkeys(name for one in given for name in one))
    results = {one.case_id: one.done.result for one in cases}
    return RecurrenceEvaluation(
        outcome=outcome,
        cases=tuple(cases),
        figures=risk_figures(deciding, name=_name(results)),
        models=_models(cases, model.package.card),
        beside=beside(deciding, {name: [one.get(name) for one in given] for name in names}),
        results=results,
        left_out=found.left_out,
        flow=found.flow(outcome, model.package.card),
        characteristics=found.characteristics(model.package.recipe),
        period=found.period,
        run=found.run,
        synthetic=found.synthetic,
        problems=found.problems(
            model.package.card,
            {name: one.warnings for name, one in results.items()},
            (
                *several_cases((one.patient_id for one in cases), SEVERAL),
                *_mixed(results, model.package.recipe.printed),
            ),
        ),
    )


def _name(results: Mapping[str, RiskResult]) -> str:
    decide = {result.decides for result in results.values()}
    if all(len(result.probabilities) == 1 for result in results.values()) and len(decide) == 1:
        return "network"
    return min(decide) if len(decide) == 1 else "fullest model"


def _cutoff(card: ModelCard, name: str) -> CutOff:
    return card.cutoffs.get(name) or HALF


def _models(cases: Sequence[JudgedPatient[T]], card: ModelCard) -> dict[str, RiskFigures]:
    """The figures of each probability, where there are several, on those who have it and of whom enough is known."""
    names = list(dict.fromkeys(name for one in cases for name in one.done.result.probabilities))
    rows = {name: [one for one in cases if name in one.done.result.probabilities] for name in names}
    return {
        name: risk_figures([one.followed(name, _cutoff(card, name)) for one in having], name=name)
        for name, having in rows.items()
        if len(names) > 1 and any(one.early is not None for one in having)
    }


def _judged(found: EvaluatedCases[T], model: LoadedModel, outcome: TimeToEvent) -> list[JudgedPatient[T]]:
    """The finished cases; their outcomes are dealt out anew where those of the training were."""
    outcomes = [follow_up(case, outcome) for case in found.cases]
    if model.package.card.options.get("permute_labels"):
        order = np.random.default_rng(SEED).permutation(len(outcomes))
        outcomes = [outcomes[number] for number in order]
    done = [found.done[case.case_id] for case in found.cases]
    cutoffs = [_cutoff(model.package.card, one.result.decides) for one in done]
    own = len(set(cutoffs)) > 1
    return [
        JudgedPatient(
            case_id=case.case_id,
            patient_id=case.patient_id,
            months=months,
            event=event,
            early=outcome.early(months, event),
            done=one,
            cutoff=cutoff,
            score=one.result.probability - (cutoff.value if own else 0.0),
        )
        for case, (months, event), one, cutoff in zip(found.cases, outcomes, done, cutoffs, strict=True)
    ]


def _mixed(results: Mapping[str, RiskResult], printed: Callable[[str], str]) -> tuple[Problem, ...]:
    """The warning that several models decide, each on some of the patients."""
    counts = Counter(result.decides for result in results.values())
    if len(counts) < 2:
        return ()
    what = f"several models decide: {', '.join(f'{printed(name)} on {count}' for name, count in counts.items())}"
    remedy = "AUC and C-index of all rank how far a risk lies from its model's cut-off; trust those of each model"
    return (Problem("WARN", what, "all patients together", remedy),)
