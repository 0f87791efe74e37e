"""Confirmed cases beside the findings of a patient: never his own, and only what is new is scored."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import mass_toy
import numpy as np
import pytest
from ltp_blob import blob_image, close_grid
from test_next import ltp_model

from HCCAssistLib.cohort.cohort import Cohort, read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study, read_study
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS
from HCCAssistLib.training import confirmed_cases, nearest_cases
from HCCAssistLib.training.kept_cases import KnownFiles

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return mass_toy.model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Four cases of three patients: the first two are of one."""
    folder = mass_toy.write_toy_cohort(tmp_path / "masses", [""] * 4)
    rows = [dict(case.values, patient_id=f"p{max(1, n)}") for n, case in enumerate(read_cohort(folder).cases)]
    (folder / "cohort.csv").unlink()
    write_cohort_table(folder, rows)
    return folder


def read(folder: Path) -> Cohort:
    return read_cohort(folder, tolerant=True)


def test_no_neighbour_is_of_the_same_patient_and_only_new_cases_are_scored(
    cohort: Path, model: LoadedModel, tmp_path: Path, monkeypatch: Any
) -> None:
    study = read_study(read(cohort).cases[1], LIVER_MASS)
    for path in cohort.rglob("*.nrrd"):  # as on any other day
        os.utime(path, (1.7e9, 1.7e9))
    kept, asked = tmp_path / "kept", []
    score = confirmed_cases.scored_case
    monkeypatch.setattr(
        confirmed_cases, "scored_case", lambda one, *a, **k: asked.append(one.case_id) or score(one, *a, **k)
    )

    def found(**more: Any) -> nearest_cases.NearestCases:
        asked.clear()
        return nearest_cases.nearest_cases(study, model.package, read(cohort), {}, folder=kept, **more)

    first = found()
    assert asked == [f"case-{n}" for n in range(4)]
    assert first.own == ("case-0", "case-1"), "he has the same scan as one of them, and another case"
    assert (first.confirmed, first.patients, sorted(first.nearest)) == (10, 2, [1, 2, 3, 4, 5])
    for near in first.nearest.values():
        assert [one.case_id for one in near] in (["case-2", "case-3"], ["case-3", "case-2"])
        assert near[0].distance <= near[1].distance and len(near[0].finding.pictures) == 3
    again = found(patient="p2")
    assert not asked and again.own == ("case-0", "case-1", "case-2"), "nothing is scored twice"
    marks = cohort / "cases" / "case-3" / "baseline" / "masses.mrk.json"
    write_points(mass_toy.points(tuple((place, "E") for place in mass_toy.PLACES)), marks)
    shutil.rmtree(cohort / "cases" / "case-0")
    changed = found()
    assert asked == ["case-3"] and not (kept / "case-0").is_dir()
    assert {one.label for near in changed.nearest.values() for one in near if one.case_id == "case-3"} == {"E, cyst"}
    with pytest.raises(InputError, match="are of this very patient"):
        for name in ("case-2", "case-3"):
            shutil.rmtree(cohort / "cases" / name)
        found()


def test_a_cohort_that_tells_nothing_is_refused_in_words(cohort: Path, model: LoadedModel, tmp_path: Path) -> None:
    study = mass_toy.study()
    for where in cohort.glob("cases/*/baseline/masses.mrk.json"):
        write_points(mass_toy.points(tuple((place, "") for place in mass_toy.PLACES)), where)
    with pytest.raises(InputError, match="no finding of the cohort is confirmed"):
        nearest_cases.nearest_cases(study, model.package, read(cohort), {})
    write_cohort_table(tmp_path, [{"case_id": "a", "ltp": "1"}])
    (tmp_path / "cases" / "a").mkdir(parents=True)
    with pytest.raises(InputError, match="hold no baseline"):
        nearest_cases.nearest_cases(study, model.package, read(tmp_path), {})


def test_candidates_that_were_found_before_are_compared_without_a_search(tmp_path: Path, monkeypatch: Any) -> None:
    folder, image = tmp_path / "livers", blob_image(close_grid())
    post = folder / "cases" / "c0" / "post"
    post.mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0, 5, image.array.shape).astype(image.array.dtype)
    write_image(image.with_array(image.array + noise, "noise"), post / "arterial.nrrd")
    write_points(PointList("ltp", (Point("LTP-1", (-25.0, 15.0, -14.0)),)), post / "ltp.mrk.json")
    write_points(PointList("rejected", (Point("R-1", (40.0, -20.0, 30.0)),)), post / "rejected.mrk.json")
    write_cohort_table(folder, [{"case_id": "c0", "ltp": "1"}])
    monkeypatch.setattr("HCCAssistLib.recipes.ltp.scored.predict", None)
    places = {7: (-25.0, 15.0, -14.0)}
    package = ltp_model(tmp_path, 1).package
    study = Study("x", {"post/arterial": image})
    (near,) = nearest_cases.nearest_cases(study, package, read(folder), {}, places=places).nearest[7]
    assert (near.case_id, near.label) == ("c0", "local tumour progression")


def test_a_file_is_known_by_its_time_and_read_again_where_that_may_lie(tmp_path: Path) -> None:
    file, index = tmp_path / "a", tmp_path / "files.json"
    file.write_bytes(b"one")
    known = KnownFiles(index)
    lately = known.sha256(file)
    known.keep()
    file.write_bytes(b"two")  # within the same step of a slow clock
    os.utime(file, ns=(file.stat().st_atime_ns,) * 2)
    assert KnownFiles(index).sha256(file) != lately, "it was not believed: it had just been written"
    os.utime(file, (1.7e9, 1.7e9))
    known = KnownFiles(index)
    settled = known.sha256(file)
    known.keep()
    file.write_bytes(b"six")
    os.utime(file, (1.7e9, 1.7e9))
    assert KnownFiles(index).sha256(file) == settled, "size and time are those of before"
    os.utime(file, (1.7e9 + 1, 1.7e9 + 1))
    assert KnownFiles(index).sha256(file) != settled
    index.write_text("[3")
    assert KnownFiles(index).sha256(file) != settled
