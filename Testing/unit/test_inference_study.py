"""What a study tells of its inputs: a digest of each, and which of them a result rests on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study

GRID = Geometry.from_parts((3, 4, 5), (0.7, 0.8, 5.0), (1.0, 2.0, 3.0), [[-1, 0, 0], [0, 1, 0], [0, 0, 1]])
CLINICAL = ("afp_ng_per_ml", "hbv")


def image(value: int) -> Image:
    return Image(np.full(GRID.shape, value, np.int16), GRID)


def box(center: float) -> tuple[LabelledBox, ...]:
    return (LabelledBox("R-1", Box((center, 2.0, 3.0), (10.0, 11.0, 12.0))),)


STUDY = Study(
    "case-1",
    {"pre/arterial": image(1)},
    points={"pre/tumour": PointList("tumour", (Point("F-1", (1.0, 2.0, 3.0)),))},
    masks={"pre/tumour": image(2)},
    values={"afp_ng_per_ml": "12", "hbv": "", "event": "1"},
    boxes={"pre/tumour": box(1.0)},
)

CHANGES = {
    "pre/arterial": {"volumes": {"pre/arterial": image(3)}},
    "pre/tumour": {"masks": {"pre/tumour": image(4)}},
    "pre/tumour points": {"points": {"pre/tumour": PointList("tumour", (Point("F-1", (1.0, 2.0, 3.1)),))}},
    "pre/tumour roi": {"boxes": {"pre/tumour": box(1.1)}},
    "clinical": {"values": {"afp_ng_per_ml": "12", "hbv": "1", "event": "1"}},
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_input_has_a_digest_of_its_own(name: str) -> None:
    before = STUDY.digests(CLINICAL)
    after = replace(STUDY, **CHANGES[name]).digests(CLINICAL)
    assert before.keys() == after.keys() == CHANGES.keys()
    assert {key for key in before if before[key] != after[key]} == {name}


def test_clinical_values_are_those_that_are_asked_for_and_no_label() -> None:
    assert "clinical" not in STUDY.digests()
    labelled = replace(STUDY, values={**STUDY.values, "event": "0", "comment": "x"})
    assert labelled.digests(CLINICAL) == STUDY.digests(CLINICAL)
    assert STUDY.digests(CLINICAL) == STUDY.digests(reversed(CLINICAL))
    absent = replace(STUDY, values={"afp_ng_per_ml": " 12 "})
    assert absent.digests(CLINICAL) == STUDY.digests(CLINICAL), "an empty cell and none are the same"


def test_what_was_used_is_told_from_what_was_not() -> None:
    inputs, unused = STUDY.recorded(["pre/arterial", "clinical"], CLINICAL)
    assert list(inputs) == ["pre/arterial", "clinical"]
    assert {**inputs, **unused} == STUDY.digests(CLINICAL) and not inputs.keys() & unused.keys()
    with pytest.raises(KeyError):
        STUDY.recorded(["post/arterial"])
