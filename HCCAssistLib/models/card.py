"""The model card: what a model package says about itself, as headings and texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from HCCAssistLib.models.caveats import model_warnings, trained_on
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.cutoff import cutoff_text
from HCCAssistLib.wording import plural, rounded

if TYPE_CHECKING:
    from HCCAssistLib.models.package import ModelCard

_ELSEWHERE = ("image_digests", "image_fingerprints", "history", "trained_on", "patients", "synthetic")
"""Entries of the training record that fill pages (model.json and report.json hold them), or are said in other words."""


def card_rows(card: ModelCard) -> tuple[tuple[str, str], ...]:
    """Recipe, options, training cohort, cut-off with its source, metrics, software, digests and licence."""
    recipe = get_recipe(card.recipe)
    return (
        ("Name", card.name),
        ("Recipe", f"{recipe.title} ({recipe.id}; {recipe.paper})"),
        ("Intended use", "Research only; not a medical device, not validated for patients"),
        ("Input", _listed(card.input)),
        ("Options", _listed(card.options)),
        *(("Beware", warning.what) for warning in model_warnings(card)),
        ("Training cohort", _training(card.training)),
        ("Cut-off", cutoff_text(card.default_cutoff)),
        *([("Cut-off of single patches", cutoff_text(card.cutoff))] if card.scan_cutoff else []),
        *(("Metrics in the package", text) for text in list(_metrics(card.metrics)) or ["none are stored"]),
        ("Trained with", _listed(card.software)),
        *((f"SHA-256 of {name}", digest) for name, digest in sorted(card.files.items())),
        ("Seal of model.json", card.seal or "none"),
        ("Licence of the weights", card.licence),
    )


def _training(record: Mapping[str, Any]) -> str:
    others = {name: value for name, value in record.items() if name not in _ELSEWHERE}
    return "; ".join(filter(None, (trained_on(record), _listed(others) if others else ""))) or "not stated"


def _listed(values: Mapping[str, Any]) -> str:
    """``epochs 60; cases (train 24; test 6)``; names are written with spaces."""
    return "; ".join(f"{str(name).replace('_', ' ')} {_text(value)}" for name, value in values.items()) or "not stated"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({_listed(value)})"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _metrics(stored: Any, name: str = "") -> Iterator[str]:
    """One line per stored estimate; anything that lacks n, unit or interval is left to model.json."""
    if not isinstance(stored, Mapping):
        return
    interval = stored.get("interval")
    if isinstance(interval, Mapping) and isinstance(stored.get("value"), int | float) and stored.get("unit"):
        low, high = interval.get("low"), interval.get("high")
        limits = "no interval" if low is None or high is None else f"{rounded(low, 3)}, {rounded(high, 3)}"
        count = f"n = {stored.get('n')} {plural(str(stored['unit']), int(stored.get('n') or 0))}"
        label = str(stored.get("name") or name)
        yield f"{label} {rounded(stored['value'], 3)} ({limits}; {interval.get('method')}), {count}"
        return
    for key, inner in stored.items():
        yield from _metrics(inner, str(key))
