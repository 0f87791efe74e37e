from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.described_size import described_size
from HCCAssistLib.cohort.points import read_points
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.liver.scene import SCANNERS
from HCCAssistLib.phantoms.ltp import cases as ltp
from HCCAssistLib.phantoms.ltp.cases import PHANTOMS, make_case, shows_ltp
from HCCAssistLib.phantoms.ltp.truth import LTPPhantom

pytestmark = pytest.mark.slow

CASES = 3
SEED = 3


@pytest.fixture(scope="module")
def made() -> dict[tuple[int, int], LTPPhantom]:
    """The phantoms of the cohort by seed and number, as they were before they were written."""
    return {}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory, made: dict[tuple[int, int], LTPPhantom]) -> Path:
    out = tmp_path_factory.mktemp("phantoms") / "cohort"
    seen: list[float] = []

    def kept(seed: tuple[int, int], **options: Any) -> LTPPhantom:
        made[seed] = make_case(seed, **options)
        return made[seed]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ltp, "make_case", kept)
        write_cohort(PHANTOMS, out, cases=CASES, seed=SEED, field="liver", progress=seen.append)
    assert seen == pytest.approx([1 / 3, 2 / 3, 1])
    return out


def test_the_cohort_reads_back_with_its_truth(cohort: Path, made: dict[tuple[int, int], LTPPhantom]) -> None:
    table = read_cohort(cohort)
    assert [case.case_id for case in table.cases] == ["ltp-0001", "ltp-0002", "ltp-0003"]
    assert {case.values["ltp"] for case in table.cases} == {"0", "1"}
    assert list(made) == [(SEED, number) for number in range(CASES)]
    assert all(case.split in ("train", "validation", "test") for case in table.cases)
    for number, case in enumerate(table.cases):
        positive = shows_ltp(SEED, number)
        assert case.values["ltp"] == str(int(positive))
        path = case.volume_path("post", "arterial")
        assert path is not None
        image = read_image(path)
        expected = made[SEED, number]
        assert image.geometry.matches(expected.image.geometry)
        assert np.array_equal(image.array, expected.image.array)
        for what, mask in (("liver", expected.liver), ("ablation", expected.ablation)):
            path = case.annotation_path("post", what)
            assert path is not None
            (segment,) = read_segments(path)
            assert segment.name == what
            assert np.array_equal(mask_on(segment, image.geometry).array, mask.array)
        truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
        assert truth == json.loads(json.dumps(expected.as_json()))
        assert truth["note"].startswith("synthetic; says nothing about patients")
        points = case.annotation_path("post", "ltp")
        assert (points is not None) == positive == bool(truth["lesions"])
        if points is not None:
            marked = read_points(points)
            sizes = [described_size(point.description) for point in marked.points]
            assert sizes == [round(lesion["diameter_mm"]) for lesion in truth["lesions"]]
            positions = marked.positions
            assert np.allclose(positions, [lesion["point_lps"] for lesion in truth["lesions"]])


def test_a_case_depends_on_the_seed_and_its_number_not_on_the_size_of_the_cohort(cohort: Path, tmp_path: Path) -> None:
    write_cohort(PHANTOMS, tmp_path / "small", cases=1, seed=SEED, field="liver")
    for path in sorted((tmp_path / "small" / "cases").rglob("*")):
        if path.is_file() and not path.name.endswith(".seg.nrrd"):
            twin = cohort / path.relative_to(tmp_path / "small")
            assert path.read_bytes() == twin.read_bytes(), path.name


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(InputError, match="there is something already"):
        write_cohort(PHANTOMS, tmp_path / "mine", cases=1)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    with pytest.raises(InputError, match="there is something already"):
        write_cohort(PHANTOMS, tmp_path / "mine" / "notes.txt", cases=1)


@pytest.mark.parametrize("cases", [0, -3])
def test_no_cases_are_refused(tmp_path: Path, cases: int) -> None:
    with pytest.raises(InputError, match="Ask for one or more"):
        write_cohort(PHANTOMS, tmp_path / "none", cases=cases)
    assert not (tmp_path / "none").exists()


def test_a_run_that_breaks_off_leaves_nothing_behind(
    cohort: Path, made: dict[tuple[int, int], LTPPhantom], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second_fails(seed: tuple[int, int], **options: object) -> object:
        if seed[1] == 1:
            raise KeyboardInterrupt
        return made[SEED, 0]

    monkeypatch.setattr(ltp, "make_case", second_fails)
    with pytest.raises(KeyboardInterrupt):
        write_cohort(PHANTOMS, tmp_path / "out", cases=3, field="liver")
    assert list(tmp_path.iterdir()) == []


def test_another_scanner_shows_other_pixels_slices_and_noise_and_its_cases_are_all_for_testing(tmp_path: Path) -> None:
    write_cohort(PHANTOMS, tmp_path / "far", cases=2, seed=SEED, field="liver", scanner="external")
    for case in read_cohort(tmp_path / "far").cases:
        assert (case.split, case.values["scanner"]) == ("test", "external")
        path = case.volume_path("post", "arterial")
        assert path is not None
        spacing = read_image(path).geometry.spacing
        truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
        here, there = SCANNERS["internal"], SCANNERS["external"]
        assert min(abs(spacing.max() - thickness) for thickness in there.slice_mm) < 1e-6
        assert not set(here.slice_mm) & set(there.slice_mm) and here.pixel_mm[1] < spacing.min() <= there.pixel_mm[1]
        assert here.noise_hu[1] < there.noise_hu[0] <= truth["noise_hu"] <= there.noise_hu[1]
    with pytest.raises(InputError, match="no scanner 'mri'"):
        write_cohort(PHANTOMS, tmp_path / "none", cases=2, scanner="mri")
