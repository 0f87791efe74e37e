"""A reading holds what its response rests on, goes to a file and back, and into the row of its case."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from HCCAssistLib.cohort.additions import add_case, put_values
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.response.diameter import Diameter
from HCCAssistLib.response.reading import (
    Reading,
    Target,
    cohort_values,
    read_reading,
    target_of,
    write_reading,
)

LEFT = Target("left", Diameter.along_line((0, 0, 5), (33.3, 0, 5), "L"), Diameter.typed(0))
RIGHT = Target("right", Diameter.typed(12.5), Diameter(9.25, "segment", "viable", ((0, 0, 5), (9.25, 0, 5))))


def test_a_reading_cannot_be_changed_and_tells_its_response() -> None:
    reading = Reading("R1", (LEFT, RIGHT), interval_days=42)
    assert reading.response.category == "PR"
    with pytest.raises(FrozenInstanceError):
        reading.new_lesion = True  # type: ignore[misc]


def test_a_reading_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    for reading in (
        Reading("R1", (LEFT, RIGHT), interval_days=42),
        Reading("Zoë", (LEFT,), new_lesion=True),
    ):
        write_reading(reading, tmp_path / "reading.json")
        assert read_reading(tmp_path / "reading.json") == reading
        content = json.loads((tmp_path / "reading.json").read_text(encoding="utf-8"))
        assert content["response"] == reading.response.category
        assert not [key for key in content if "date" in key]


def edited(**changes: Any) -> dict[str, Any]:
    return {**Reading("R1", (LEFT, RIGHT), interval_days=42).as_json(), **changes}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "known format: None"),
        ([], "known format: None"),
        (edited(format="hccassist-response/9"), "known format"),
        (edited(response="CR"), "'CR' is not what the diameters give"),
        (edited(new_lesion=True), "'PR' is not what the diameters give"),
        (edited(targets=None), "damaged"),
        (edited(targets=[{"name": "left"}]), "damaged"),
        (edited(targets=5), "damaged"),
        (edited(interval_days=4.5), "whole days"),
        (edited(interval_days=-3), "Exchange the scans"),
        (edited(reader=""), "needs its reader"),
        (edited(reader=7), "needs its reader"),
        (edited(new_lesion="no"), "yes or no"),
        (edited(targets=[]), "no target lesion"),
    ],
)
def test_a_damaged_or_contradicting_reading_is_refused(data: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Reading.from_json(data)


def test_a_diameter_that_is_not_the_way_between_its_ends_is_refused() -> None:
    data = edited()
    data["targets"][0]["pre"]["mm"] = 60.0
    with pytest.raises(InputError, match="not as long as the way between its ends"):
        Reading.from_json(data)


@pytest.mark.parametrize("text", ["", "{", '{"format": "hccassist-response/1", "reader"', "\0\0", "[" * 100_000])
def test_a_file_that_was_cut_short_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "reading.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"reading\.json: there is no readable reading"):
        read_reading(tmp_path / "reading.json")
    with pytest.raises(InputError, match="no readable reading"):
        read_reading(tmp_path / "none.json")


def test_what_was_measured_once_only_is_named() -> None:
    with pytest.raises(InputError, match="S7: it was not measured at follow-up"):
        target_of("S7", Diameter.typed(20.0), None)
    with pytest.raises(InputError, match="S7: it was not measured before treatment and at follow-up"):
        target_of("S7", None, None)
    assert target_of("S7", Diameter.typed(20.0), Diameter.typed(0)).post.source == "none"


def test_targets_need_names_of_their_own() -> None:
    with pytest.raises(InputError, match="name of its own"):
        Reading("R1", (LEFT, Target("left", RIGHT.pre, RIGHT.post)))


def test_a_small_target_and_a_tilted_line_are_warnings() -> None:
    tilted = Diameter.along_line((0, 0, 0), (8, 0, 5), "L")
    small, out = Reading("R1", (Target("S7", tilted, Diameter.typed(12.0)),)).warnings
    assert str(small).startswith("S7: it measures 9.4 mm before treatment, below 10 mm")
    assert str(out).startswith("S7, before treatment: its ends lie 5.0 mm apart in height")
    assert Reading("R1", (RIGHT,)).warnings == ()


def cohort_of(folder: Path) -> Path:
    grid = Geometry.from_parts((3, 8, 8), (8.0, 8.0, 5.0))
    scan = Image(np.random.default_rng(1).integers(-100, 200, grid.shape).astype(np.int16), grid)
    cohort = folder / "cohort"
    add_case(cohort, "case-001", volumes={"pre/arterial": scan}, points={}, masks={}, values={"note": "kept"})
    return cohort


def test_a_reading_becomes_the_label_of_its_case_and_nothing_else_changes(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path)
    put_values(cohort, "CASE-001", cohort_values(Reading("R1", (LEFT, RIGHT), interval_days=42)))
    (case,) = read_cohort(cohort).cases
    assert case.case_id == "case-001"
    added = {column: value for column, value in case.values.items() if column not in ("case_id", "patient_id", "split")}
    assert added == {
        "note": "kept",
        "response": "PR",
        "response_reader": "R1",
        "interval_days": "42",
        "new_lesion": "no",
        "target_1_pre_mm": "33.3",
        "target_1_post_mm": "0",
        "target_2_pre_mm": "12.5",
        "target_2_post_mm": "9.25",
    }
    assert case.number("target_1_pre_mm") == 33.3


def test_another_readers_label_replaces_the_first_only_when_asked_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path)
    put_values(cohort, "case-001", cohort_values(Reading("R1", (LEFT, RIGHT), interval_days=42)))
    before = (cohort / TABLE).read_bytes()
    second = cohort_values(Reading("R2", (RIGHT,), new_lesion=True))
    with pytest.raises(InputError, match="response is 'PR' already and would become 'PD'"):
        put_values(cohort, "case-001", second)
    assert (cohort / TABLE).read_bytes() == before
    put_values(cohort, "case-001", second, replace=True)
    values = read_cohort(cohort).cases[0].values
    assert (values["response"], values["response_reader"], values["interval_days"]) == ("PD", "R2", "")
    assert (values["target_1_pre_mm"], values["target_2_pre_mm"]) == ("12.5", "")


def test_a_case_or_cohort_that_is_not_there_takes_no_label(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path)
    values = cohort_values(Reading("R1", (LEFT,)))
    with pytest.raises(InputError, match="cohort: there is no case case-002"):
        put_values(cohort, "case-002", values)
    with pytest.raises(InputError, match="there is no case case-001"):
        put_values(tmp_path / "none", "case-001", values)
    assert not (tmp_path / "none").exists()
