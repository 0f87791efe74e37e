"""One characteristic of patients: described, tested, and why by this test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

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
from HCCAssistLib.evaluation.values import FloatArray
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


def continuous_row(
    name: str, values: list[list[Any]], missing: tuple[int, ...], unit: str, wanted: TestName | None
) -> BaselineRow:
    """A row of numbers.

    Args:
        name: of the characteristic.
        values: known ones, by group.
        missing: patients without a value, by group.
        unit: what a value belongs to.
        wanted: the test, where that of the rule is not wanted.

    Raises:
        InputError: a test that does not fit, or values that are no finite numbers.
    """
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


def categorical_row(
    name: str, values: list[list[Any]], missing: tuple[int, ...], unit: str, wanted: TestName | None
) -> BaselineRow:
    """A row of categories; arguments as for ``continuous_row``.

    Raises:
        InputError: a test that does not fit, or a table too large for the test that was wanted.
    """
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
