"""Conformal sets: exact against the quantile of the textbook, patients counted once, and what shuffled labels give."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.conformal import LEAST_PATIENTS, Calibration, in_set, p_values
from HCCAssistLib.evaluation.set_coverage import set_coverage
from HCCAssistLib.results.category_set import CategorySet

CODES = ("A", "B", "C", "D", "E")


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_a_set_is_that_of_the_corrected_quantile(level: float) -> None:
    rng = np.random.default_rng(0)
    for n in (1, 5, 8, 9, 10, 18, 19, 20, 39, 99, 100):
        scores, new = rng.random(n), rng.random(200)
        rank = math.ceil(round((n + 1) * level, 9))  # the finite-sample correction: (n + 1), not n
        limit = np.sort(scores)[rank - 1] if rank <= n else math.inf
        np.testing.assert_array_equal(in_set(p_values(scores, np.arange(n), new), level), new <= limit)


def test_each_patient_counts_once_however_many_rows_he_has() -> None:
    scores, patients = np.array([0.1, 0.9, 0.5]), np.array([7, 7, 3])
    # at 0.5: half of the rows of patient 7, the one of patient 3, and the new patient, of three
    assert p_values(scores, patients, np.array([0.5]))[0] == pytest.approx((0.5 + 1 + 1) / 3)
    twice = p_values(np.repeat(scores, 2), np.repeat(patients, 2), np.array([0.5]))
    assert twice[0] == pytest.approx((0.5 + 1 + 1) / 3)


def test_coverage_holds_for_a_new_patient_where_rows_of_one_are_alike() -> None:
    """Patients with many rows are easy here: counted by rows, the sets would be too small for the others."""
    rng = np.random.default_rng(1)

    def draw(patients: int) -> tuple[np.ndarray, np.ndarray]:
        many = rng.random(patients) < 0.3
        rows = np.where(many, 12, 1)
        own = np.where(many, 0.1, 0.6) * rng.random(patients)
        return np.repeat(own, rows) + 0.02 * rng.random(rows.sum()), np.repeat(np.arange(patients), rows)

    held, pooled = [], []
    for _ in range(400):
        scores, patients = draw(40)
        new, _ = draw(1)
        held.append(in_set(p_values(scores, patients, new[:1]), 0.9)[0])
        pooled.append(in_set(p_values(scores, np.arange(len(scores)), new[:1]), 0.9)[0])
    assert 0.87 <= np.mean(held) <= 0.97, np.mean(held)
    assert np.mean(pooled) < 0.85, "the test shows nothing"


def calibration(n: int, categories: int = 5, *, sure: float = 3.0, seed: int = 0) -> Calibration:
    truth, given = rows(n, categories, sure=sure, seed=seed)
    own = given[np.arange(n), truth]
    return Calibration(own, np.random.default_rng(seed).random(n), truth, np.arange(n))


def rows(n: int, categories: int = 5, *, sure: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Categories, and probabilities of which those of the right one are higher, but for the last: that is hard."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, categories, n)
    logits = rng.normal(0, 1, (n, categories))
    logits[np.arange(n), truth] += np.where(truth == categories - 1, 0.3 * sure, sure)
    given = np.exp(logits)
    return truth, given / given.sum(axis=1, keepdims=True)


def test_each_category_has_its_own_level_where_there_are_patients_enough() -> None:
    truth, given = rows(4000, sure=3.0, seed=9)
    held = in_set(calibration(8000).of_categories(given), 0.9)[np.arange(4000), truth]
    for code in range(5):
        assert 0.86 <= held[truth == code].mean() <= 0.94
    few = calibration(3 * LEAST_PATIENTS)
    assert not few.by_category(5) and calibration(2000).by_category(5)
    together = in_set(few.of_categories(given), 0.9)[np.arange(4000), truth]
    assert together.mean() > 0.8 and together[truth == 4].mean() < together.mean() - 0.1


def test_labels_that_tell_nothing_give_sets_of_nearly_all_categories() -> None:
    rng = np.random.default_rng(3)
    given = rng.dirichlet(np.ones(5) * 0.3, 1000)  # sure, and of anything
    truth = rng.permutation(np.arange(1000) % 5)
    one = Calibration(given[np.arange(1000), truth], np.zeros(1000), truth, np.arange(1000))
    new, of = rng.dirichlet(np.ones(5) * 0.3, 1000), rng.integers(0, 5, 1000)
    inside = in_set(one.of_categories(new), 0.9)
    assert 0.87 <= inside[np.arange(1000), of].mean() <= 0.93
    assert inside.sum(axis=1).mean() >= 4.3


def test_far_away_features_are_unusual_and_those_like_the_held_out_ones_are_not() -> None:
    one = calibration(99)
    p = one.of_distances(np.array([5.0, 0.5, -1.0]))
    assert p[0] == pytest.approx(0.01) and 0.3 < p[1] < 0.7 and p[2] == 1.0


@pytest.mark.parametrize("harm", ["missing", "short", "empty", "negative"])
def test_a_damaged_calibration_is_refused(harm: str) -> None:
    arrays = calibration(30).as_arrays()
    if harm == "missing":
        del arrays["labels"]
    elif harm == "short":
        arrays["patients"] = arrays["patients"][1:]
    elif harm == "empty":
        arrays = {name: array[:0] for name, array in arrays.items()}
    else:
        arrays["labels"] = arrays["labels"] - 10
    with pytest.raises(InputError, match="calibration of the model"):
        Calibration.from_arrays(arrays)


def the_set(p_seen: float = 0.5, level: float = 0.9, **p: float) -> CategorySet:
    return CategorySet({code: p.get(code, 0.01) for code in CODES}, p_seen, level, 412, 105)


def test_a_set_says_what_it_holds_in_words() -> None:
    assert the_set(A=0.5).text == "A" and the_set(A=0.5, C=0.2).text == "A or C"
    assert the_set(A=0.5, B=0.2, C=0.11).text == "A, B or C"
    assert the_set().text == "unlike anything seen"
    assert the_set(0.05, B=0.3).text == "unlike anything seen, at best B"
    assert not the_set(0.06, B=0.3).unlike
    assert the_set(A=0.1).codes == (), "what is as unusual as one in ten is excluded at 90 %"
    assert the_set(level=0.95, A=0.1).codes == ("A",), "the level is a view of the same numbers"
    assert the_set().basis == "90 %, calibrated on 412 findings of 105 patients"
    read = CategorySet.from_json(json.loads(json.dumps(the_set(A=0.5).as_json())))
    assert read == the_set(A=0.5)
    with pytest.raises(ValueError, match="p-value"):
        the_set(A=0.0)


def test_coverage_and_size_are_counted_by_hand() -> None:
    sets = [the_set(A=0.5), the_set(A=0.5, C=0.2), the_set(0.01, B=0.2), the_set()]
    found = set_coverage(sets, ["A", "C", "A", "E"], ["p1", "p1", "p2", "p3"], unit="mass")
    assert (found.coverage.successes, found.coverage.n, found.coverage.clusters) == (2, 4, 3)
    assert found.size.value == 1.0 and found.singletons.successes == 2 and found.unlike.successes == 2
    assert {code: one.value for code, one in found.by_category.items()} == {"A": 0.5, "C": 1.0, "E": 0.0}
    assert found.coverage.interval.low is not None and found.coverage.interval.low < 0.5
    assert found.sentence.startswith("2 of 4 sets hold the right category, where 90 % are to")
    with pytest.raises(InputError, match="one set of one level"):
        set_coverage([the_set(A=0.5), the_set(level=0.8)], ["A", "A"], None, unit="mass")
