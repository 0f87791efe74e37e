"""What must be known of a model before any of its results is trusted; it goes with every one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.errors import Problem
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.wording import plural

LONGEST = 500
"""Characters of a caveat: a sentence, not a book."""


def model_warnings(card: ModelCard) -> tuple[Problem, ...]:
    """All that is doubtful about a model; empty where nothing is."""
    of_method = (Problem("WARN", text, f"model {card.name}") for text in caveats(card.training))
    return tuple(filter(None, (training_data_warning(card), *of_method)))


def caveats(training: Mapping[str, Any]) -> tuple[str, ...]:
    """What the method itself says of this model, from a model card's training record."""
    given = training.get("caveats")
    texts = given if isinstance(given, list) else []
    return tuple(text for text in texts if isinstance(text, str) and text.isprintable() and len(text) <= LONGEST)


def training_data_warning(card: ModelCard) -> Problem | None:
    """The warning of a model that learnt from shuffled labels or from synthetic cases, whatever it is applied to."""
    synthetic, patients = counts(card.training)
    if card.training.get("permuted_labels"):
        what = "this model was trained on shuffled labels as a check; its findings mean nothing"
    elif synthetic and patients:
        what = (
            f"this model was trained on {trained_on(card.training)}; its findings rest on synthetic cases in part, "
            "and nothing tells how far they hold for patients"
        )
    elif synthetic:
        what = f"this model was trained on synthetic cases only ({synthetic}); its findings say nothing about patients"
    else:
        return None
    return Problem("WARN", what, f"model {card.name}")


def is_synthetic_model(card: ModelCard) -> bool:
    """Whether a model learnt from synthetic cases alone."""
    synthetic, patients = counts(card.training)
    return bool(synthetic) and not patients


def trained_on(training: Mapping[str, Any]) -> str:
    """``120 synthetic cases, 3 patients``, from a model card's training record; empty where it does not say."""
    synthetic, patients = counts(training)
    parts = [f"{n} {plural(kind, n)}" for n, kind in ((synthetic, "synthetic case"), (patients, "patient")) if n]
    return ", ".join(parts)


def counts(training: Mapping[str, Any]) -> tuple[int, int]:
    """Synthetic patients and real ones that a model was trained on; zeros where the record does not say."""
    apart = training.get("trained_on", {})
    return apart.get("synthetic", 0), apart.get("patients", 0)
