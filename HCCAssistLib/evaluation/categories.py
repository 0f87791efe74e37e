"""A decision among several categories: accuracy, and each category against the others, with patients resampled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_draws, percentile_interval
from HCCAssistLib.evaluation.confusion import ConfusionMatrix, binary_metrics, no_information_rate_test
from HCCAssistLib.evaluation.intervals import check_level, proportion_interval
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest, Interval
from HCCAssistLib.evaluation.scores import numbered_groups
from HCCAssistLib.evaluation.values import FloatArray, IntArray, listed

OF_EACH = ("sensitivity", "specificity", "accuracy")
"""What is given of each category against the others."""


@dataclass(frozen=True, eq=False, slots=True)
class CategoryEvaluation:
    """How often the right one of several categories was named.

    Attributes:
        matrix: true against predicted categories.
        accuracy: over all categories.
        balanced_accuracy: mean sensitivity of the categories that occur; chance is 1 divided by their number.
        by_category: the figures of ``OF_EACH``, by category.
        by_subclass: sensitivity within each subclass that occurs.
        category_of: of each subclass that occurs.
        mistakes: the true subclass or category, what was predicted instead, how often and of how many; the most
            frequent first.
        no_information: whether always naming the most frequent category would do as well; None where only one occurs.
        unit: what a row is.
        n, patients: rows, and patients behind them.
    """

    matrix: ConfusionMatrix
    accuracy: Estimate
    balanced_accuracy: Estimate
    by_category: Mapping[str, Mapping[str, Estimate]]
    by_subclass: Mapping[str, Estimate]
    category_of: Mapping[str, str]
    mistakes: tuple[tuple[str, str, int, int], ...]
    no_information: HypothesisTest | None
    unit: str
    n: int
    patients: int

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "unit": self.unit,
            "n": self.n,
            "patients": self.patients,
            "confusion": self.matrix.as_json(),
            "accuracy": self.accuracy.as_json(),
            "balanced_accuracy": self.balanced_accuracy.as_json(),
            "by_category": {
                code: {name: one.as_json() for name, one in each.items()} for code, each in self.by_category.items()
            },
            "by_subclass": {name: one.as_json() for name, one in self.by_subclass.items()},
            "mistakes": [list(one) for one in self.mistakes],
            "no_information": self.no_information.as_json() if self.no_information else None,
        }


def category_evaluation(
    truth: Sequence[str],
    predicted: Sequence[str],
    categories: Sequence[str],
    groups: Sequence[object] | None,
    *,
    unit: str,
    subclasses: Sequence[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> CategoryEvaluation:
    """Evaluate the categories that were named.

    Proportions carry Clopper-Pearson intervals, and where a patient gives several rows, beside them those of a
    bootstrap over patients, which are the ones to believe. Balanced accuracy has the bootstrap only.

    >>> found = category_evaluation(["A", "A", "B"], ["A", "A", "A"], ["A", "B"], None, unit="mass", draws=200)
    >>> found.balanced_accuracy.value, found.by_category["A"]["specificity"].value
    (0.5, 0.0)

    Args:
        truth: ``(rows,)`` category of each row.
        predicted: ``(rows,)``.
        categories: all there are, in the order of the tables.
        groups: ``(rows,)``, the patient of each row; None where every row is another patient.
        unit: what a row is.
        subclasses: ``(rows,)``, finer categories of the truth, ``""`` where there is none.
        draws, seed, level: of the bootstrap.

    Raises:
        InputError: rows that do not fit, a category that is none of those named, a subclass of two categories.
    """
    check_level(level)
    codes, rows, fine, category_of = _checked(truth, predicted, categories, subclasses)
    patient = numbered_groups(groups, len(rows))
    patients = int(patient.max()) + 1
    size = len(codes)
    finer = sorted(category_of)
    matrix = ConfusionMatrix(codes, _counts(rows, size))
    per_patient = np.zeros((patients, size * size + 2 * len(finer)))
    np.add.at(per_patient, (patient, rows[:, 0] * size + rows[:, 1]), 1.0)
    for column, name in enumerate(finer):
        inside = np.array([one == name for one in fine])
        np.add.at(per_patient, (patient[inside], size * size + 2 * column), 1.0)
        hit = inside & (rows[:, 0] == rows[:, 1])
        np.add.at(per_patient, (patient[hit], size * size + 2 * column + 1), 1.0)
    occurs = per_patient[:, : size * size].sum(axis=0).reshape(size, size).sum(axis=1) > 0

    def statistic(weights: FloatArray) -> FloatArray:
        return _figures(weights @ per_patient, size, occurs)

    values = bootstrap_draws(statistic, patients, draws=draws, seed=seed)
    resampled = unit if groups is None else "patient"
    intervals = [
        percentile_interval(one, patients=patients, resampled=resampled, stratified=False, level=level, seed=seed)
        for one in values.T
    ]
    clusters = None if groups is None else patients

    def over_patients(estimate: Estimate, interval: Interval) -> Estimate:
        clustered = interval if patients < len(rows) and estimate.value is not None else None
        return replace(estimate, clustered=clustered, clusters=clusters)

    overall = matrix.metrics(unit=unit, level=level)["all"]["accuracy"]
    rates = [binary_metrics(matrix.one_vs_rest(code), unit=unit, level=level) for code in codes]
    sensitivities = [rate["sensitivity"].value for rate in rates if rate["sensitivity"].value is not None]
    missing = [code for code, there in zip(codes, occurs, strict=True) if not there]
    return CategoryEvaluation(
        matrix=matrix,
        accuracy=over_patients(overall, intervals[0]),
        balanced_accuracy=Estimate(
            "balanced accuracy",
            float(np.mean(sensitivities)),
            len(rows),
            unit,
            intervals[1],
            clusters=clusters,
            note=f"mean sensitivity of {len(sensitivities)} categories, chance is {1 / len(sensitivities):.3g}"
            + (f"; {', '.join(missing)} did not occur" if missing else ""),
        ),
        by_category={
            code: {
                name: over_patients(rate[name], intervals[2 + len(OF_EACH) * number + at])
                for at, name in enumerate(OF_EACH)
            }
            for number, (code, rate) in enumerate(zip(codes, rates, strict=True))
        },
        by_subclass={
            name: over_patients(_share("sensitivity", rows, [one == name for one in fine], unit, level), interval)
            for name, interval in zip(finer, intervals[2 + len(OF_EACH) * size :], strict=True)
        },
        category_of=category_of,
        mistakes=_mistakes(codes, rows, fine),
        no_information=_no_information(matrix, unit),
        unit=unit,
        n=len(rows),
        patients=patients,
    )


def _checked(
    truth: Sequence[str], predicted: Sequence[str], categories: Sequence[str], subclasses: Sequence[str] | None
) -> tuple[tuple[str, ...], IntArray, list[str], dict[str, str]]:
    """Categories, rows ``(n, 2)`` of their numbers, the subclass of each row, and the category of each subclass."""
    codes = tuple(categories)
    columns = [listed(given, name) for given, name in ((truth, "truth"), (predicted, "predictions"))]
    fine = [""] * len(columns[0]) if subclasses is None else [one or "" for one in listed(subclasses, "subclasses")]
    if not columns[0] or len({*map(len, columns), len(fine)}) > 1:
        raise InputError("truth, predictions and subclasses are not of the same rows, or there are none", "categories")
    unknown = sorted({str(one) for column in columns for one in column if one not in codes})
    if unknown:
        raise InputError(f"{', '.join(unknown)}: none of the categories {', '.join(map(str, codes))}", "categories")
    of: dict[str, set[str]] = {}
    for name, category in zip(fine, columns[0], strict=True):
        if name:
            of.setdefault(name, set()).add(category)
    if torn := [name for name, found in of.items() if len(found) > 1]:
        raise InputError(f"the subclass {torn[0]} stands for {' and '.join(sorted(of[torn[0]]))}", "subclasses")
    rows = np.array([[codes.index(one) for one in column] for column in columns], dtype=np.int64).T
    return codes, rows, fine, {name: found.pop() for name, found in sorted(of.items())}


def _counts(rows: IntArray, size: int) -> tuple[tuple[int, ...], ...]:
    counts = np.bincount(rows[:, 0] * size + rows[:, 1], minlength=size * size).reshape(size, size)
    return tuple(tuple(int(one) for one in row) for row in counts)


def _figures(counted: FloatArray, size: int, occurs: FloatArray) -> FloatArray:
    """Of each draw: accuracy, balanced accuracy, ``OF_EACH`` of each category, sensitivity of each subclass."""
    cells = counted[:, : size * size].reshape(-1, size, size)
    right = np.einsum("dii->di", cells)
    row, column, total = cells.sum(axis=2), cells.sum(axis=1), cells.sum(axis=(1, 2))[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity = right / row
        of_each = np.stack(
            (sensitivity, (total - row - column + right) / (total - row), (total - row - column + 2 * right) / total),
            axis=2,
        )
        finer = counted[:, size * size + 1 :: 2] / counted[:, size * size :: 2]
        overall = (right.sum(axis=1, keepdims=True) / total, sensitivity[:, occurs].mean(axis=1, keepdims=True))
    return np.concatenate((*overall, of_each.reshape(len(cells), -1), finer), axis=1)


def _share(name: str, rows: IntArray, inside: Sequence[bool], unit: str, level: float) -> Estimate:
    chosen = rows[np.array(inside)]
    hits, n = int((chosen[:, 0] == chosen[:, 1]).sum()), len(chosen)
    return Estimate(name, hits / n, n, unit, proportion_interval(hits, n, level=level), successes=hits)


def _mistakes(codes: Sequence[str], rows: IntArray, fine: Sequence[str]) -> tuple[tuple[str, str, int, int], ...]:
    true = [name or codes[row[0]] for name, row in zip(fine, rows, strict=True)]
    of = Counter(true)
    wrong = Counter((name, codes[row[1]]) for name, row in zip(true, rows, strict=True) if row[0] != row[1])
    found = [(name, instead, count, of[name]) for (name, instead), count in wrong.items()]
    return tuple(sorted(found, key=lambda one: (-one[2], one[0], one[1])))


def _no_information(matrix: ConfusionMatrix, unit: str) -> HypothesisTest | None:
    rate = matrix.no_information_rate
    return no_information_rate_test(matrix.correct, matrix.n, rate, unit=unit) if rate and rate < 1 else None
