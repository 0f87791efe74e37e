"""A file that looks like an input and is not used is named; what is known or no input is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.unused_files import unused_files
from HCCAssistLib.recipes.registry import get_recipe

NEEDS = get_recipe("ltp").inputs


def case(folder: Path, *names: str) -> Case:
    for name in ("post/arterial.nrrd", *names):
        path = folder / "c1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return Case("c1", "c1", "", {}, folder / "c1")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("post/zone.mha", "the name of an input"),
        ("post/ablation.mha", "post/ablation.seg.nrrd"),
        ("post/ablation zone.seg.nrrd", "post/ablation.seg.nrrd"),
        ("post/Ablation_1.seg.nrrd", "post/ablation.seg.nrrd"),
        ("post/ablation.seg.vtm", "post/ablation.seg.nrrd"),
        ("post/liver_mask.nii.gz", "post/liver.seg.nrrd"),
        ("post/liver.stl", "post/liver.seg.nrrd"),
        ("post/ltp points.mrk.json", "post/ltp.mrk.json"),
        ("post/ltp.json", "post/ltp.mrk.json"),
        ("post/ltp.seg.nrrd", "post/ltp.mrk.json"),
        ("post/F.mrk.json", "the name of an input"),
        ("post/Segmentation.seg.nrrd", "the name of an input"),
        ("post/arterial.dcm", "post/arterial.nrrd"),
        ("post/arterial (1).nrrd", "post/arterial.nrrd"),
        ("post/arterial.zip", "post/arterial.nrrd"),
        ("arterial.nrrd", "post/arterial.nrrd"),
        ("ltp.mrk.json", "post/ltp.mrk.json"),
        ("followup/arterial.nrrd", "post/arterial.nrrd"),
        ("Post/ltp.mrk.json", "post/ltp.mrk.json"),
        ("baseline/ltp.mrk.json", "post/ltp.mrk.json"),
        ("post/liver.seg.nrrd.txt", "post/liver.seg.nrrd"),
        ("post/liver.seg.nrrd~", "post/liver.seg.nrrd"),
        ("post/Liver.seg.nrrd.crdownload", "post/liver.seg.nrrd"),
        ("post/liver.nii.gz.part", "post/liver.seg.nrrd"),
        ("post/liver.tif", "post/liver.seg.nrrd"),
        ("post/liver.rtstruct", "post/liver.seg.nrrd"),
        ("post/liver", "post/liver.seg.nrrd"),
        ("post/zone.seg.nrrd.old", "the name of an input"),
        ("post/ltp.mrk.json.txt", "post/ltp.mrk.json"),
        ("post/ltp.mrk.json.bak", "post/ltp.mrk.json"),
        ("post/F.fcsv.txt", "the name of an input"),
        ("post/ltp.xlsx", "post/ltp.mrk.json"),
    ],
)
def test_a_file_that_looks_like_an_input_is_named(tmp_path: Path, name: str, remedy: str) -> None:
    (found,) = unused_files(case(tmp_path, name), NEEDS)
    assert (found.level, found.what, found.where, found.case_id) == ("WARN", f"{name} is not used", "case c1", "c1")
    assert remedy in found.remedy


def test_a_folder_of_slices_that_is_not_read_is_named_once(tmp_path: Path) -> None:
    (found,) = unused_files(case(tmp_path, *(f"post/series 5/IM{n}.dcm" for n in range(40))), NEEDS)
    assert found.what == "post/series 5/ is not used"


def test_many_files_are_one_warning(tmp_path: Path) -> None:
    (found,) = unused_files(case(tmp_path, *(f"post/lesion{n}.nrrd" for n in range(9))), NEEDS)
    assert found.what.endswith("post/lesion4.nrrd and 4 more are not used")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "post/ltp.mrk.json",
            "post/LTP.fcsv",
            "post/ablation.seg.nrrd",
            "post/ablation.mrk.json",
            "post/liver.nii.gz",
        ),
        *("post/portal.nrrd", "pre/arterial.nrrd", "baseline/unenhanced.nii.gz", "pre/delayed/1.dcm"),
        *("truth.json", "report.txt", "post/report.pdf", "post/ablation.png", "post/notes.csv", "scanner.json"),
        *(".DS_Store", "post/._arterial.nrrd", "post/.hidden.nrrd", "post/Thumbs.db", "post/arterial.nrrd.77.part"),
        *(".git/objects.zip", "post/readme.md", "post/liver.seg.nrrd.77.part", "post/liver.seg.nrrd.sha256"),
        *("post/liver.seg.nrrd.png", "post/liver notes.txt", "notes.json.bak"),
    ],
)
def test_what_is_known_or_no_input_is_not_named(tmp_path: Path, name: str) -> None:
    assert unused_files(case(tmp_path, name), NEEDS) == []


def test_the_only_folder_of_a_time_point_is_read_whatever_its_capitals(tmp_path: Path) -> None:
    for number, name in enumerate(("Post", "POST", "post ")):
        path = tmp_path / str(number) / name / "arterial.nrrd"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
        found = Case("c", "c", "", {}, tmp_path / str(number))
        assert found.volume_path("post", "arterial") == path
        assert unused_files(found, NEEDS) == []


def test_beside_a_volume_that_was_opened_alone_nothing_is_looked_for(tmp_path: Path) -> None:
    volume = tmp_path / "scan.nrrd"
    volume.write_bytes(b"x")
    (tmp_path / "liver.mha").write_bytes(b"x")
    assert unused_files(Case("case", "case", "", {}, tmp_path, {"post/arterial": volume}), NEEDS) == []
