"""Cases that patches cannot be cut from are listed with all other faults, before any work."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from body import body_image, liver_mask, oblique_grid

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.cohort.validation import validate
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study, judged_study, read_study
from HCCAssistLib.recipes.ltp.checks import problems
from HCCAssistLib.recipes.registry import cohort_spec, get_recipe

LTP = get_recipe("ltp")
CT = body_image(oblique_grid())


def checked(folder: Path, images: dict[str, Image], **options: object) -> list[Problem]:
    for name, image in images.items():
        (folder / "cases" / name / "post").mkdir(parents=True)
        write_image(image, folder / "cases" / name / "post" / "arterial.nrrd")
    write_cohort_table(folder, [{"case_id": name, "split": "test", "ltp": 0} for name in images])
    check = partial(problems, options=LTP.resolve(options))
    found = validate(read_cohort(folder), cohort_spec(LTP), check=check)
    return [problem for problem in found if problem.level == "STOP"]


def test_short_empty_and_odd_scans_are_all_listed_at_once(tmp_path: Path) -> None:
    straight = body_image(Geometry.from_parts((7, 80, 110), (1.0, 1.0, 4.0), (-55.0, -40.0, -30.0)))
    images = {
        "good": CT,
        "short": straight,
        "empty": CT.with_array(np.full(CT.array.shape, -1000, np.int16), ""),
        "air": CT.with_array(np.random.default_rng(0).normal(-1000, 9, CT.array.shape).astype(np.int16), ""),
        "offset": CT.with_array(CT.array + 1024, ""),
    }
    found = checked(tmp_path, images)
    said = {problem.case_id: problem for problem in found}
    assert len(found) == 4
    assert sorted(said) == ["air", "empty", "offset", "short"]
    assert "smaller than a patch of 32 x 32 x 8" in said["short"].what
    assert "all voxels have the value -1000" in said["empty"].what
    assert "hardly anything but air" in said["air"].what
    assert "offset of 1,000 or 1,024" in said["offset"].what
    assert {problem.where for problem in found} == {f"case {name}, post/arterial" for name in said}


def test_no_room_for_negatives_is_told_with_the_option_that_took_it(tmp_path: Path) -> None:
    post = tmp_path / "cases" / "c1" / "post"
    post.mkdir(parents=True)
    write_points(PointList("ltp", (Point("F-1", (0.0, 0.0, 0.0)),)), post / "ltp.mrk.json")
    write_image(CT, post / "arterial.nrrd")
    write_cohort_table(tmp_path, [{"case_id": "c1", "split": "test", "ltp": 1}])
    cohort = read_cohort(tmp_path)
    for radius, count in ((22.0, 0), (100.0, 1)):
        check = partial(problems, options=LTP.resolve({"radius": radius}))
        stops = [p for p in validate(cohort, cohort_spec(LTP, learning=False), check=check) if p.level == "STOP"]
        assert len(stops) == count
    assert "negative patches fit beside the LTP points" in stops[0].what
    assert "smaller radius" in stops[0].remedy


def test_what_a_case_is_judged_to_be_does_not_depend_on_who_asks(tmp_path: Path) -> None:
    """Validation and prediction give the same words for the same files."""
    post = tmp_path / "cases" / "c1" / "post"
    post.mkdir(parents=True)
    write_image(CT, post / "arterial.nrrd")
    astray = (Point("air", (0.0, -85.0, -10.0)), Point("far", (0.0, 0.0, 500.0)))
    write_points(PointList("ltp", astray), post / "ltp.mrk.json")
    (post / "liver.seg.nrrd").write_text("nothing")
    (post / "rejected.mrk.json").write_text("{}")
    write_cohort_table(tmp_path, [{"case_id": "c1", "ltp": 1}])
    (case,) = read_cohort(tmp_path).cases
    with pytest.raises(InputError) as caught:
        read_study(case, LTP)
    listed = [p for p in validate(read_cohort(tmp_path), cohort_spec(LTP, learning=False)) if p.level == "STOP"]
    assert sorted(map(str, listed)) == sorted(map(str, caught.value.problems))
    assert len(listed) == 4


def test_what_a_person_chose_in_a_scene_is_judged_as_files_are(tmp_path: Path) -> None:
    air = np.zeros(CT.geometry.shape, np.uint8)
    air[2:20, 2:20, 4:20] = 1
    in_air, liver = Segment("Segment_1", Image(air, CT.geometry)), Segment("tissue", liver_mask(CT.geometry))
    good, far = (-35.0, 12.0, -15.0), (-35.0, 12.0, -28.0)
    lists = {"post/ltp": PointList("ltp", (Point("F-1", good), Point("F-2", (50.0, 0.0, 0.0))))}

    def judged(segment: Segment, points: dict[str, PointList]) -> Study:
        return judged_study(
            "scan", LTP, volumes={"post/arterial": CT}, segments={"post/liver": segment}, points=points, values={}
        )

    with pytest.raises(InputError, match="segment 'Segment_1': 100% of the segment lies in air or lung"):
        judged(in_air, {})
    with pytest.raises(InputError, match="point 'F-2': the point lies more than 30 mm outside the liver's segment"):
        judged(liver, lists)
    zone = {"post/ablation": PointList("ablation", (Point("a", good), Point("b", good), Point("c", far)))}
    study = judged(liver, zone)
    assert np.array_equal(study.masks["post/liver"].array, liver.mask.array)
    assert [str(warning) for warning in study.warnings] == [
        "point 'b': the points 'a' and 'b' are 0.0 mm apart: one place is marked twice. Delete one of them."
    ]
    (post := tmp_path / "cases" / "c1" / "post").mkdir(parents=True)
    write_image(CT, post / "arterial.nrrd")
    write_points(lists["post/ltp"], post / "ltp.mrk.json")
    write_segments([Segment("liver", liver.mask)], post / "liver.seg.nrrd")
    write_cohort_table(tmp_path, [{"case_id": "c1", "ltp": 1}])
    with pytest.raises(InputError, match="point 'F-2': the point lies more than 30 mm outside the liver's segment"):
        read_study(read_cohort(tmp_path).cases[0], LTP)


def test_the_command_lists_short_and_empty_scans_with_all_other_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort = tmp_path / "cohort"
    images = {
        "short": body_image(Geometry.from_parts((7, 80, 110), (1.0, 1.0, 4.0), (-55.0, -40.0, -30.0))),
        "empty": CT.with_array(np.full(CT.array.shape, -1000, np.int16), ""),
    }
    checked(cohort, images)
    write_cohort_table(cohort, [{"case_id": name, "split": "train", "ltp": "x"} for name in images])
    assert main(["train", str(cohort), "--recipe", "ltp", "--out", str(tmp_path / "model")]) == 2
    said = capsys.readouterr().err
    for fault in (
        "smaller than a patch of 32 x 32 x 8",
        "all voxels have the value -1000",
        "the column ltp holds x and not one",
    ):
        assert fault in said
    assert not list(tmp_path.glob("model*"))
