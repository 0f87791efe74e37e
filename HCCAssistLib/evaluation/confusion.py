"""Confusion counts and every metric that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy.typing as npt
from scipy.stats import binomtest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.intervals import mercaldo_logit, proportion_interval
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest, Interval
from HCCAssistLib.evaluation.scores import checked_rows
from HCCAssistLib.evaluation.values import count_table, number, whole
from HCCAssistLib.results.cutoff import CutOff

METRICS = ("accuracy", "sensitivity", "specificity", "PPV", "NPV", "F1", "balanced accuracy")
"""Names of the metrics of a 2 x 2 table, in the order of reports."""

_EMPTY = MappingProxyType(
    {
        "accuracy": "nothing was counted",
        "sensitivity": "no unit is positive",
        "specificity": "no unit is negative",
        "PPV": "nothing was called positive",
        "NPV": "nothing was called negative",
        "F1": "no unit is positive and nothing was called positive",
        "balanced accuracy": "sensitivity or specificity is undefined",
    }
)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class Confusion:
    """The four counts of a binary decision; metrics with an empty denominator are None."""

    tp: int
    fn: int
    tn: int
    fp: int

    def __post_init__(self) -> None:
        for name in ("tp", "fn", "tn", "fp"):
            object.__setattr__(self, name, whole(getattr(self, name), f"confusion count {name.upper()}"))

    @property
    def n(self) -> int:
        """All units."""
        return self.tp + self.fn + self.tn + self.fp

    def fraction(self, metric: str) -> tuple[int, int]:
        """Numerator and denominator of a metric that is a proportion of units.

        Raises:
            KeyError: F1 and balanced accuracy are not.
        """
        return {
            "accuracy": (self.tp + self.tn, self.n),
            "sensitivity": (self.tp, self.tp + self.fn),
            "specificity": (self.tn, self.tn + self.fp),
            "PPV": (self.tp, self.tp + self.fp),
            "NPV": (self.tn, self.tn + self.fn),
        }[metric]

    def metric(self, name: str) -> float | None:
        """A metric by its name in ``METRICS``."""
        if name == "F1":
            return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)
        if name == "balanced accuracy":
            parts = self.metric("sensitivity"), self.metric("specificity")
            return None if parts[0] is None or parts[1] is None else (parts[0] + parts[1]) / 2
        return _ratio(*self.fraction(name))

    def as_json(self) -> dict[str, int]:
        """The four counts."""
        return {"tp": self.tp, "fn": self.fn, "tn": self.tn, "fp": self.fp}


def confusion_at(labels: npt.ArrayLike, scores: npt.ArrayLike, cutoff: float) -> Confusion:
    """The four counts where ``score >= cutoff`` is called positive; missing scores are left out.

    >>> confusion_at([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], cutoff=0.35)
    Confusion(tp=2, fn=0, tn=1, fp=1)
    """
    rows = checked_rows(labels, scores)
    called = rows.scores >= number(cutoff, "cut-off")
    return Confusion(
        tp=int((called & rows.labels).sum()),
        fn=int((~called & rows.labels).sum()),
        tn=int((~called & ~rows.labels).sum()),
        fp=int((called & ~rows.labels).sum()),
    )


def binary_metrics(
    counts: Confusion, *, unit: str, cutoff: CutOff | None = None, level: float = 0.95, excluded: int = 0
) -> dict[str, Estimate]:
    """Every metric of a 2 x 2 table with its interval, by name.

    Accuracy, sensitivity and specificity carry the Clopper-Pearson interval, PPV and NPV the Mercaldo
    logit interval; F1 and balanced accuracy have no exact one (bootstrap the rows).
    """
    predictive = None
    if counts.tp + counts.fn and counts.tn + counts.fp:
        predictive = mercaldo_logit(counts.tp, counts.fn, counts.tn, counts.fp, level=level)
    estimates = {}
    for name in METRICS:
        value = counts.metric(name)
        successes: int | None = None
        n = counts.n
        if name in ("F1", "balanced accuracy"):
            interval = Interval.missing("no exact interval exists; bootstrap the rows", level=level)
        else:
            successes, n = counts.fraction(name)
            interval = proportion_interval(successes, n, level=level)
        if predictive and name in ("PPV", "NPV"):
            interval = predictive.ppv_interval if name == "PPV" else predictive.npv_interval
        if value is None:
            interval = Interval.missing(f"undefined: {_EMPTY[name]}", interval.method, level)
        estimates[name] = Estimate(
            name=name,
            value=value,
            n=n,
            unit=unit,
            interval=interval,
            successes=successes,
            cutoff=cutoff,
            excluded=excluded,
            note="" if value is not None else f"undefined: {_EMPTY[name]}",
        )
    return estimates


def no_information_rate_test(correct: int, n: int, rate: float, *, unit: str = "patient") -> HypothesisTest:
    """Is the accuracy better than always naming the most frequent class? One-sided exact binomial test.

    Args:
        correct: units classified rightly.
        n: all units.
        rate: share of the most frequent class (``ConfusionMatrix.no_information_rate``).
        unit: what was counted.

    Raises:
        InputError: counts or a rate that do not fit.
    """
    correct, n = whole(correct, "right units"), whole(n, "all units")
    if correct > n or n == 0:
        raise InputError(f"{correct} of {n} is not an accuracy")
    if not 0.0 < number(rate, "no-information rate") < 1.0:
        raise InputError(f"a no-information rate lies between 0 and 1, not {rate}")
    p = float(binomtest(correct, n, float(rate), alternative="greater").pvalue)
    return HypothesisTest(
        name="one-sided exact binomial test of accuracy against the no-information rate",
        p=min(p, 1.0),
        n=n,
        unit=unit,
        statistic_name="correct",
        statistic=correct,
        alternative="greater",
        details={"no_information_rate": float(rate), "accuracy": correct / n},
    )


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """Counts of true (rows) against predicted (columns) categories.

    Attributes:
        categories: in the order of rows and columns.
        counts: ``counts[true][predicted]``.
    """

    categories: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        object.__setattr__(self, "counts", tuple(map(tuple, count_table(self.counts, "confusion matrix").tolist())))
        size = len(self.categories)
        if len(set(self.categories)) != size or size < 2:
            raise ValueError("a confusion matrix needs two or more different categories")
        if len(self.counts) != size or any(len(row) != size for row in self.counts):
            raise ValueError(f"a confusion matrix of {size} categories has {size} x {size} counts")

    @property
    def n(self) -> int:
        """All units."""
        return sum(map(sum, self.counts))

    @property
    def correct(self) -> int:
        """Units on the diagonal."""
        return sum(self.counts[i][i] for i in range(len(self.categories)))

    @property
    def no_information_rate(self) -> float | None:
        """Share of the most frequent true category."""
        return _ratio(max(map(sum, self.counts)), self.n)

    def one_vs_rest(self, category: str) -> Confusion:
        """The four counts of one category against all others.

        Raises:
            KeyError: no such category.
        """
        if category not in self.categories:
            raise KeyError(f"there is no category {category!r}")
        i = self.categories.index(category)
        tp, row = self.counts[i][i], sum(self.counts[i])
        column = sum(line[i] for line in self.counts)
        return Confusion(tp=tp, fn=row - tp, fp=column - tp, tn=self.n - row - column + tp)

    def metrics(self, *, unit: str, level: float = 0.95) -> dict[str, dict[str, Estimate]]:
        """Accuracy over all categories under ``"all"``, and every one-vs-rest metric by category."""
        value = _ratio(self.correct, self.n)
        overall = Estimate(
            name="accuracy",
            value=value,
            n=self.n,
            unit=unit,
            successes=self.correct,
            interval=proportion_interval(self.correct, self.n, level=level),
            note="" if value is not None else "undefined: nothing was counted",
        )
        return {"all": {"accuracy": overall}} | {
            name: binary_metrics(self.one_vs_rest(name), unit=unit, level=level) for name in self.categories
        }

    def as_json(self) -> dict[str, Any]:
        """Categories and counts."""
        return {"categories": list(self.categories), "counts": [list(row) for row in self.counts]}
