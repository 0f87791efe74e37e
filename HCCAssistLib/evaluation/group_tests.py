"""Tests of differences between groups, under the names and with the choices that the five papers used."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.result import HypothesisTest
from HCCAssistLib.evaluation.values import FloatArray, IntArray, count_table, floats, samples_of, whole

SHAPIRO_MOST = 5000
"""Royston's approximation of the P value was made for samples up to this size."""


def checked_sample(values: npt.ArrayLike, where: str = "sample") -> FloatArray:
    """Numbers without gaps.

    Raises:
        InputError: nothing, or a missing value; missing values are left out by the caller, who counts them.
    """
    sample = floats(values, where)
    if sample.size == 0 or not np.isfinite(sample).all():
        raise InputError("there are no values, or some are missing", where, "leave missing values out and say how many")
    return sample


def checked_table(table: npt.ArrayLike) -> IntArray:
    """A contingency table of counts without empty rows or columns.

    Raises:
        InputError: counts that are negative or broken, or fewer than two rows or columns with a count.
    """
    counts = count_table(table)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        raise InputError("only one row or column of the table holds a count: there is nothing to compare", "table")
    return counts


def expected_counts(table: npt.ArrayLike) -> FloatArray:
    """Counts expected from the margins alone."""
    counts = checked_table(table)
    expected: FloatArray = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return expected


def mann_whitney(first: npt.ArrayLike, second: npt.ArrayLike, *, unit: str = "patient") -> HypothesisTest:
    """Mann-Whitney U test, two-sided: exact for small samples without ties, else normal with continuity correction.

    Raises:
        InputError: an empty sample or a missing value.
    """
    a, b = checked_sample(first, "first sample"), checked_sample(second, "second sample")
    together = np.concatenate((a, b))
    n = len(together)
    if together.min() == together.max():
        return HypothesisTest("Mann-Whitney U test", None, n, unit, reason="every value is the same")
    exact = len(np.unique(together)) == n and max(len(a), len(b)) < 50
    result = stats.mannwhitneyu(a, b, alternative="two-sided", method="exact" if exact else "asymptotic")
    how = "exact" if exact else "normal approximation with continuity and tie correction"
    return HypothesisTest(f"Mann-Whitney U test ({how})", float(result.pvalue), n, unit, "U", float(result.statistic))


def kruskal_wallis(samples: Sequence[npt.ArrayLike], *, unit: str = "patient") -> HypothesisTest:
    """Kruskal-Wallis rank sum test with tie correction.

    Raises:
        InputError: fewer than two samples, an empty one or a missing value.
    """
    checked = [checked_sample(values, f"sample {i + 1}") for i, values in enumerate(samples_of(samples, "samples"))]
    if len(checked) < 2:
        raise InputError("a Kruskal-Wallis test compares two samples or more")
    together = np.concatenate(checked)
    if together.min() == together.max():
        return HypothesisTest("Kruskal-Wallis test", None, len(together), unit, reason="every value is the same")
    result = stats.kruskal(*checked)
    return HypothesisTest(
        name="Kruskal-Wallis test",
        p=float(result.pvalue),
        n=len(together),
        unit=unit,
        statistic_name="H",
        statistic=float(result.statistic),
        degrees_of_freedom=float(len(checked) - 1),
    )


def welch_t(first: npt.ArrayLike, second: npt.ArrayLike, *, unit: str = "patient") -> HypothesisTest:
    """Welch's t test of equal means without assuming equal variances.

    Raises:
        InputError: an empty sample or a missing value.
    """
    a, b = checked_sample(first, "first sample"), checked_sample(second, "second sample")
    name, n = "Welch t test", len(a) + len(b)
    if min(len(a), len(b)) < 2 or a.var() + b.var() == 0:
        return HypothesisTest(name, None, n, unit, reason="the variance of the means cannot be estimated")
    result = stats.ttest_ind(a, b, equal_var=False)
    return HypothesisTest(
        name, float(result.pvalue), n, unit, "t", float(result.statistic), degrees_of_freedom=float(result.df)
    )


def one_way_anova(samples: Sequence[npt.ArrayLike], *, unit: str = "patient") -> HypothesisTest:
    """One-way analysis of variance of equal means.

    Raises:
        InputError: fewer than two samples, an empty one or a missing value.
    """
    checked = [checked_sample(values, f"sample {i + 1}") for i, values in enumerate(samples_of(samples, "samples"))]
    if len(checked) < 2:
        raise InputError("an analysis of variance compares two samples or more")
    n, name = sum(map(len, checked)), "one-way analysis of variance"
    if n <= len(checked) or all(sample.min() == sample.max() for sample in checked):
        return HypothesisTest(name, None, n, unit, reason="there is no variance within the samples")
    result = stats.f_oneway(*checked)
    freedom = float(len(checked) - 1)
    return HypothesisTest(name, float(result.pvalue), n, unit, "F", float(result.statistic), degrees_of_freedom=freedom)


def shapiro_wilk(values: npt.ArrayLike, *, unit: str = "patient") -> HypothesisTest:
    """Shapiro-Wilk test of normality.

    Raises:
        InputError: an empty sample or a missing value.
    """
    sample = checked_sample(values)
    name = "Shapiro-Wilk test of normality"
    if len(sample) < 3 or sample.min() == sample.max():
        return HypothesisTest(name, None, len(sample), unit, reason="it needs three values that are not all the same")
    if len(sample) > SHAPIRO_MOST:
        reason = f"it is made for at most {SHAPIRO_MOST:,} values"
        return HypothesisTest(name, None, len(sample), unit, reason=reason)
    result = stats.shapiro(sample)
    return HypothesisTest(name, float(result.pvalue), len(sample), unit, "W", float(result.statistic))


def chi_square(table: npt.ArrayLike, *, unit: str = "patient") -> HypothesisTest:
    """Pearson's chi-square test without continuity correction (none of the five papers applied Yates').

    Rows and columns without any count are left away.

    Raises:
        InputError: see ``checked_table``.
    """
    counts = checked_table(table)
    result = stats.chi2_contingency(counts, correction=False)
    smallest = float(result.expected_freq.min())
    return HypothesisTest(
        name="Pearson chi-square test without continuity correction",
        p=float(result.pvalue),
        n=int(counts.sum()),
        unit=unit,
        statistic_name="chi-square",
        statistic=float(result.statistic),
        degrees_of_freedom=float(result.dof),
        note=f"the smallest expected count is {smallest:.3g}, below 5" if smallest < 5 else "",
        details={"smallest_expected_count": smallest},
    )


def n_minus_1_chi_square(table: npt.ArrayLike, *, unit: str = "patient") -> HypothesisTest:
    """The N - 1 chi-square test of a 2 x 2 table (Campbell, Stat Med 2007;26:3661), which MedCalc prints.

    Raises:
        InputError: see ``checked_table``, or a table that is not 2 x 2.
    """
    counts = checked_table(table)
    if counts.shape != (2, 2):
        raise InputError(f"the N - 1 chi-square test is for 2 x 2 tables, not {counts.shape}", "table")
    n = int(counts.sum())
    pearson = float(stats.chi2_contingency(counts, correction=False).statistic)
    statistic = pearson * (n - 1) / n
    return HypothesisTest(
        name="N - 1 chi-square test",
        p=float(stats.chi2.sf(statistic, 1)),
        n=n,
        unit=unit,
        statistic_name="chi-square",
        statistic=statistic,
        degrees_of_freedom=1.0,
    )


def mcnemar(only_first_right: int, only_second_right: int, n: int, *, unit: str) -> HypothesisTest:
    """McNemar's exact test from the discordant pairs of n paired decisions.

    Raises:
        InputError: counts that do not fit.
    """
    only_first_right, only_second_right = (
        whole(one, "discordant pairs") for one in (only_first_right, only_second_right)
    )
    n = whole(n, "paired decisions")
    if only_first_right + only_second_right > n:
        raise InputError(f"{only_first_right} and {only_second_right} discordant pairs do not fit n = {n}")
    discordant = only_first_right + only_second_right
    name = "exact McNemar test"
    details = {"only_first_right": float(only_first_right), "only_second_right": float(only_second_right)}
    if discordant == 0:
        return HypothesisTest(name, None, n, unit, reason="both decide alike on every unit", details=details)
    p = float(stats.binomtest(int(only_first_right), int(discordant), 0.5).pvalue)
    return HypothesisTest(name, min(p, 1.0), n, unit, details=details)


def steel_test(
    control: npt.ArrayLike, others: Sequence[npt.ArrayLike], *, unit: str = "session"
) -> tuple[HypothesisTest, ...]:
    """Steel's many-to-one rank test: each sample against the control, adjusted for all comparisons (Biometrics 1959).

    Each pair is ranked by itself, with the variance corrected for ties; the P value is that of the largest of
    correlated normal variates, as in Dunnett's test with infinite degrees of freedom. The distribution is
    integrated, not simulated.

    Args:
        control: values of the control.
        others: values of each other sample.
        unit: what a value is.

    Raises:
        InputError: no other sample, an empty one or a missing value.
    """
    base = checked_sample(control, "control")
    samples = [checked_sample(values, f"sample {i + 1}") for i, values in enumerate(samples_of(others, "samples"))]
    if not samples:
        raise InputError("Steel's test compares a control with one sample or more")
    loadings = np.sqrt([len(sample) / (len(sample) + len(base)) for sample in samples])
    name = f"Steel test (many-to-one, {len(samples)} comparisons, asymptotic, tie-corrected)"
    results = []
    for sample in samples:
        together = np.concatenate((base, sample))
        n = len(together)
        ranks = stats.rankdata(together)
        variance = len(base) * len(sample) / (n * (n - 1)) * float(((ranks - (n + 1) / 2) ** 2).sum())
        if variance == 0:
            results.append(HypothesisTest(name, None, n, unit, reason="every value of the pair is the same"))
            continue
        statistic = float(ranks[len(base) :].sum() - len(sample) * (n + 1) / 2) / math.sqrt(variance)
        p = 1.0 - _all_within(abs(statistic), loadings)
        results.append(HypothesisTest(name, min(max(p, 0.0), 1.0), n, unit, "t", statistic))
    return tuple(results)


def _all_within(bound: float, loadings: FloatArray) -> float:
    """P that all |Z_i| <= bound, where corr(Z_i, Z_j) is the product of their loadings on one common normal."""
    u, step = np.linspace(-8.5, 8.5, 20_001, retstep=True)
    spread = np.sqrt(1 - loadings**2)[:, None]
    shifted = loadings[:, None] * u
    inside = stats.norm.cdf((bound - shifted) / spread) - stats.norm.cdf((-bound - shifted) / spread)
    return float((stats.norm.pdf(u) * inside.prod(axis=0)).sum() * step)
