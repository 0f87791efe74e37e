"""A model card as headings and texts: the same for the command, the report and the panels."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from HCCAssistLib.models.caveats import model_warnings, trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.options import WIDTH
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.cutoff import CutOff, cutoff_value
from HCCAssistLib.wording import listed, plural, rounded, value_text

RESEARCH = "Research use only. Not a medical device, not validated for patients."

NO_FIGURES = "none are stored in the package"

_ELSEWHERE = (
    *("image_digests", "image_fingerprints", "history", "trained_on", "samples_per_class"),
    *("patients", "synthetic", "permuted_labels", "folds", "repeats", "members", "caveats", "excluded"),
)
"""Entries of the training record that fill pages (model.json holds them), or that stand in another row."""

Rows = tuple[tuple[str, str], ...]


def card_rows(card: ModelCard, *, full: bool = False) -> Rows:
    """What a model was made for and from, how well it did, what it cuts off at: headings and texts.

    Args:
        card: of the model.
        full: everything that a report or a technician asks for, instead of what helps to choose a model.
    """
    recipe = get_recipe(card.recipe)
    rows = [
        *([("Name", card.name)] if full else []),
        ("Recipe", f"{recipe.title} ({recipe.id})" if full else recipe.title),
        ("Published in", recipe.paper),
        ("Settings", settings(card, recipe)),
        *([("All options", listed(card.options)), ("Input", listed(card.input))] if full else []),
        *([("Categories", "\n".join(_categories(card)))] if full and card.categories else []),
        ("Networks", _networks(card, recipe)),
        ("Trained on", _data(card.training)),
        *([("Left out of training", text)] if (text := left_out(card.training)) else []),
        *([("Samples", text)] if full and (text := _samples(card)) else []),
        *([("Training", listed(_others(card.training)))] if full else []),
        *([("Members", text)] if full and (text := _members(card.training)) else []),
        ("Figures", "\n".join(figures(card, full=full)) or NO_FIGURES),
        *_cutoffs(card, recipe),
        *(("Beware", f"{warning.what[:1].upper()}{warning.what[1:]}") for warning in model_warnings(card)),
        *([("Trained with", listed(card.software))] if full else []),
        *([(f"SHA-256 of {name}", digest) for name, digest in sorted(card.files.items())] if full else []),
        *([("Seal of model.json", card.seal or "none")] if full else []),
        ("Licence", card.licence),
        ("Use", RESEARCH),
    ]
    return tuple((_printable(heading), _printable(text)) for heading, text in rows)


def _printable(text: str) -> str:
    """Without control characters, which could take over a terminal; line breaks stay."""
    return "".join(c if c == "\n" or unicodedata.category(c) != "Cc" else "\N{REPLACEMENT CHARACTER}" for c in text)


def settings(card: ModelCard, recipe: Recipe) -> str:
    """The preset and the variant, and what is other than in the paper."""
    paper = recipe.resolve({}, preset="paper")
    variants = [
        f"{option.name} {value_text(card.options.get(option.name))}" for option in recipe.options if option.variant
    ]
    known = {option.name for option in recipe.options if not option.variant and paper[option.name] != ""}
    # an option that is empty in the paper's preset names what was at hand, which is no change to the method
    named = {name: value for name, value in card.options.items() if paper.get(name) == "" != value}
    at_hand = [f"{name.replace('_', ' ')} {value}" for name, value in named.items()]
    changes = [
        f"width {value_text(value)}: smaller than the paper's"
        if name == WIDTH.name
        else f"{name.replace('_', ' ')} {value_text(value)} (paper: {value_text(paper[name])})"
        for name, value in card.options.items()
        if name in known and value != paper[name]
    ]
    parts = [f"preset {card.preset}" if card.preset else "", *variants, *(changes or ["as in the paper"]), *at_hand]
    return "; ".join(filter(None, parts))


def figures(card: ModelCard, *, full: bool = False) -> list[str]:
    """The stored metrics with their intervals, one line each; where patients were resampled, that interval.

    Args:
        card: of the model.
        full: three digits and the method of the interval.
    """
    digits, lines = (3, []) if full else (2, [])
    for name, stored in _estimates(card.metrics):
        given = [stored[key] for key in ("clustered_interval", "interval") if isinstance(stored.get(key), Mapping)]
        limits = next((one for one in given if _number(one.get("low")) and _number(one.get("high"))), None)
        text = "no interval"
        if limits:
            text = f"95 % CI {rounded(limits['low'], digits)} to {rounded(limits['high'], digits)}"
            text += f", {limits['method']}" if full and limits.get("method") else ""
        n, unit = stored.get("n"), stored.get("unit")
        count = f"; {n} {plural(unit, n)}" if isinstance(n, int) and isinstance(unit, str) and unit else ""
        lines.append(f"{stored.get('name') or name}: {rounded(stored['value'], digits)} ({text}{count})")
    return lines


def _estimates(stored: Any, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every figure with a value, however deep; anything else is left to model.json."""
    if not isinstance(stored, Mapping):
        return
    if _number(stored.get("value")):
        yield name, stored
        return
    for key, inner in stored.items():
        yield from _estimates(inner, str(key))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cutoffs(card: ModelCard, recipe: Recipe) -> Rows:
    """The default one first."""
    if card.default_cutoff is None:
        return (("Cut-off", "none"),)
    others = sorted(name for name in card.cutoffs if name != card.default_name)
    return (
        ("Cut-off", _cutoff(card.default_cutoff)),
        *(
            (f"Cut-off ({recipe.models.get(name) or name.replace('_', ' ')})", _cutoff(card.cutoffs[name]))
            for name in others
        ),
    )


def _cutoff(cutoff: CutOff) -> str:
    return f"{cutoff_value(cutoff)}: {cutoff.source}"


def _networks(card: ModelCard, recipe: Recipe) -> str:
    named = [recipe.models.get(name) or name.replace("_", " ") for name in card.members[0] if name]
    n = len(card.members)
    each = f", {'each ' if n > 1 else ''}with {', '.join(named)}" if named else ""
    others = [name for name in sorted(card.files) if not name.startswith("weights-")]
    text = f"{n} {plural('member', n)}{each}" if n > 1 or named else "1"
    return f"{text}; besides {', '.join(others)}" if others else text


def _data(training: Mapping[str, Any]) -> str:
    data = trained_on(training)
    if not data:
        return "not stated"
    cases = training.get("cases")
    cases = cases if isinstance(cases, Mapping) else {}
    split = ", ".join(f"{n} {name}" for name, n in cases.items() if n and name != "test")
    lost = training.get("outcome_unknown")
    unknown = f"; of these, {lost} were lost before their outcome was known, and taught nothing" if lost else ""
    text = data + (f" ({split}{unknown})" if split else "")
    return f"{text}; labels shuffled as a check, the findings mean nothing" if training.get("permuted_labels") else text


def left_out(training: Mapping[str, Any]) -> str:
    """The cases of the cohort that a training did without, by their reasons; empty where there are none.

    >>> left_out({"excluded": {"case-4": "registration", "case-7": "registration"}})
    '2 cases (registration): case-4, case-7'
    """
    given = training.get("excluded")
    found: dict[str, list[str]] = {}
    for case_id, why in given.items() if isinstance(given, Mapping) else ():
        found.setdefault(str(why), []).append(str(case_id))
    return "; ".join(f"{len(n)} {plural('case', len(n))} ({why}): {', '.join(n)}" for why, n in found.items())


def _categories(card: ModelCard) -> list[str]:
    return [f"{code}: {name}" for code, name in card.categories.items()]


def _samples(card: ModelCard) -> str:
    splits = card.training.get("samples_per_class", {})
    return "\n".join(
        f"{split}: " + ", ".join(f"{n} {card.categories.get(code, code)}" for code, n in counts.items())
        for split, counts in splits.items()
    )


def _members(training: Mapping[str, Any]) -> str:
    """A line for each member; counted from 1, as a person does."""
    found = training.get("members")
    members = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    lines = []
    for one in members:
        parts = []
        for name, most in (("fold", training.get("folds")), ("repeat", training.get("repeats"))):
            if isinstance(number := one.get(name), int) and isinstance(most, int) and most > 1:
                parts.append(f"{name} {number + 1} of {most}")
        rest = {name: value for name, value in one.items() if name not in ("fold", "repeat")}
        lines.append(", ".join([*parts, listed(rest)]))
    return "\n".join(lines)


def _others(training: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in training.items() if name not in _ELSEWHERE and value != ""}
