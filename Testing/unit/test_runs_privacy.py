"""What leaves this computer: the same bytes for the same cohort, and nobody's name in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ltp_blob import BLOBS, LTP, blob_image, close_grid

from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.jobs.runs import attempt
from HCCAssistLib.jobs.runs.local import LocalExecutor
from HCCAssistLib.jobs.runs.runs import RunSettings, send_pack, submit
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.manifest import MANIFEST, Manifest, verified
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.preparing import Prepared, prepare

pytestmark = pytest.mark.heavy

SPLITS = ("train", "train", "validation", "validation", "test", "test")
NAMES = ("Anna.Mueller", "Bodo.Schulz", "Carla.Meier", "Dirk.Wolf", "Eva.Kranz", "Falk.Horn")
COLUMNS = {
    "patient_name": "Vogel^Gerda^Maria",
    "birth_date": "1951-03-27",
    "hospital_number": "MRN-0048151623",
    "accession": "ACC42-77120",
    "study_uid": "1.2.840.113619.2.55.3.604688119.971",
    "study_date": "20230914",
    "institution": "Klinikum Sonnenberg",
    "referring_physician": "Dr. Ignaz Quast",
    "operator": "op-Yvonne",
    "station": "CT-SUITE-7-EAST",
    "address": "Lindenallee 12a, 80331",
    "phone": "+49-89-5550173",
    "email": "gerda.vogel@example.org",
    "insurance": "TK-A123456780",
    "remark": "collapsed in the lift on Monday",
    "diagnosis": "HCC after hepatitis C, see letter",
    "AFP_note": "four hundred as told by her son",
    "device_serial": "SN-0090817",
}
"""Columns that no recipe asks for."""

HEADER = {148: "Vogel G 27Mar1951", 228: "acc/ACC42-99", 14: "PACS-Sonnenberg"}
"""Texts in the header of a NIfTI file by their place: its description, another file, the data base."""

MARKED = ("tumour of Mrs Vogel", "seen by Quast, 14.9.", "list of Gerda V", "liver of G.V.", "zone drawn by Yvonne")


def identifiers(folder: Path) -> list[str]:
    """All that was planted, with names of folders and files."""
    names = [*NAMES, *(f"pat-{name}" for name in NAMES), folder.name, folder.parent.name]
    return [*names, *COLUMNS.values(), *HEADER.values(), *MARKED]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six noisy bodies whose files and table say in every place who they are."""
    folder = tmp_path_factory.mktemp("Vogel-Gerda") / "Sonnenberg-2023"
    body, rows = blob_image(close_grid()), []
    for number, (name, split) in enumerate(zip(NAMES, SPLITS, strict=True)):
        rng, positive = np.random.default_rng(number), number % 2 == 0
        array = body.array if positive else np.full_like(body.array, 60)
        noisy = body.with_array((array + rng.normal(0, 12, array.shape)).astype(np.int16), "noise")
        post = folder / "cases" / name / "post"
        post.mkdir(parents=True)
        write_image(noisy, post / "arterial.nii")
        with (post / "arterial.nii").open("r+b") as file:
            for place, text in HEADER.items():
                file.seek(place)
                file.write(text.encode())
        if positive:
            points = tuple(Point(f"{MARKED[0]} {n}", center, MARKED[1]) for n, (center, _) in enumerate(BLOBS))
            write_points(PointList(MARKED[2], points), post / "ltp.mrk.json")
        drawn = noisy.with_array(np.ones_like(noisy.array, dtype=np.uint8), "drawn")
        write_segments([Segment(MARKED[3], drawn, {"Remark": MARKED[4]})], post / "liver.seg.nrrd")
        row = {"case_id": name, "patient_id": f"pat-{name}", "split": split, "ltp": int(positive), **COLUMNS}
        rows.append({**row, "synthetic": "1"})
    write_cohort_table(folder, rows)
    return folder


def prepared_in(folder: Path, cohort: Path) -> Prepared:
    options = LTP.resolve({"epochs": 1, "width": 0.1, "hard_negatives": 2, "batch": 32})
    read = read_cohort(cohort, tolerant=True)
    return prepare(read, Job(LTP, options, folder / "out", "model", seed=3).checked(read), Pack(folder / "pack"))


@pytest.fixture(scope="module")
def prepared(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Prepared]]:
    folder = tmp_path_factory.mktemp("first")
    yield folder, prepared_in(folder, cohort)


def found_in(folder: Path, words: list[str]) -> set[tuple[str, str]]:
    """Which words occur in which file, in its content or its name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    contents = {path: path.read_bytes().lower() for path in files}
    # a year is none within a longer number, such as the time of day that a file is named by
    patterns = {
        word: rf"(?<!\d){word}(?!\d)" if word.isdigit() and len(word) == 4 else re.escape(word.lower())
        for word in words
    }
    return {
        (word, path.name)
        for path, content in contents.items()
        for word, pattern in patterns.items()
        if re.search(pattern.encode(), content) or re.search(pattern, path.relative_to(folder).as_posix().lower())
    }


def test_no_identifier_is_in_the_pack_the_plans_or_anything_that_a_run_writes(
    prepared: tuple[Path, Prepared], cohort: Path, tmp_path: Path
) -> None:
    folder, found = prepared
    words = identifiers(cohort)
    assert len(set(words)) >= 35
    planted = {word for word, _ in found_in(cohort.parent.parent, words)}
    assert planted == set(words), "the search finds what is there"
    digests = found.record["image_digests"]
    assert len(digests) == 4

    class Nobody(LocalExecutor):
        def start(self, key: str) -> None:
            pass

    executor = Nobody(tmp_path)
    assert send_pack(executor.files, folder / "pack") == found.digest
    for plan in found.plans:
        key = submit(executor, plan.as_json(), found.digest, RunSettings("cpu", 1))
        assert attempt.main([str(tmp_path), key]) == 0
        assert (tmp_path / "runs" / key / "result.safetensors").exists()
    names = [path.relative_to(tmp_path / "packs" / found.digest).as_posix() for path in tmp_path.rglob("packs/*/**/*")]
    assert sorted(names) == [
        MANIFEST,
        "samples.safetensors",
        "studies",
        *(f"studies/C000{n}.safetensors" for n in "1234"),
    ]
    assert found_in(tmp_path, [*words, *digests, "2023", "1951"]) == set()
    assert set(found.pseudonyms["cases"]) == set(NAMES[:4]), "who is who stays here"


def test_the_same_cohort_gives_the_same_bytes_whatever_its_order_path_and_time(
    prepared: tuple[Path, Prepared], cohort: Path, tmp_path: Path
) -> None:
    folder, first = prepared
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "cases").symlink_to(cohort / "cases")
    header, *lines = (cohort / "cohort.csv").read_text(encoding="utf-8-sig").splitlines()
    (other / "cohort.csv").write_text("\n".join([header, *reversed(lines)]) + "\n", encoding="utf-8")
    again = prepared_in(tmp_path, other)
    assert again.digest == first.digest
    assert again.plans == first.plans
    for path in (folder / "pack").rglob("*"):
        if path.is_file():
            assert (tmp_path / "pack" / path.relative_to(folder / "pack")).read_bytes() == path.read_bytes()
    assert verified(tmp_path / "pack", first.digest) == Manifest.of(folder / "pack", "ltp")


def test_what_stays_here_comes_back_from_its_file(prepared: tuple[Path, Prepared]) -> None:
    _, found = prepared
    written = json.loads(json.dumps(found.as_json()))
    assert json.loads(json.dumps(Prepared.from_json(written).as_json())) == written
    assert found.record["cases"] == {"train": 2, "validation": 2, "test": 2}
    assert found.record["patients"] == 4
