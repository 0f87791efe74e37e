"""Extra trees are fitted on clinical values, the same again by the same seed, and bad tables are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clinical_toy import VARIABLES, clinical_values, events_of
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.package import write_package
from HCCAssistLib.models.trees import TreeEnsemble
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.extra_trees import as_ensemble, fit_extra_trees


def test_options_are_those_of_the_paper_and_can_be_set() -> None:
    values = clinical_values(120, 1)
    events = events_of(values, 2)
    trees = fit_extra_trees(values, events, VARIABLES, max_depth=3, min_samples_leaf=4, seed=5)
    assert len(trees.starts) == 500
    assert trees.samples.min() >= 4
    model = ExtraTreesClassifier(500, max_depth=3, min_samples_leaf=4, random_state=5).fit(values, events)
    np.testing.assert_array_equal(trees.probabilities(values), model.predict_proba(values)[:, 1])


def test_a_seed_gives_the_same_trees_and_another_one_others() -> None:
    values = clinical_values(120, 1)
    one, same, other = (
        fit_extra_trees(values, events_of(values, 2), VARIABLES, trees=20, seed=seed).threshold for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_trees_rank_unseen_patients_and_shuffled_events_give_chance() -> None:
    values, unseen = clinical_values(300, 1), clinical_values(600, 2)
    events, truth = events_of(values, 3), events_of(unseen, 4)
    shuffled = np.random.default_rng(5).permutation(events)
    found, chance = (
        roc_auc_score(truth, fit_extra_trees(values, labels, VARIABLES, trees=200, max_depth=4).probabilities(unseen))
        for labels in (events, shuffled)
    )
    assert found > 0.7
    assert 0.35 < chance < 0.65


def test_trees_lie_in_a_model_package_and_come_back(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    values = clinical_values(60, 1)
    trees = fit_extra_trees(values, events_of(values, 2), VARIABLES, trees=25)
    package = write_package(
        tmp_path / "model",
        [{"": {"weight": torch.zeros(2)}}],
        name="toy",
        recipe=get_recipe("ltp"),
        options={},
        cutoffs={"patch": CutOff(0.5, "chosen by hand for a test")},
        default_cutoff="patch",
        input_spec={},
        training={},
        software={},
        extras={"trees-0.safetensors": trees.as_arrays()},
    )
    again = TreeEnsemble.from_arrays(package.arrays("trees-0.safetensors"))
    np.testing.assert_array_equal(again.probabilities(values), trees.probabilities(values))


@pytest.mark.parametrize(
    ("values", "events", "words"),
    [
        (np.zeros((4, 3)), [0, 1, 0, 1], "do not fit each other"),
        (np.zeros((4, 2)), [0, 1, 0], "do not fit each other"),
        (np.zeros((4, 2)), [0, 0, 0, 0], "all patients have the same outcome. Fit on patients of both"),
        (np.zeros((4, 2)), [0, 1, np.nan, 1], "events are 1 or 0. Leave out patients whose outcome is not known"),
        (np.array([[1, np.inf]] * 4), [0, 1, 0, 1], "a clinical value is infinite or too large"),
        (np.array([[1, np.nan]] * 4), [0, 1, 0, 1], "afp: no patient has a value. Leave the variable out"),
        ([["a", "b"]] * 4, [0, 1, 0, 1], "clinical values and events are numbers"),
    ],
)
def test_tables_that_cannot_be_fitted_are_refused(values: Any, events: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit_extra_trees(values, events, ["size", "afp"], trees=3)


@pytest.mark.parametrize("option", [{"trees": 0}, {"max_depth": 0}, {"min_samples_leaf": 0.5}])
def test_options_out_of_range_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(option))} is a whole number from 1 on"):
        fit_extra_trees([[1.0], [2.0]], [0, 1], ["size"], **option)


def test_forests_of_other_classes_or_criteria_are_refused() -> None:
    values = clinical_values(30, 1, 0.0)
    for model, labels in (
        (ExtraTreesClassifier(3), np.arange(30) % 3),
        (ExtraTreesClassifier(3, criterion="entropy"), np.arange(30) % 2),
    ):
        with pytest.raises(InputError, match="only forests of the classes 0 and 1 by Gini's impurity"):
            as_ensemble(model.fit(values, labels), VARIABLES, np.zeros(6, int))
