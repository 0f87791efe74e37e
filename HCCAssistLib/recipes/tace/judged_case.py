"""One case of an evaluation with its response: what the patient had, and what the model and simple rules say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from HCCAssistLib.recipes.tace.baseline import measures
from HCCAssistLib.recipes.tace.evaluated_case import EvaluatedCase, MeasuredTumour
from HCCAssistLib.recipes.tace.recipe import OBJECTIVE_RESPONSE
from HCCAssistLib.results.classification import Finding, Probabilities, most_probable
from HCCAssistLib.training.simple_rules import mean_probability


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """One treated patient.

    Attributes:
        case_id, patient_id: whose it is.
        response: of the patient after the treatment, as the table tells; shuffled where the model's labels were.
        done: what the model makes of it.
        probabilities: of the patient, the mean over the targets.
        by_rule: probability of an objective response by each simple rule, pooled over the targets likewise.
    """

    case_id: str
    patient_id: str
    response: str
    done: EvaluatedCase
    probabilities: Probabilities
    by_rule: Mapping[str, float]

    @property
    def predicted(self) -> str:
        """The most probable response of the patient."""
        return most_probable(self.probabilities)

    @property
    def right(self) -> bool:
        """Whether that is the patient's response."""
        return self.predicted == self.response

    @property
    def responded(self) -> bool:
        """Whether the patient had an objective response."""
        return self.response in OBJECTIVE_RESPONSE

    @property
    def objective(self) -> float:
        """Probability of an objective response of the patient."""
        return objective(self.probabilities)

    @property
    def tumours(self) -> tuple[tuple[Finding, MeasuredTumour], ...]:
        """All of them; what is measured of each beside what it is taken for."""
        return tuple(zip(self.done.result.findings, self.done.tumours, strict=True))

    @property
    def patches(self) -> tuple[Probabilities, ...]:
        """Of each patch of the targets, which alone count for the patient."""
        return tuple(patch.probabilities for one in self.done.result.findings if one.target for patch in one.patches)


def objective(probabilities: Probabilities) -> float:
    """The probability of CR or PR, at most 1."""
    return min(1.0, sum(probabilities[code] for code in OBJECTIVE_RESPONSE))


def by_rule(rules: Mapping[str, Sequence[Mapping[str, Any]]], one: EvaluatedCase) -> dict[str, float]:
    """Probability of an objective response of a patient by each rule: the mean over the targets."""
    pairs = zip(one.result.findings, one.tumours, strict=True)
    targets = [tumour for finding, tumour in pairs if finding.target]
    volume_ml, hu = [one.volume_ml for one in targets], [one.hu for one in targets]
    return {name: float(np.mean(mean_probability(each, measures(volume_ml, hu)))) for name, each in rules.items()}
