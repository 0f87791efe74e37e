"""The simple rules of this method: they know the size and the mean attenuation of a tumour alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.training.samples import Samples
from HCCAssistLib.training.simple_rules import fitted_rules, mean_probability, rules_of

RULES = MappingProxyType({"size": ("size_mm",), "mean HU": ("hu",)})
"""What each of them knows."""


def fitted(samples: Samples) -> dict[str, dict[str, Any]]:
    """A logistic regression of the early recurrence on what each rule knows; see ``simple_rules.fitted_rules``.

    Args:
        samples: of the training, of whom the outcome is known.
    """
    measures = sorted({name for used in RULES.values() for name in used})
    return fitted_rules(RULES, {name: samples[name].astype(np.float64) for name in measures}, samples.labels == 1)


def risks(card: ModelCard, measured: Mapping[str, float]) -> dict[str, float]:
    """Risk of one patient by each rule that goes with a model.

    Args:
        card: of the model.
        measured: of the tumour, as the rules know it.
    """
    known = {name: np.array([value]) for name, value in measured.items()}
    return {name: float(mean_probability(rules, known)[0]) for name, rules in rules_of(card, tuple(RULES)).items()}
