"""Readers who marked the same cases: figures counted by hand, and a consensus that keeps what each marked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.additions import add_case, put_case
from HCCAssistLib.cohort.case_content import case_files
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList, read_points
from HCCAssistLib.cohort.reader_marks import marks_of, put_marks, readers_of
from HCCAssistLib.cohort.segments import Segment, mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.registry import all_classes, all_columns, all_marks
from HCCAssistLib.response.second_reader import Words, choose_reading, pairs_of_readers

GRID = Geometry.from_parts((24, 30, 40), (1.5, 2.0, 3.0), (-20.0, 10.0, 5.0), np.diag([-1.0, 1.0, 1.0]))
SCAN = Image(np.random.default_rng(0).integers(0, 100, GRID.shape).astype(np.int16), GRID, "scan")
PLACE = "pre/tumour"


def block(start, size=(4, 5, 10)):
    """A block of 200 voxels that begins at ``(k, j, i)``."""
    array = np.zeros(GRID.shape, np.uint8)
    array[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))] = 1
    return Image(array, GRID, "block")


def tumour(*starts):
    return {PLACE: tuple(Segment(f"tumour {n}", block(start), {"target": "yes"}) for n, start in enumerate(starts, 1))}


def masses(*places):
    """Points at places (mm from the middle of the grid), each with a category."""
    middle = GRID.center
    points = (Point(f"masses {n}", tuple(middle + np.array(at)), code) for n, (at, code) in enumerate(places, 1))
    return {"baseline/masses": PointList("masses", tuple(points))}


def files(segments=None, points=None):
    return case_files(volumes={}, points=points or {}, masks={}, segments=segments or {}, transforms={})


def case(cohort, case_id):
    return next(one for one in read_cohort(cohort).cases if one.case_id == case_id)


@pytest.fixture
def cohort(tmp_path):
    """Three cases: a tumour by R1, and by R2 moved by 0, 2 and 5 voxels of 10; two masses each."""
    root = tmp_path / "cohort"
    labels = {"R1": ("CR", "PR", "PD"), "R2": ("CR", "PR", "SD")}
    for n, shift in enumerate((0, 2, 5)):
        add_case(
            root,
            f"case-{n}",
            volumes={"pre/arterial": SCAN.with_array(SCAN.array + n, "another")},
            points=masses(((0, 0, 0), "A"), ((12, 0, 0), "B")),
            masks={},
            values={"response": labels["R1"][n], "reader": "R1"},
            segments=tumour((8, 10, 12)),
            patient_id=f"patient-{n}",
        )
        moved = masses(((3, 0, 4), "A"), ((12, 0, 0), "C-hyper"), *([((0, 0, -30), "E")] if n == 2 else []))
        put_marks(
            root,
            case(root, f"case-{n}"),
            "R2",
            files(tumour((8, 10, 12 + shift)), moved),
            {"response": labels["R2"][n]},
        )
    return root


def figures(capsys, cohort, *options):
    assert main(["readers", str(cohort), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_labels_segments_and_points_of_two_readers_are_compared(cohort, capsys):
    found = figures(capsys, cohort)
    assert found["marks"] == {"R1": 3, "R2": 3}
    (pair,) = found["mark_pairs"]
    assert (pair["readers"], pair["cases"]) == (["R1", "R2"], ["case-0", "case-1", "case-2"])
    by = {(one["of"], one["name"]): one for one in pair["figures"]}
    # 2 of 3 agree; by chance 1/9 (CR) + 1/9 (PR) = 2/9
    assert by["response", "Cohen kappa"]["value"] == pytest.approx((2 / 3 - 2 / 9) / (1 - 2 / 9))
    # a block moved by s of its 10 voxels shares (10 - s) / 10 of each
    assert by[PLACE, "mean Dice"]["value"] == pytest.approx((1 + 0.8 + 0.5) / 3)
    assert by[PLACE, "mean Dice"]["n"] == 3
    assert 0.5 <= by[PLACE, "mean Dice"]["interval"]["low"] < 1
    # 5 mm (3 to the side, 4 up) and 0 mm in each case; the third mass is 30 mm from all others
    distance = by["baseline/masses", "mean distance, mm"]
    assert (distance["value"], distance["n"], distance["clusters"]) == (pytest.approx(2.5), 6, 3)
    assert "6 of 7 marked by both" in " ".join(pair["notes"])
    assert "0 by the first reader alone, 1 by the second alone" in " ".join(pair["notes"])
    # A twice alike, B against C: agreement 1/2, by chance 1/4
    assert by["baseline/masses, category", "Cohen kappa"]["value"] == pytest.approx((0.5 - 0.25) / 0.75)


def test_the_terminal_tells_the_same_in_words(cohort, capsys):
    assert main(["readers", str(cohort)]) == 0
    out = capsys.readouterr().out
    assert "R1 (first) and R2 (second), 3 cases" in out
    assert "mean Dice" in out
    assert "median 0.800, 0.500 to 1.000" in out


def third(cohort):
    """A third reader: agrees with R1 on the response of the last case, has the tumour moved by 1 and one mass less."""
    for n in range(3):
        put_marks(
            cohort,
            case(cohort, f"case-{n}"),
            "R3",
            files(tumour((8, 10, 13)), masses(((0, 3, 0), "A"), ((12, 0, 3), "B"))),
            {"response": ("CR", "SD", "PD")[n]},
        )


def test_a_consensus_of_three_is_what_most_of_them_say_and_all_originals_stay(cohort, capsys):
    third(cohort)
    before = {p: p.read_bytes() for p in (cohort / "readings").rglob("*") if p.is_file()}
    own = (cohort / "cases" / "case-2" / "pre" / "tumour.seg.nrrd").read_bytes()
    found = figures(capsys, cohort, "--consensus", "majority")
    assert found["consensus"] == ["case-0", "case-1", "case-2"]
    agreed = case(cohort, "case-2")
    assert (agreed.values["response"], agreed.values["consensus"]) == ("PD", "majority of R1, R2, R3")
    assert agreed.patient_id == "patient-2"
    (segment,) = read_segments(agreed.annotation_path("pre", "tumour", "segment"))
    # ten voxels from 12, 17 and 13: most paint 13 to 22
    expected = block((8, 10, 13))
    np.testing.assert_array_equal(mask_on(segment, GRID).array, expected.array)
    assert segment.tags == {"target": "yes"}
    listed = read_points(agreed.annotation_path("baseline", "masses", "points"))
    np.testing.assert_allclose(listed.positions - GRID.center, [(1, 1, 4 / 3), (12, 0, 1)], atol=1e-9)
    assert [one.description for one in listed.points] == ["A", "B"]
    assert (agreed.folder / "pre" / "arterial.nrrd").is_file()
    assert {p: p.read_bytes() for p in before} == before
    assert (cohort / "readings" / "R1" / "case-2" / "pre" / "tumour.seg.nrrd").read_bytes() == own
    assert (cohort / "revisions" / "case-2" / "001" / "pre" / "tumour.seg.nrrd").read_bytes() == own
    # once more it is the same, and the first reader is still among the three
    again = figures(capsys, cohort, "--consensus", "majority")
    assert again["marks"] == {"R1": 3, "R2": 3, "R3": 3}
    assert not (cohort / "revisions" / "case-2" / "002").exists()
    assert case(cohort, "case-2").values["consensus"] == "majority of R1, R2, R3"


def test_staple_of_three_lies_between_what_they_drew(cohort, capsys):
    third(cohort)
    figures(capsys, cohort, "--consensus", "staple")
    (segment,) = read_segments(case(cohort, "case-2").annotation_path("pre", "tumour", "segment"))
    found = mask_on(segment, GRID).array
    every, some = block((8, 10, 17), (4, 5, 5)).array, block((8, 10, 12), (4, 5, 15)).array
    assert (found >= every).all()
    assert (found <= some).all()


def test_readers_who_do_not_agree_leave_a_case_as_it_was(cohort, capsys):
    before = {p: p.read_bytes() for p in (cohort / "cases").rglob("*") if p.is_file()}
    found = figures(capsys, cohort, "--consensus", "staple")
    assert found["consensus"] == []
    assert "response (PD, SD)" in found["without_consensus"]["case-2"]
    assert any("category (B, C-hyper)" in text for text in found["without_consensus"]["case-0"])
    assert {p: p.read_bytes() for p in before} == before


def test_two_tumours_are_joined_each_with_its_own(tmp_path, capsys):
    root = tmp_path / "cohort"
    add_case(
        root,
        "case-1",
        volumes={"pre/arterial": SCAN},
        points={},
        masks={},
        values={"response": "CR", "reader": "R1"},
        segments=tumour((2, 2, 2), (15, 20, 25)),
    )
    for reader, starts in (("R2", ((15, 20, 24), (2, 2, 3))), ("R3", ((2, 3, 2),))):
        put_marks(root, case(root, "case-1"), reader, files(tumour(*starts)), {"response": "CR"})
    figures(capsys, root, "--consensus", "majority")
    segments = read_segments(case(root, "case-1").annotation_path("pre", "tumour", "segment"))
    assert [segment.name for segment in segments] == ["tumour 1", "tumour 2"]
    first = block((2, 2, 3), (4, 5, 9)).array | block((2, 3, 2), (4, 4, 10)).array
    np.testing.assert_array_equal(mask_on(segments[0], GRID).array, first)
    np.testing.assert_array_equal(mask_on(segments[1], GRID).array, block((15, 20, 25), (4, 5, 9)).array)


def test_a_reading_in_another_folder_or_damaged_is_refused(cohort):
    cases = read_cohort(cohort).cases
    path = cohort / "readings" / "R2" / "case-1" / "labels.json"
    good = path.read_text()
    path.write_text(good.replace('"R2"', '"R9"'))
    with pytest.raises(InputError, match="of another reader"):
        marks_of(cohort, cases)
    path.write_text(good[:-20])
    with pytest.raises(InputError, match="labels are damaged"):
        marks_of(cohort, cases)
    path.write_text(good)
    with pytest.raises(InputError, match="no name for a folder"):
        put_marks(cohort, cases[0], "../R2", {}, {})
    assert list(readers_of(cohort, cases)) == ["R1", "R2"]


def test_one_reader_counts_with_his_marks_as_he_made_them(cohort, capsys):
    sized = {"baseline/masses": PointList("masses", (Point("mine", tuple(GRID.center), "B, 31 mm"),))}
    put_marks(cohort, case(cohort, "case-1"), "R2", files(tumour((8, 10, 14)), sized), {"response": "SD"})
    own = {p: p.read_bytes() for p in (cohort / "cases" / "case-1").rglob("*") if p.is_file()}
    found = figures(capsys, cohort, "--consensus", "R2")
    assert found["consensus"] == ["case-0", "case-1", "case-2"] and found["without_consensus"] == {}
    now = case(cohort, "case-1")
    assert (now.values["response"], now.values["consensus"]) == ("SD", "R2 of R1, R2")
    (point,) = read_points(now.annotation_path("baseline", "masses", "points")).points
    assert (point.label, point.description) == ("mine", "B, 31 mm"), "a size is not lost"
    (segment,) = read_segments(now.annotation_path("pre", "tumour", "segment"))
    np.testing.assert_array_equal(mask_on(segment, GRID).array, block((8, 10, 14)).array)
    kept = cohort / "revisions" / "case-1" / "001"
    assert {p.name: (kept / p.relative_to(now.folder)).read_bytes() for p in own} == {p.name: own[p] for p in own}
    back = figures(capsys, cohort, "--consensus", "R1")
    assert back["consensus"] == ["case-0", "case-1", "case-2"]
    assert case(cohort, "case-1").values["response"] == "PR", "the first reader's labels were kept"
    assert main(["readers", str(cohort), "--consensus", "R7"]) == 2
    assert "no reader is called R7" in capsys.readouterr().err


def test_what_would_change_is_told_without_writing_and_differences_by_case(cohort):
    before = {p: p.read_bytes() for p in cohort.rglob("*") if p.is_file()}
    words = Words(all_marks(), all_classes(), tuple(all_columns()))
    found = choose_reading(cohort, "R2", words, write=False)
    assert "response PD \N{RIGHTWARDS ARROW} SD" in found.changes["case-2"] and "tumour" in found.changes["case-2"]
    assert {p: p.read_bytes() for p in cohort.rglob("*") if p.is_file()} == before
    readers, (pair,) = pairs_of_readers(cohort, words)
    assert readers == ("R1", "R2") and pair.cases == 3
    assert set(pair.differences) == {"case-0", "case-1", "case-2"}
    last = "; ".join(pair.differences["case-2"])
    assert "response: PD and SD" in last and "tumour: Dice 0.50" in last and "masses: 1 marked by one alone" in last
    assert pair.differences["case-0"] == ("masses 2: B and C",)


def test_boxes_have_no_consensus_and_are_not_lost(tmp_path, capsys):
    root = tmp_path / "cohort"
    box = {"baseline/masses.mrk.json": (LabelledBox("mass", Box(tuple(GRID.center), (20.0, 20.0, 20.0))),)}
    add_case(root, "case-1", volumes={"baseline/arterial": SCAN}, points={}, masks={}, values={"reader": "R1"})
    put_case(
        root,
        "case-1",
        box,
        {"reader": "R1"},
        replace=True,
        carried=("baseline/arterial.nrrd",),
    )
    put_marks(root, case(root, "case-1"), "R2", box, {})
    found = figures(capsys, root, "--consensus", "majority")
    assert found["without_consensus"] == {"case-1": ["baseline/masses (boxes have no consensus)"]}
    assert (root / "cases" / "case-1" / "baseline" / "masses.mrk.json").is_file()
    assert figures(capsys, root, "--consensus", "R2")["consensus"] == ["case-1"]
    assert (root / "cases" / "case-1" / "baseline" / "masses.mrk.json").is_file()
