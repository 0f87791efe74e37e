"""A model card in a few lines, for a person who chooses a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.models.caveats import model_warnings, trained_on
from HCCAssistLib.models.package import ModelCard
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.cutoff import cutoff_value
from HCCAssistLib.wording import plural, rounded

RESEARCH = "Research use only. Not a medical device, not validated for patients."


def card_rows(card: ModelCard) -> tuple[tuple[str, str], ...]:
    """What a model was made for and from, how well it did, where its threshold comes from: headings and texts."""
    recipe, cutoff = get_recipe(card.recipe), card.default_cutoff
    beware = "\n".join(warning.what for warning in model_warnings(card))
    return (
        ("Recipe", recipe.title),
        ("Published in", recipe.paper),
        ("Trained on", _data(card.training)),
        ("Figures", "\n".join(figures(card)) or "none are stored in the package"),
        ("Cut-off", f"{cutoff_value(cutoff)}: {cutoff.source}"),
        *([("Cut-off of patches", f"{cutoff_value(card.cutoff)}: {card.cutoff.source}")] if card.scan_cutoff else []),
        *([("Beware", f"{beware[:1].upper()}{beware[1:]}")] if beware else []),
        ("Licence", card.licence),
        ("Use", RESEARCH),
    )


def figures(card: ModelCard) -> list[str]:
    """The stored metrics with their intervals, one line each; where patients were resampled, that interval."""
    lines = []
    for stored in card.metrics.values():
        if not isinstance(stored, Mapping) or not isinstance(stored.get("value"), int | float):
            continue
        given = [stored[name] for name in ("clustered_interval", "interval") if isinstance(stored.get(name), Mapping)]
        limits = next((i for i in given if i.get("low") is not None and i.get("high") is not None), None)
        text = f"95 % CI {rounded(limits['low'], 2)} to {rounded(limits['high'], 2)}" if limits else "no interval"
        unit, n = str(stored.get("unit", "")), int(stored.get("n") or 0)
        lines.append(f"{stored.get('name')}: {rounded(stored['value'], 2)} ({text}; {n} {plural(unit, n)})")
    return lines


def _data(training: Mapping[str, Any]) -> str:
    data = trained_on(training)
    if not data:
        return "not stated"
    cases = training.get("cases") or {}
    split = ", ".join(f"{n} {name}" for name, n in cases.items() if n and name != "test")
    text = data + (f" ({split})" if split else "")
    return f"{text}; labels shuffled as a check, the findings mean nothing" if training.get("permuted_labels") else text
