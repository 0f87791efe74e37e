"""Rules that know the volume and the mean attenuation of a tumour alone: what a network has to do better than.

They are fitted to the training cases of each member, together with it, and go with the model: on other patients, from
here or elsewhere, nothing is fitted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.recipes.tace.recipe import OBJECTIVE_RESPONSE
from HCCAssistLib.recipes.tace.sampling import CODES
from HCCAssistLib.training.samples import Samples

RULES = MappingProxyType({"volume": ("log_volume",), "mean HU": ("hu",), "volume and mean HU": ("log_volume", "hu")})
"""What each of them knows."""

Values = npt.NDArray[np.float64]


def measures(volume_ml: npt.ArrayLike, hu: npt.ArrayLike) -> dict[str, Values]:
    """What a rule may know of tumours, each ``(n,)``: the logarithm of their millilitres, and their mean HU."""
    return {"log_volume": np.log(np.asarray(volume_ml, dtype=float)), "hu": np.asarray(hu, dtype=float)}


def fitted(samples: Samples) -> dict[str, dict[str, Any]]:
    """A logistic regression of the objective response on what each rule knows, one row for each tumour.

    Args:
        samples: of the training, with ``volume_ml`` and ``hu``; those of one tumour have the same.

    Returns:
        Intercept and weights by rule, as JSON; empty where all tumours have an objective response, or none has.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = np.column_stack([samples["case"], samples["volume_ml"], samples["hu"]])
    rows = np.sort(np.unique(table, axis=0, return_index=True)[1])
    responded = np.isin(samples.labels[rows], [CODES.index(code) for code in OBJECTIVE_RESPONSE])
    if len(np.unique(responded)) < 2:
        return {}
    known, found = measures(samples["volume_ml"][rows], samples["hu"][rows]), {}
    for name, used in RULES.items():
        rule = make_pipeline(StandardScaler(), LogisticRegression())
        rule.fit(np.column_stack([known[one] for one in used]), responded)
        scaler, regression = rule[0], rule[1]
        weights = regression.coef_[0] / scaler.scale_
        found[name] = {
            "intercept": float(regression.intercept_[0] - weights @ scaler.mean_),
            "weights": dict(zip(used, weights.tolist(), strict=True)),
        }
    return found


def probability(rule: Mapping[str, Any], known: Mapping[str, Values]) -> Values:
    """Probability of an objective response by a fitted rule, ``(n,)``."""
    from scipy.special import expit

    score = rule["intercept"] + sum(weight * known[name] for name, weight in rule["weights"].items())
    return np.asarray(expit(score), dtype=float)


def rules_of(card: ModelCard) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The rules that go with a model, one by each member; those that only some of the members have are left out."""
    members: Sequence[Mapping[str, Any]] = card.training.get("baselines", ())
    return {name: [one[name] for one in members] for name in RULES if members and all(name in one for one in members)}


def mean_probability(rules: Sequence[Mapping[str, Any]], volume_ml: npt.ArrayLike, hu: npt.ArrayLike) -> Values:
    """Probability of an objective response of tumours, ``(n,)``: the mean over the members' rules."""
    known = measures(volume_ml, hu)
    return np.asarray(np.mean([probability(one, known) for one in rules], axis=0), dtype=float)
