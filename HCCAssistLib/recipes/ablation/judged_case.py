"""One case of an evaluation with its outcome."""

from __future__ import annotations

from dataclasses import dataclass

from HCCAssistLib.recipes.ablation.evaluated_case import EvaluatedCase
from HCCAssistLib.recipes.ablation.recipe import OUTCOME


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """One patient after an ablation.

    Attributes:
        case_id, patient_id: whose it is.
        months: of follow-up, as the table tells; shuffled where the model's labels were.
        event: whether they ended with a recurrence.
        done: what the models make of it.
    """

    case_id: str
    patient_id: str
    months: float
    event: bool
    done: EvaluatedCase

    @property
    def early(self) -> bool | None:
        """Whether the recurrence came within two years; None of a patient who was followed for less without one."""
        return OUTCOME.early(self.months, self.event)

    @property
    def risk(self) -> float:
        """Predicted probability of early recurrence, by the fullest model that the inputs allowed."""
        return self.done.result.probability

    def risk_by(self, model: str) -> float | None:
        """That of one model; None where the inputs did not allow it."""
        return self.done.result.probabilities.get(model)
