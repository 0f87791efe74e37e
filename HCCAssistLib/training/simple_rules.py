"""Rules that know a few measures of a tumour alone: what a network has to do better than.

They are fitted to the training cases of each member, together with it, and go with the model: on other patients, from
here or elsewhere, nothing is fitted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.models.model_card import ModelCard

BASELINES = "baselines"
"""Entry of a member's facts and of the training record that holds them."""

Values = npt.NDArray[np.float64]


def fitted_rules(
    rules: Mapping[str, Sequence[str]], known: Mapping[str, Values], positive: npt.NDArray[np.bool_]
) -> dict[str, dict[str, Any]]:
    """A logistic regression on what each rule knows.

    Args:
        rules: names of the measures that each rule knows, by the name of the rule.
        known: each measure, ``(n,)``.
        positive: ``(n,)`` of training rows.

    Returns:
        Intercept and weights by rule, as JSON; empty where all rows are of one kind.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found: dict[str, dict[str, Any]] = {}
    if len(np.unique(positive)) < 2:
        return found
    for name, used in rules.items():
        rule = make_pipeline(StandardScaler(), LogisticRegression())
        rule.fit(np.column_stack([known[one] for one in used]), positive)
        scaler, regression = rule[0], rule[1]
        weights = regression.coef_[0] / scaler.scale_
        found[name] = {
            "intercept": float(regression.intercept_[0] - weights @ scaler.mean_),
            "weights": dict(zip(used, weights.tolist(), strict=True)),
        }
    return found


def rules_of(card: ModelCard, names: Sequence[str]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The rules that go with a model, one by each member; those that only some of the members have are left out."""
    members: Sequence[Mapping[str, Any]] = card.training.get(BASELINES, ())
    return {name: [one[name] for one in members] for name in names if members and all(name in one for one in members)}


def mean_probability(rules: Sequence[Mapping[str, Any]], known: Mapping[str, npt.ArrayLike]) -> Values:
    """Probability by a rule, ``(n,)``: the mean over the members' rules.

    Args:
        rules: the same rule by each member.
        known: each measure, ``(n,)``.
    """
    from scipy.special import expit

    scores = [
        one["intercept"] + sum(weight * np.asarray(known[name], dtype=float) for name, weight in one["weights"].items())
        for one in rules
    ]
    return np.asarray(np.mean([np.asarray(expit(score), dtype=float) for score in scores], axis=0), dtype=float)
