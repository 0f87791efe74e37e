"""Fisher's exact test of tables of any size, by enumeration instead of simulation.

The rows are dealt into two halves. Each half lists what it can take from the columns, with every probability
it can have; a table is a pair that together takes all. Sorting one half by probability counts the pairs that are
no more probable than the observed table, so no table is ever built whole.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.group_tests import checked_table
from HCCAssistLib.evaluation.result import HypothesisTest
from HCCAssistLib.evaluation.scores import FloatArray, IntArray

MOST_HALF_TABLES = 8_000_000
"""Half tables that may be looked at for one more row: about ten seconds and half a gigabyte."""

_CHUNK = 1_000_000
"""Half tables looked at together: about 100 megabytes."""

_SAME = 1e-7
"""Tables whose probability differs by less (relatively) count as equally probable, as in R."""

_Half = tuple[IntArray, FloatArray, FloatArray]
"""What half tables take from the columns ``(m, columns)``, their log weight, and how many are alike."""


def fisher_exact(table: npt.ArrayLike, *, unit: str = "patient") -> HypothesisTest:
    """Fisher's exact test, two-sided (Freeman-Halton for more than 2 x 2): tables no more probable than this one.

    Rows and columns without any count are left away.

    Raises:
        InputError: see ``checked_table``, or a table with too many relatives to enumerate.
    """
    counts = checked_table(table)
    if counts.shape[0] < counts.shape[1]:
        counts = counts.T
    counts = counts[np.argsort(counts.sum(axis=1))]
    rows, columns, n = counts.sum(axis=1), counts.sum(axis=0), int(counts.sum())
    log_all = gammaln(n + 1) - gammaln(rows + 1).sum() - gammaln(columns + 1).sum()
    observed = -gammaln(counts + 1).sum()
    p = _no_more_probable(_half(rows[0::2], columns), _half(rows[1::2], columns), columns, observed + _SAME, log_all)
    size = " x ".join(map(str, np.shape(table)))
    return HypothesisTest(f"Fisher exact test ({size}, enumerated)", min(p, 1.0), n, unit)


def _half(rows: IntArray, columns: IntArray) -> _Half:
    """Every way in which rows with these totals can take from the columns."""
    half: _Half = (np.zeros((1, len(columns)), dtype=np.int64), np.zeros(1), np.ones(1))
    for total in rows:
        half = _with_row(half, int(total), columns)
    return half


def _with_row(half: _Half, total: int, columns: IntArray) -> _Half:
    """Give every half table every possible next row."""
    taken, log_weight, copies = half
    if len(taken) * _row_count(total, columns) > MOST_HALF_TABLES:
        raise InputError(
            "the table has too many relatives to enumerate",
            "Fisher exact test",
            "use the chi-square test, or merge categories",
        )
    rows = _rows(total, columns)
    of_row = gammaln(rows + 1).sum(axis=1)
    step = max(1, _CHUNK // len(rows))
    parts = []
    for start in range(0, len(taken), step):
        some = slice(start, start + step)
        sums = (taken[some, None] + rows[None]).reshape(-1, len(columns))
        possible = (sums <= columns).all(axis=1)
        weight = (log_weight[some, None] - of_row[None]).ravel()[possible]
        parts.append(_merged(sums[possible], weight, np.repeat(copies[some], len(rows))[possible]))
    return _merged(*(np.concatenate([part[i] for part in parts]) for i in range(3)))


def _merged(taken: IntArray, weight: FloatArray, copies: FloatArray) -> _Half:
    """Sorted, and one for all that are alike; weights equal to 1e-10 stem from equal products of factorials."""
    rounded = np.round(weight, 10)
    order = np.lexsort((rounded, *taken[:, :-1].T))
    taken, weight, rounded = taken[order], weight[order], rounded[order]
    changed = (np.diff(taken, axis=0) != 0).any(axis=1) | (np.diff(rounded) != 0)
    starts = np.flatnonzero(np.concatenate(([True], changed)))
    return taken[starts], weight[starts], np.add.reduceat(copies[order], starts)


def _no_more_probable(first: _Half, second: _Half, columns: IntArray, bound: float, log_all: float) -> float:
    """The probability of all pairs that take every column whole and weigh at most ``bound``."""
    groups = {tuple(key): part for key, part in _by_taken(first)}
    p = 0.0
    for key, (weights, copies) in _by_taken(second):
        other = groups.get(tuple(columns - key))
        if other is None:
            continue
        other_weights, other_copies = other
        top = other_weights[-1]
        running = np.concatenate(([0.0], np.cumsum(other_copies * np.exp(other_weights - top))))
        light_enough = np.searchsorted(other_weights, bound - weights, side="right")
        p += float((copies * np.exp(weights + top - log_all)) @ running[light_enough])
    return p


def _by_taken(half: _Half) -> list[tuple[IntArray, tuple[FloatArray, FloatArray]]]:
    """The sorted half split by what is taken, each part with rising weights."""
    taken, weight, copies = half
    starts = np.flatnonzero(np.concatenate(([True], (np.diff(taken, axis=0) != 0).any(axis=1))))
    ends = np.append(starts[1:], len(taken))
    return [(taken[a], (weight[a:b], copies[a:b])) for a, b in zip(starts, ends, strict=True)]


def _row_count(total: int, most: IntArray) -> float:
    """How many rows ``_rows`` would give."""
    ways = np.zeros(total + 1)
    ways[0] = 1
    for bound in most:
        ways = np.convolve(ways, np.ones(min(int(bound), total) + 1))[: total + 1]
    return float(ways[total])


def _rows(total: int, most: IntArray) -> IntArray:
    """All rows of counts with this sum and at most ``most`` in each column."""
    partial, rest = np.zeros((1, 0), dtype=np.int64), np.array([total])
    for column, bound in enumerate(most[:-1]):
        choices = np.arange(min(int(bound), total) + 1)
        partial = np.column_stack((np.repeat(partial, len(choices), axis=0), np.tile(choices, len(partial))))
        rest = np.repeat(rest, len(choices)) - partial[:, -1]
        fits = (rest >= 0) & (rest <= most[column + 1 :].sum())
        partial, rest = partial[fits], rest[fits]
    return np.column_stack((partial, rest))
