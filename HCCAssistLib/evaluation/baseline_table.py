"""The table of patients' characteristics, with the test of each row and why it was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from HCCAssistLib.cohort.cells import MAY_BE_A_TEXT, is_missing
from HCCAssistLib.cohort.spelling import plain
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.display import p_value
from HCCAssistLib.evaluation.fisher import fisher_exact
from HCCAssistLib.evaluation.group_tests import (
    chi_square,
    expected_counts,
    kruskal_wallis,
    mann_whitney,
    n_minus_1_chi_square,
    one_way_anova,
    shapiro_wilk,
    welch_t,
)
from HCCAssistLib.evaluation.result import HypothesisTest
from HCCAssistLib.evaluation.values import FloatArray, listed
from HCCAssistLib.wording import rounded

TestName = Literal["welch", "anova", "mann-whitney", "kruskal-wallis", "chi-square", "n-1 chi-square", "fisher"]
_CONTINUOUS = ("welch", "anova", "mann-whitney", "kruskal-wallis")
NORMALITY_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """One characteristic.

    Attributes:
        name: of the characteristic.
        levels: categories of a categorical one; one empty level otherwise.
        cells: ``cells[level][group]``, as printed.
        numbers: ``numbers[group]``, the same at full precision.
        missing: patients without a value, by group.
        test: of a difference between the groups, None where there is one group only or nothing to test.
        why: why this test.
    """

    name: str
    levels: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    numbers: tuple[dict[str, Any], ...]
    missing: tuple[int, ...]
    test: HypothesisTest | None
    why: str

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "name": self.name,
            "levels": list(self.levels),
            "numbers": list(self.numbers),
            "missing": list(self.missing),
            "test": self.test.as_json() if self.test else None,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class BaselineTable:
    """Characteristics of groups of patients.

    Attributes:
        groups: names.
        sizes: patients in each.
        rows: characteristics.
        unit: what was described.
        remarks: what a reader of the table must know of single values.
    """

    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    rows: tuple[BaselineRow, ...]
    unit: str
    remarks: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings for ``Report.add_table``."""
        groups = (
            f"{name} (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{size})"
            for name, size in zip(self.groups, self.sizes, strict=True)
        )
        tested = any(row.test for row in self.rows)
        return ("Characteristic", *groups, *(("P\N{NO-BREAK SPACE}value", "Test") if tested else ()))

    @property
    def printed(self) -> tuple[tuple[str, ...], ...]:
        """Rows for ``Report.add_table``: one per characteristic or category, and one per row with missing values."""
        lines: list[tuple[str, ...]] = []
        tested = any(row.test for row in self.rows)
        blank = ("",) * len(self.groups)
        for row in self.rows:
            test: tuple[str, ...] = ()
            if tested:
                test = (p_value(row.test.p), row.test.name) if row.test else ("", row.why)
            nothing = ("",) * len(test)
            if row.levels == ("",):
                lines.append((row.name, *row.cells[0], *test))
            else:
                lines.append((row.name, *blank, *test))
                lines += [
                    (f"\N{EM SPACE}{level}", *cells, *nothing)
                    for level, cells in zip(row.levels, row.cells, strict=True)
                ]
            if any(row.missing):
                lines.append(("\N{EM SPACE}Missing", *map(str, row.missing), *nothing))
        return tuple(lines)

    @property
    def note(self) -> str:
        """What the cells mean and why each test was chosen."""
        whys = "; ".join(f"{row.name}: {row.why}" for row in self.rows if row.test)
        return (
            f"Unit: {self.unit}. Cells are mean \N{PLUS-MINUS SIGN} standard deviation, median (first, third "
            "quartile), or number (percentage of known values). Missing values are left out and counted."
            + (f" Choice of tests: {whys}." if whys else "")
            + "".join(f" {remark}." for remark in self.remarks)
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "groups": list(self.groups),
            "sizes": list(self.sizes),
            "unit": self.unit,
            "rows": [row.as_json() for row in self.rows],
            "remarks": list(self.remarks),
        }


def baseline_table(
    groups: Mapping[str, Mapping[str, Sequence[Any]]],
    *,
    unit: str = "patient",
    categorical: Sequence[str] = (),
    tests: Mapping[str, TestName] | None = None,
    compare: bool = True,
) -> BaselineTable:
    """Describe and compare groups of patients.

    A characteristic with any text among its values, or named in ``categorical``, is counted. Other
    characteristics are numbers: Shapiro-Wilk P >= .05 in every group gives mean and standard deviation with
    Welch's t (more than two groups: analysis of variance), anything else median and quartiles with
    Mann-Whitney (Kruskal-Wallis). Counted ones take the chi-square test without continuity correction, and
    Fisher's exact test where Cochran's rule asks for it: an expected count below 5 in a 2 x 2 table; in a
    larger one more than 20 % of them below 5, or one below 1.

    Args:
        groups: values by characteristic, by group; None, NaN and texts such as "", "NA" and "#N/A" are missing.
        unit: what a value belongs to.
        categorical: characteristics whose numbers are codes.
        tests: the test of a characteristic, where the rule above is not wanted.
        compare: whether to test for a difference; not for the splits of one cohort.

    Raises:
        InputError: groups with different characteristics or ragged columns, or a test that does not fit.
    """
    if not hasattr(groups, "items") or not groups:
        raise InputError("there is no group to describe")
    names = tuple(next(iter(groups.values())))
    sizes = []
    for group, columns in groups.items():
        if tuple(columns) != names:
            raise InputError("the groups have different characteristics", f"group {group!r}")
        lengths = {len(columns[name]) for name in names}
        if len(lengths) != 1:
            raise InputError(f"the characteristics have {sorted(lengths)} values", f"group {group!r}")
        sizes.append(lengths.pop())
    chosen = dict(tests or {})
    unknown = (set(chosen) | set(categorical)) - set(names)
    if unknown:
        raise InputError(f"no characteristic is called {', '.join(sorted(unknown))}", "baseline table")
    rows = []
    for name in names:
        values = [[v for v in listed(columns[name], name) if not _is_missing(v)] for columns in groups.values()]
        missing = tuple(size - len(known) for size, known in zip(sizes, values, strict=True))
        counted = name in categorical or any(isinstance(v, str | bool | np.bool_) for known in values for v in known)
        make = _categorical_row if counted else _continuous_row
        rows.append(make(name, values, missing, unit, chosen.get(name)))
    if not compare:
        rows = [replace(row, test=None, why="not compared") for row in rows]
    return BaselineTable(tuple(groups), tuple(sizes), tuple(rows), unit)


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return is_missing(value) and plain(value) not in MAY_BE_A_TEXT
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def _continuous_row(
    name: str, values: list[list[Any]], missing: tuple[int, ...], unit: str, wanted: TestName | None
) -> BaselineRow:
    samples = [_numbers(known, name) for known in values]
    normal, why = _normality(samples, unit)
    two = len(samples) == 2
    test_name = wanted or (("welch" if two else "anova") if normal else ("mann-whitney" if two else "kruskal-wallis"))
    if wanted:
        why, normal = "chosen by the caller", wanted in ("welch", "anova")
    if test_name not in _CONTINUOUS or (test_name in ("welch", "mann-whitney") and len(samples) > 2):
        raise InputError(f"the test {test_name!r} does not fit", f"characteristic {name!r}")
    test = None
    if len(samples) > 1 and all(sample.size for sample in samples):
        if test_name in ("welch", "mann-whitney"):
            test = (welch_t if test_name == "welch" else mann_whitney)(samples[0], samples[1], unit=unit)
        else:
            test = (one_way_anova if test_name == "anova" else kruskal_wallis)(samples, unit=unit)
    described = [_described(sample, normal) for sample in samples]
    cells, numbers = tuple(cell for cell, _ in described), tuple(found for _, found in described)
    return BaselineRow(name, ("",), (cells,), numbers, missing, test, why)


def _numbers(known: list[Any], name: str) -> FloatArray:
    try:
        sample = np.array([float(v) for v in known], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("a value is neither a number nor a text", f"characteristic {name!r}") from error
    if not np.isfinite(sample).all():
        raise InputError("a value is infinite", f"characteristic {name!r}")
    return sample


def _normality(samples: Sequence[FloatArray], unit: str) -> tuple[bool, str]:
    """Whether every group looks normal, and what that rests on."""
    found = [shapiro_wilk(sample, unit=unit).p if sample.size else None for sample in samples]
    lowest = min((p for p in found if p is not None), default=None)
    if lowest is None:
        return False, "not tested for a normal distribution: too few different values, or more than 5,000"
    if None not in found and lowest >= NORMALITY_LEVEL:
        return True, f"Shapiro-Wilk P \N{GREATER-THAN OR EQUAL TO} .05 in every group (lowest {p_value(lowest)})"
    return False, f"not normal in every group (lowest Shapiro-Wilk P {p_value(lowest)})"


def _described(sample: FloatArray, normal: bool) -> tuple[str, dict[str, Any]]:
    """The cell of a group, and its numbers at full precision."""
    if sample.size == 0:
        return "\N{EM DASH}", {"n": 0}
    mean, spread = float(sample.mean()), float(sample.std(ddof=1)) if sample.size > 1 else None
    first, median, third = (float(q) for q in np.quantile(sample, (0.25, 0.5, 0.75)))
    numbers = {"n": sample.size, "mean": mean, "standard_deviation": spread}
    numbers |= {"median": median, "first_quartile": first, "third_quartile": third}
    if normal and spread is not None:
        return f"{rounded(mean, 1)} \N{PLUS-MINUS SIGN} {rounded(spread, 1)}", numbers
    return f"{rounded(median, 1)} ({rounded(first, 1)}, {rounded(third, 1)})", numbers


def _is_sparse(counts: list[list[int]]) -> tuple[bool, str]:
    """Cochran's rule for when the chi-square approximation does not hold, and what it rests on."""
    expected = expected_counts(counts)
    smallest = float(expected.min())
    if expected.shape == (2, 2):
        return smallest < 5, f"smallest expected count {smallest:.3g}, {'below 5' if smallest < 5 else 'not below 5'}"
    share = float((expected < 5).mean())
    sparse = share > 0.2 or smallest < 1
    return sparse, f"{100 * share:.0f} % of the expected counts are below 5, the smallest is {smallest:.3g}"


def _level_name(level: Any) -> str:
    """A code that was read as a number is printed without its ``.0``."""
    return f"{level:g}" if isinstance(level, float | np.floating) else str(level)


def _categorical_row(
    name: str, values: list[list[Any]], missing: tuple[int, ...], unit: str, wanted: TestName | None
) -> BaselineRow:
    levels = sorted({v for known in values for v in known}, key=str)
    counts = [[sum(v == level for v in known) for known in values] for level in levels]
    test, why = None, "there is nothing to compare"
    if len(values) > 1 and len(levels) > 1 and sum(any(column) for column in zip(*counts, strict=True)) > 1:
        sparse, reason = _is_sparse(counts)
        test_name = wanted or ("fisher" if sparse else "chi-square")
        why = "chosen by the caller" if wanted else reason
        by_name = {"fisher": fisher_exact, "chi-square": chi_square, "n-1 chi-square": n_minus_1_chi_square}
        if test_name not in by_name:
            raise InputError(f"the test {test_name!r} does not fit", f"characteristic {name!r}")
        try:
            test = by_name[test_name](counts, unit=unit)
        except InputError as error:
            if wanted or test_name != "fisher":
                raise
            test, why = chi_square(counts, unit=unit), f"{why}, but {error.problems[0].what}"
    cells = tuple(
        tuple(
            f"{count} ({rounded(count / len(known), 1, percent=True)})" if known else "\N{EM DASH}"
            for count, known in zip(row, values, strict=True)
        )
        for row in counts
    )
    numbers = tuple(
        {"n": len(known), "counts": {_level_name(level): row[g] for level, row in zip(levels, counts, strict=True)}}
        for g, known in enumerate(values)
    )
    return BaselineRow(name, tuple(map(_level_name, levels)), cells, numbers, missing, test, why)
