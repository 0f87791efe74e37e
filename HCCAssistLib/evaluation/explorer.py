"""What a reader of a report can move: a threshold, with the figures and each row's outcome at all of its positions.

Nothing is computed on the page. Every position is computed here, by the functions that give the figures at the model's
own cut-off, and the page looks them up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.evaluation.bootstrap import DRAWS
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.thresholds import MOST, PROPORTIONS, binary_metrics_at, cutoffs_of, offered_thresholds
from HCCAssistLib.evaluation.values import FloatArray
from HCCAssistLib.results.cutoff import CutOff

MISSED, FALSE, WRONG = "m", "f", "w"
"""Marks of a row by which a reader filters: something was missed, something falsely found, otherwise wrong."""

OUTCOMES = {
    (True, True): ("true positive", ""),
    (True, False): ("missed", MISSED),
    (False, True): ("false positive", FALSE),
    (False, False): ("true negative", ""),
}
"""By whether a row is positive, and whether it is called so: the words, and the mark."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a row says from one position on, until its next step.

    Attributes:
        start: the position.
        marks: of ``MISSED``, ``FALSE`` and ``WRONG``, those that apply.
        cells: in the columns that follow the threshold.
    """

    start: int
    marks: str
    cells: tuple[str, ...]


Figures = tuple[tuple[Estimate, ...], ...]
"""At each position the same figures."""


@dataclass(frozen=True, eq=False, slots=True)
class Scale:
    """A score, its thresholds, and what holds at each of them.

    A position is the number of a threshold. Where the model has no cut-off on this score there is one position more,
    after all thresholds: its own decision.

    Attributes:
        title: what is compared with the threshold ("Score of a candidate").
        thresholds: rising; ``score >= threshold`` counts.
        own: the position of the model's own decision.
        source: where its cut-off comes from, or what it decides by instead.
        scores: the distinct scores, rising; fewer thresholds are offered where there are too many.
        levels: figures at each position, by what is counted.
        columns: of the table of cases that follow the threshold: what they are called.
        rows: the steps of each row of that table.
        curve: names of both axes and a point ``(x, y)`` for each position; none where one class is missing.
    """

    title: str
    thresholds: FloatArray
    own: int
    source: str
    scores: FloatArray
    levels: Mapping[str, Figures]
    columns: tuple[str, ...]
    rows: tuple[tuple[Step, ...], ...]
    curve: tuple[str, str, tuple[tuple[float, float], ...]]

    def as_json(self) -> dict[str, Any]:
        """Every figure at full precision, one list for all positions."""
        return {
            "title": self.title,
            "thresholds": [float(t) if np.isfinite(t) else "infinity" for t in self.thresholds],
            "own": self.own,
            "source": self.source,
            "scores": len(self.scores),
            "levels": {name: [_columns(one) for one in zip(*at, strict=True)] for name, at in self.levels.items()},
        }


def _columns(estimates: Sequence[Estimate]) -> dict[str, Any]:
    intervals = [one.clustered or one.interval for one in estimates]
    return {
        "figure": estimates[0].name,
        "of": estimates[0].unit,
        "values": [one.value for one in estimates],
        "counts": [one.n for one in estimates],
        "low": [one.low for one in intervals],
        "high": [one.high for one in intervals],
        "methods": list(dict.fromkeys(one.method for one in intervals)),
    }


def steps(positions: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[Step, ...]:
    """The changes among marks and cells, given for each position.

    >>> [one.start for one in steps([("", ("a",)), ("", ("a",)), ("m", ("b",))])]
    [0, 2]
    """
    found: list[Step] = []
    for start, (marks, cells) in enumerate(positions):
        if not found or (found[-1].marks, found[-1].cells) != (marks, cells):
            found.append(Step(start, marks, cells))
    return tuple(found)


def binary_scale(
    title: str,
    labels: Sequence[bool | None],
    scores: Sequence[float],
    groups: Sequence[str],
    *,
    unit: str,
    level: str,
    column: str = "Outcome",
    cutoff: CutOff | None = None,
    called: Sequence[bool] = (),
    wrong: Sequence[bool] = (),
    rule: str = "",
    more: Callable[[float], Mapping[str, tuple[Estimate, ...]]] = lambda threshold: {},
    words: Mapping[tuple[bool, bool], tuple[str, str]] = OUTCOMES,
    cells: Callable[[int, bool], tuple[str, ...]] = lambda row, called: (),
    columns: tuple[str, ...] = (),
    draws: int = DRAWS,
    most: int = MOST,
) -> Scale:
    """A score against one binary truth: sensitivity, specificity and predictive values at every threshold.

    Args:
        title: what is compared with the threshold.
        labels: ``(rows,)``; None where the truth is not known: such a row is in no figure.
        scores: ``(rows,)``, finite.
        groups: ``(rows,)``, the patient of each row.
        unit: what a row is.
        level: what is counted, as a heading.
        column: of the table of cases that tells the outcome.
        cutoff: the model's; None where it decides otherwise.
        called: ``(rows,)``, what the model calls positive by itself where there is no cut-off.
        wrong: ``(rows,)``, whether a row is wrong otherwise by the model's own rule.
        rule: by which it does.
        more: other figures at a threshold, by what they count.
        words: of the outcomes, with their marks.
        cells: other cells of a row that follow the threshold, before the outcome, by whether it is called positive.
        columns: of these cells.
        draws: of the bootstrap, as in the tables.
        most: thresholds that are offered.
    """
    known = [row for row, label in enumerate(labels) if label is not None]
    truth, values = [bool(labels[row]) for row in known], [scores[row] for row in known]
    patients = [groups[row] for row in known]
    found, others = ([s for s, label in zip(values, truth, strict=True) if label is kind] for kind in (True, False))
    thresholds = offered_thresholds(found, others, cutoff.value if cutoff else None, most=most)
    at = binary_metrics_at(truth, values, patients, cutoffs_of(thresholds, cutoff), unit=unit, draws=draws)
    decided: list[npt.NDArray[np.bool_]] = [np.asarray(scores) >= threshold for threshold in thresholds]
    own = int(np.searchsorted(thresholds, cutoff.value)) if cutoff else len(thresholds)
    has_curve = 0 < sum(truth) < len(truth)
    if cutoff is None:
        by_rule = [float(called[row]) for row in known]
        at += binary_metrics_at(truth, by_rule, patients, [CutOff(1.0, rule)], unit=unit, draws=draws)
        decided.append(np.asarray(called, bool))
    levels = {level: tuple(tuple(one[name] for name in PROPORTIONS) for one in at)}
    besides = [more(threshold) for threshold in thresholds]
    levels |= {name: tuple(one[name] for one in besides) for name in (besides[0] if besides else {})}
    wrong_by_rule = [row < len(wrong) and wrong[row] for row in range(len(labels))]
    return Scale(
        title=title,
        thresholds=thresholds,
        own=own,
        source=cutoff.source if cutoff else rule,
        scores=np.unique(values),
        levels=levels,
        columns=(*columns, column),
        rows=tuple(
            steps(_row(row, label, [bool(one[row]) for one in decided], words, cells, wrong_by_rule[row]))
            for row, label in enumerate(labels)
        ),
        curve=("1 \N{MINUS SIGN} specificity", "Sensitivity", tuple(_roc_point(one) for one in at if has_curve)),
    )


def _row(
    row: int,
    label: bool | None,
    called: Sequence[bool],
    words: Mapping[tuple[bool, bool], tuple[str, str]],
    cells: Callable[[int, bool], tuple[str, ...]],
    wrong: bool,
) -> Iterable[tuple[str, tuple[str, ...]]]:
    for position, one in enumerate(called, 1):
        outcome, marks = ("", "") if label is None else words[bool(label), one]
        yield marks + (WRONG if wrong and position == len(called) else ""), (*cells(row, one), outcome)


def _roc_point(estimates: Mapping[str, Estimate]) -> tuple[float, float]:
    return 1 - float(estimates["specificity"].value or 0), float(estimates["sensitivity"].value or 0)
