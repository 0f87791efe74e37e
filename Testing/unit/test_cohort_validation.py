"""Every fault of a cohort is listed at once, with case, file and remedy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from HCCAssistLib.cohort import validation
from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.cohort.table_checks import check_table
from HCCAssistLib.cohort.validation import validate
from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.labels import Classes

NEEDS = (
    InputSpec("post", "arterial", "volume", required=True),
    InputSpec("post", "ltp", "points", required=False),
    InputSpec("post", "rejected", "points", required=False),
    InputSpec("post", "liver", "segment", required=False),
)
SPLIT = (48, 10, 16)
LTP_LABEL = Classes("ltp", {"0": "none", "1": "progression"}, points="ltp")
SPEC = CohortSpec(NEEDS, LTP_LABEL, columns=("ltp",), split=SPLIT)
GRID = Geometry.from_parts(
    (8, 12, 14), (0.8, 0.7, 3.0), (-300, 40, 500), Rotation.from_euler("z", 15, degrees=True).as_matrix()
)
CASES = [f"c{n:02}" for n in range(8)]


def make_case(folder: Path, number: int, *, ltp: bool) -> None:
    folder.mkdir(parents=True)
    voxels = np.random.default_rng(number).normal(50, 30, GRID.shape).astype(np.int16)
    write_image(Image(voxels, GRID), folder / "arterial.nrrd")
    liver = np.zeros(GRID.shape, np.uint8)
    liver[2:6, 3:9, 1:7] = 1
    write_segments([Segment("liver", Image(liver, GRID))], folder / "liver.seg.nrrd")
    if ltp:
        write_points(PointList("ltp", (Point("F-1", at(4, 5, 3)),)), folder / "ltp.mrk.json")


def at(i: float, j: float, k: float) -> tuple[float, float, float]:
    x, y, z = GRID.to_world((i, j, k))
    return float(x), float(y), float(z)


@pytest.fixture
def cohort_folder(tmp_path: Path) -> Path:
    for number, case in enumerate(CASES):
        make_case(tmp_path / "cases" / case / "post", number, ltp=number % 2 == 1)
    write_rows(tmp_path)
    return tmp_path


def write_rows(folder: Path, **changes: dict[str, object]) -> None:
    rows = [{"case_id": case, "patient_id": case, "split": "", "ltp": n % 2} for n, case in enumerate(CASES)]
    write_cohort_table(folder, [row | changes.get(str(row["case_id"]), {}) for row in rows])


def check(folder: Path) -> tuple[Problem, ...]:
    return validate(read_cohort(folder, tolerant=True, known=("ltp",)), SPEC)


def stops(folder: Path) -> list[str]:
    return [str(problem) for problem in check(folder) if problem.level == "STOP"]


def test_a_good_cohort_has_no_fault_but_its_size(cohort_folder: Path) -> None:
    (only,) = check(cohort_folder)
    assert (only.level, only.what) == ("WARN", "8 patients are few: all figures will have wide intervals")


def post(folder: Path, case: str) -> Path:
    return folder / "cases" / case / "post"


def no_volume(folder: Path) -> None:
    (post(folder, "c01") / "arterial.nrrd").rename(post(folder, "c01") / "art.nrrd")


def cut_volume(folder: Path) -> None:
    path = post(folder, "c01") / "arterial.nrrd"
    path.write_bytes(path.read_bytes()[:-200])


def two_volumes(folder: Path) -> None:
    shutil.copy(post(folder, "c01") / "arterial.nrrd", post(folder, "c01") / "arterial.nii.gz")


def far_point(folder: Path) -> None:
    # 10 mm beyond the face of the volume along its own first axis
    outside = GRID.to_world((-0.5 - 10 / 0.8, 5, 3))
    points = (Point("in", at(1, 1, 1)), Point("out", tuple(outside)))
    write_points(PointList("ltp", points), post(folder, "c01") / "ltp.mrk.json")


def mirrored_points(folder: Path) -> None:
    points = tuple(Point(f"F-{n}", tuple(np.array(at(n, 2, 3)) * (-1, -1, 1))) for n in range(3))
    write_points(PointList("ltp", points), post(folder, "c01") / "ltp.mrk.json")


def misnamed_points(folder: Path) -> None:
    (post(folder, "c01") / "ltp.mrk.json").rename(post(folder, "c01") / "F.mrk.json")


def points_without_label(folder: Path) -> None:
    write_rows(folder, c01={"ltp": 0})


def odd_label(folder: Path) -> None:
    write_rows(folder, c02={"ltp": "2"})


def no_label(folder: Path) -> None:
    write_rows(folder, c02={"ltp": ""})


def torn_patient(folder: Path) -> None:
    write_rows(folder, c02={"patient_id": "p", "split": "train"}, c04={"patient_id": "p", "split": "test"})


def patient_spelt_twice(folder: Path) -> None:
    write_rows(folder, c02={"patient_id": "p"}, c04={"patient_id": "P"})


def row_without_folder(folder: Path) -> None:
    post(folder, "c02").parent.rename(folder / "cases" / "002")


def damaged_points(folder: Path) -> None:
    (post(folder, "c01") / "ltp.mrk.json").write_text('{"markups": [')


def empty_segment(folder: Path) -> None:
    write_segments(
        [Segment("liver", Image(np.zeros(GRID.shape, np.uint8), GRID))], post(folder, "c02") / "liver.seg.nrrd"
    )


def far_segment(folder: Path) -> None:
    away = Geometry(GRID.shape, GRID.affine + np.array([[0, 0, 0, 50], [0] * 4, [0] * 4, [0] * 4]))
    write_segments(
        [Segment("liver", Image(np.ones(GRID.shape, np.uint8), away))], post(folder, "c02") / "liver.seg.nrrd"
    )


def same_scan_in_another_format(folder: Path) -> None:
    image = read_image(post(folder, "c02") / "arterial.nrrd")
    turned = Geometry(GRID.shape, GRID.affine @ np.diag([-1, 1, 1, 1.0]))
    (post(folder, "c05") / "arterial.nrrd").unlink()
    write_image(Image(image.array[:, :, ::-1].astype(np.float32), turned), post(folder, "c05") / "arterial.nii.gz")
    (post(folder, "c05") / "liver.seg.nrrd").unlink()
    write_points(
        PointList("ltp", (Point("F", tuple(turned.to_world((4, 5, 3)))),)), post(folder, "c05") / "ltp.mrk.json"
    )


def one_class(folder: Path) -> None:
    for case in CASES[1::2]:
        (post(folder, case) / "ltp.mrk.json").unlink()
    write_rows(folder, **{case: {"ltp": 0} for case in CASES})


def too_few(folder: Path) -> None:
    for case in CASES[3::2]:
        (post(folder, case) / "ltp.mrk.json").unlink()
    write_rows(folder, **{case: {"ltp": 0} for case in CASES[3::2]})


def two_cases(folder: Path) -> None:
    for case in CASES[2:]:
        shutil.rmtree(folder / "cases" / case)
    write_cohort_table(folder, [{"case_id": "c00", "ltp": 0}, {"case_id": "c01", "ltp": 1}])


def one_sided_validation(folder: Path) -> None:
    splits = dict.fromkeys(CASES, "train") | {"c00": "validation", "c02": "test", "c01": "test"}
    write_rows(folder, **{case: {"split": split} for case, split in splits.items()})


def bad_row(folder: Path) -> None:
    table = folder / "cohort.csv"
    table.write_text(table.read_text() + "C01,p9,,0\n")


@pytest.mark.parametrize(
    ("spoil", "where", "what", "remedy"),
    [
        (no_volume, "case c01", "there is no post/arterial", "the folder holds art.nrrd, liver.seg.nrrd, ltp.mrk.json"),
        (cut_volume, "case c01, post/arterial.nrrd", "damaged or cut short", "export it again"),
        (two_volumes, "case c01, post/arterial", "more than once: arterial.nii.gz and arterial.nrrd", "keep one"),
        (far_point, "case c01, post/ltp.mrk.json, point 'out'", "the point lies 10.0 mm outside", "another series"),
        (mirrored_points, "case c01, post/ltp.mrk.json, point 'F-0'", "mm outside the volume", "left-right"),
        (misnamed_points, "case c01, post/ltp", "ltp is 1, but no point is marked", "F.mrk.json"),
        (points_without_label, "case c01, post/ltp", "ltp is 0, but 1 points are marked", "correct the label"),
        (odd_label, "case c02", "the label ltp is '2'", "write 0 or 1"),
        (no_label, "case c02", "the label ltp is empty", "write 0 or 1"),
        (torn_patient, "patient p", "several splits (train: c02; test: c04)", "keep each patient in one"),
        (patient_spelt_twice, "cohort.csv", "P and p differ only", "one way"),
        (row_without_folder, "case c02", "no folder cases/c02", "Excel removes leading zeros"),
        (damaged_points, "case c01, post/ltp.mrk.json", "damaged or cut short", "save the markups again"),
        (empty_segment, "case c02, post/liver.seg.nrrd", "no segment is painted", "paint it"),
        (far_segment, "case c02, post/liver.seg.nrrd, segment 'liver'", "outside the volume", "another series"),
        (
            same_scan_in_another_format,
            "case c05, post/arterial",
            "same scan as post/arterial of case c02",
            "patient_id",
        ),
        (one_class, "cohort.csv", "no patient has ltp 1 (8 with ltp 0, 0 with ltp 1)", "both kinds"),
        (too_few, "cohort.csv", "too few patients: 7 with ltp 0, 1 with ltp 1", "at least 3 of each"),
        (two_cases, "cohort.csv", "too few patients: 1 with ltp 0, 1 with ltp 1", "better 30"),
        (one_sided_validation, "cohort.csv", "split validation has no case with ltp 1", "move cases"),
        (bad_row, "cohort.csv, line 10", "the case id C01 appears twice", "own id"),
    ],
)
def test_each_fault_stops_with_place_and_remedy(
    cohort_folder: Path, spoil: Callable[[Path], None], where: str, what: str, remedy: str
) -> None:
    spoil(cohort_folder)
    problems = [p for p in check(cohort_folder) if p.level == "STOP"]
    matching = [p for p in problems if p.where == where and what in p.what and remedy in p.remedy]
    assert matching, "\n".join(map(str, problems))
    # one fault, one line (mirrored_points spoils three points)
    assert len(problems) == (3 if spoil is mirrored_points else 1), "\n".join(map(str, problems))
    assert str(cohort_folder) not in "\n".join(map(str, problems))


def test_all_faults_come_at_once_and_the_stops_first(cohort_folder: Path) -> None:
    bad_row(cohort_folder)
    (post(cohort_folder, "c00") / "arterial.nrrd").unlink()
    damaged_points(cohort_folder)
    empty_segment(cohort_folder)
    (cohort_folder / "cases" / "stray").mkdir()
    (post(cohort_folder, "c07") / "rejected.mrk.json").write_text("{}")
    problems = check(cohort_folder)
    levels = [problem.level for problem in problems]
    assert levels == ["STOP"] * 5 + ["WARN"] * 2
    places = " ".join(problem.where for problem in problems)
    for place in (
        "line 10",
        "case c00",
        "c01, post/ltp.mrk.json",
        "c02, post/liver",
        "c07, post/rejected",
        "cases/stray",
    ):
        assert place in places


def test_an_empty_segment_beside_others_and_a_cut_one_are_warnings(cohort_folder: Path) -> None:
    grid = GRID.crop((7, 0, 0), GRID.shape)  # half of it lies beyond the volume
    full = np.ones(GRID.shape, np.uint8)
    named = (("liver", full), ("Liver", full), ("c", full * 0))
    segments = [Segment(name, Image(array, grid)) for name, array in named]
    write_segments(segments, post(cohort_folder, "c02") / "liver.seg.nrrd")
    warnings = [p for p in check(cohort_folder) if p.where.startswith("case c02")]
    assert [(p.level, p.what) for p in warnings] == [
        ("WARN", "the segment is empty"),
        ("WARN", "'liver', 'Liver' count as liver together"),
        ("WARN", "50% of the segment lies outside the volume"),
    ]


def test_the_same_scan_of_one_patient_is_a_warning(cohort_folder: Path) -> None:
    same_scan_in_another_format(cohort_folder)
    write_rows(cohort_folder, c02={"patient_id": "p"}, c05={"patient_id": "p"})
    (found,) = [p for p in check(cohort_folder) if "same scan" in p.what]
    assert (found.level, found.where) == ("WARN", "case c05, post/arterial")


def test_the_same_scan_of_two_patients_stops_only_across_splits(cohort_folder: Path) -> None:
    same_scan_in_another_format(cohort_folder)
    for splits, level in ((("train", "train"), "WARN"), (("train", "test"), "STOP"), (("train", ""), "STOP")):
        write_rows(cohort_folder, c02={"split": splits[0]}, c05={"split": splits[1]})
        assert [p.level for p in check(cohort_folder) if "same scan" in p.what] == [level]


def test_ids_and_columns_that_seem_to_identify_are_warned_of(cohort_folder: Path) -> None:
    old, new = cohort_folder / "cases" / "c02", cohort_folder / "cases" / "m19570312"
    old.rename(new)
    write_rows(cohort_folder, c02={"case_id": "m19570312", "patient_id": "p", "Patient_Name": "x"})
    warnings = [p.what for p in check(cohort_folder) if p.level == "WARN"]
    assert "the id m19570312 seems to hold a date" in warnings
    assert "the column 'Patient_Name' seems to identify patients" in warnings


def test_a_cohort_only_for_testing_needs_no_training_cases(cohort_folder: Path) -> None:
    one_class(cohort_folder)
    write_rows(cohort_folder, **{case: {"ltp": 0, "split": "test"} for case in CASES})
    assert stops(cohort_folder) == []


def test_without_a_label_only_the_files_are_checked(cohort_folder: Path) -> None:
    write_cohort_table(cohort_folder, [{"case_id": case} for case in CASES])
    cohort = read_cohort(cohort_folder)
    assert validate(cohort, CohortSpec(NEEDS)) == ()
    assert validate(cohort, SPEC)[0].what == "the table has no column 'ltp'"


def test_needs_that_are_required_stop_and_optional_ones_do_not(cohort_folder: Path) -> None:
    needs = (NEEDS[0], replace(NEEDS[3], required=True), InputSpec("pre", "portal", "volume", required=False))
    (post(cohort_folder, "c03") / "liver.seg.nrrd").unlink()
    (found,) = validate(read_cohort(cohort_folder), CohortSpec(needs, others=NEEDS))
    assert str(found).startswith("case c03: there is no post/liver. Add post/liver.seg.nrrd; the folder holds")


def test_a_copy_is_found_whatever_was_cut_or_added_and_whatever_its_header_says(cohort_folder: Path) -> None:
    array = read_image(post(cohort_folder, "c02") / "arterial.nrrd").array
    padded = np.pad(array.astype(np.float32) + 1024, ((3, 0), (9, 2), (0, 5)), constant_values=0).transpose(1, 2, 0)
    copy = Image(padded[:, ::-1], Geometry.from_parts(padded.shape, (3, 2, 1)))
    write_image(copy, post(cohort_folder, "c06") / "arterial.nrrd")
    (post(cohort_folder, "c06") / "liver.seg.nrrd").unlink()
    write_rows(cohort_folder, c02={"split": "train"}, c06={"split": "test"})
    (found,) = [problem for problem in check(cohort_folder) if problem.level == "STOP"]
    assert (found.where, found.case_id) == ("case c06, post/arterial", "")
    assert "same scan as post/arterial of case c02: it would be tested on what it was trained on" in found.what


def test_many_copies_of_one_scan_are_one_warning(cohort_folder: Path) -> None:
    for case in CASES[1:5]:
        shutil.copy(post(cohort_folder, "c00") / "arterial.nrrd", post(cohort_folder, case) / "arterial.nrrd")
    write_rows(cohort_folder, **{case: {"patient_id": "p"} for case in CASES[:5]})
    (found,) = [problem for problem in check(cohort_folder) if "same scan" in problem.what]
    assert found.what == "this is the same scan as post/arterial of case c00; so are cases c02, c03, c04"


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("007", "7", "leading zeros"),
        ("MAR1", "1-Mar", "dates"),
        ("P-1", "p_1", "spaces, hyphens"),
        ("P1", "P\u200b1", "cannot be seen"),
        ("P1", "\u04201", "look alike"),
        ("100000", "1E+05", "spreadsheets"),
    ],
)
def test_two_spellings_of_one_patient_stop_and_both_are_named(
    cohort_folder: Path, one: str, other: str, how: str
) -> None:
    write_rows(cohort_folder, c02={"patient_id": one, "split": "train"}, c04={"patient_id": other, "split": "test"})
    (found,) = [problem for problem in check(cohort_folder) if problem.level == "STOP"]
    assert how in found.what and found.where == "cohort.csv"
    assert f"{one}: c02" in found.what and (f"{other}: c04" in found.what or f"{other!a}: c04" in found.what)


def test_a_folder_that_a_spreadsheet_has_misspelt_in_the_table_is_named(cohort_folder: Path) -> None:
    changes: dict[str, dict[str, object]] = {}
    for number, (name, written) in enumerate({"007": "7", "MAR1": "1-Mar", "P_3": "p3"}.items(), start=2):
        (cohort_folder / "cases" / f"c{number:02}").rename(cohort_folder / "cases" / name)
        changes[f"c{number:02}"] = {"case_id": written}
    write_rows(cohort_folder, **changes)
    found = [problem for problem in check(cohort_folder) if "folder" in problem.what]
    assert [(p.level, p.where, p.case_id) for p in found] == [
        ("STOP", f"case {name}", name) for name in ("1-Mar", "7", "p3")
    ]
    assert ["MAR1" in found[0].remedy, "007" in found[1].remedy, "P_3" in found[2].remedy] == [True] * 3


def test_a_cohort_without_its_folder_is_one_fault(cohort_folder: Path) -> None:
    (cohort_folder / "cases").rename(cohort_folder / "Case files")
    assert [text.split(": ")[1] for text in stops(cohort_folder)] == [
        "there is no folder cases. Put each case into cases/<case_id>."
    ]


def test_two_case_ids_that_read_the_same_stop(cohort_folder: Path) -> None:
    (cohort_folder / "cases" / "c02").rename(cohort_folder / "cases" / "C_1")
    write_rows(cohort_folder, c01={"patient_id": "p1"}, c02={"case_id": "C_1", "patient_id": "p2"})
    (found,) = stops(cohort_folder)
    assert found.startswith("cohort.csv: the case ids C_1 and c01 ")


def test_some_cases_without_a_patient_are_told_in_one_line(cohort_folder: Path) -> None:
    write_rows(cohort_folder, c02={"patient_id": ""}, c05={"patient_id": "#N/A"})
    (found,) = [p.what for p in check(cohort_folder) if "patient_id" in p.what]
    assert found == "2 cases have no patient_id (#N/A) and count as patients of their own: c02, c05"
    table = cohort_folder / "cohort.csv"
    table.write_text(table.read_text(encoding="utf-8-sig").replace("c04,c04,,", "c04,c04,#REF!,"), encoding="utf-8")
    (found,) = [p.what for p in check(cohort_folder) if "split" in p.what]
    assert found.startswith("8 cases have no split (#REF!) and are divided by chance")


def test_a_heading_like_the_labels_is_named(cohort_folder: Path) -> None:
    table = cohort_folder / "cohort.csv"
    table.write_text(table.read_text(encoding="utf-8-sig").replace("ltp", "outcomes"), encoding="utf-8")
    found = validate(read_cohort(cohort_folder), CohortSpec(NEEDS, replace(LTP_LABEL, column="outcome", points="")))
    assert (found[0].what, found[0].remedy) == (
        "the table has no column 'outcome'",
        "rename 'outcomes' to it, if that is meant",
    )


def test_cells_that_are_no_numbers_are_named_with_what_they_are(cohort_folder: Path) -> None:
    afp = ["3", "4.5", ">1000", "inf", "7", "", "#N/A", "12 mm"]
    sizes = ["20", "-999", "31", "18", "25", "22", "40", "33"]
    rows = zip(CASES, afp, sizes, strict=True)
    write_rows(cohort_folder, **{case: {"afp": cell, "size": size, "bclc": "A"} for case, cell, size in rows})
    found = {problem.where: problem.what for problem in check(cohort_folder) if "column" in problem.where}
    assert found == {
        "cohort.csv, column afp": "3 cells are no numbers and are left out: "
        "case c02 '>1000', a bound, case c03 'inf', infinite, case c07 '12 mm', one with text after it",
        "cohort.csv, column size": "case c01 -999 may stand for a missing value and counts as a number",
    }


@pytest.mark.parametrize(
    ("cells", "count"),
    [
        (">1000 <5 inf 1e999 >200 <2 >7 <1", 8),
        ("inf inf inf inf -inf inf inf inf", 8),
        (">1000 NA NA NA NA NA NA NA", 1),
        ("12mm 14mm 9mm 20mm 31mm 11mm 17mm 8mm", 8),
        (">3 >3 <=3 >3 <=3 <=3 <=3 >3", 0),
        ("3a 1b 2c 1a 4b 3b 2a 1c", 0),
    ],
)
def test_a_column_without_one_number_is_warned_of_unless_it_holds_categories(
    cohort_folder: Path, cells: str, count: int
) -> None:
    write_rows(cohort_folder, **{case: {"afp": cell} for case, cell in zip(CASES, cells.split(), strict=True)})
    found = [problem.what for problem in check(cohort_folder) if problem.where == "cohort.csv, column afp"]
    assert len(found) == bool(count)
    assert all(what.startswith(f"{count} cell") and "left out" in what for what in found)


def of_table(folder: Path) -> list[Problem]:
    return check_table(read_cohort(folder, tolerant=True, known=("ltp",)), SPEC)


@pytest.mark.parametrize(
    ("replaced", "by", "says"),
    [
        ("case_id,patient_id,split,ltp", "case_id;patient_id;split;ltp", "the headings are separated by ';'"),
        (",,", ",holdout,", "'holdout' is not a split"),
        (",,", ",,x,", "the row has 5 cells, the header 4"),
    ],
)
def test_of_rows_that_are_refused_no_folder_and_no_count_is_told(
    cohort_folder: Path, replaced: str, by: str, says: str
) -> None:
    table = cohort_folder / "cohort.csv"
    table.write_text(table.read_text(encoding="utf-8-sig").replace(replaced, by), encoding="utf-8")
    (found,) = of_table(cohort_folder)
    assert says in found.what and found.level == "STOP"


def test_beside_a_refused_row_only_the_folders_of_no_row_are_named(cohort_folder: Path) -> None:
    (cohort_folder / "cases" / "stray").mkdir()
    write_rows(cohort_folder)
    table = cohort_folder / "cohort.csv"
    table.write_text(table.read_text(encoding="utf-8-sig").replace("c05,c05,,", "c 05,c05,hold-out,"), encoding="utf-8")
    assert [(p.level, p.where) for p in of_table(cohort_folder)] == [
        ("STOP", "cohort.csv, line 7"),
        ("WARN", "cases/stray"),
    ]


@pytest.mark.parametrize(
    ("codes", "held"),
    [
        (("no", "yes"), "no, yes"),
        (("FALSE", "TRUE"), "FALSE, TRUE"),
        (("0.0", "1.0"), "0.0, 1.0"),
        (("\uff10", "\uff11"), r"'\uff10', '\uff11'"),
        (("", ""), "nothing"),
        (("NA", "x"), "NA, x"),
    ],
)
def test_labels_that_are_all_written_otherwise_are_one_fault_of_the_table(
    cohort_folder: Path, codes: tuple[str, str], held: str
) -> None:
    splits = ("train", "validation", "test", "train") * 2
    rows = zip(CASES, splits, strict=True)
    write_rows(cohort_folder, **{c: {"ltp": codes[n % 2], "split": s} for n, (c, s) in enumerate(rows)})
    (found,) = of_table(cohort_folder)
    assert (found.level, found.where, found.case_id) == ("STOP", "cohort.csv", "")
    assert found.what == f"the column ltp holds {held} and not one 0 or 1"
    assert found.remedy == "write 0 or 1 for every case (c00, c01, c02, c03, c04 ...)"


def test_a_label_that_says_nothing_is_quoted_and_what_follows_from_it_is_not_told(cohort_folder: Path) -> None:
    write_rows(cohort_folder, c01={"ltp": "NA"}, c03={"ltp": "yes"}, c05={"ltp": ""})  # 4 with 0, 1 with 1
    assert [(p.what, p.case_id) for p in of_table(cohort_folder)] == [
        ("the label ltp is 'NA', which says nothing", "c01"),
        ("the label ltp is 'yes'", "c03"),
        ("the label ltp is empty", "c05"),
    ]


def test_follow_up_and_events_that_cannot_be_are_warned_of(cohort_folder: Path) -> None:
    months, events = ["3", "-4", "12", "0", "7.5", "-1.5", "NA", "9"], ["0", "1", "2", "yes", "1", "0", "NA", "-1"]
    rows = zip(CASES, months, events, strict=True)
    write_rows(cohort_folder, **{case: {"follow_up_months": month, "event": event} for case, month, event in rows})
    found = {p.where: (p.level, p.what) for p in of_table(cohort_folder) if "column" in p.where}
    assert found == {
        "cohort.csv, column follow_up_months": ("WARN", "a follow-up cannot be negative: case c01 -4, case c05 -1.5"),
        "cohort.csv, column event": (
            "WARN",
            "an event is 1, and its absence 0: case c02 '2', case c03 'yes', case c07 '-1'",
        ),
    }
    sound = zip(
        CASES, ["3", "4", "12", "0", "7.5", "1.5", "NA", "9"], ["0", "1", "1", "1.0", "1", "0", "NA", "0"], strict=True
    )
    write_rows(cohort_folder, **{case: {"follow_up_months": month, "event": event} for case, month, event in sound})
    assert not [p for p in of_table(cohort_folder) if "column" in p.where]


def test_a_file_that_is_not_used_is_named_once_for_a_case_and_once_for_many(cohort_folder: Path) -> None:
    for case in CASES:
        (post(cohort_folder, case) / "spleen.seg.nrrd").write_bytes(b"x")
    (post(cohort_folder, "c03") / "liver zone.seg.nrrd").write_bytes(b"x")
    no_volume(cohort_folder)  # the remedy of which names the file already
    found = {problem.where: problem for problem in check(cohort_folder) if "not used" in problem.what}
    assert {where: (p.what, p.case_id) for where, p in found.items()} == {
        "cases c00, c02, c03, c04 and 3 more": ("post/spleen.seg.nrrd is not used", ""),
        "case c03": ("post/liver zone.seg.nrrd is not used", "c03"),
    }


def test_folders_without_a_row_are_one_warning_however_many_there_are(cohort_folder: Path) -> None:
    def told() -> list[str]:
        return [str(problem) for problem in check(cohort_folder) if "no row in cohort.csv" in problem.what]

    for number in range(7):
        (cohort_folder / "cases" / f"spare{number}").mkdir()
        if number == 0:
            (one,) = told()
            assert one.startswith("cases/spare0: the folder has no row in cohort.csv and is not used.")
    (many,) = told()
    assert "7 folders have no row" in many and "spare0, spare1, spare2, spare3, spare4 and 2 more" in many


def test_every_problem_of_one_case_says_which(cohort_folder: Path) -> None:
    for spoil in (no_volume, damaged_points, empty_segment, odd_label):
        spoil(cohort_folder)
    found = [(p.where.split(",")[0], p.case_id) for p in check(cohort_folder) if p.where.startswith("case")]
    assert found and all(where == f"case {case_id}" for where, case_id in found)


def test_only_the_volumes_are_read_of_cases_that_are_not_used(cohort_folder: Path) -> None:
    damaged_points(cohort_folder)
    odd_label(cohort_folder)
    same_scan_in_another_format(cohort_folder)
    used = {"c00", "c03", "c05", "c06"}
    cohort = read_cohort(cohort_folder, tolerant=True)
    found = [p for p in validate(cohort, SPEC, only=used) if p.level == "STOP"]
    assert [p.where for p in found] == ["cohort.csv", "case c05, post/arterial"]
    assert "too few patients: 2 with ltp 0, 2 with ltp 1" in found[0].what and "same scan" in found[1].what


def test_several_processes_find_what_one_finds(cohort_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "WORTH_A_PROCESS", 0)
    for spoil in (no_volume, damaged_points, empty_segment, odd_label, same_scan_in_another_format):
        spoil(cohort_folder)
    cohort, told = read_cohort(cohort_folder, tolerant=True), []
    found = validate(cohort, SPEC, workers=2, progress=told.append)
    assert found == validate(cohort, SPEC)
    assert told == [n / 8 for n in range(1, 9)]


def test_a_fault_of_the_program_in_one_case_is_told_and_does_not_hide_the_others(
    cohort_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cohort_folder / "cases" / "c05" / "post" / "ltp.mrk.json").unlink()
    read = validation.check_files

    def fails(case, needs, **settings):
        if case.case_id == "c02":
            raise TypeError("no such thing")
        return read(case, needs, **settings)

    monkeypatch.setattr(validation, "check_files", fails)
    found = validate(read_cohort(cohort_folder), SPEC)
    stops = {problem.case_id: problem for problem in found if problem.level == "STOP"}
    assert set(stops) == {"c02", "c05"}
    assert "internal error (TypeError: no such thing)" in stops["c02"].what and "report" in stops["c02"].remedy
