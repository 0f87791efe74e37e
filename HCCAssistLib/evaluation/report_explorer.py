"""The threshold that a reader moves, as the texts that a page looks up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

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
    thinned = offered - (not by_rule) < scale.scores
    return {
        "title": scale.title,
        "thresholds": threshold_texts(scale.thresholds),
        "own": scale.own,
        "source": scale.source,
        "offered": THINNED.format(scores=scale.scores, offered=offered) if thinned else ALL,
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


def threshold_texts(thresholds: FloatArray) -> list[str]:
    """As many digits as it takes to tell each from the next, three or more.

    >>> threshold_texts(np.array([0.25, 0.99991, 0.99993]))
    ['0.250', '0.99991', '0.99993']
    """
    texts = []
    for number, value in enumerate(thresholds):
        if not np.isfinite(value):
            texts.append("\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}")
            continue
        beside = [
            float(one) for one in (*thresholds[max(0, number - 1) : number], *thresholds[number + 1 : number + 2])
        ]
        digits = next(
            (n for n in range(3, 17) if all(f"{value:.{n}f}" != f"{one:.{n}f}" for one in beside if one != value)), 17
        )
        texts.append(f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}"))
    return texts
