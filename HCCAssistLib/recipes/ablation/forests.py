"""Trees on clinical values, with or without the signature of a network, and their scores of patients they never saw."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.trees import FloatArray, TreeEnsemble
from HCCAssistLib.recipes.ablation.clinical import COLUMNS
from HCCAssistLib.recipes.ablation.recipe import SIGNATURE
from HCCAssistLib.recipes.ablation.signatures import Patient
from HCCAssistLib.training.extra_trees import fit_extra_trees


@dataclass(frozen=True, eq=False, slots=True)
class Forest:
    """Fitted trees.

    Attributes:
        trees: that a package keeps.
        patients: how many they were fitted on.
        scores: by case, of trees that were fitted without the part that the case is in.
        importances: mean decrease in impurity by variable.
    """

    trees: TreeEnsemble
    patients: int
    scores: Mapping[str, float]
    importances: Mapping[str, float]


def variables_of(network: str) -> tuple[str, ...]:
    """Names of the columns of the trees, with the signature of a network where one is named."""
    return (*COLUMNS, SIGNATURE) if network else COLUMNS


def fit_forest(
    patients: Mapping[str, Patient],
    parts: Sequence[Collection[str]],
    settings: Mapping[str, Any],
    *,
    network: str = "",
) -> Forest:
    """Trees of all patients of whom the outcome is known, and the scores of each part by trees of the others.

    Patients who were lost before are scored like all others, and no tree learns from them. Where some patients are in
    no part (a single split), the trees are fitted on these alone, so that their own scores of the part are held-out
    ones.

    Args:
        patients: by case; every one has a signature where a network is named.
        parts: cases that are held out together.
        settings: ``trees``, ``max_depth`` and ``seed``.
        network: whose signature is one of the variables; ``""`` for none.

    Raises:
        InputError: all patients of a fit have the same outcome, or a variable has no value in any of them.
    """
    held_out = {case for part in parts for case in part}
    known = [case for case, one in patients.items() if one.early is not None]
    always = [case for case in known if case not in held_out]
    fitted_on = always or known
    trees = _fit(patients, fitted_on, network, settings)
    scores: dict[str, float] = {}
    for part in parts:
        cases = [case for case in patients if case in part]
        if not cases:
            continue
        without = trees if always else _fit(patients, [c for c in known if c not in part], network, settings)
        found = without.probabilities(_rows(patients, cases, network))
        scores |= dict(zip(cases, found.tolist(), strict=True))
    importances = dict(zip(trees.variables, trees.importances().tolist(), strict=True))
    return Forest(trees, len(fitted_on), scores, importances)


def _fit(
    patients: Mapping[str, Patient], cases: Sequence[str], network: str, settings: Mapping[str, Any]
) -> TreeEnsemble:
    events = [bool(patients[case].early) for case in cases]
    return fit_extra_trees(_rows(patients, cases, network), events, variables_of(network), **settings)


def _rows(patients: Mapping[str, Patient], cases: Sequence[str], network: str) -> FloatArray:
    rows = []
    for case in cases:
        one = patients[case]
        signature = one.signature(network) if network else None
        if network and signature is None:
            raise InputError(f"case {case} has no signature of the network {network}", "extra trees")
        rows.append([*one.clinical, *([signature] if signature is not None else [])])
    return np.array(rows, dtype=np.float64)
