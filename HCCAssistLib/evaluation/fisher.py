"""Fisher's exact test of tables of any size, by enumeration instead of simulation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.group_tests import checked_table
from HCCAssistLib.evaluation.result import HypothesisTest
from HCCAssistLib.evaluation.scores import FloatArray, IntArray

MOST_PARTIAL_TABLES = 20_000_000
"""Partial tables that may be held at once: about a gigabyte and half a minute."""

_SAME = 1e-7
"""Tables whose probability differs by less (relatively) count as equally probable, as in R."""


def fisher_exact(table: npt.ArrayLike, *, unit: str = "patient") -> HypothesisTest:
    """Fisher's exact test, two-sided (Freeman-Halton for more than 2 x 2): tables no more probable than this one.

    All tables with these margins are built row by row; partial tables that leave the same column totals and
    have the same probability so far are merged. Rows and columns without any count are left away.

    Raises:
        InputError: see ``checked_table``, or a table with too many relatives to enumerate.
    """
    counts = checked_table(table)
    if counts.shape[0] < counts.shape[1]:
        counts = counts.T
    counts = counts[np.argsort(-counts.sum(axis=1))]  # the longest row while there is one partial table
    n = int(counts.sum())
    columns = counts.sum(axis=0)
    log_total = gammaln(n + 1) - gammaln(counts.sum(axis=1) + 1).sum() - gammaln(columns + 1).sum()
    log_observed = -gammaln(counts + 1).sum() - log_total
    left, log_weight, copies = columns[None], np.array([-log_total]), np.ones(1)
    for total in counts.sum(axis=1)[:-1]:
        left, log_weight, copies = _with_row(left, log_weight, copies, int(total))
    log_weight = log_weight - gammaln(left + 1).sum(axis=1)  # the last row is what is left
    extreme = log_weight <= log_observed + _SAME
    p = float((copies[extreme] * np.exp(log_weight[extreme])).sum())
    size = " x ".join(map(str, np.shape(table)))
    return HypothesisTest(f"Fisher exact test ({size}, enumerated)", min(p, 1.0), n, unit)


def _with_row(
    left: IntArray, log_weight: FloatArray, copies: FloatArray, total: int
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Give every partial table every possible next row; what is left of the columns, log weight, how many."""
    rows = _rows(total, left.max(axis=0))
    if len(left) * len(rows) > MOST_PARTIAL_TABLES:
        raise InputError(
            "the table has too many relatives to enumerate",
            "Fisher exact test",
            "use the chi-square test, or merge rows",
        )
    remaining = (left[:, None] - rows[None]).reshape(-1, left.shape[1])
    weight = (log_weight[:, None] - gammaln(rows + 1).sum(axis=1)[None]).ravel()
    number = np.repeat(copies, len(rows))
    possible = (remaining >= 0).all(axis=1)
    remaining, weight, number = remaining[possible], weight[possible], number[possible]
    # Merge: sort by what is left and by weight; weights that agree to 1e-10 stem from equal products of factorials.
    rounded = np.round(weight, 10)
    order = np.lexsort((rounded, *remaining.T))
    remaining, weight, rounded, number = remaining[order], weight[order], rounded[order], number[order]
    new = np.concatenate(([True], (np.diff(remaining, axis=0) != 0).any(axis=1) | (np.diff(rounded) != 0)))
    starts = np.flatnonzero(new)
    return remaining[starts], weight[starts], np.add.reduceat(number, starts)


def _rows(total: int, most: IntArray) -> IntArray:
    """All rows of counts with this sum and at most ``most`` in each column."""
    partial, rest = np.zeros((1, 0), dtype=np.int64), np.array([total])
    for bound in most[:-1]:
        choices = np.arange(min(int(bound), total) + 1)
        partial = np.column_stack((np.repeat(partial, len(choices), axis=0), np.tile(choices, len(partial))))
        rest = np.repeat(rest, len(choices)) - partial[:, -1]
        partial, rest = partial[rest >= 0], rest[rest >= 0]
    fits = rest <= most[-1]
    return np.column_stack((partial[fits], rest[fits]))
