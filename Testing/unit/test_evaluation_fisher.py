"""Fisher's exact test: exact to the last digits, in time that follows the few counts, else refused before the work."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from fractions import Fraction
from math import comb, prod

import numpy as np
import pytest
from scipy import stats

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.fisher import MOST_HALF_TABLES, fisher_exact


def exact_2_x_2(a: int, b: int, c: int, d: int) -> float:
    """With whole numbers of any size; the column of a and c must be small."""
    top, bottom, column = a + b, c + d, a + c
    ways = [comb(top, x) * comb(bottom, column - x) for x in range(max(0, column - bottom), min(top, column) + 1)]
    observed = comb(top, a) * comb(bottom, c)
    return float(Fraction(sum(way for way in ways if way <= observed), sum(ways)))


def exact_any(table: np.ndarray) -> float:
    """All tables with these margins, the last row and the largest column being what is left over, in fractions."""
    table = table[:, np.argsort(table.sum(axis=0))]
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    total = weighed = Fraction(0)
    limits = [range(min(int(r), int(c)) + 1) for r, c in itertools.product(rows[:-1], columns[:-1])]
    for cells in itertools.product(*limits):
        inner = np.reshape(cells, (len(rows) - 1, len(columns) - 1))
        whole = np.column_stack((inner, rows[:-1] - inner.sum(axis=1)))
        whole = np.vstack((whole, columns - whole.sum(axis=0)))
        if (whole >= 0).all():
            # The probability of a table, that of the observed one being 1: the product of their factorials' ratios.
            times = Fraction(1)
            for mine, seen in zip(whole.ravel().tolist(), table.ravel().tolist(), strict=True):
                times *= Fraction(prod(range(mine + 1, seen + 1)), prod(range(seen + 1, mine + 1)))
            total += times
            weighed += times if times <= 1 else 0
    return float(weighed / total)


@pytest.mark.parametrize("n", [1_000, 100_000, 1_000_000])
@pytest.mark.parametrize("cells", [(3, 1, 1, 1), (3, 1, 1, 2), (5, 1, 0, 3), (0, 2, 4, 1)])
@pytest.mark.parametrize("turned", [lambda t: t, np.transpose, np.flipud, np.fliplr])
def test_few_counts_beside_a_large_column_are_exact_and_quick(
    n: int, cells: tuple[int, int, int, int], turned: Callable[[np.ndarray], np.ndarray]
) -> None:
    a, left, c, right = cells
    b, d = n * left, n * right + 17
    began = time.perf_counter()
    p = fisher_exact(turned(np.array([[a, b], [c, d]]))).p
    took = time.perf_counter() - began
    assert p == pytest.approx(exact_2_x_2(a, b, c, d), rel=1e-12)
    assert p == pytest.approx(stats.fisher_exact([[a, b], [c, d]]).pvalue, abs=1e-9)
    assert took <= (0.1 if n <= 100_000 else 1.0)


@pytest.mark.parametrize("n", [40, 100_000])
@pytest.mark.parametrize(
    "small",
    [
        [[3, -1], [1, -1], [2, -1]],
        [[3, 1, -1], [1, 2, -1], [0, 1, -1]],
        [[2, 1], [0, 3], [-1, -1]],
        [[2, 0, 1], [0, 2, 1], [-1, -1, -1]],
        [[0, 0, 0], [3, 1, -1], [1, 4, -1], [0, 0, 0]],
        [[2, -1, 0, 1], [1, -1, 2, 0]],
    ],
)
def test_larger_tables_with_one_large_row_or_column_are_exact(n: int, small: list[list[int]]) -> None:
    table = np.array(small)
    table[table < 0] = n + 7 * np.arange((table < 0).sum())
    filled = table[table.sum(axis=1) > 0]
    listed = filled if filled[-1].sum() >= filled[0].sum() else filled[::-1]
    expected = exact_any(listed)
    began = time.perf_counter()
    values = [fisher_exact(turned).p for turned in (table, table.T, table[::-1], table[:, ::-1].astype(float))]
    assert time.perf_counter() - began <= 0.4
    assert values == pytest.approx([expected] * 4, rel=1e-11)


def test_2_x_2_with_all_cells_large_equals_scipy() -> None:
    for table in ([[100_000, 100_000], [100_000, 101_000]], [[40_000, 90_000], [41_000, 90_500]], [[900, 1], [1, 900]]):
        assert fisher_exact(table).p == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-8)


@pytest.mark.parametrize(
    "table",
    [
        [[100_000] * 2] * 3,
        [[100_000] * 3] * 3,
        [[1_000] * 4] * 4,
        [[5] * 4] * 12,
        [[10**9, 10**9], [10**9, 10**9]],
        [[50, 50, 50], [40, 60, 50], [30, 30, 90]],
    ],
)
def test_tables_beyond_the_bound_are_refused_before_the_work(table: list[list[int]]) -> None:
    began = time.perf_counter()
    with pytest.raises(InputError, match=f"too many relatives .*{MOST_HALF_TABLES:,}.* chi-square"):
        fisher_exact(table)
    assert time.perf_counter() - began < 0.5
