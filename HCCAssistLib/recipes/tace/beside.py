"""The network beside rules that know volume and mean HU alone, and what acting on each of them is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from HCCAssistLib.evaluation.comparison import compare_models
from HCCAssistLib.evaluation.decision import DecisionCurve, net_benefit, net_benefit_at
from HCCAssistLib.evaluation.discrimination import RocCurve, roc
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.recipes.tace.level import DRAWS, area
from HCCAssistLib.results.cutoff import CutOff

THRESHOLDS = (0.2, 0.4, 0.6)
"""At which the net benefit is given with its interval: chosen before any figure was seen."""

FEW = 10
"""Patients with, or without, a response below which an approximate P value says little."""

AREA_ONLY = CutOff(0.5, "none: only the AUC is compared")


@dataclass(frozen=True, eq=False, slots=True)
class Versus:
    """The network against one simple rule.

    Attributes:
        rule: what it knows.
        area: its AUC of objective response per patient.
        curve: its ROC.
        difference: AUC of the network minus that of the rule.
        test: DeLong's, paired.
    """

    rule: str
    area: Estimate
    curve: RocCurve
    difference: Estimate
    test: HypothesisTest

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "rule": self.rule,
            "auc": self.area.as_json(),
            "difference": self.difference.as_json(),
            "test": self.test.as_json(),
        }


@dataclass(frozen=True, eq=False, slots=True)
class DecisionCurves:
    """Net benefit of treating those who are likely to respond.

    Attributes:
        curves: of the network and of each rule.
        at: at ``THRESHOLDS``, of the network, of the rules and of treating everybody.
    """

    curves: tuple[tuple[str, DecisionCurve], ...]
    at: tuple[tuple[str, Estimate], ...]


def versus_rules(
    labels: Sequence[bool], scores: Sequence[float], rules: Mapping[str, Sequence[float]], patients: Sequence[str]
) -> tuple[Versus, ...]:
    """The network against each rule.

    Args:
        labels: ``(patients,)`` whether there was an objective response; of both kinds.
        scores: of the network.
        rules: scores of each rule, by its name.
        patients: ``(patients,)``.
    """
    found, fewest = [], min(sum(labels), len(labels) - sum(labels))
    note = f"a normal approximation, not to be relied on with {fewest} patients of one kind" if fewest < FEW else ""
    for name, values in rules.items():
        compared = compare_models(
            labels, scores, values, patients, cutoff_a=AREA_ONLY, cutoff_b=AREA_ONLY, unit="patient", draws=DRAWS
        )
        own = area(labels, values, patients, unit="patient")
        found.append(
            Versus(name, own, roc(labels, values), compared.differences[0], replace(compared.delong, note=note))
        )
    return tuple(found)


def decision_curves(
    labels: Sequence[bool], scores: Sequence[float], rules: Mapping[str, Sequence[float]], patients: Sequence[str]
) -> DecisionCurves:
    """Net benefit of the network, of the rules and of treating everybody; treating nobody has 0.

    Args:
        labels: ``(patients,)`` whether there was an objective response.
        scores: probabilities by the network.
        rules: probabilities by each rule, by its name.
        patients: ``(patients,)``.
    """
    risks = {"network": scores, **rules}
    at = [
        (name, net_benefit_at(labels, values, threshold, patients, unit="patient", draws=DRAWS))
        for threshold in THRESHOLDS
        for name, values in {**risks, "treat all": [1.0] * len(labels)}.items()
    ]
    curves = tuple((name, net_benefit(labels, values, unit="patient")) for name, values in risks.items())
    return DecisionCurves(curves, tuple(at))
