"""What must be known of a model before any of its results is trusted; it goes with every one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.errors import Problem
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.wording import plural

LONGEST = 500
"""Characters of a caveat: a sentence, not a book."""

OPTIMISTIC = "(optimistic)"
"""Ends the names of figures on the samples that chose a model's epoch and cut-off."""

NO_INFORMATION = "no-information rate"
"""The share of the commonest class: the accuracy of naming it always."""


def model_warnings(card: ModelCard) -> tuple[Problem, ...]:
    """All that is doubtful about a model; empty where nothing is."""
    texts = (*caveats(card.training), *validation_doubts(card.metrics))
    return tuple(
        filter(None, (training_data_warning(card), *(Problem("WARN", t, f"model {card.name}") for t in texts)))
    )


def validation_doubts(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """What a model failed to show on the very cases that chose its epoch and its cut-off, from a card's figures.

    Figures of other cases that are kept beside them do not count. Without such a doubt nothing is shown yet: these
    cases flatter.
    """
    own = {name: one for name, one in metrics.items() if _is_own(one)}
    doubts = []
    lesions = own.get("lesion-level sensitivity", {})
    if lesions.get("n") and lesions.get("value") == 0:
        which = f"any of the {lesions['n']} annotated lesions" if lesions["n"] > 1 else "the one annotated lesion"
        doubts.append(f"on its own validation cases this model did not find {which} at its threshold")
    rate = own.get(NO_INFORMATION, {}).get("value")
    limits = {name: 0.5 for name in own if name == "AUC" or name.endswith(": AUC")}
    if rate is not None:
        limits["accuracy"] = rate
    chance = [_against(name, own[name], limit) for name, limit in limits.items() if _reaches(own.get(name), limit)]
    if chance:
        doubts.append(f"on its own validation cases this could not be told from chance: {'; '.join(chance)}")
    return tuple(text for text in doubts if text.isprintable() and len(text) <= LONGEST)


def _is_own(metric: Any) -> bool:
    """Whether this is a known figure of the validation samples; a card may come from anywhere, and hold anything."""
    return (
        isinstance(metric, Mapping)
        and str(metric.get("name")).endswith(OPTIMISTIC)
        and isinstance(metric.get("n"), int)
        and isinstance(metric.get("unit"), str)
        and isinstance(metric.get("value"), int | float)
    )


def _interval(metric: Mapping[str, Any]) -> tuple[float, float] | None:
    """That of the patients where there is one, since the findings of one patient are alike."""
    for name in ("clustered_interval", "interval"):
        found = metric.get(name)
        low, high = (found.get("low"), found.get("high")) if isinstance(found, Mapping) else (None, None)
        if isinstance(low, int | float) and isinstance(high, int | float):
            return low, high
    return None


def _reaches(metric: Mapping[str, Any] | None, limit: float) -> bool:
    """Whether a figure's interval begins at chance or below it."""
    interval = _interval(metric) if metric else None
    return interval is not None and interval[0] <= limit


def _against(name: str, metric: Mapping[str, Any], limit: float) -> str:
    low, high = _interval(metric) or (0.0, 1.0)
    of = f"n = {metric['n']} {plural(metric['unit'], metric['n'])}"
    return f"{name} {metric['value']:.2f} ({low:.2f} to {high:.2f}, chance {limit:.2f}, {of})"


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
