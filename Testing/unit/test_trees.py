"""Trees as arrays give scikit-learn's probabilities to the bit, and damaged arrays are refused."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
from clinical_toy import VARIABLES, clinical_values, events_of
from safetensors.numpy import load, save
from sklearn.ensemble import ExtraTreesClassifier

from HCCAssistLib.errors import InputError
from HCCAssistLib.models.trees import TreeEnsemble
from HCCAssistLib.training.extra_trees import as_ensemble, fit_extra_trees

pytestmark = pytest.mark.heavy

PATIENTS = 10_000


@cache
def fitted(depth: int | None = None, missing: float = 0.1) -> tuple[ExtraTreesClassifier, TreeEnsemble]:
    values = clinical_values(254, 1, missing)
    model = ExtraTreesClassifier(n_estimators=500, max_depth=depth, random_state=3)
    model.fit(values, events_of(values, 2))
    return model, as_ensemble(model, VARIABLES, np.isnan(values).sum(axis=0))


@pytest.mark.parametrize(("depth", "missing"), [(None, 0.1), (4, 0.1), (None, 0.0)])
def test_probabilities_are_those_of_scikit_learn_to_the_bit_with_missing_values(
    depth: int | None, missing: float
) -> None:
    model, trees = fitted(depth, missing)
    values = clinical_values(PATIENTS, 7, 0.2)
    found = trees.probabilities(values)
    assert len(np.unique(found)) > 100
    np.testing.assert_array_equal(found, model.predict_proba(values)[:, 1])
    alone = [trees.probabilities(one)[0] for one in values[:100]]
    np.testing.assert_array_equal(alone, found[:100])


def test_values_are_compared_as_float32() -> None:
    model, trees = fitted()
    thresholds = trees.threshold[trees.feature == 4][:2000]
    values = np.tile(clinical_values(1, 5, 0.0), (len(thresholds), 1))
    values[:, 4] = thresholds  # at the very threshold, where rounding decides
    np.testing.assert_array_equal(trees.probabilities(values), model.predict_proba(values)[:, 1])
    unrounded = values[:, 4] <= thresholds
    assert (unrounded != (values[:, 4].astype(np.float32) <= thresholds)).any(), "rounding would decide nothing here"


def test_the_mean_decrease_in_impurity_is_that_of_scikit_learn() -> None:
    for depth in (None, 2):
        model, trees = fitted(depth)
        np.testing.assert_allclose(trees.importances(), model.feature_importances_, atol=1e-12)
        assert trees.importances().argmax() in (0, 5)


def test_trees_that_never_split_have_no_importances() -> None:
    trees = fit_extra_trees(np.zeros((8, 2)), [0, 1] * 4, ["a", "b"], trees=5)
    assert trees.importances().tolist() == [0, 0]
    assert trees.probabilities([[3.0, np.nan]]).tolist() == [0.5] == [trees.base_rate]


def test_contributions_sum_to_the_probability_above_the_base_rate() -> None:
    _, trees = fitted()
    values = clinical_values(300, 9, 0.2)
    found = trees.contributions(values)
    assert found.base_rate == pytest.approx(events_of(clinical_values(254, 1, 0.1), 2).mean(), abs=1e-12)
    np.testing.assert_array_equal(found.probability, trees.probabilities(values))
    np.testing.assert_allclose(found.base_rate + found.of_variables.sum(axis=1), found.probability, rtol=0, atol=1e-12)


def test_contributions_are_those_along_the_path_of_each_tree() -> None:
    _, trees = fitted(4)
    patient = clinical_values(1, 11, 0.0)[0]
    expected = np.zeros(len(VARIABLES))
    for start in trees.starts:
        node = start
        while trees.feature[node] >= 0:
            asked = trees.feature[node]
            after = (trees.left if np.float32(patient[asked]) <= trees.threshold[node] else trees.right)[node]
            expected[asked] += (trees.probability[after] - trees.probability[node]) / len(trees.starts)
            node = after
    np.testing.assert_allclose(trees.contributions(patient).of_variables[0], expected, atol=1e-12)


def test_a_variable_that_no_tree_asks_for_adds_nothing() -> None:
    values = np.column_stack([clinical_values(100, 3, 0.0)[:, 0], np.ones(100)])
    trees = fit_extra_trees(values, values[:, 0] > 25, ["size", "constant"], trees=30)
    found = trees.contributions([[45.0, 1.0], [9.0, 1.0]])
    assert (found.of_variables[:, 1] == 0).all()
    assert found.of_variables[0, 0] > 0.3
    assert found.of_variables[1, 0] < -0.3


def test_trees_come_back_from_safetensors_as_they_were() -> None:
    _, trees = fitted()
    arrays = trees.as_arrays()
    assert all(array.flags.c_contiguous and np.isfinite(array).all() for array in arrays.values())
    again = TreeEnsemble.from_arrays(load(save(arrays)))
    values = clinical_values(200, 5)
    assert again.variables == VARIABLES
    assert again.unknown.tolist() == trees.unknown.tolist() == np.isnan(clinical_values(254, 1)).sum(axis=0).tolist()
    np.testing.assert_array_equal(again.probabilities(values), trees.probabilities(values))


def test_a_prediction_needs_no_scikit_learn() -> None:
    code = (
        "import sys\n"
        "from HCCAssistLib.models.trees import TreeEnsemble\n"
        "t = TreeEnsemble(('a',), (0,), (0,), (0, -1, -1), (1.5, 0, 0), (1, -1, -1), (2, -1, -1),"
        " (False,) * 3, (0.5, 0.25, 0.75), (4, 2, 2))\n"
        "print(t.probabilities([[1.0], [2.0]]).tolist())\n"
        "print([name for name in ('sklearn', 'scipy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().split("\n") == ["[0.25, 0.75]", "[]"]


def test_values_by_name_come_into_the_order_of_the_trees() -> None:
    _, trees = fitted()
    row = trees.row({"afp_ng_per_ml": 12, "tumour_size_mm": 30.5, "hbv": None})
    np.testing.assert_array_equal(row, [30.5, np.nan, np.nan, np.nan, 12, np.nan])
    with pytest.raises(InputError, match=r"age, sex: no variable of these trees. The trees know tumour_size_mm, "):
        trees.row({"sex": 1, "age": 60})
    with pytest.raises(InputError, match="a clinical value is no number"):
        trees.row({"hbv": "yes"})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((2, 5)), r"values of the shape \(2, 5\) do not fit trees of 6 variables. Give tumour_size_mm, "),
        (np.zeros((0, 6)), r"values of the shape \(0, 6\)"),
        ([[1, 2, 3, 4, np.inf, 6]], "afp_ng_per_ml: a value is infinite or too large"),
        ([[1, 2, 3, 4, 1e39, 6]], "afp_ng_per_ml: a value is infinite or too large"),
        ([["a"] * 6], "no table of numbers"),
    ],
)
def test_values_that_fit_no_tree_are_refused(values: Any, words: str) -> None:
    _, trees = fitted()
    for method in (trees.probabilities, trees.contributions):
        with pytest.raises(InputError, match=words):
            method(values)


def changed(name: str, at: Any, value: Any) -> dict[str, np.ndarray]:
    """The arrays of two stumps, the second of depth two, with one entry changed."""
    arrays = {
        "variables": np.frombuffer(b"size\nafp", np.uint8).copy(),
        "unknown": np.array([0, 1], np.int32),
        "starts": np.array([0, 3], np.int32),
        "feature": np.array([0, -1, -1, 1, -1, 0, -1, -1], np.int32),
        "threshold": np.array([20.0, 0, 0, 100.0, 0, 30.0, 0, 0]),
        "left": np.array([1, -1, -1, 4, -1, 6, -1, -1], np.int32),
        "right": np.array([2, -1, -1, 5, -1, 7, -1, -1], np.int32),
        "missing_left": np.zeros(8, bool),
        "probability": np.array([0.5, 0.0, 1.0, 0.5, 0.0, 0.75, 0.5, 1.0]),
        "samples": np.array([4, 2, 2, 6, 2, 4, 2, 2], np.int32),
    }
    if at is not None:
        arrays[name][at] = value
    elif value is None:
        del arrays[name]
    else:
        arrays[name] = value
    return arrays


def test_the_trees_that_are_damaged_below_are_sound() -> None:
    trees = TreeEnsemble.from_arrays(changed("samples", 0, 4))
    assert trees.probabilities([[10.0, 50.0], [35.0, 150.0], [25.0, 150.0]]).tolist() == [0.0, 1.0, 0.75]


@pytest.mark.parametrize(
    ("name", "at", "value", "words"),
    [
        ("left", 5, 3, "a child lies before its parent"),  # a circle
        ("left", 3, 3, "a child lies before its parent"),
        ("right", 0, 4, "outside its tree"),
        ("right", 5, 99, "outside its tree"),
        ("right", 3, -1, "a child lies before its parent"),
        ("right", 3, 4, "a node is the child of two others or of none"),
        ("left", 1, 2, "a leaf has a child"),
        ("feature", 0, 2, "a variable that is none of 2"),
        ("feature", 0, -2, "a variable that is none of 2"),
        ("probability", 1, np.nan, "a probability is not between 0 and 1"),
        ("probability", 1, 1.5, "a probability is not between 0 and 1"),
        ("probability", 6, 0.25, "the events of a node are not those of its children"),
        ("threshold", 0, np.nan, "a threshold is NaN or infinite"),
        ("samples", 1, 0, "a node without a patient"),
        ("samples", 1, 3, "the patients of a node are not those of its children"),
        ("starts", 0, 1, "do not begin one after the other"),
        ("starts", 1, 0, "do not begin one after the other"),
        ("starts", 1, 8, "do not begin one after the other"),
        ("unknown", 0, -1, "a count of missing values is negative"),
        ("starts", None, np.array([], np.int32), "0 trees of 8 nodes"),
        ("threshold", None, np.zeros(7), r"threshold has the shape \(7,\) where \(8,\) is due"),
        ("feature", None, np.zeros((8, 1), np.int32), r"feature has the shape \(8, 1\)"),
        ("left", None, np.zeros(8), "left holds values of the type float64"),
        ("left", None, np.full(8, 2**40), "left holds a number that is no index"),
        ("unknown", None, np.zeros(3, np.int32), r"unknown has the shape \(3,\) where \(2,\)"),
        ("samples", None, None, "samples is missing, nothing is unknown"),
        ("variables", None, np.array([255, 254], np.uint8), "the names of the variables are no text"),
        ("variables", None, np.zeros(8), "the names of the variables are no text"),
        ("variables", None, np.frombuffer(b"a\na", np.uint8), "two variables have one name"),
        ("variables", None, np.frombuffer(b"a\n", np.uint8), "a variable has no name"),
        ("code", None, np.zeros(1), "nothing is missing, code is unknown"),
    ],
)
def test_damaged_arrays_are_refused_in_words(name: str, at: Any, value: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"the decision trees are damaged: .*{words}"):
        TreeEnsemble.from_arrays(changed(name, at, value))


def test_arrays_cannot_be_changed_after_they_were_checked() -> None:
    _, trees = fitted()
    with pytest.raises(ValueError, match="read-only"):
        trees.left[0] = 0
