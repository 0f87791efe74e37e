"""The threshold that a reader moves, as the texts that a page looks up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.evaluation.display import key_interval, key_texts
from HCCAssistLib.evaluation.explorer import Figures, Scale
from HCCAssistLib.evaluation.values import FloatArray

ALL = "Each distinct score of these cases is a threshold."
THINNED = "Of {scores:,} distinct scores, {offered:,} of all ranks are offered, and more of the highest."


def explorer_json(scales: Sequence[Scale], columns: Sequence[int]) -> str:
    """What the page looks up, as JSON that ends no element of HTML; empty without a scale.

    Args:
        scales: that are offered, the first one to begin with.
        columns: numbers of the columns on the page that follow the threshold.
    """
    if not scales:
        return ""
    content = {"columns": list(columns), "scales": [_scale(one) for one in scales]}
    return json.dumps(content, separators=(",", ":"), ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")


def _scale(scale: Scale) -> dict[str, Any]:
    offered = len(scale.thresholds)
    by_rule = scale.own == offered
    thinned = offered - (not by_rule) < len(scale.scores)
    return {
        "title": scale.title,
        "thresholds": threshold_texts(scale.thresholds, scale.scores),
        "own": scale.own,
        "source": scale.source,
        "offered": THINNED.format(scores=len(scale.scores), offered=offered) if thinned else ALL,
        "levels": [_level(name, at) for name, at in scale.levels.items()],
        "headings": list(scale.columns),
        "rows": [[[step.start, step.marks, *step.cells] for step in row] for row in scale.rows],
        "curve": {
            "x": scale.curve[0],
            "y": scale.curve[1],
            "points": [[round(x, 4), round(y, 4)] for x, y in scale.curve[2]],
        },
    }


def _level(name: str, at: Figures) -> dict[str, Any]:
    figures = [one.name[:1].upper() + one.name[1:] for one in at[0]]
    found: dict[str, list[str]] = {}
    for figure, estimates in zip(figures, zip(*at, strict=True), strict=True):
        given = {
            key_interval(one).method.partition(" because ")[0] for one in estimates if key_interval(one).low is not None
        }
        found.setdefault(" or ".join(sorted(given)) or "no interval", []).append(figure)
    return {
        "name": name,
        "figures": figures,
        "at": [[key_texts(one) for one in estimates] for estimates in at],
        "methods": "; ".join(f"{', '.join(named)}: {method}" for method, named in found.items()),
    }


def threshold_texts(thresholds: FloatArray, scores: npt.ArrayLike = ()) -> list[str]:
    """Cut down, never up, to as few digits as decide the same: four, or as many as tell each from the next below.

    Whoever applies a threshold as it is printed gets the figures that stand beside it. Rounded up it would leave out
    the very score that it was made of.

    >>> threshold_texts(np.array([0.25, 0.99997, 0.99999]))
    ['0.2500', '0.9999', '0.99999']

    Args:
        thresholds: ``(positions,)``, rising.
        scores: all that are compared with them; fewer thresholds may be offered.
    """
    below = [-np.inf, *np.union1d(thresholds, scores)]
    return [_cut(float(value), below[int(np.searchsorted(below, value)) - 1]) for value in thresholds]


def _cut(value: float, below: float) -> str:
    if not np.isfinite(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    texts = (_not_above(value, digits) for digits in range(4, 18))
    return next((text for text in texts if float(text) > below), repr(value)).replace("-", "\N{MINUS SIGN}")


def _not_above(value: float, digits: int) -> str:
    """To so many digits, the nearest text where that is not above the value: 0.3 is 0.3, a little less in bits."""
    nearest = f"{value:.{digits}f}"
    if float(nearest) <= value:
        return nearest
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR):f}"
