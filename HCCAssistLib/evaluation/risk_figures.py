"""All figures of a risk of an early event, and a simpler model beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from HCCAssistLib.evaluation.binary import BinaryEvaluation, binary_evaluation
from HCCAssistLib.evaluation.bootstrap import bootstrap_metrics
from HCCAssistLib.evaluation.calibration import Calibration, calibration
from HCCAssistLib.evaluation.comparison import ModelComparison, compare_models
from HCCAssistLib.evaluation.confusion import no_information_rate_test
from HCCAssistLib.evaluation.decision import DecisionCurve, net_benefit, net_benefit_at
from HCCAssistLib.evaluation.discrimination import RocCurve, auc, roc
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.evaluation.risk_groups import DRAWS, FollowedPatient, RiskGroups, risk_groups
from HCCAssistLib.evaluation.scores import checked_rows
from HCCAssistLib.results.cutoff import CutOff

HALF = CutOff(0.5, "more likely than not")

OWN = CutOff(0.0, "each patient at the cut-off of the model that decides on him; scores are above it or below")

THRESHOLDS = (0.2, 0.4, 0.6)
"""At which the net benefit is given with its interval: chosen before any figure was seen."""

FEW = 10
"""Patients with, or without, the event below which an approximate P value says little."""

SEVEN = ("AUC", "accuracy", "sensitivity", "specificity", "PPV", "NPV", "F1")

_CURVES = ("roc", "precision_recall")


@dataclass(frozen=True, eq=False, slots=True)
class RiskFigures:
    """How good a risk is.

    Attributes:
        at_cutoff: the early event at the model's cut-off, of the patients of whom it is known.
        at_half: the same at 0.5.
        seven: the metrics of ``SEVEN`` at the model's cut-off, all with bootstrap intervals over patients.
        against_rate: accuracy against the no-information rate, at the model's cut-off and at 0.5, by their names; empty
            where all patients are of one kind.
        groups: event-free survival of all patients by risk group.
        calibration: of the risk; None where all patients are of one kind.
        decision: net benefit of acting on the risk.
        at: the same at ``THRESHOLDS``, of the model and of acting on everybody.
    """

    at_cutoff: BinaryEvaluation
    at_half: BinaryEvaluation
    seven: Mapping[str, Estimate]
    against_rate: tuple[tuple[str, HypothesisTest], ...]
    groups: RiskGroups
    calibration: Calibration | None
    decision: DecisionCurve
    at: tuple[tuple[str, Estimate], ...]

    def as_json(self) -> dict[str, Any]:
        """Every figure at full precision; curves are in report.json."""
        return {
            "early_recurrence": {n: value for n, value in self.at_cutoff.as_json().items() if n not in _CURVES},
            "early_recurrence_at_half": {n: value for n, value in self.at_half.as_json().items() if n not in _CURVES},
            "bootstrap": {name: one.as_json() for name, one in self.seven.items()},
            "accuracy_against_no_information_rate": {name: test.as_json() for name, test in self.against_rate},
            "survival": self.groups.as_json(),
            "calibration": self.calibration.as_json() if self.calibration else None,
            "net_benefit": [{"of": name, **one.as_json()} for name, one in self.at],
        }


@dataclass(frozen=True, eq=False, slots=True)
class Beside:
    """A simpler model on the same patients.

    Attributes:
        name: what it knows.
        area: its AUC.
        curve: its ROC.
        decision: net benefit of acting on it.
        comparison: AUC of the model minus that of the simpler one, with DeLong's paired test; accuracies are not given,
            since a simple rule has no cut-off.
    """

    name: str
    area: Estimate
    curve: RocCurve
    decision: DecisionCurve
    comparison: ModelComparison

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision; the curves are in report.json."""
        return {
            "name": self.name,
            "auc": self.area.as_json(),
            "difference": self.comparison.differences[0].as_json(),
            "test": self.comparison.delong.as_json(),
        }


def risk_figures(patients: Sequence[FollowedPatient], *, name: str) -> RiskFigures:
    """The figures of a risk.

    Where the models that decide on the patients have different cut-offs, AUC and C-index rank how far above or below
    its own cut-off each risk lies; calibration and net benefit take the risks as they are.

    Args:
        patients: of one or more it is known whether the event came early.
        name: of the model in the net benefit.

    Raises:
        InputError: it is known of none.
    """
    cutoffs = list(dict.fromkeys(one.cutoff for one in patients))
    cutoff = cutoffs[0] if len(cutoffs) == 1 else OWN
    ranked = [one.risk if len(cutoffs) == 1 else one.risk - one.cutoff.value for one in patients]
    known = [(one, score) for one, score in zip(patients, ranked, strict=True) if one.early is not None]
    ids = [one.patient_id for one, _ in known]
    labels, scores = [bool(one.early) for one, _ in known], [score for _, score in known]
    risks = [one.risk for one, _ in known]
    at_cutoff = binary_evaluation(labels, scores, ids, unit="patient", cutoff=cutoff, draws=DRAWS)
    at_half = binary_evaluation(labels, risks, ids, unit="patient", cutoff=HALF, draws=DRAWS)
    both = len(set(labels)) == 2
    return RiskFigures(
        at_cutoff=at_cutoff,
        at_half=at_half,
        seven=_bootstrapped(at_cutoff, labels, scores, ids),
        against_rate=(("at the model's cut-off", _against(at_cutoff)), ("at 0.5", _against(at_half))) if both else (),
        groups=risk_groups(patients, cutoff, ranked),
        calibration=calibration(labels, risks, ids, unit="patient", bins=5, draws=DRAWS) if both else None,
        decision=net_benefit(labels, risks, unit="patient"),
        at=tuple(
            (which, net_benefit_at(labels, values, threshold, ids, unit="patient", draws=DRAWS))
            for threshold in THRESHOLDS
            for which, values in {name: risks, "treat all": [1.0] * len(labels)}.items()
        ),
    )


def beside(patients: Sequence[FollowedPatient], simple: Mapping[str, Sequence[float | None]]) -> tuple[Beside, ...]:
    """Simpler models on the patients of whom it is known whether the event came early, and whom both have scored.

    Args:
        patients: with the risk of the model.
        simple: risks of each simpler model by its name, one for each patient; None where it gives none.

    Returns:
        Those that can be compared: on patients of both kinds.
    """
    found = []
    for name, values in simple.items():
        rows = [
            (one, value)
            for one, value in zip(patients, values, strict=True)
            if one.early is not None and value is not None
        ]
        labels, own = [bool(one.early) for one, _ in rows], [one.risk for one, _ in rows]
        ids, risks = [one.patient_id for one, _ in rows], [value for _, value in rows]
        if len(set(labels)) < 2:
            continue
        fewest = min(sum(labels), len(labels) - sum(labels))
        note = f"a normal approximation, not to be relied on with {fewest} patients of one kind" if fewest < FEW else ""
        compared = compare_models(
            labels, own, risks, ids, cutoff_a=_AREA_ONLY, cutoff_b=_AREA_ONLY, unit="patient", draws=DRAWS
        )
        found.append(
            Beside(
                name,
                auc(labels, risks, unit="patient"),
                roc(labels, risks),
                net_benefit(labels, risks, unit="patient"),
                replace(compared, delong=replace(compared.delong, note=note)),
            )
        )
    return tuple(found)


_AREA_ONLY = CutOff(0.5, "none: only the AUC is compared")


def _bootstrapped(
    found: BinaryEvaluation, labels: Sequence[bool], scores: Sequence[float], patients: Sequence[str]
) -> dict[str, Estimate]:
    intervals = bootstrap_metrics(
        checked_rows(labels, scores, patients), found.cutoff.value, draws=DRAWS, resampled="patient"
    )
    return {
        name: one if one.value is None else replace(one, interval=intervals[name], clustered=None)
        for name, one in ((name, found.estimates[name]) for name in SEVEN)
    }


def _against(found: BinaryEvaluation) -> HypothesisTest:
    counts = found.confusion
    rate = max(counts.tp + counts.fn, counts.tn + counts.fp) / counts.n
    return no_information_rate_test(counts.tp + counts.tn, counts.n, rate)
