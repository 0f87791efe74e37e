"""One case of an evaluation with its outcome."""

from __future__ import annotations

from dataclasses import dataclass

from HCCAssistLib.recipes.hepatectomy.evaluated_case import EvaluatedCase
from HCCAssistLib.recipes.hepatectomy.recipe import OUTCOME


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """One patient after hepatectomy.

    Attributes:
        case_id, patient_id: whose it is.
        months: of follow-up, as the table tells; shuffled where the model's labels were.
        event: whether they ended with a recurrence.
        done: what the model makes of it.
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
        """Predicted probability of early recurrence."""
        return self.done.result.probability
