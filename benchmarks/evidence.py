"""What the evidence of several methods prints alike: figures with interval and n, and one JSON line for each goal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from HCCAssistLib.evaluation.display import estimate_text, interval_text
from HCCAssistLib.evaluation.result import Estimate

Goal = tuple[str, Any, str, bool]
"""What is asked, what was reached, the target, and whether it is met."""


def show(name: str, one: Estimate) -> None:
    """A line with value, 95 % interval and n."""
    print(f"  {name:34s} {estimate_text(one):6s} ({interval_text(one.interval)}), n = {one.n}", flush=True)


def at_chance(what: str, one: Estimate) -> Goal:
    """The goal that the interval of an AUC covers 0.5."""
    low, high = one.interval.low, one.interval.high
    return f"{what}: interval of the AUC", [low, high], "covers 0.5", None not in (low, high) and low <= 0.5 <= high


def above(what: str, one: float, *others: float) -> Goal:
    """The goal that a figure is larger than all others."""
    more = one - max(others)
    return what, round(more, 3), "> 0", more > 0


def print_goals(goals: Iterable[Goal]) -> None:
    """One JSON object per line."""
    for goal, value, target, met in goals:
        print(json.dumps({"goal": goal, "value": value, "target": target, "met": bool(met)}))
