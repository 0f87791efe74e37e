"""One mass of an evaluation: what it is, and what each session takes it for."""

from __future__ import annotations

from dataclasses import dataclass

from HCCAssistLib.recipes.liver_mass.evaluated_case import Reference
from HCCAssistLib.recipes.liver_mass.recipe import MALIGNANT
from HCCAssistLib.results.classification import Finding, Probabilities, most_probable


@dataclass(frozen=True, slots=True)
class JudgedMass:
    """One mass: what it is, and what it is taken for.

    Attributes:
        case_id, patient_id: whose it is.
        finding: what the model makes of it.
        reference: what is known of it; shuffled where the model's labels were.
    """

    case_id: str
    patient_id: str
    finding: Finding
    reference: Reference

    @property
    def predicted(self) -> str:
        """The category with the highest mean probability."""
        return self.finding.predicted

    @property
    def right(self) -> bool:
        """Whether that is the category of the mass."""
        return self.predicted == self.reference.category

    @property
    def sessions(self) -> tuple[Probabilities, ...]:
        """Probabilities by each session."""
        return self.finding.by_network or (self.finding.probabilities,)

    @property
    def named(self) -> tuple[str, ...]:
        """Category by each session."""
        return tuple(most_probable(one) for one in self.sessions)

    @property
    def malignant(self) -> float:
        """Probability of A or B."""
        return malignant(self.finding.probabilities)


def malignant(probabilities: Probabilities) -> float:
    """The probability of A or B, at most 1."""
    return min(1.0, sum(probabilities[code] for code in MALIGNANT))
