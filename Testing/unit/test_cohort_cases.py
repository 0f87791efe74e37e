"""The table, the folders and the files of a cohort, as Excel and Slicer users leave them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.cohort.case import Case, is_safe_name
from HCCAssistLib.cohort.cohort import Cohort, open_cases, read_cohort, write_cohort_table
from HCCAssistLib.errors import InputError

ROLE = "post/arterial"


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "cohort.csv").write_text(text, encoding=encoding)
    return folder


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("case_id,patient_id,split,ltp,size\na1,p1,Train,1,12.5\n\na2,p1,,0,\n", "utf-8"),
        ("case_id;patient_id;split;ltp;size\r\na1;p1;train;1;12,5\r\n;;;;\r\na2;p1;;0;\r\n", "utf-8-sig"),
        ("case_id\tpatient_id\tsplit\tltp\tsize\na1\tp1\ttrain\t1\t12,5\na2\tp1\t\t0\tNA\n", "utf-8"),
        ('size, ltp ,split,patient_id,case_id\n"12.5",1,train,p1,a1\nn/a,0,,p1,a2\n', "utf-8"),
    ],
)
def test_tables_of_excel_in_america_and_europe_read_the_same(tmp_path: Path, text: str, encoding: str) -> None:
    first, second = read_cohort(table(tmp_path, text, encoding)).cases
    assert (first.case_id, first.patient_id, first.split, first.values["ltp"]) == ("a1", "p1", "train", "1")
    assert (second.case_id, second.patient_id, second.split, second.values["ltp"]) == ("a2", "p1", "", "0")
    assert first.number("size") == 12.5
    assert second.number("size") is None
    assert first.folder == tmp_path / "cases" / "a1"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Case ID,Patient_ID,Split,LTP,Follow-up months,note\na1,p1,Training,1,5.8,x y\na2,p1,VAL,0,,\n", "utf-8"),
        (
            "sep=;\nCASE_ID;PatientID;split ;ltp;follow_up_months;note\na1;p1;train;1;5,8;x y\na2;p1;valid;0;;\n",
            "utf-8-sig",
        ),
        (
            '"sep=|"\r\ncase-id|patient.id|Split|Ltp|FollowUpMonths|note\r\n'
            "a1|p1|Train|1|5.8|x y\r\na2|p1|VALID |0||\r\n",
            "utf-8",
        ),
        (
            "sep=,,,,,\ncase_id,patient_id,split,ltp,follow up months,note\n"
            "a1,p1,train,1,5.8,x y\na2,p1,validation,0,,\n",
            "utf-8",
        ),
        (
            "case_id\tpatient_id\tsplit\tltp\tfollow_up_months\tnote\na1\tp1\ttrain\t1\t5,8\tx y\na2\tp1\tval\t0\t\t\n",
            "utf-16",
        ),
        (
            "case_id,patient_id,split,ltp,follow_up_months,note,,\na1,p1,train,1,5.8,x y,,\na2,p1,val,0,,,,\n,,,,,,,\n",
            "utf-16-le",
        ),
        (
            "\rcase_id,patient_id,split,ltp,follow_up_months,note\ra1,p1,train,1,5.8,x y,,\ra2,p1,val,0,NA,#N/A\r",
            "utf-8",
        ),
    ],
)
def test_headings_splits_and_separators_are_read_as_they_were_meant(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "cohort.csv").write_bytes(text.encode(encoding))
    first, second = read_cohort(tmp_path, known=("ltp",)).cases
    assert [(c.case_id, c.patient_id, c.split, c.values["ltp"]) for c in (first, second)] == [
        ("a1", "p1", "train", "1"),
        ("a2", "p1", "validation", "0"),
    ]
    assert (first.number("follow_up_months"), second.number("follow_up_months")) == (5.8, None)
    assert first.values["note"] == "x y"


def test_cells_stay_as_they_are_written(tmp_path: Path) -> None:
    (case,) = read_cohort(table(tmp_path, 'case_id;couinaud;note;code\na;5,8;"two\nlines; 1";007\n')).cases
    assert dict(case.values) == {"case_id": "a", "couinaud": "5,8", "note": "two\nlines; 1", "code": "007"}


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "#N/A", "#NV", "unknown", "-", "NULL", "?"])
def test_a_patient_or_split_that_is_missing_is_none_of_that_name(tmp_path: Path, cell: str) -> None:
    rows = f"case_id,patient_id,split\na,{cell},{cell}\nb,{cell},{cell}\n"
    assert [(c.patient_id, c.split) for c in read_cohort(table(tmp_path, rows)).cases] == [("a", ""), ("b", "")]


@pytest.mark.parametrize("heading", ["patient_side", "patient_age", "patients", "setting", "group"])
def test_other_columns_are_not_taken_for_the_patient_or_the_split(tmp_path: Path, heading: str) -> None:
    found = read_cohort(table(tmp_path, f"case_id,{heading}\na,left\nb,left\nc,train\n"))
    assert found.table_problems == ()
    assert [case.patient_id for case in found.cases] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("heading", "cells", "level", "meant"),
    [
        ("synthetik", "1 0 1", "STOP", "synthetic"),
        ("is_synthetic", "yes no no", "STOP", "synthetic"),
        ("Phantom", "TRUE FALSE FALSE", "STOP", "synthetic"),
        ("followup", "3 12 7", "WARN", "follow_up_months"),
        ("follow up (months)", "3.5 NA 7", "WARN", "follow_up_months"),
        ("follow_up_month", "3 12 7", "WARN", "follow_up_months"),
        ("FU_months", "3 12 7", "WARN", "follow_up_months"),
        ("events", "1 0 1", "WARN", "event"),
        ("backgroud", "a b c", "WARN", "background"),
        ("patinet_id", "p q r", "WARN", "patient_id"),
        ("patinet_id", "p q p", "STOP", "patient_id"),
        ("patient", "p q r", "WARN", "patient_id"),
        ("subject", "p q r", "WARN", "patient_id"),
        ("pat_id", "p q r", "WARN", "patient_id"),
        ("events", "3 0 12", None, ""),
        ("phantom", "abdomen none lung", None, ""),
        ("follow_up", "alive dead alive", None, ""),
        ("follow_up_size_mm", "3 12 7", None, ""),
        ("patient_age", "61 72 55", None, ""),
        ("age", "61 72 55", None, ""),
    ],
)
def test_a_heading_that_seems_to_be_a_known_one_is_named_and_clinical_ones_are_not(
    tmp_path: Path, heading: str, cells: str, level: str | None, meant: str
) -> None:
    rows = "\n".join(f"c{number},{cell}" for number, cell in enumerate(cells.split()))
    found = read_cohort(table(tmp_path, f"case_id,{heading}\n{rows}\n"), tolerant=True).table_problems
    said = [(p.level, p.what) for p in found]
    assert said == ([(level, f"the column '{heading}' seems to be {meant} and is not used")] if level else [])


@pytest.mark.parametrize(("head", "body"), [(";", ","), (",", ";"), ("\t", ";"), (",", "\t")])
def test_headings_and_rows_that_are_separated_differently_are_one_fault(tmp_path: Path, head: str, body: str) -> None:
    rows = [body.join((f"c{n}", "train", "5.8" if body == "," else "5,8", str(n % 2))) for n in range(8)]
    text = head.join(("case_id", "split", "afp", "ltp")) + "\n" + "\n".join(rows)
    (found,) = read_cohort(table(tmp_path, text), tolerant=True).table_problems
    assert found.what == f"the headings are separated by {head!r}, and rows by {body!r}"
    assert found.where == "cohort.csv, lines 2, 3, 4, 5, 6 and 3 more"


def test_decimal_commas_and_texts_do_not_hide_or_feign_another_separator(tmp_path: Path) -> None:
    rows = "c1;5,8;3,4\nc2;5,8;3,5\n"
    (found,) = read_cohort(table(tmp_path, f"case_id,afp,size\n{rows}"), tolerant=True).table_problems
    assert found.what == "the headings are separated by ',', and rows by ';'"
    (found,) = read_cohort(table(tmp_path, "case_id,note\nc1,a;b,c\n"), tolerant=True).table_problems
    assert found.what == "the row has 3 cells, the header 2"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("c {n},,1", "'c 0' cannot be a case id; 5 more faults are of this kind"),
        ("c{n},part {n},1", "'part 0' is not a split; 5 more faults are of this kind"),
        ("c{n},holdout,1", "'holdout' is not a split"),
        ("c{n},1", "the row has 2 cells, the header 3"),
    ],
)
def test_many_rows_that_need_the_same_are_one_line(tmp_path: Path, row: str, says: str) -> None:
    rows = "\n".join(row.format(n=n) for n in range(6))
    (found,) = read_cohort(table(tmp_path, f"case_id,split,ltp\n{rows}\n"), tolerant=True).table_problems
    assert (found.what, found.where) == (says, "cohort.csv, lines 2, 3, 4, 5, 6 and 1 more")


def test_a_column_without_a_heading_is_told_and_an_empty_one_is_not(tmp_path: Path) -> None:
    found = read_cohort(table(tmp_path, "case_id,,ltp,\na,x,1,\nb,,0,\n"))
    assert [(p.level, p.what) for p in found.table_problems] == [
        ("WARN", "the column 2 has no heading and is not used")
    ]
    assert dict(found.cases[0].values) == {"case_id": "a", "ltp": "1"}


def test_the_line_that_is_not_in_utf_8_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not in UTF-8 \(line 3\)\. Save it from Excel as 'CSV UTF-8'"):
        read_cohort(table(tmp_path, "case_id,note\na,x\nb,Größe\n", "cp1252"))


def test_an_id_of_letters_that_look_like_others_is_refused_with_their_codes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'\\u0441ase-1' cannot be a case id; the codes are of letters"):
        read_cohort(table(tmp_path, "case_id\n\u0441ase-1\n"))


def test_without_a_patient_id_every_case_is_a_patient(tmp_path: Path) -> None:
    cohort = read_cohort(table(tmp_path, "case_id,patient_id\na1,\na2,p\n"))
    assert [case.patient_id for case in cohort.cases] == ["a1", "p"]


def test_every_faulty_row_is_named_at_once(tmp_path: Path) -> None:
    rows = ["case_id,split,note", "../x,,", "ok,,", "OK,,", "b,holdout,", "c,,a,b", ",,lost"]
    folder = table(tmp_path, "\n".join(rows))
    with pytest.raises(InputError) as caught:
        read_cohort(folder)
    where = [problem.where for problem in caught.value.problems]
    assert where == [f"cohort.csv, line {n}" for n in (2, 4, 5, 6, 7)]
    for word in ("cannot be a case id", "appears twice", "'holdout' is not a split", "4 cells, the header 3"):
        assert word in str(caught.value)
    tolerant = read_cohort(folder, tolerant=True)
    assert [case.case_id for case in tolerant.cases] == ["ok"]
    assert tolerant.table_problems == caught.value.problems


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"patient,ltp\n1,0\n", "no column 'case_id'"),
        (b"", "no column 'case_id'"),
        (b"case_id,ltp,ltp\n1,0,0\n", "column ltp appears twice"),
        (b"case_id,x,x\n1,0,0\n", "column x appears twice"),
        ("case_id,Größe\na,1\n".encode("latin-1"), "not in UTF-8"),
        (b"PK\x03\x04" + bytes(30), "an Excel workbook with the name of a text file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1" + bytes(30), "an Excel workbook"),
        (b"case_id,ltp\na,1\0\n", "not a text"),
        (
            b"HCC cohort,\n,\ncase_id,ltp\na,1\n",
            r"headings stand in line 3 and not in the first one\. Delete the lines above",
        ),
        (b"case_id,Split,split\na,train,test\n", "columns 'Split' and 'split' mean the same"),
        (b"case_id,Patient ID,patient-id\na,p,q\n", "columns 'Patient ID' and 'patient-id' mean the same"),
        (b"case_id,Age,age\na,1,2\n", "columns 'Age' and 'age' mean the same"),
        (b'case_id,ltp,note\na,1,"open\nb,0,x\n', "damaged"),
        (b'case_id,ltp,note\na,1,"open\nb,0,"x\n', "damaged"),
        (b'case_id,ltp,note\na,1,"open\nb,0,x\nc,1,shut"\n', "a cell holds further rows"),
        (b"case_id,ltp,Set\na,1,train\nb,0,Test\n", "'Set' seems to be split"),
        (b"case_id,ltp,splits\na,1,train\nb,0,hold-out\n", "'splits' seems to be split"),
        (b"case_id,ltp,Patient\na,1,p\nb,0,p\n", "'Patient' seems to be patient_id"),
        (b"case_id,ltp,pateint_id\na,1,p\nb,0,p\n", "'pateint_id' seems to be patient_id"),
        (b"case_id,ltp\n", "holds no case"),
    ],
)
def test_an_unusable_table_is_refused_with_a_way_out(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "cohort.csv").write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_cohort(tmp_path)


def test_a_table_under_another_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "Cohort.xlsx").write_bytes(b"x")
    with pytest.raises(InputError, match=r"The folder holds Cohort\.xlsx: save it from Excel"):
        read_cohort(tmp_path)


def test_a_missing_table_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cohort\.csv: there is no such table"):
        read_cohort(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_cohort(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("1,5", "a decimal comma"),
        ("twelve", r"is not a number\. Write a number"),
        ("1.234,5", "marks between thousands"),
        ("1,234.5", "marks between thousands"),
        ("12 345", "marks between thousands"),
        ("12\u00a0345", "marks between thousands"),
        ("inf", "infinite"),
        ("-Infinity", "infinite"),
        ("1e400", "infinite"),
        (">1000", "a bound"),
        ("< 5", "a bound"),
        ("\u2264 5", "a bound"),
        ("12 mm", "text after it"),
        ("50%", "text after it"),
        ("nan1", "is not a number"),
        ("1_000", "is not a number"),
    ],
)
def test_a_cell_that_is_no_number_is_named_for_what_it_is(tmp_path: Path, cell: str, says: str) -> None:
    case = read_cohort(table(tmp_path, f'case_id,size\na1,"{cell}"\n')).cases[0]
    with pytest.raises(InputError, match=rf"case a1, column size: .*{says}"):
        case.number("size")
    with pytest.raises(InputError, match="no column 'afp'"):
        case.number("afp")


@pytest.mark.parametrize(
    "cell",
    [
        *("", "NA", "n.a.", "#N/A", "#DIV/0!", "#REF!", "#NAME?", "#NUM!", "#VALUE!", "#NULL!", "#NV", "#BEZUG!"),
        *("NaN", "NULL", "None", ".", "-", "--", "?", "unknown", "Missing", " n/a ", "\u2014", "k. A."),
    ],
)
def test_a_missing_value_is_none_however_it_is_written(tmp_path: Path, cell: str) -> None:
    case = read_cohort(table(tmp_path, f"case_id,size,x\na1,{cell},1\n")).cases[0]
    assert case.number("size") is None


@pytest.mark.parametrize(
    ("cell", "value"), [("5,8", 5.8), ("-0,5", -0.5), ("7", 7.0), ("1.5", 1.5), ("\u22123,5", -3.5), ("2,5e3", 2500.0)]
)
def test_where_commas_do_not_separate_cells_they_are_decimal(tmp_path: Path, cell: str, value: float) -> None:
    (case,) = read_cohort(table(tmp_path, f"case_id;size\na1;{cell}\n")).cases
    assert case.number("size") == value


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "a\\b", ".hidden", "a b", "Müller", "con", "NUL.x", "x" * 65, "a.", "a:b", "-a", "a\n"]
)
def test_a_case_id_must_be_a_safe_file_name(name: str, tmp_path: Path) -> None:
    assert not is_safe_name(name)
    with pytest.raises(InputError, match="cannot be a case id"):
        Case(name, "p", "", {}, tmp_path)


def test_usual_case_ids_are_safe() -> None:
    assert all(is_safe_name(name) for name in ("case_017", "HCC-003.b", "7", "a" * 64, "console"))


def test_volumes_are_found_as_files_or_dicom_folders(tmp_path: Path) -> None:
    case = Case("a", "a", "", {}, tmp_path)
    assert case.volume_path("post", "arterial") is None
    nrrd = touch(tmp_path / "post" / "Arterial.nrrd")
    touch(tmp_path / "post" / "arterial.seg.nrrd")
    nifti = touch(tmp_path / "pre" / "portal.nii.gz")
    dicom = touch(tmp_path / "pre" / "arterial" / "1.dcm").parent
    assert case.volume_path("post", "arterial") == nrrd
    assert case.volume_path("pre", "portal") == nifti
    assert case.volume_path("pre", "arterial") == dicom
    touch(tmp_path / "post" / "arterial.nii.gz")
    with pytest.raises(
        InputError, match=r"post/arterial is there more than once: Arterial\.nrrd and arterial\.nii\.gz"
    ):
        case.volume_path("post", "arterial")


def test_annotations_are_found_by_name_and_kind(tmp_path: Path) -> None:
    case = Case("a", "a", "", {}, tmp_path)
    assert case.annotation_path("post", "ablation") is None
    points = touch(tmp_path / "post" / "ablation.mrk.json")
    assert case.annotation_path("post", "ablation") == points
    segment = touch(tmp_path / "post" / "ablation.seg.nrrd")
    assert case.annotation_path("post", "ablation") == segment
    assert case.annotation_path("post", "ablation", "points") == points
    assert case.annotation_path("post", "abl") is None
    touch(tmp_path / "post" / "ablation.fcsv")
    with pytest.raises(InputError, match="more than once"):
        case.annotation_path("post", "ablation", "points")


def test_a_written_table_reads_the_same_and_opens_in_excel(tmp_path: Path) -> None:
    rows = [{"case_id": "a1", "ltp": 1, "note": 'Größe, "alt"'}, {"case_id": "a2", "afp": 3.5, "ltp": None}]
    write_cohort_table(tmp_path, rows)
    assert (tmp_path / "cohort.csv").read_bytes().startswith(b"\xef\xbb\xbfcase_id,ltp,note,afp\r\n")
    first, second = read_cohort(tmp_path).cases
    assert dict(first.values) == {"case_id": "a1", "ltp": "1", "note": 'Größe, "alt"', "afp": ""}
    assert second.number("afp") == 3.5
    with pytest.raises(InputError, match="appears twice"):
        write_cohort_table(tmp_path, [{"case_id": "x"}, {"case_id": "X"}])
    with pytest.raises(InputError, match="cannot be a case id"):
        write_cohort_table(tmp_path, [{"ltp": 1}])
    assert len(read_cohort(tmp_path).cases) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["cohort.csv"]


def test_a_cohort_refuses_equal_ids_and_finds_its_cases(tmp_path: Path) -> None:
    one, two = Case("a", "a", "test", {}, tmp_path), Case("A", "b", "", {}, tmp_path)
    with pytest.raises(InputError, match="appears twice"):
        Cohort(tmp_path, (one, two))
    cohort = Cohort(tmp_path, (one,))
    assert cohort.case("a") is one
    assert cohort.of_split("test") == (one,)
    with pytest.raises(InputError, match="no case 'b'"):
        cohort.case("b")


def test_a_cohort_a_case_a_file_and_a_series_can_be_opened(tmp_path: Path) -> None:
    folder = table(tmp_path / "cohort", "case_id,ltp\na,1\n") if (tmp_path / "cohort").mkdir() is None else tmp_path
    volume = touch(folder / "cases" / "a" / "post" / "arterial.nii.gz")
    assert [case.case_id for case in open_cases(folder, volume=ROLE).cases] == ["a"]

    inside = open_cases(folder / "cases" / "a", volume=ROLE)
    assert inside.cases[0].values["ltp"] == "1"
    assert inside.cases[0].volume_path("post", "arterial") == volume

    alone = touch(tmp_path / "Mrs Example" / "post" / "arterial.nrrd").parents[1]
    assert [case.case_id for case in open_cases(alone, volume=ROLE).cases] == ["case"]
    assert open_cases(alone, volume=ROLE).cases[0].volume_path("post", "arterial") == alone / "post" / "arterial.nrrd"

    (one,) = open_cases(volume, volume=ROLE).cases
    assert (one.case_id, one.volume_path("post", "arterial")) == ("case", volume)
    assert one.volume_path("post", "portal") is None
    assert one.annotation_path("post", "liver") is None
    (portal,) = open_cases(volume, volume="pre/portal").cases
    assert portal.volume_path("pre", "portal") == volume

    series = tmp_path / "series"
    series.mkdir()
    (series / "IM0001").write_bytes(bytes(128) + b"DICM" + bytes(10))
    (one,) = open_cases(series, volume=ROLE).cases
    assert one.volume_path("post", "arterial") == series


def test_what_cannot_be_opened_is_refused_with_what_could_be(tmp_path: Path) -> None:
    for name, says in (
        ("x.seg.nrrd", "not a volume"),
        ("x.dcm", "folder of a DICOM series"),
        ("x.csv", "not a volume"),
    ):
        with pytest.raises(InputError, match=says):
            open_cases(touch(tmp_path / "files" / name), volume=ROLE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither a cohort"):
        open_cases(tmp_path / "empty", volume=ROLE)
    with pytest.raises(InputError, match="no such file or folder"):
        open_cases(tmp_path / "nowhere", volume=ROLE)
    touch(tmp_path / "c" / "cases" / "a" / "post" / "arterial.nrrd")
    with pytest.raises(InputError, match=r"no table cohort\.csv"):
        open_cases(tmp_path / "c", volume=ROLE)


def test_values_of_a_case_cannot_be_changed(tmp_path: Path) -> None:
    case = read_cohort(table(tmp_path, "case_id,ltp\na,1\n")).cases[0]
    with pytest.raises(TypeError):
        case.values["ltp"] = "0"  # type: ignore[index]
    assert np.isclose(case.number("ltp") or 0, 1)
