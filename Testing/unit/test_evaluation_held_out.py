"""Which cases a model is evaluated on; a scan that it was trained on is refused, however it is stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.fingerprints import fingerprint
from HCCAssistLib.cohort.splits import own_table, split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.held_out import refuse_seen, unseen_cases
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.labels import TimeToEvent


def scan(seed: int) -> Image:
    array = np.random.default_rng(seed).normal(60, 12, (24, 32, 40)).astype(np.int16)
    return Image(array, Geometry.from_parts(array.shape, (0.8, 0.8, 5)))


def refuse(image: Image, **training: object) -> None:
    refuse_seen("x1", [scan(9), image], training)


def test_a_training_scan_is_refused_in_whatever_form() -> None:
    seen = scan(1)
    turned = np.pad(seen.array.astype(np.float32) + 1024, 4, constant_values=0).transpose(1, 2, 0)[::-1]
    copy = Image(turned, Geometry.from_parts(turned.shape, (1, 1, 1)))
    trained_on = {"image_digests": [seen.digest()], "image_fingerprints": [list(fingerprint(seen))]}
    for image in (seen, copy):
        with pytest.raises(InputError, match="case x1: the model was trained on this image"):
            refuse(image, **trained_on)
    refuse(scan(2), **trained_on)


def test_a_model_of_before_the_fingerprints_still_knows_the_scan_itself() -> None:
    with pytest.raises(InputError, match="trained on this image"):
        refuse(scan(1), image_digests=[scan(1).digest()])
    refuse(scan(2), image_digests=[scan(1).digest()])


SPEC = CohortSpec((), TimeToEvent(), split=(2, 1, 1))
COHORT = Cohort(
    Path("cohort"),
    tuple(
        Case(f"c{n}", f"p{n}", "", {"follow_up_months": str(6 + 30 * (n % 2)), "event": str(1 - n % 2)}, Path("x"))
        for n in range(16)
    ),
)


def with_splits(*splits: str) -> Cohort:
    pairs = zip(COHORT.cases, splits, strict=False)
    return Cohort(COHORT.folder, tuple(replace(case, split=split) for case, split in pairs))


def test_cases_of_the_split_test_are_evaluated_where_the_table_names_any() -> None:
    cases, doubts = unseen_cases(with_splits("train", "test", "", "test"), SPEC, {})
    assert ([case.case_id for case in cases], doubts) == (["c1", "c3"], ())
    with pytest.raises(InputError, match="no case belongs to the split test"):
        unseen_cases(with_splits("train", "validation"), SPEC, {})


def test_without_splits_those_are_evaluated_that_training_had_set_aside() -> None:
    drawn = split_patients(COHORT, strata(COHORT, SPEC), fractions=SPEC.split, seed=7)
    record = {"splits_drawn_from": own_table(COHORT), "seed": 7}
    cases, (told,) = unseen_cases(COHORT, SPEC, record)
    assert [case.case_id for case in cases] == [name for name, split in drawn.items() if split == "test"]
    assert len(cases) == 4 and "had set aside" in told.what
    others = unseen_cases(COHORT, SPEC, {**record, "seed": 8})[0]
    assert {case.case_id for case in others} != {case.case_id for case in cases}


@pytest.mark.parametrize("record", [{}, {"splits_drawn_from": "0" * 64, "seed": 7}])
def test_of_another_table_without_splits_all_cases_are_evaluated_with_a_warning(record: dict[str, object]) -> None:
    cases, (told,) = unseen_cases(COHORT, SPEC, record)
    assert len(cases) == 16 and "all cases are evaluated" in told.what


def test_a_label_that_is_missing_now_hides_no_case() -> None:
    first, *others = COHORT.cases
    torn = Cohort(COHORT.folder, (replace(first, values={}), *others))
    cases, (told,) = unseen_cases(torn, SPEC, {"splits_drawn_from": own_table(torn), "seed": 7})
    assert len(cases) == 16 and "all cases are evaluated" in told.what
