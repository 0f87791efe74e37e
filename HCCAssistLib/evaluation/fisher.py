"""Fisher's exact test of tables of any size, by enumeration instead of simulation.

The rows are dealt into two halves. Each half lists what it can take from the columns, with every probability it can
have; a table is a pair of halves that together take all. The margins leave the largest row nothing to choose once the
others are known, so where it dominates it is in neither half, and a table with few counts outside one row or column
costs as much as those few. Sorting one half by probability counts the pairs that are no more probable than the
observed table, so no table is ever built whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.group_tests import checked_table
from HCCAssistLib.evaluation.result import HypothesisTest
from HCCAssistLib.evaluation.values import FloatArray, IntArray, count_table

MOST_HALF_TABLES = 8_000_000
"""Half tables that may be looked at in one step: about ten seconds and half a gigabyte."""

_CHUNK = 1_000_000
"""Half tables looked at together: about 100 megabytes."""

_SAME = 1e-7
"""Tables whose probability differs by less (relatively) count as equally probable, as in R."""

_LARGE_CELL = 64
"""From here on Stirling's series gives a factorial to the last digit; its logarithm alone would lose nine of them."""

_Half = tuple[IntArray, FloatArray, FloatArray]
"""What half tables take from the columns ``(m, columns)``, their log weight, and how many are alike."""


def fisher_exact(table: npt.ArrayLike, *, unit: str = "patient") -> HypothesisTest:
    """Fisher's exact test, two-sided (Freeman-Halton for more than 2 x 2): tables no more probable than this one.

    Rows and columns without any count are left away. The cost follows the counts outside the largest row or column; a
    table that needs more than ``MOST_HALF_TABLES`` half tables is refused, as a rule before any is looked at.

    Raises:
        InputError: see ``checked_table``, or a table with too many relatives to enumerate.
    """
    counts = checked_table(table)
    if counts.shape[0] < counts.shape[1]:
        counts = counts.T
    counts = counts[np.argsort(counts.sum(axis=1))][:, np.argsort(counts.sum(axis=0))]
    rows, columns, n = counts.sum(axis=1), counts.sum(axis=0), int(counts.sum())
    expected = np.outer(rows, columns) / n
    smaller = (len(rows) - 1) % 2  # where the half that the largest row may join begins
    dealt = [np.arange(start, len(rows) - 1, 2) for start in (1 - smaller, smaller)]
    _check_cost([rows[half] for half in dealt], int(rows[-1]), columns)
    bound = _SAME - float(_log_weight(counts, expected).sum())
    first, second = (_half(rows[half], expected[half], columns) for half in dealt)
    p = _no_more_probable(first, second, columns, expected[-1], bound)
    size = " x ".join(map(str, count_table(table).shape))
    return HypothesisTest(f"Fisher exact test ({size}, enumerated)", min(p, 1.0), n, unit)


def _log_weight(cells: npt.NDArray[np.generic], expected: FloatArray) -> FloatArray:
    """Minus the logarithm of a row's factor in the probability of its table, up to one constant for all tables.

    ``log x! - x log e + e`` for each cell, e being the count expected from the margins: what e adds is the same in
    every table, and keeps the numbers small, so that they are exact to 1e-12 where log x! itself is not (1e-9 at a
    million).
    """
    x = np.asarray(cells, dtype=np.float64)
    large = np.maximum(x, _LARGE_CELL)
    square = 1 / large**2
    stirling = (
        0.5 * np.log(2 * np.pi * large) + (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / large
    )
    by_stirling = large * np.log1p((large - expected) / expected) - (large - expected) + stirling
    small = np.minimum(x, _LARGE_CELL)
    each = np.where(x >= _LARGE_CELL, by_stirling, gammaln(small + 1) - small * np.log(expected) + expected)
    total: FloatArray = each.sum(axis=-1)
    return total


def _check_cost(halves: list[IntArray], largest: int, columns: IntArray) -> None:
    """Refuse, before the work, what must exceed the bound: a half takes at least every possible sum of its rows."""
    reached = []
    for totals in halves:
        ways, taken = 1.0, 0
        for total in totals:
            _check_bound(ways * _row_count(int(total), columns))
            taken += int(total)
            ways = _row_count(taken, columns)
        reached.append(ways)
    _check_bound(min(reached[0], _row_count(largest, columns)) * reached[1])


def _check_bound(half_tables: float) -> None:
    if half_tables > MOST_HALF_TABLES:
        raise InputError(
            f"the table has too many relatives to enumerate (more than {MOST_HALF_TABLES:,} partial tables)",
            "Fisher exact test",
            "use the chi-square test, or merge categories",
        )


def _half(rows: IntArray, expected: FloatArray, columns: IntArray) -> _Half:
    """Every way in which rows with these totals can take from the columns."""
    half: _Half = (np.zeros((1, len(columns)), dtype=np.int64), np.zeros(1), np.ones(1))
    for total, means in zip(rows, expected, strict=True):
        half = _with_row(half, int(total), means, columns)
    return half


def _with_row(half: _Half, total: int, expected: FloatArray, columns: IntArray) -> _Half:
    """Give every half table every possible next row."""
    taken, log_weight, copies = half
    _check_bound(len(taken) * _row_count(total, columns))
    rows = _rows(total, columns)
    of_row = _log_weight(rows, expected)
    if len(taken) == 1 and not taken.any():
        return rows, -of_row, np.ones(len(rows))  # a first row: sorted as it is, and nothing alike
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
    order = np.lexsort((rounded, *taken[:, -2::-1].T))
    taken, weight, rounded = taken[order], weight[order], rounded[order]
    changed = (np.diff(taken, axis=0) != 0).any(axis=1) | (np.diff(rounded) != 0)
    starts = np.flatnonzero(np.concatenate(([True], changed)))
    return taken[starts], weight[starts], np.add.reduceat(copies[order], starts)


def _no_more_probable(first: _Half, second: _Half, columns: IntArray, expected: FloatArray, bound: float) -> float:
    """The share, in probability, of the tables that weigh at most ``bound``; ``expected`` is of the largest row."""
    taken, weight, copies = first
    starts = _starts(taken)
    sizes = np.diff(np.append(starts, len(taken)))
    # The rank of a weight among all weights, counted on from group to group, makes one sorted list of all groups.
    ranks = np.unique(weight)
    place = np.repeat(np.arange(len(starts)), sizes) * (len(ranks) + 1) + np.searchsorted(ranks, weight)
    running = _running_sums(copies * np.exp(weight - weight.max()), starts, sizes)
    found: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for key, other, times in _pairs(taken[starts], second, columns, expected):
        below = key * (len(ranks) + 1) + np.searchsorted(ranks, bound - other, side="right")
        count = np.searchsorted(place, below, side="left") - starts[key]
        light = np.where(count > 0, running[starts[key] + np.maximum(count, 1) - 1], 0.0)
        found.append((other, times * light, times * running[starts[key] + sizes[key] - 1]))
    top = max(float(other.max()) for other, _, _ in found)
    light_ones = sum(float(np.exp(other - top) @ light) for other, light, _ in found)
    return light_ones / sum(float(np.exp(other - top) @ everything) for other, _, everything in found)


def _pairs(
    keys: IntArray, second: _Half, columns: IntArray, expected: FloatArray
) -> Iterator[tuple[IntArray, FloatArray, FloatArray]]:
    """Every number of a key (what the first half takes) with a rest: its log weight, and how many are alike."""
    left = int((columns - second[0][0] - keys[0]).sum())  # the total of the largest row
    if _row_count(left, columns) < len(keys):
        taken, weight, copies = _with_row(second, left, expected, columns)
        # Both halves take whatever their totals allow, in the same order: complements stand in reverse.
        key = len(keys) - 1 - np.repeat(np.arange(len(keys)), np.diff(np.append(_starts(taken), len(taken))))
        yield key, weight, copies
        return
    _check_bound(float(len(keys)) * len(second[0]))
    step = max(1, _CHUNK // len(keys))
    for start in range(0, len(second[0]), step):
        some = slice(start, start + step)
        taken, weight, copies = second[0][some], second[1][some], second[2][some]
        rest = (columns - taken[:, None] - keys[None]).reshape(-1, len(columns))
        possible = np.flatnonzero((rest >= 0).all(axis=1))
        if len(possible):
            there, key = np.divmod(possible, len(keys))
            yield key, weight[there] - _log_weight(rest[possible], expected), copies[there]


def _starts(taken: IntArray) -> IntArray:
    """Where what is taken changes in a sorted half."""
    return np.flatnonzero(np.concatenate(([True], (np.diff(taken, axis=0) != 0).any(axis=1))))


def _running_sums(values: FloatArray, starts: IntArray, sizes: IntArray) -> FloatArray:
    """Running sums that begin anew with each group: subtracting those of other groups would cost small ones digits."""
    running = values.copy()
    if len(starts) <= sizes.max():
        for start, size in zip(starts, sizes, strict=True):
            running[start : start + size] = np.cumsum(values[start : start + size])
        return running
    for step in range(1, int(sizes.max())):
        at = starts[sizes > step] + step
        running[at] += running[at - 1]
    return running


def _row_count(total: int, most: IntArray) -> float:
    """How many rows ``_rows`` would give; a lower bound where that alone is beyond the limit. ``most`` rises."""
    total = min(total, int(most.sum()) - total)  # what is left over is a row too
    if min(total, most[-2]) > MOST_HALF_TABLES:
        return float(min(total, most[-2])) + 1
    ways = np.zeros(min(total, int(most[:-1].sum())) + 1)
    ways[0] = 1
    for bound in most[:-1]:
        running = np.cumsum(ways)
        ways = running.copy()
        ways[bound + 1 :] -= running[: max(len(ways) - bound - 1, 0)]
    return float(ways[max(total - int(most[-1]), 0) :].sum())


def _rows(total: int, most: IntArray) -> IntArray:
    """All rows of counts with this sum and at most ``most`` in each column."""
    partial, rest = np.zeros((1, 0), dtype=np.int64), np.array([total])
    for column, bound in enumerate(most[:-1]):
        low = np.maximum(rest - most[column + 1 :].sum(), 0)
        choices = np.minimum(rest, bound) - low + 1
        partial, rest = np.repeat(partial, choices, axis=0), np.repeat(rest, choices)
        first = np.cumsum(choices) - choices
        chosen = np.arange(len(rest)) - np.repeat(first - low, choices)
        partial, rest = np.column_stack((partial, chosen)), rest - chosen
    return np.column_stack((partial, rest))
