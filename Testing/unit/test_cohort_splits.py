"""Splits and folds: no patient on two sides, balanced, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.splits import folds, split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.errors import InputError
from HCCAssistLib.labels import Classes

FOLDER = Path("cohort")


def cohort(*rows: tuple[str, str, str]) -> Cohort:
    """Cases from ``(patient, label, split)``."""
    return Cohort(
        FOLDER,
        tuple(Case(f"c{n}", patient, split, {"ltp": label}, FOLDER) for n, (patient, label, split) in enumerate(rows)),
    )


SPEC = CohortSpec((), Classes("ltp", {"0": "none", "1": "progression"}))


def draw(whole: Cohort, *, seed: int, fractions: tuple[float, float, float] = (48, 10, 16)) -> dict[str, str]:
    return split_patients(whole, strata(whole, SPEC), fractions=fractions, seed=seed)


def deal(whole: Cohort, k: int, *, seed: int) -> dict[str, int]:
    return folds(whole, k, strata(whole, SPEC), seed=seed)


LIM = cohort(*((f"p{n}", "1" if n < 34 else "0", "") for n in range(74)))


def test_the_shares_of_the_paper_come_out_for_its_74_patients() -> None:
    drawn = draw(LIM, seed=1)
    assert Counter(drawn.values()) == {"train": 48, "validation": 10, "test": 16}
    positive = Counter(drawn[case.case_id] for case in LIM.cases if case.values["ltp"] == "1")
    assert positive == {"train": 22, "validation": 5, "test": 7}  # 34 * (48, 10, 16) / 74 = 22.05, 4.59, 7.35


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_the_table() -> None:
    first = draw(LIM, seed=1)
    assert draw(LIM, seed=1) == first
    assert draw(Cohort(FOLDER, LIM.cases[::-1]), seed=1) == first
    assert draw(LIM, seed=2) != first
    # a fixed point: other systems and versions must draw the same patients
    chosen = sorted(case for case, split in first.items() if split == "validation")
    assert chosen == ["c0", "c10", "c12", "c18", "c5", "c60", "c62", "c63", "c65", "c73"]


def test_splits_of_the_table_are_kept_and_the_rest_fills_up() -> None:
    fixed = cohort(*((f"p{n}", str(n % 2), "test" if n < 40 else "") for n in range(74)))
    drawn = draw(fixed, seed=1)
    assert all(drawn[f"c{n}"] == "test" for n in range(40))
    assert Counter(drawn[f"c{n}"] for n in range(40, 74)) == {"train": 28, "validation": 6}


def test_another_case_of_a_patient_with_a_split_follows() -> None:
    drawn = draw(cohort(("p", "1", ""), ("p", "0", "validation")), seed=0)
    assert drawn == {"c0": "validation", "c1": "validation"}


def test_three_patients_of_a_label_reach_all_three_splits() -> None:
    few = cohort(*((f"p{n}", str(int(n < 3)), "") for n in range(30)))
    for seed in range(20):
        drawn = draw(few, seed=seed)
        assert {drawn[f"c{n}"] for n in range(3)} == {"train", "validation", "test"}


def test_fractions_can_leave_a_split_out() -> None:
    drawn = draw(LIM, seed=0, fractions=(4, 1, 0))
    assert set(drawn.values()) == {"train", "validation"}
    with pytest.raises(ValueError, match="three shares"):
        draw(LIM, seed=0, fractions=(0, 0, 0))


def test_a_patient_in_two_splits_and_a_missing_label_are_refused() -> None:
    with pytest.raises(InputError, match="patient p: the patient is in test and train"):
        draw(cohort(("p", "1", "train"), ("p", "1", "test")), seed=0)
    with pytest.raises(InputError, match="case c1: the case has no label in the column 'ltp'"):
        draw(cohort(("p", "1", ""), ("q", "", "")), seed=0)


patients = st.lists(
    st.tuples(st.sampled_from([f"p{n}" for n in range(25)]), st.sampled_from("01"), st.just("")),
    min_size=1,
    max_size=80,
)


@settings(max_examples=200, deadline=None)
@given(
    rows=patients,
    seed=st.integers(0, 2**32),
    fixed=st.dictionaries(st.integers(0, 24), st.sampled_from(("train", "test"))),
)
def test_no_patient_is_ever_on_two_sides(rows: list, seed: int, fixed: dict[int, str]) -> None:
    rows = [(patient, label, fixed.get(int(patient[1:]), "")) for patient, label, _ in rows]
    whole = cohort(*rows)
    drawn = draw(whole, seed=seed)
    assert set(drawn) == {case.case_id for case in whole.cases}
    sides: dict[str, set[str]] = {}
    for case in whole.cases:
        sides.setdefault(case.patient_id, set()).add(drawn[case.case_id])
        assert not case.split or drawn[case.case_id] == case.split
    assert all(len(side) == 1 for side in sides.values())


@settings(max_examples=100, deadline=None)
@given(sizes=st.tuples(st.integers(5, 30), st.integers(5, 30)), k=st.integers(2, 5), seed=st.integers(0, 2**32))
def test_folds_hold_every_patient_out_once_and_are_balanced(sizes: tuple[int, int], k: int, seed: int) -> None:
    labels = "1" * sizes[0] + "0" * sizes[1]
    rows = [(f"p{n}", label, "") for n, label in enumerate(labels) for _ in range(1 + n % 3)]  # 1 to 3 cases each
    whole = cohort(*rows)
    held_out = deal(whole, k, seed=seed)
    assert set(held_out) == {case.case_id for case in whole.cases}
    fold_of = {case.patient_id: held_out[case.case_id] for case in whole.cases}
    assert all(held_out[case.case_id] == fold_of[case.patient_id] for case in whole.cases)
    for label in ("0", "1", "01"):
        counts = Counter(fold for patient, fold in fold_of.items() if labels[int(patient[1:])] in label)
        assert set(counts) == set(range(k))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_test_patients_are_in_no_fold_and_too_many_folds_are_refused() -> None:
    whole = cohort(*((f"p{n}", str(n % 2), "test" if n < 4 else "train") for n in range(14)))
    held_out = deal(whole, 5, seed=0)
    assert sorted(held_out) == sorted(f"c{n}" for n in range(4, 14))
    with pytest.raises(InputError, match="5 patients with ltp 0 do not fill 6 folds"):
        deal(whole, 6, seed=0)
    with pytest.raises(ValueError, match="two folds"):
        deal(whole, 1, seed=0)


def test_a_patient_with_one_positive_case_counts_as_positive() -> None:
    whole = cohort(*((f"p{n}", label, "") for n in range(6) for label in ("1" if n < 3 else "0", "0")))
    with pytest.raises(InputError, match="3 patients with ltp 0 do not fill 4 folds"):
        deal(whole, 4, seed=0)
