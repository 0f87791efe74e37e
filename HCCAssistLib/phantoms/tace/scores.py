"""What a patient's response has to do with how the tumours look: a latent score of known strength.

The response stands on one latent scale, from progressive disease at its lower end to complete response at its upper
end, each class as wide as its share of the paper's patients. A patient's tumours show that place only as far as
``strength`` says, and those of one patient are alike. Each score is standard normal over all patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import ndtri

from HCCAssistLib.errors import InputError
from HCCAssistLib.phantoms.liver.tumour_looks import mixed

RESPONSES: Mapping[str, int] = MappingProxyType({"CR": 83, "PR": 151, "SD": 222, "PD": 106})
"""Patients of each class in the paper's training cohort, best first."""

STRENGTH = 0.98
"""Correlation of a patient's score with the latent response; with 0 the tumours tell nothing, with 1 all they can."""

ALIKE = 0.9
"""Correlation of the scores of two tumours of one patient."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one patient.

    Attributes:
        latent: place of the response on its scale; higher is better.
        patient: what all of the patient's tumours have in common.
        tumours: what each of them shows.
        strength: correlation of the first two.
    """

    latent: float
    patient: float
    tumours: tuple[float, ...]
    strength: float

    @classmethod
    def draw(cls, rng: np.random.Generator, response: str, count: int, strength: float = STRENGTH) -> Scores:
        """Scores of a patient of a given response.

        >>> Scores.draw(np.random.default_rng(1), "CR", 1).latent > 1
        True

        Args:
            rng: drawn from; as often whatever the response.
            response: ``"CR"``, ``"PR"``, ``"SD"`` or ``"PD"``.
            count: tumours.
            strength: 0 to 1.

        Raises:
            InputError: another response, or a strength outside 0 to 1.
        """
        if response not in RESPONSES:
            raise InputError(f"there is no response {response!r}", remedy=f"choose from {', '.join(RESPONSES)}")
        if not 0 <= strength <= 1:
            raise InputError(f"the strength {strength} is no correlation", remedy="give a number from 0 to 1")
        low, high = limits(response)
        latent = float(ndtri(low + (high - low) * rng.uniform(0.001, 0.999)))
        patient = mixed(latent, strength, rng)
        return cls(latent, patient, tuple(mixed(patient, ALIKE**0.5, rng) for _ in range(count)), strength)


def limits(response: str) -> tuple[float, float]:
    """Where a class begins and ends on the latent scale, as shares of the patients below."""
    worse = list(RESPONSES)[list(RESPONSES).index(response) + 1 :]
    below, total = sum(RESPONSES[name] for name in worse), sum(RESPONSES.values())
    return below / total, (below + RESPONSES[response]) / total


def response_of(seed: int, number: int) -> str:
    """The response of a case of a cohort: the first cases hold every class, and all of them the paper's shares.

    >>> sorted(response_of(0, number) for number in range(4))
    ['CR', 'PD', 'PR', 'SD']
    """
    rng = np.random.default_rng((seed, 2020))
    first, start = rng.permutation(list(RESPONSES)), rng.random()
    if number < len(first):
        return str(first[number])
    # the golden section spreads any number of cases evenly, so that a small cohort has the shares as well
    at = (start + number * (5**0.5 - 1) / 2) % 1
    return next(name for name in RESPONSES if limits(name)[0] <= at < limits(name)[1])
