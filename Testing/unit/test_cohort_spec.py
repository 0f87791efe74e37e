"""What a method asks of a cohort: classes of cases and of findings, outcomes, clinical values, alternatives."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from dicom_samples import ct_series, hounsfield
from dicom_samples import write as write_series
from scipy.spatial.transform import Rotation

from HCCAssistLib.cohort.additions import add_case
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import CaseContents, read_case
from HCCAssistLib.cohort.clinical_values import value_of
from HCCAssistLib.cohort.cohort import Cohort, read_cohort, write_cohort_table
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.cohort.segments import Segment, read_segments, write_segments
from HCCAssistLib.cohort.splits import folds, split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.cohort.table_checks import check_table
from HCCAssistLib.cohort.validation import validate
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.labels import Classes, TimeToEvent, Variable
from HCCAssistLib.parallel import side_by_side

GRID = Geometry.from_parts(
    (8, 24, 30), (-1.3, 1.1, 5.0), (12, -30, 40), Rotation.from_euler("zx", [15, 8], degrees=True).as_matrix()
)
"""Oblique, mirrored along its first axis, with thick slices."""

RESPONSE = Classes("response", {"CR": "complete", "PR": "partial", "SD": "stable", "PD": "progressive"}, ordinal=True)
MASS = Classes(
    "category",
    {"A": "classic HCC", "B": "other malignancy", "C": "indeterminate", "D": "haemangioma", "E": "cyst"},
    of="finding",
    subclasses={"C-hyper": "C", "C-hypo": "C"},
)
AFP = Variable("afp_ng_per_ml", "AFP", "ng/mL", (0, 100_000), "tree")
PROTEIN = Variable("total_protein_g_per_l", "Total protein", "g/L", (30, 120), "refuse")
HBV = Variable("hbv", "Hepatitis B", "", (0, 1), "median", {0: "negative", 1: "positive"})
MASSES = (
    InputSpec("baseline", "arterial", "volume", required=True),
    InputSpec("baseline", "masses", "points", required=True, of_lesions=True),
    InputSpec("baseline", "masses", "segment", required=True, of_lesions=True),
)
TUMOUR = (
    InputSpec("pre", "arterial", "volume", required=True),
    InputSpec("pre", "tumour", "segment", required=True),
    InputSpec("pre", "tumour", "roi", required=True),
    InputSpec("pre", "tumour", "points", required=True),
)


def table(rows: Sequence[dict[str, object]], folder: Path = Path("cohort")) -> Cohort:
    cases = []
    for number, row in enumerate(rows):
        values = {"case_id": f"c{number:02}", **{name: str(cell) for name, cell in row.items()}}
        cases.append(
            Case(
                values["case_id"], values.get("patient_id", values["case_id"]), values.get("split", ""), values, folder
            )
        )
    return Cohort(None, tuple(cases))


def stops(problems: Sequence[Problem]) -> list[str]:
    return [str(problem) for problem in problems if problem.level == "STOP"]


def warnings(problems: Sequence[Problem]) -> list[str]:
    return [problem.what for problem in problems if problem.level == "WARN"]


def responses(*labels: str) -> list[Problem]:
    return check_table(table([{"response": label} for label in labels]), CohortSpec((), RESPONSE, split=(4, 1, 0)))


ENOUGH = ("CR", "PR", "SD", "PD") * 2


def test_a_cohort_of_four_classes_passes_with_two_patients_of_each_where_nobody_is_to_be_tested() -> None:
    assert stops(responses(*ENOUGH)) == []
    (few,) = stops(responses(*ENOUGH[:-1]))
    assert "too few patients: 2 with response CR, 2 with response PR, 2 with response SD, 1 with response PD" in few


@pytest.mark.parametrize(
    ("label", "near"),
    [("Cr", "CR"), ("progressive disease", "PD"), ("stable", "SD"), ("??!", ""), ("7", ""), ("PRD", "")],
)
def test_a_label_that_is_no_class_is_named_with_the_nearest_one(label: str, near: str) -> None:
    (found,) = stops(responses(*ENOUGH, label))
    assert found.startswith(f"case c08: the label response is {label!r}")
    assert "rite CR, PR, SD or PD" in found
    assert ("may be meant" in found) == bool(near) and near in found


def test_labels_in_another_coding_are_one_line() -> None:
    (found,) = stops(responses(*("complete", "partial") * 4))
    assert "the column response holds complete, partial and not one CR, PR, SD or PD" in found


def test_a_class_that_no_patient_has_stops_a_training() -> None:
    (found,) = stops(responses(*("CR", "PR", "SD") * 2))
    assert "no patient has response PD (2 with response CR, 2 with response PR, 2 with response SD, 0" in found
    assert "All 4 kinds of patients are needed" in found


def outcomes(*rows: tuple[object, object]) -> list[Problem]:
    cases = table([{"follow_up_months": months, "event": event} for months, event in rows])
    return check_table(cases, CohortSpec((), TimeToEvent(), split=(4, 1, 0)))


FOLLOWED = ((6, 1), (18, 1), (23.9, 1), (30, 0), (48, 0), (60, 1))


def test_outcomes_that_can_be_read_pass_and_those_lost_early_are_counted_and_said() -> None:
    found = outcomes(*FOLLOWED, (12, 0), (24, 0))
    assert stops(found) == []
    (lost,) = [what for what in warnings(found) if "stay out of training" in what]
    assert lost.startswith(
        "2 of 8 cases were followed for 24 months or less without an event (case c06 (12 months), case c07 (24 months))"
    )
    assert not [what for what in warnings(outcomes(*FOLLOWED)) if "stay out" in what]


@pytest.mark.parametrize(
    ("months", "event", "says"),
    [
        (-3, 0, "follow_up_months is -3. Write the months to the last visit"),
        ("", 1, "the case has no follow_up_months"),
        ("NA", 1, "the case has no follow_up_months"),
        ("12 months", 1, "follow_up_months: '12 months' is not a number but one with text after it"),
        (9999, 0, "follow_up_months is 9999, more than 25 years. Is it in days?"),
        (420, 1, "follow_up_months is 420, more than 25 years. Is it in days?"),
        (12, "yes", "event is 'yes'. Write 1 where the event ended the follow-up"),
        (12, "", "event is empty"),
        (12, 2, "event is '2'"),
        (12, -1, "event is '-1'"),
    ],
)
def test_a_follow_up_that_is_none_stops_with_its_case(months: object, event: object, says: str) -> None:
    (found,) = stops(outcomes(*FOLLOWED, (months, event)))
    assert found.startswith(f"case c06: {says}")


def test_a_follow_up_of_no_time_is_told() -> None:
    (found,) = [what for what in warnings(outcomes(*FOLLOWED, (0, 1), (0.0, 1))) if "0 months" in what]
    assert "2 of 8 cases have a follow-up of 0 months (case c06, case c07)" in found


def test_follow_up_in_days_is_one_line() -> None:
    (found,) = stops(outcomes(*((float(months) * 30.4, event) for months, event in FOLLOWED)))
    assert "it seems to be in days" in found


def test_columns_of_the_outcome_that_are_missing_are_named_with_what_is_like_them() -> None:
    cases = table([{"follow_up_month": 3, "event": 1}, {"follow_up_month": 40, "event": 0}])
    (found,) = stops(check_table(cases, CohortSpec((), TimeToEvent())))
    assert "no column 'follow_up_months'. Rename 'follow_up_month' to it" in found


def test_patients_all_with_or_all_without_an_early_event_teach_nothing() -> None:
    (found,) = stops(outcomes(*FOLLOWED[3:], (30, 0)))
    assert "no patient is with an event within 24 months (0 with an event within 24 months, 4 without one" in found
    (found,) = stops(outcomes((3, 1), (4, 1), (5, 1)))
    assert "no patient is without an event within 24 months (3 with an event" in found
    (found,) = stops(outcomes((3, 0), (4, 0), (5, 0)))
    assert "no patient is with an event within 24 months or without one within 24 months (0 with" in found


def values(variable: Variable, *cells: object, learning: bool = True) -> list[Problem]:
    rows = [{variable.column: cell, "response": label} for cell, label in zip(cells, ENOUGH, strict=False)]
    spec = CohortSpec((), RESPONSE if learning else None, (variable,), split=(4, 1, 0))
    return [p for p in check_table(table(rows), spec) if variable.column in str(p)]


def test_a_value_out_of_its_bounds_stops_and_the_unit_that_fits_is_named() -> None:
    (found,) = values(PROTEIN, 71, 68, 7.1, 70)
    assert found.case_id == "c02"
    assert found.what == "total_protein_g_per_l is 7.1, outside 30 to 120 g/L"
    assert found.remedy == "is it in g/dL? write it in g/L"
    (slip,) = values(PROTEIN, 71, 68, 700, 70)
    assert slip.remedy == "is 70 meant? the column is in g/L"
    (never,) = values(PROTEIN, 71, 68, -5, 70)
    assert "correct it" in never.remedy


def test_a_column_in_another_unit_is_one_line() -> None:
    (found,) = values(PROTEIN, 7.1, 6.8, 7.0, 6.6)
    assert (found.case_id, found.level) == ("", "STOP")
    assert found.what == "4 of 4 values of total_protein_g_per_l lie outside 30 to 120 g/L and would fit in g/dL"
    mixed = values(PROTEIN, 7.1, 68, 7.0, 66)
    assert [problem.case_id for problem in mixed] == ["c00", "c02"]


@pytest.mark.parametrize(
    ("cells", "what", "remedy"),
    [
        (("55,2", "61,0", "70", "66,1", "58,4"), "4 of 5 values .* no numbers but one with a decimal comma", "point"),
        (("71 g/L", "68 g/L", "70 g/L"), "3 of 3 values .* no numbers but one with text after it", "heading"),
        (("<70", ">30", ">40"), "3 of 3 values .* no numbers but a bound", "calculate with"),
    ],
)
def test_a_column_that_is_written_in_one_wrong_way_is_one_line(cells: tuple[str, ...], what: str, remedy: str) -> None:
    (found,) = values(PROTEIN, *cells)
    assert (found.case_id, found.level) == ("", "STOP")
    assert re.search(what, found.what) and remedy in found.remedy
    assert [one.case_id for one in values(PROTEIN, "55,2", 61, 70, 66)] == ["c00"]


def test_a_missing_value_is_refused_or_told_as_the_method_says() -> None:
    (refused,) = values(PROTEIN, 71, "NA", 70)
    assert (refused.level, refused.case_id) == ("STOP", "c01")
    (told,) = values(AFP, 12, "", 900)
    assert (told.level, told.what) == (
        "WARN",
        "1 of 3 cases has no afp_ng_per_ml: the trees decide without it (case c01)",
    )
    (median,) = values(HBV, 1, "", "?", 0)
    assert (
        "2 of 4 cases have no hbv: the median of the training cases is taken instead (case c01, case c02)"
        in median.what
    )


def test_a_column_without_one_value_cannot_be_learned_from() -> None:
    (found,) = values(AFP, "", "NA", "")
    assert found.level == "STOP" and "no case has a value of afp_ng_per_ml" in found.what
    (told,) = values(AFP, "", "NA", learning=False)
    assert told.level == "WARN"


@pytest.mark.parametrize(
    ("cell", "remedy"), [("positive", "write 1 for positive"), ("2", "write 0 (negative), 1 (positive)")]
)
def test_a_choice_is_one_of_those_there_are(cell: str, remedy: str) -> None:
    (found,) = values(HBV, 1, 0, cell)
    assert (found.level, found.case_id, found.remedy) == ("STOP", "c02", remedy)


@pytest.mark.parametrize(
    ("heading", "remedy"),
    [
        ("total_protein_g_per_dl", "rename 'total_protein_g_per_dl' to it and multiply its values by 10"),
        ("Total protein (g/dL)", "rename 'Total protein (g/dL)' to it and multiply its values by 10"),
        ("total protein [g/L]", "rename 'total protein [g/L]' to it"),
        ("total_protein", "rename 'total_protein' to it, if its values are in g/L"),
        ("albumin", "add it, in g/L"),
    ],
)
def test_a_missing_column_is_named_with_the_heading_that_may_be_it(heading: str, remedy: str) -> None:
    cases = table([{heading: 71, "response": label} for label in ENOUGH])
    spec = CohortSpec((), RESPONSE, (PROTEIN,), split=(4, 1, 0))
    (found,) = [p for p in check_table(cases, spec) if p.level == "STOP"]
    assert (found.what, found.remedy) == ("the table has no column 'total_protein_g_per_l'", remedy)


def test_a_value_with_a_decimal_comma_is_read_where_the_table_writes_them() -> None:
    case = Case("c1", "c1", "", {"afp_ng_per_ml": "12,5"}, Path("x"), decimal_comma=True)
    assert value_of(case, AFP) == (12.5, None)
    value, fault = value_of(replace(case, decimal_comma=False), AFP)
    assert value is None and fault is not None and "decimal comma" in fault.what


def test_headings_of_a_method_are_known_however_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "cohort.csv").write_text("case_id,Follow-up months,AFP ng-per-mL,LTP\na,3,4,1\n", encoding="utf-8")
    known = read_cohort(tmp_path, known=("afp_ng_per_ml",)).cases[0].values
    assert list(known) == ["case_id", "follow_up_months", "afp_ng_per_ml", "LTP"]


# --- files


def voxels(seed: int) -> Image:
    return Image(np.random.default_rng(seed).normal(60, 9, GRID.shape).astype(np.int16), GRID, "scan")


def case_with(folder: Path, name: str, time_point: str, seed: int) -> Path:
    place = folder / "cases" / name / time_point
    place.mkdir(parents=True, exist_ok=True)
    write_image(voxels(seed), place / "arterial.nrrd")
    return place


def block(start: tuple[int, int, int], size: tuple[int, int, int], name: str, **tags: str) -> Segment:
    """A painted block at voxel (k, j, i)."""
    array = np.zeros(GRID.shape, np.uint8)
    array[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))] = 1
    return Segment(name, Image(array, GRID, name), tags)


def points(*described: tuple[str, str]) -> PointList:
    places = [GRID.to_world((6 + 4 * n, 8 + 3 * n, 3)) for n in range(len(described))]
    return PointList(
        "masses", tuple(Point(label, tuple(p), text) for (label, text), p in zip(described, places, strict=True))
    )


def read_masses(folder: Path, name: str = "m1", classes: Classes | None = MASS) -> CaseContents:
    return read_case(Case(name, name, "", {}, folder / "cases" / name), MASSES, classes)


def test_descriptions_of_points_are_the_labels_of_masses(tmp_path: Path) -> None:
    place = case_with(tmp_path, "m1", "baseline", 1)
    write_points(
        points(("m-1", "A"), ("m-2", "c-hyper"), ("m-3", "Category E"), ("B-2", "")), place / "masses.mrk.json"
    )
    read = read_masses(tmp_path)
    assert stops(read.problems) == []
    found = read.findings["baseline/masses"]
    assert [(one.name, one.code, one.subclass) for one in found] == [
        ("m-1", "A", ""), ("m-2", "C", "C-hyper"), ("m-3", "E", ""), ("B-2", "B", ""),
    ]  # fmt: skip
    assert np.allclose(found[1].center, GRID.to_world((10, 11, 3)))


def test_a_mass_without_a_known_category_stops_with_the_nearest_one(tmp_path: Path) -> None:
    place = case_with(tmp_path, "m1", "baseline", 1)
    write_points(points(("m-1", "A"), ("m-2", "C-hiper"), ("m-3", "")), place / "masses.mrk.json")
    first, second = stops(read_masses(tmp_path).problems)
    assert "masses.mrk.json, point 'm-2': 'C-hiper' is no category" in first and "(C-hyper may be meant)" in first
    assert "point 'm-3': it has no category. Write A, B, C, D, E, C-hyper or C-hypo into its description" in second


def test_a_number_is_dropped_from_a_name_and_not_from_what_a_reader_wrote(tmp_path: Path) -> None:
    place = case_with(tmp_path, "m1", "baseline", 1)
    write_points(points(("A 1", ""), ("m-2", "A1")), place / "masses.mrk.json")
    read = read_masses(tmp_path)
    assert [one.code for one in read.findings["baseline/masses"]] == ["A", ""]
    (found,) = stops(read.problems)
    assert "'A1' is no category" in found and "(A may be meant)" in found


def test_a_text_that_may_mean_two_classes_is_given_to_none() -> None:
    ltp = Classes("ltp", {"0": "no progression", "1": "local tumour progression"})
    assert (ltp.nearest("progression"), ltp.nearest("no progress"), ltp.nearest("")) == ("", "0", "")


def test_masses_that_nobody_has_labelled_are_one_line_and_no_fault_where_they_are_predicted(tmp_path: Path) -> None:
    place = case_with(tmp_path, "m1", "baseline", 1)
    write_points(points(("m-1", ""), ("m-2", "")), place / "masses.mrk.json")
    (found,) = stops(read_masses(tmp_path).problems)
    assert "none of the 2 findings has a category" in found
    read = read_masses(tmp_path, classes=None)
    assert stops(read.problems) == []
    assert [one.code for one in read.findings["baseline/masses"]] == ["", ""]


def test_segments_are_findings_by_tag_or_name_and_lie_where_they_were_painted(tmp_path: Path) -> None:
    place = case_with(tmp_path, "m1", "baseline", 1)
    first = block((2, 4, 5), (2, 6, 9), "mass 1", category="D", target="0")
    second = block((5, 14, 20), (1, 5, 3), "C-hypo (2)", target="yes")
    write_segments([first, second], place / "masses.seg.nrrd")
    read = read_masses(tmp_path)
    assert stops(read.problems) == []
    found = read.findings["baseline/masses"]
    assert [(one.code, one.subclass, one.target) for one in found] == [("D", "", False), ("C", "C-hypo", True)]
    assert np.allclose(found[0].center, GRID.to_world((9, 6.5, 2.5)))
    assert np.allclose(found[1].center, GRID.to_world((21, 16, 5)))
    assert found[1].mask is not None and int(found[1].mask.array.sum()) == 15
    assert int(read.masks["baseline/masses"].array.sum()) == 2 * 6 * 9 + 15


def test_tags_of_a_segment_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tumour.seg.nrrd"
    write_segments([block((2, 4, 5), (2, 6, 9), "tumour", target="1", note="a:b")], path)
    assert dict(read_segments(path)[0].tags) == {"target": "1", "note": "a:b"}


def write_roi(path: Path, center: Sequence[float]) -> None:
    node = {"type": "ROI", "name": "box", "coordinateSystem": "LPS", "center": list(center), "size": [12.0, 9.0, 20.0]}
    write_json(path, {"markups": [node]})


def read_tumour(folder: Path) -> CaseContents:
    return read_case(Case("t1", "t1", "", {}, folder / "cases" / "t1"), TUMOUR)


def test_one_of_several_alternatives_is_enough_and_none_is_one_line(tmp_path: Path) -> None:
    place = case_with(tmp_path, "t1", "pre", 1)
    (found,) = stops(read_tumour(tmp_path).problems)
    assert "there is no pre/tumour. Add pre/tumour.seg.nrrd or pre/tumour.mrk.json; the folder holds" in found
    write_roi(place / "tumour.mrk.json", GRID.to_world((15, 12, 4)))
    read = read_tumour(tmp_path)
    assert (stops(read.problems), list(read.boxes), list(read.points)) == ([], ["pre/tumour"], [])
    assert np.allclose(read.boxes["pre/tumour"][0].box.center, GRID.to_world((15, 12, 4)))
    write_points(points(("t", "")), place / "tumour.mrk.json")
    read = read_tumour(tmp_path)
    assert (stops(read.problems), list(read.boxes), list(read.points)) == ([], [], ["pre/tumour"])
    (place / "tumour.mrk.json").unlink()
    write_segments([block((2, 4, 5), (2, 6, 9), "tumour")], place / "tumour.seg.nrrd")
    assert stops(read_tumour(tmp_path).problems) == []


def test_a_damaged_alternative_is_told_once_and_a_box_elsewhere_is_refused(tmp_path: Path) -> None:
    place = case_with(tmp_path, "t1", "pre", 1)
    (place / "tumour.seg.nrrd").write_text("NRRD0004\n", encoding="utf-8")
    found = stops(read_tumour(tmp_path).problems)
    assert len(found) == 1 and "there is no pre/tumour" not in found[0]
    (place / "tumour.seg.nrrd").unlink()
    write_roi(place / "tumour.mrk.json", GRID.to_world((15, 12, 40)))
    (outside,) = stops(read_tumour(tmp_path).problems)
    assert "pre/tumour.mrk.json, box 'box': the centre of the box lies" in outside and "outside the volume" in outside


def test_voxels_of_mr_are_not_held_to_be_hounsfield_units(tmp_path: Path) -> None:
    place = tmp_path / "cases" / "t1" / "pre"
    place.mkdir(parents=True)
    dark = voxels(1).array.copy()
    dark[:, :, :18] = -900  # as air is in CT
    write_image(Image(dark, GRID, "mr"), place / "arterial.nrrd")
    write_points(points(("t", "")), place / "tumour.mrk.json")
    case = Case("t1", "t1", "", {}, tmp_path / "cases" / "t1")
    lesions = tuple(replace(need, of_lesions=need.kind == "points") for need in TUMOUR)
    assert any("air" in text for text in stops(read_case(case, lesions).problems))
    of_mr = tuple(replace(need, modality="MR", unit="") for need in lesions)
    assert stops(read_case(case, of_mr).problems) == []


def mass_cohort(folder: Path, *categories: str, splits: Sequence[str] = ()) -> Cohort:
    rows = []
    for number, category in enumerate(categories):
        name = f"m{number:02}"
        place = case_with(folder, name, "baseline", number)
        write_points(points(*((f"m-{n}", code) for n, code in enumerate(category.split()))), place / "masses.mrk.json")
        rows.append({"case_id": name, "split": splits[number] if splits else ""})
    write_cohort_table(folder, rows)
    return read_cohort(folder, tolerant=True)


SPEC = CohortSpec(MASSES, MASS, split=(1, 1, 0))


def test_what_a_method_asks_goes_to_another_process_whatever_its_dictionaries_are() -> None:
    view = MappingProxyType({"phases": ("triphasic",)})
    for one in (replace(MASSES[0], only_with=view), replace(MASS, names=MappingProxyType(dict(MASS.names)))):
        assert list(side_by_side(copy, [one, one], 2)) == [one, one]


def test_findings_of_each_class_are_needed_of_enough_patients(tmp_path: Path) -> None:
    cohort = mass_cohort(tmp_path, "A B", "A C-hyper", "D E", "D E A")
    found = stops(validate(cohort, SPEC))
    assert len(found) == 1
    assert "too few patients: 3 with category A, 1 with category B, 1 with category C, 2 with category D" in found[0]


def test_splits_of_masses_balance_the_rarest_category_of_each_case(tmp_path: Path) -> None:
    cohort = mass_cohort(tmp_path, *("A A", "A B", "A C", "A D", "A E", "A") * 2)
    groups = strata(cohort, SPEC)
    assert [groups.of[f"m{n:02}"] for n in range(6)] == ["A", "B", "C", "D", "E", "A"]
    drawn = split_patients(cohort, groups, fractions=(1, 1, 0), seed=3)
    assert set(Counter((groups.of[name], split) for name, split in drawn.items()).values()) == {1, 2}


def test_outcomes_are_split_and_folded_by_early_late_and_censored() -> None:
    rows = [(6, 1)] * 8 + [(40, 0)] * 8 + [(10, 0)] * 2
    cohort = table([{"follow_up_months": months, "event": event} for months, event in rows])
    spec = CohortSpec((), TimeToEvent())
    groups = strata(cohort, spec)
    assert Counter(groups.of.values()) == {"1": 8, "0": 8, "censored": 2}
    drawn = split_patients(cohort, groups, fractions=(2, 1, 1), seed=0)
    assert Counter(drawn[name] for name, group in groups.of.items() if group == "1") == {
        "train": 4, "validation": 2, "test": 2,
    }  # fmt: skip
    dealt = folds(cohort, 4, groups, seed=0)
    assert all(
        Counter(dealt[n] for n, g in groups.of.items() if g == one) == dict.fromkeys(range(4), 2) for one in "01"
    )
    with pytest.raises(InputError, match="8 patients with early event 0 do not fill 9 folds"):
        folds(cohort, 9, groups, seed=0)


def test_a_split_that_the_method_does_not_have_needs_no_cases() -> None:
    rows = [{"response": label, "split": "train" if n < 4 else "validation"} for n, label in enumerate(ENOUGH)]
    assert stops(check_table(table(rows), CohortSpec((), RESPONSE, split=(4, 1, 0)))) == []
    assert any(
        "split test" in what for what in warnings(check_table(table(rows), CohortSpec((), RESPONSE, split=(2, 1, 1))))
    )


def test_a_case_of_any_method_joins_a_cohort_with_its_labels_and_values(tmp_path: Path) -> None:
    for number, (label, afp) in enumerate((("CR", "12"), ("PD", "900"))):
        add_case(
            tmp_path / "new",
            f"case-00{number + 1}",
            volumes={"pre/arterial": voxels(number)},
            points={},
            masks={},
            values={"response": label, "afp_ng_per_ml": afp},
        )
    (tmp_path / "new" / "cohort.csv").write_text(
        (tmp_path / "new" / "cohort.csv").read_text(encoding="utf-8-sig").replace("response", "Response"),
        encoding="utf-8",
    )
    add_case(
        tmp_path / "new",
        "case-003",
        volumes={"pre/arterial": voxels(9)},
        points={},
        masks={},
        values={"response": "SD"},
    )
    found = read_cohort(tmp_path / "new", known=("response", "afp_ng_per_ml")).cases
    assert [(case.values["response"], case.values["afp_ng_per_ml"]) for case in found] == [
        ("CR", "12"), ("PD", "900"), ("SD", ""),
    ]  # fmt: skip


def test_a_cohort_whose_phase_is_a_folder_of_dicom_slices_is_read_as_one_of_files(tmp_path: Path) -> None:
    slices = ct_series()
    for one in slices:
        one.SeriesDescription = "portal venous phase"
    write_series(slices, tmp_path / "cases" / "d1" / "post" / "arterial")
    write_cohort_table(tmp_path, [{"case_id": "d1"}])
    spec = CohortSpec((InputSpec("post", "arterial", "volume", required=True),))
    cohort = read_cohort(tmp_path)
    read = read_case(cohort.case("d1"), spec.inputs).volumes["post/arterial"]
    assert sorted(map(float, read.array.reshape(len(slices), -1).mean(axis=1))) == pytest.approx(
        [float(hounsfield(k).mean()) for k in range(len(slices))]
    )
    found = validate(cohort, spec)
    assert stops(found) == []
    (phase,) = [problem for problem in found if problem.case_id == "d1" and problem.level == "WARN"]
    assert phase.where.startswith("case d1, post/arterial") and "portal" in phase.what


def test_a_cohort_of_one_case_is_too_small_and_says_so_once(tmp_path: Path) -> None:
    case_with(tmp_path, "t1", "pre", 1)
    write_segments([block((2, 4, 5), (2, 6, 9), "tumour")], tmp_path / "cases" / "t1" / "pre" / "tumour.seg.nrrd")
    write_cohort_table(tmp_path, [{"case_id": "t1", "response": "CR"}])
    cohort = read_cohort(tmp_path, tolerant=True)
    assert stops(validate(cohort, CohortSpec(TUMOUR))) == []
    found = stops(validate(cohort, CohortSpec(TUMOUR, RESPONSE, split=(4, 1, 0))))
    assert len(found) == 1 and "no patient has response PR, SD or PD (1 with response CR, 0" in found[0]
    alone = Cohort(tmp_path, (replace(cohort.cases[0], split="test"),))
    assert stops(validate(alone, CohortSpec(TUMOUR, RESPONSE, split=(4, 1, 0)))) == []
