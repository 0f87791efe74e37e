"""What a package keeps to calibrate sets: held-out masses alone, each by the members that did not learn it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mass_toy import PLACES, model, study, write_toy_cohort
from scipy.special import softmax

from HCCAssistLib.cli.findings import rows
from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.conformal import Calibration
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.models.package import ModelPackage, read_package, write_package
from HCCAssistLib.recipes.liver_mass.augmentation import STORED
from HCCAssistLib.recipes.liver_mass.looks import VALUES, looks
from HCCAssistLib.recipes.liver_mass.masses import field_of_view
from HCCAssistLib.recipes.liver_mass.prediction import predict
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, SIZE
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.tables import findings_table
from HCCAssistLib.training.calibration import FILE, OF_MEMBER, calibration_files, distances, how_unusual, seen_features
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.samples import Origin, Samples

pytestmark = pytest.mark.heavy


def samples(cases: list[int], *, sections: int = 2, masses: int = 3) -> Samples:
    """Each case with its masses, each mass with its sections; the label is the number of the mass."""
    lesion = np.tile(np.repeat(np.arange(masses), sections), len(cases))
    return Samples(
        {
            "case": np.repeat(np.arange(len(cases)), masses * sections),
            "lesion": lesion,
            "label": lesion.astype(np.uint8),
            "center_lps": np.zeros((len(lesion), 3), np.float32),
        },
        tuple(Origin(f"case_{n}", f"patient {n // 2}", "train") for n in cases),
    )


def result(cases: list[int], sure: float) -> MemberResult:
    """A member that was held out of some cases, and is as sure of the right category of each."""
    held_out = samples(cases)
    outputs = np.zeros((len(held_out), 5), np.float32)
    outputs[np.arange(len(held_out)), held_out.labels] = sure
    outputs[1::2] = 9.0 * np.eye(5)[4]  # of other sections than that of the mark
    away = np.arange(len(held_out), dtype=np.float64)
    kept = {"means": np.zeros((3, 2)), "whitening": np.eye(2), "distances": away}
    return MemberResult({}, {}, held_out, outputs, kept=kept)


def test_a_mass_is_judged_by_the_members_that_were_held_out_of_it_and_by_its_mark_alone() -> None:
    results = [result([0, 1], 1.0), result([2, 3], 2.0), result([0, 1], 3.0), result([2, 3], 4.0)]
    files = calibration_files(results)
    found = Calibration.from_arrays(files[FILE])
    assert (found.n, found.n_patients) == (12, 2), "a mass counts once, however many members were held out of it"
    of = {sure: softmax([sure, 0, 0, 0, 0])[0] for sure in (1.0, 2.0, 3.0, 4.0)}
    expected = sorted([np.mean([of[1.0], of[3.0]])] * 6 + [np.mean([of[2.0], of[4.0]])] * 6)
    np.testing.assert_allclose(sorted(found.probabilities), expected, rtol=1e-6)
    assert sorted(files) == sorted([FILE, *(OF_MEMBER.format(n) for n in range(4))])
    center, scale = files[OF_MEMBER.format(0)]["held_out"]
    assert (center, scale) == (pytest.approx(5.0), pytest.approx(np.std(np.arange(0, 12, 2))))
    assert np.mean(found.distances) == pytest.approx(0.0, abs=1e-9)
    for label in range(3):  # by rising probability, not in the order of the cohort
        own = found.probabilities[found.labels == label]
        np.testing.assert_array_equal(own, np.sort(own))


def test_members_that_kept_nothing_give_no_calibration() -> None:
    old = result([0, 1], 1.0)
    assert calibration_files([MemberResult({}, {}, old.validation, old.outputs)]) == {}


def test_what_lies_apart_from_all_categories_is_unusual_in_any_scale() -> None:
    rng = np.random.default_rng(0)
    train, held_out = samples(list(range(40))), samples(list(range(40, 60)))
    middles = np.array([[0.0, 0.0], [500.0, 0.0], [0.0, 0.005]])

    def draw(part: Samples) -> np.ndarray:
        return middles[part.labels] + rng.normal(0, (10.0, 1e-4), (len(part), 2))

    learnt, unseen = draw(train), draw(held_out)
    kept = seen_features(train, learnt, unseen)
    np.testing.assert_allclose(kept["distances"], distances(unseen, kept))
    outputs = np.zeros((len(held_out), 5), np.float32)
    files = calibration_files([MemberResult({}, {}, held_out, outputs, kept=kept)])
    new = np.array([[0.0, 0.0], [500.0, 0.0], [0.0, 0.005], [250.0, 0.0], [0.0, 0.0025], [500.0, 0.005]])
    p = how_unusual(Calibration.from_arrays(files[FILE]), [files[OF_MEMBER.format(0)]], new)
    assert (p[:3] > 0.3).all() and (p[3:] < 0.1).all(), p


def test_rings_know_the_rim_from_the_middle_whatever_the_size_and_what_lies_beside() -> None:
    options = LIVER_MASS.resolve({"phases": "arterial"})
    y, x = np.indices((STORED, STORED)) - (STORED - 1) / 2
    seen = []
    for diameter in (20.0, 40.0, 60.0):
        radius = np.hypot(y, x) * field_of_view(diameter, options) / SIZE / (diameter / 2)
        grey = np.where(radius < 0.7, 60, np.where(radius < 0.92, 200, 100))
        grey[(radius > 1.05) & (np.abs(x) < 3)] = 0  # a fissure
        grey[(radius > 1.2) & (y > 20)] = 240  # a vessel
        seen.append(grey)
    found = looks(np.array(seen, np.uint8)[:, None], [20.0, 40.0, 60.0], options)
    assert found.shape == (3, VALUES)
    np.testing.assert_allclose(found, [[-40, -40, 100, 0, 100]] * 3, atol=3)
    np.testing.assert_allclose(found[:, -2:], [[0, 100]] * 3)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelPackage]:
    """A model of two folds by the command, and its cohort."""
    folder = tmp_path_factory.mktemp("calibrated")
    cohort = write_toy_cohort(folder / "cohort", ["train", "train", "validation", "train", "test"])
    options = ("epochs=1", "width=0.05", "copies=1", "sections=2")
    settings = [text for one in options for text in ("--set", one)]
    command = [
        "train",
        str(cohort),
        "--recipe",
        "liver-mass",
        "--out",
        str(folder / "model"),
        "--folds",
        "2",
        *settings,
    ]
    assert main(command) == 0
    return cohort, read_package(folder / "model")


def test_a_trained_package_holds_each_held_out_mass_once_and_nobodys_name(
    calibrated: tuple[Path, ModelPackage],
) -> None:
    _, package = calibrated
    found = Calibration.from_arrays(package.arrays(FILE))
    assert (found.n, found.n_patients) == (20, 4), "five masses of each of four cases, none of the test case"
    for name in (FILE, OF_MEMBER.format(0), OF_MEMBER.format(1)):
        assert name in package.card.files, "sealed with the rest"
        assert b"case-" not in (package.folder / name).read_bytes()


def test_a_result_carries_its_sets_and_every_view_says_them(
    calibrated: tuple[Path, ModelPackage], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort, package = calibrated
    (case,) = read_cohort(cohort).of_split("test")
    study_of = read_study(case, LIVER_MASS, options=package.card.options)
    found = predict(study_of, load_model(package), {"heatmap": False})
    for one in found.findings:
        assert one.category_set is not None and one.category_set.n == 20 and one.category_set.level == 0.9
        assert len(one.category_set.codes) == 5, "four patients exclude nothing at 90 %"
    write_result(found, tmp_path / "result")
    read = read_result(tmp_path / "result")
    assert [one.category_set for one in read.findings] == [one.category_set for one in found.findings]  # type: ignore[attr-defined]
    columns, table = findings_table(found)
    assert "category_set" in columns and table[0]["category_set"] == "A, B, C, D or E"
    assert table[0]["category_set_of"] == "90 %, calibrated on 20 findings of 4 patients"
    assert rows(found).splitlines()[-1] == "set: 90 %, calibrated on 20 findings of 4 patients"
    out = tmp_path / "report"
    assert main(["evaluate", str(cohort), "--model", str(package.folder), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["category_sets"]
    assert said["coverage"]["value"] == 1.0 and said["mean_size"]["value"] == 5.0 and said["coverage"]["n"] == 5
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "5 of 5 sets hold the right category, where 90 % are to" in page and "Clopper-Pearson" in page


def test_an_old_package_says_that_it_has_no_set(tmp_path: Path) -> None:
    found = predict(study(masses=((PLACES[0], "A"),)), model(tmp_path), {"heatmap": False})
    assert [one.category_set for one in found.findings] == [None]
    columns, _ = findings_table(found)
    assert "category_set" not in columns and rows(found).splitlines()[-1] == "no calibrated set"


@pytest.mark.parametrize("harm", ["labels", "means"])
def test_a_calibration_that_was_cut_short_is_refused(
    harm: str, calibrated: tuple[Path, ModelPackage], tmp_path: Path
) -> None:
    _, package = calibrated
    extras = {name: package.arrays(name) for name in (FILE, OF_MEMBER.format(0), OF_MEMBER.format(1))}
    of = extras[FILE if harm == "labels" else OF_MEMBER.format(1)]
    of[harm] = of[harm][..., 1:]
    harmed = write_package(
        tmp_path / "harmed",
        package.load_weights(),
        name="harmed",
        recipe=LIVER_MASS,
        options=package.card.options,
        input_spec={},
        training={},
        software={},
        extras=extras,
    )
    with pytest.raises(InputError, match="is damaged"):
        predict(study(masses=((PLACES[0], "A"),)), load_model(harmed), {"heatmap": False})
