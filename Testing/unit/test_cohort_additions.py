"""Cases added to a cohort: whole or not at all, never over another one by mistake, and at the same place in mm."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from imaging_samples import ORDERS, random_image, stored_as

from HCCAssistLib.cohort.additions import add_case, check_pseudonym, next_case_id
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.points import Point, PointList, read_points
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.cohort.validation import validate
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.recipes.registry import cohort_spec, get_recipe

LTP = get_recipe("ltp")


def parts_of(image, ltp="1"):
    """A lesion, a rejected candidate and a liver in an image."""
    size = image.geometry.size_ijk
    here, there = image.geometry.to_world(size * (0.2, 0.6, 0.4)), image.geometry.to_world(size * (0.7, 0.3, 0.8))
    liver = np.zeros(image.array.shape, np.uint8)
    liver[2:-1, 1:-2, 3:-1] = image.array[2:-1, 1:-2, 3:-1] > 0
    points = {
        "post/ltp": PointList("ltp", (Point("candidate 1", tuple(here)),) if ltp == "1" else ()),
        "post/rejected": PointList("rejected", (Point("candidate 2", tuple(there)),)),
    }
    masks = {"post/liver": image.with_array(liver, "liver"), "post/ablation": image.with_array(liver * 0, "empty")}
    return {"volumes": {"post/arterial": image}, "points": points, "masks": masks, "values": {"ltp": ltp}}


def files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("order", [ORDERS[0], ORDERS[11], ORDERS[26], ORDERS[-1]])
@pytest.mark.parametrize("turn", [(0, 0, 0), (8, -13, 21)])
def test_everything_stands_where_it_stood_however_the_volume_is_stored(tmp_path, order, turn):
    image = stored_as(random_image(turn=turn), *order)
    parts = parts_of(image)
    case = add_case(tmp_path / "cohort", "case-001", **parts)
    again = read_image(case.volume_path("post", "arterial"))
    assert again.geometry.matches(image.geometry, 1e-3)
    np.testing.assert_array_equal(again.array, image.array)
    for name in ("ltp", "rejected"):
        found = read_points(case.annotation_path("post", name, "points"))
        np.testing.assert_allclose(found.positions, parts["points"][f"post/{name}"].positions, atol=1e-9)
    (segment,) = read_segments(case.annotation_path("post", "liver", "segment"))
    mask = mask_on(segment, image.geometry)
    np.testing.assert_array_equal(mask.array, parts["masks"]["post/liver"].array)
    assert case.annotation_path("post", "ablation") is None


def test_the_first_case_makes_the_cohort_and_the_next_ones_join_it(tmp_path):
    cohort = tmp_path / "new" / "cohort"
    assert next_case_id(cohort) == "case-001"
    for number in range(6):
        array = np.random.default_rng(number).permutation(random_image().array.ravel()) + number
        image = random_image().with_array(array.reshape(random_image().array.shape), "another patient")
        add_case(cohort, next_case_id(cohort), **parts_of(image, ltp=str(number % 2)))
    found = read_cohort(cohort)
    assert [(c.case_id, c.patient_id, c.split, c.values["ltp"]) for c in found.cases[:2]] == [
        ("case-001", "case-001", "", "0"),
        ("case-002", "case-002", "", "1"),
    ]
    assert files_of(cohort / "cases" / "case-001") == [
        "post/arterial.nrrd",
        "post/liver.seg.nrrd",
        "post/rejected.mrk.json",
    ]
    assert (cohort / TABLE).read_text(encoding="utf-8-sig").splitlines()[0] == "case_id,patient_id,split,ltp"
    problems = validate(read_cohort(cohort, tolerant=True), cohort_spec(LTP))
    assert [str(p) for p in problems if p.level == "STOP"] == []


def test_a_case_is_replaced_only_when_that_was_asked_and_keeps_its_row(tmp_path):
    parts = parts_of(random_image())
    add_case(tmp_path / "c", "case-001", **parts)
    (tmp_path / "c" / TABLE).write_text("case_id;split;age;ltp\ncase-001;train;55,2;1\n", encoding="utf-8")
    for name in ("case-001", "CASE-001"):
        with pytest.raises(InputError, match="there is a case case-001 already"):
            add_case(tmp_path / "c", name, **parts)
    none = {**parts, "points": {"post/ltp": PointList("ltp", ()), "post/rejected": parts["points"]["post/rejected"]}}
    add_case(tmp_path / "c", "CASE-001", **{**none, "values": {"ltp": "0"}}, replace=True)
    (case,) = read_cohort(tmp_path / "c").cases
    assert (case.case_id, case.split, case.number("age"), case.values["ltp"]) == ("case-001", "train", 55.2, "0")
    assert "post/ltp.mrk.json" not in files_of(case.folder)


TABLES = {
    "semicolons": b'sep=;\r\nCase_ID;Split;LTP;couinaud;"note";code\r\nc1;train;0; 5,8 ;"a ""b"";\nc";="007"\r\n\r\n',
    "commas": b'\xef\xbb\xbfcase_id,split,ltp,couinaud,note,code\nc1,Train,0,"5,8",\'x,1E+05',
    "unicode text": "case_id\tsplit\tltp\tcouinaud\tnote\tcode\r\nc1\tval\t0\t5,8\tGr\u00f6\u00dfe\t01\r\n".encode(
        "utf-16"
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_adding_a_case_leaves_the_other_rows_as_their_author_wrote_them(tmp_path, name):
    (tmp_path / TABLE).write_bytes(TABLES[name])
    encoding = "utf-16-le" if name == "unicode text" else "utf-8"
    parts = parts_of(random_image())
    add_case(tmp_path, "c2", **parts)
    written = (tmp_path / TABLE).read_bytes()
    assert written.startswith(TABLES[name])
    added = written[len(TABLES[name]) :].decode(encoding)
    assert added.strip("\r\n").split({"semicolons": ";", "commas": ","}.get(name, "\t"))[:3] == ["c2", "", "1"]
    before = read_cohort(tmp_path, known=("ltp",)).cases[0].values
    add_case(tmp_path, "c3", **{**parts, "values": {"ltp": "1", "new, one": "9"}}, patient_id="p3")
    first, second, third = read_cohort(tmp_path, known=("ltp",)).cases
    assert dict(first.values) == {**before, "new, one": "", "patient_id": ""}
    assert (second.patient_id, second.values["ltp"]) == ("c2", "1")
    assert (third.patient_id, third.values["new, one"], third.values["ltp"]) == ("p3", "9", "1")
    for cell in (b"5,8", b"007", b"1E+05", b'a ""b"";'):
        if cell in TABLES[name]:
            assert cell in (tmp_path / TABLE).read_bytes()


def test_a_replaced_case_keeps_its_patient_and_its_place(tmp_path):
    parts = parts_of(random_image())
    (tmp_path / TABLE).write_text("case_id;Patient_ID;age\nc1;p7;55,2\nc2;p8;60\n", encoding="utf-8")
    case = add_case(tmp_path, "C1", **parts, replace=True)
    assert case.patient_id == "p7"
    assert (tmp_path / TABLE).read_text(encoding="utf-8") == "case_id;Patient_ID;age;ltp\nc1;p7;55,2;1\nc2;p8;60;\n"


@pytest.mark.parametrize(
    ("case_id", "patient_id", "says"),
    [
        ("case-1", "", "the case ids case-001 and case-1"),
        ("case_001", "", "the case ids case-001 and case_001"),
        ("other", "P-7", "the patient ids P-7 and p7"),
        ("other", "p\u200b7", "cannot be seen"),
    ],
)
def test_an_id_that_reads_like_another_is_refused(tmp_path, case_id, patient_id, says):
    (tmp_path / TABLE).write_text("case_id,patient_id\ncase-001,p7\n", encoding="utf-8")
    with pytest.raises(InputError, match=says):
        add_case(tmp_path, case_id, **parts_of(random_image()), patient_id=patient_id)
    assert files_of(tmp_path) == [TABLE]


def test_what_another_made_of_a_case_is_not_deleted_by_replacing_it(tmp_path):
    parts = parts_of(random_image())
    case = add_case(tmp_path / "c", "case-001", **parts)
    (case.folder / "pre").mkdir()
    (case.folder / "pre" / "arterial.nrrd").write_bytes(b"of another day")
    before = files_of(tmp_path)
    with pytest.raises(InputError, match=r"delete pre/arterial\.nrrd"):
        add_case(tmp_path / "c", "case-001", **parts, replace=True)
    assert files_of(tmp_path) == before


def test_a_folder_without_a_row_is_somebodys_case_too(tmp_path):
    parts = parts_of(random_image())
    add_case(tmp_path / "c", "case-001", **parts)
    (tmp_path / "c" / "cases" / "case-007").mkdir()
    assert next_case_id(tmp_path / "c") == "case-008"
    with pytest.raises(InputError, match="case-007 already"):
        add_case(tmp_path / "c", "case-007", **parts)


@pytest.mark.parametrize("name", ["Mustermann, Erika", "../case", "", "a b", "nul"])
def test_an_id_that_is_no_file_name_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(InputError, match="cannot be a case id"):
        add_case(tmp_path / "c", name, **parts_of(random_image()))
    assert not (tmp_path / "c").exists()


def test_a_folder_that_is_no_cohort_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.docx").write_text("x")
    with pytest.raises(InputError, match=r"holds no cohort\.csv"):
        add_case(tmp_path, "case-001", **parts_of(random_image()))
    assert files_of(tmp_path) == ["thesis.docx"]
    assert next_case_id(tmp_path) == "case-001"


def test_a_damaged_table_is_left_to_its_owner(tmp_path):
    (tmp_path / TABLE).write_text("case_id,ltp\ncase-001,1,extra\n", encoding="utf-8")
    with pytest.raises(InputError, match="3 cells"):
        add_case(tmp_path, "case-002", **parts_of(random_image()))
    assert files_of(tmp_path) == [TABLE]


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_full_disk_leaves_the_cohort_as_it_was(tmp_path):
    import resource

    parts = parts_of(random_image())
    add_case(tmp_path, "case-001", **parts)
    before, limits = files_of(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    table = (tmp_path / TABLE).read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(HCCAssistError, match="written"):
            add_case(tmp_path, "case-002", **parts)
        with pytest.raises(HCCAssistError, match="written"):
            add_case(tmp_path, "case-001", **parts, replace=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files_of(tmp_path) == before
    assert (tmp_path / TABLE).read_bytes() == table
    add_case(tmp_path, "case-002", **parts)


@pytest.mark.parametrize(
    ("name", "identifiers", "refused"),
    [
        ("case-001", ["Müller^Anna", "4711238"], False),
        ("muster-1", ["Muster^Max"], True),
        ("c4711238", ["", "4711238"], True),
        ("anna", ["Müller^Anna"], True),
        ("case-12", ["case 12", "Patient_A"], False),
        ("p-li", ["Li^Wu"], False),
    ],
)
def test_a_pseudonym_does_not_hold_the_patients_name_or_number(name, identifiers, refused):
    if refused:
        with pytest.raises(InputError, match="name or number"):
            check_pseudonym(name, identifiers)
    else:
        check_pseudonym(name, identifiers)
