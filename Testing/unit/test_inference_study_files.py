"""A study in a file: all that a method may compute with, and no text of a reader."""

from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from imaging_samples import random_image, stored_as

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.finding_labels import Finding
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.inference.study import Study
from HCCAssistLib.inference.study_files import read_study_file, write_study
from HCCAssistLib.training import reading
from HCCAssistLib.training.samples import Origin, Samples

COLUMNS = ("AFP_ng_mL", "ltp")
PARTS = ("volumes", "points", "masks", "boxes", "findings", "transforms")


@pytest.fixture
def study() -> Study:
    """One of every part, on an oblique grid, with words of a reader wherever there can be some."""
    tilted = stored_as(random_image(turn=(20.0, -30.0, 10.0)), (2, 0, 1), (True, False, False))
    image = replace(tilted, name="Mr X", history=("read from Mr X.nii.gz",))
    mask = image.with_array((image.array > image.array.mean()).astype(np.uint8), "painted by Dr Y")
    lesion = image.with_array((image.array > np.percentile(image.array, 95)).astype(np.uint8), "painted by Dr Y")
    near, far = (image.geometry.to_world(index).tolist() for index in ((1, 2, 0), (3, 1, 2)))
    turned = ((0.6, 0.8, 0.0), (-0.8, 0.6, 0.0), (0.0, 0.0, 1.0))
    return Study(
        "case-1",
        {"post/arterial": image, "post/portal": image.with_array(image.array.astype(np.float32) / 7, "halved")},
        {"post/ltp": PointList("of Mr X", (Point("Mr X", tuple(near), "seen by Dr Y"), Point("b", tuple(far))))},
        {"post/liver": mask},
        {"AFP_ng_mL": "12.5", "ltp": "1", "remark": "Mr X"},
        (Problem("WARN", "thick slices", "Mr X.nii.gz"),),
        {"post/tumour": (LabelledBox("Mr X", Box(tuple(near), (10.0, 11.0, 12.0), turned)),)},
        {
            "post/mass": (
                Finding("Mr X", tuple(near), "A", "A-1"),
                Finding("Dr Y", tuple(far), "B", mask=lesion, target=False),
                Finding("Dr Y", tuple(near), box=Box(tuple(near), (10.0, 11.0, 12.0), turned)),
                Finding("Dr Y", tuple(far), size_mm=32.5, measured=True),
            )
        },
        {"post/portal": np.diag((1.0, 1.0, 1.01, 1.0))},
        decimal_comma=True,
    )


def test_a_study_comes_out_of_its_file_with_all_that_a_run_can_rest_on(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path / "case-1.safetensors", COLUMNS)
    read = read_study_file(tmp_path / "case-1.safetensors")
    assert read.case_id == study.case_id
    assert read.digests(COLUMNS) == study.digests(COLUMNS)  # voxels, grids, points, boxes, masks of findings, values
    affine = study.volumes["post/arterial"].geometry.affine
    assert all(np.array_equal(image.geometry.affine, affine) for image in {**read.volumes, **read.masks}.values())
    assert read.findings["post/mass"][1].mask is not None
    assert [without_words(one) for one in read.findings["post/mass"]] == [
        without_words(one) for one in study.findings["post/mass"]
    ]


def without_words(finding: Finding) -> tuple[object, ...]:
    """What a finding says without its name; its mask is among the digests."""
    parts = {field.name: getattr(finding, field.name) for field in fields(Finding) if field.name != "name"}
    return (*(str(value) for name, value in parts.items() if name != "mask"), finding.mask is None)


def test_no_word_of_a_reader_and_no_other_column_is_in_the_file_of_a_study(study: Study, tmp_path: Path) -> None:
    write_study(study, tmp_path / "case-1.safetensors", COLUMNS)
    content = (tmp_path / "case-1.safetensors").read_bytes()
    assert not [word for word in (b"case-1", b"Mr X", b"Dr Y", b"remark", b"thick") if word in content]


def test_no_part_of_a_study_is_forgotten_by_its_file(study: Study, tmp_path: Path) -> None:
    """Also none that a study gets one day."""
    write_study(study, tmp_path / "case-1.safetensors", COLUMNS)
    read = read_study_file(tmp_path / "case-1.safetensors")
    lost = [field.name for field in fields(Study) if getattr(study, field.name) and not getattr(read, field.name)]
    assert lost == ["warnings"]  # they name files, and were shown when the study was read


@pytest.mark.parametrize("damage", ["cut", "older"])
def test_a_damaged_or_older_file_of_a_study_is_refused(study: Study, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "case-1.safetensors"
    write_study(study, path, COLUMNS)
    content = path.read_bytes()
    path.write_bytes(content[:-9] if damage == "cut" else content.replace(b"hccassist-study/4", b"hccassist-study/3"))
    with pytest.raises(InputError, match="cannot be read"):
        read_study_file(path)


def test_a_pack_holds_the_columns_that_the_recipe_reads(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = Samples({"case": np.zeros(1, np.int32)}, (Origin("case-1", "p", "train"),))
    steps = {"checks": SimpleNamespace(problems=lambda read, options: ())}
    steps["sampling"] = SimpleNamespace(sample_case=lambda *arguments: samples)
    recipe = SimpleNamespace(columns=("AFP_ng_mL",), module=steps.__getitem__)
    monkeypatch.setattr(reading, "get_recipe", lambda name: recipe)
    case = Case("case-1", "p", "train", study.values, tmp_path)
    parts = {name: dict(getattr(study, name)) for name in PARTS}
    read = CaseContents(case, **parts)
    assert list(reading._Sampler("toy", {}, 0, tmp_path, frozenset({"case-1"}))(read)) == []
    packed = read_study_file(tmp_path / "case-1.study.safetensors")
    assert dict(packed.values) == {"AFP_ng_mL": "12.5"}
    assert packed.digests() == study.digests()
