"""Two models on one cohort, and repeated sessions or folds of several models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, Statistic, bootstrap_interval, ranking_statistic
from HCCAssistLib.evaluation.decision import net_benefit_difference
from HCCAssistLib.evaluation.delong import delong_paired_test
from HCCAssistLib.evaluation.group_tests import checked_sample, kruskal_wallis, mcnemar, steel_test
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.evaluation.scores import checked_rows
from HCCAssistLib.evaluation.values import floats
from HCCAssistLib.results.cutoff import CutOff, cutoff_text


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Model a minus model b on the same rows.

    Attributes:
        differences: of AUC and accuracy, and of net benefit at each threshold asked for.
        delong: paired DeLong test; it takes rows as independent.
        mcnemar: exact McNemar test of the right decisions; it takes rows as independent.
    """

    differences: tuple[Estimate, ...]
    delong: HypothesisTest
    mcnemar: HypothesisTest

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "differences": [estimate.as_json() for estimate in self.differences],
            "delong": self.delong.as_json(),
            "mcnemar": self.mcnemar.as_json(),
        }


def compare_models(
    labels: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    groups: Sequence[object] | npt.NDArray[np.generic] | None,
    *,
    cutoff_a: CutOff,
    cutoff_b: CutOff,
    unit: str,
    net_benefit_at: Sequence[float] = (),
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> ModelComparison:
    """Compare two models on the same rows; intervals of the differences resample patients.

    Rows that lack either score are left out of both.

    Args:
        labels: ``(rows,)`` of 0 and 1.
        scores_a, scores_b: ``(rows,)``, higher means positive.
        groups: ``(rows,)``, the patient of each row; None where every row is another patient.
        cutoff_a, cutoff_b: of each model.
        unit: what a row is.
        net_benefit_at: threshold probabilities; the scores must then be calibrated risks.
        draws, seed, level: of the bootstrap.

    Raises:
        InputError: rows that do not fit or are of one class only.
    """
    test = delong_paired_test(labels, scores_a, scores_b, unit=unit, level=level)
    first, second = floats(scores_a, "scores of a"), floats(scores_b, "scores of b")
    lacking = ~(np.isfinite(first) & np.isfinite(second))
    a = checked_rows(labels, np.where(lacking, np.nan, first), groups)
    b = checked_rows(labels, np.where(lacking, np.nan, second), groups)
    right_a = (a.scores >= cutoff_a.value) == a.labels
    right_b = (b.scores >= cutoff_b.value) == b.labels
    size = np.bincount(a.groups, minlength=a.patients).astype(np.float64)
    gain = np.bincount(a.groups, right_a.astype(float) - right_b, a.patients)
    ranking_a, ranking_b = ranking_statistic(a), ranking_statistic(b)

    def difference(name: str, value: float, statistic: Statistic, note: str = "") -> Estimate:
        interval = bootstrap_interval(
            statistic,
            a.patients,
            draws=draws,
            seed=seed,
            level=level,
            resampled=unit if groups is None else "patient",
        )
        clusters = None if groups is None else a.patients
        return Estimate(name, value, a.n, unit, interval, clusters=clusters, excluded=a.excluded, note=note)

    cutoffs = f"cut-offs {cutoff_text(cutoff_a)} and {cutoff_text(cutoff_b)}"
    differences = [
        difference(
            "difference of AUC",
            test.details["difference"],
            lambda weights: ranking_a(weights)[:, 0] - ranking_b(weights)[:, 0],
        ),
        difference(
            "difference of accuracy",
            float(right_a.mean() - right_b.mean()),
            lambda weights: (weights @ gain) / (weights @ size),
            cutoffs,
        ),
    ]
    differences += [
        net_benefit_difference(labels, scores_a, scores_b, at, groups, unit=unit, draws=draws, seed=seed, level=level)
        for at in floats(net_benefit_at, "threshold probabilities").tolist()
    ]
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return ModelComparison(tuple(differences), test, mcnemar(only_a, only_b, a.n, unit=unit))


TIE_DECIMALS = 12
"""Figures of sessions that are equal so far are ties."""


@dataclass(frozen=True, slots=True)
class SessionComparison:
    """Repeated sessions (or folds) of several models.

    Attributes:
        median, range: by model.
        kruskal_wallis: over all models.
        steel: each other model against the control, by model.
        control: the model that the others are compared with.
        sessions: by model.
    """

    median: dict[str, float]
    range: dict[str, tuple[float, float]]
    kruskal_wallis: HypothesisTest
    steel: dict[str, HypothesisTest]
    control: str
    sessions: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "control": self.control,
            "models": {
                name: {"median": self.median[name], "range": list(self.range[name]), "sessions": self.sessions[name]}
                for name in self.median
            },
            "kruskal_wallis": self.kruskal_wallis.as_json(),
            "steel": {name: test.as_json() for name, test in self.steel.items()},
        }


def compare_sessions(values: Mapping[str, npt.ArrayLike], *, control: str, unit: str = "session") -> SessionComparison:
    """Median and range of each model's sessions, Kruskal-Wallis over all, Steel's test against the control.

    >>> accuracy = {"triphasic": [0.84, 0.82, 0.90, 0.85, 0.83], "unenhanced": [0.48, 0.39, 0.60, 0.50, 0.45]}
    >>> found = compare_sessions(accuracy, control="triphasic")
    >>> found.median["triphasic"], found.range["unenhanced"]
    (0.84, (0.39, 0.6))

    Args:
        values: one figure per session (an accuracy, an AUC) by model.
        control: the model that the others are compared with.
        unit: what a value is.

    Raises:
        InputError: fewer than two models, an unknown control, or a missing value.
    """
    if not hasattr(values, "items") or control not in values or len(values.keys()) < 2:
        raise InputError(f"there is no model {control!r} among two or more", "sessions")
    samples = {  # the same AUC may differ in its last bit from session to session, and must still be a tie
        name: np.round(checked_sample(sample, f"sessions of {name!r}"), TIE_DECIMALS) for name, sample in values.items()
    }
    others = [name for name in samples if name != control]
    steel = steel_test(samples[control], [samples[name] for name in others], unit=unit)
    return SessionComparison(
        median={name: float(np.median(sample)) for name, sample in samples.items()},
        range={name: (float(sample.min()), float(sample.max())) for name, sample in samples.items()},
        kruskal_wallis=kruskal_wallis(list(samples.values()), unit=unit),
        steel=dict(zip(others, steel, strict=True)),
        control=control,
        sessions={name: len(sample) for name, sample in samples.items()},
    )
