"""The table of patients' characteristics, with the test of each row and why it was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from HCCAssistLib.cohort.cells import MAY_BE_A_TEXT, is_missing
from HCCAssistLib.cohort.spelling import plain
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.baseline_rows import BaselineRow, TestName, categorical_row, continuous_row
from HCCAssistLib.evaluation.display import p_value
from HCCAssistLib.evaluation.values import listed


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
        make = categorical_row if counted else continuous_row
        rows.append(make(name, values, missing, unit, chosen.get(name)))
    if not compare:
        rows = [replace(row, test=None, why="not compared") for row in rows]
    return BaselineTable(tuple(groups), tuple(sizes), tuple(rows), unit)


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return is_missing(value) and plain(value) not in MAY_BE_A_TEXT
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))
