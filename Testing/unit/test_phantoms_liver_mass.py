"""Phantoms of liver masses: known truth on every grid, splits in balance, and pictures of what was planted."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mass_toy import model

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.cohort.splits import split_patients
from HCCAssistLib.cohort.strata import Strata
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid
from HCCAssistLib.phantoms.liver.scene import SCANNERS
from HCCAssistLib.phantoms.liver.storage import AXIAL
from HCCAssistLib.phantoms.liver.texture import Waves
from HCCAssistLib.phantoms.liver_mass import evidence
from HCCAssistLib.phantoms.liver_mass.cases import PHANTOMS, make_case, mask_of, place_masses, planted
from HCCAssistLib.phantoms.liver_mass.demo import DEMO
from HCCAssistLib.phantoms.liver_mass.evidence import Masses, accuracy, masses_in, mean_hu_rule
from HCCAssistLib.phantoms.liver_mass.patterns import Look, PlantedMass, draw_looks
from HCCAssistLib.phantoms.liver_mass.region import Region
from HCCAssistLib.phantoms.liver_mass.sample import make_sample, read_sample
from HCCAssistLib.phantoms.liver_mass.truth import MassPhantom
from HCCAssistLib.phantoms.liver_mass.unseen import UNSEEN
from HCCAssistLib.recipes.liver_mass.alignment import box_around, shift_between
from HCCAssistLib.recipes.liver_mass.augmentation import center_crop
from HCCAssistLib.recipes.liver_mass.checks import problems
from HCCAssistLib.recipes.liver_mass.masses import masses_of
from HCCAssistLib.recipes.liver_mass.prediction import predict
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, PHASES, SIZE
from HCCAssistLib.recipes.liver_mass.sampling import CODES as CATEGORY_CODES

pytestmark = pytest.mark.slow


OPTIONS = LIVER_MASS.resolve({})
CASES = 4


SEED, CODES = (3, 133), ("A", "C-hyper", "B", "E")


@pytest.fixture(scope="module")
def phantom() -> MassPhantom:
    return make_case(SEED, CODES)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    out = tmp_path_factory.mktemp("phantoms") / "cohort"
    write_cohort(PHANTOMS, out, cases=CASES, seed=3)
    return read_cohort(out)


def test_the_masses_of_a_case_are_read_back_as_they_were_planted(cohort) -> None:  # type: ignore[no-untyped-def]
    sources = set()
    for number, case in enumerate(cohort.cases):
        study = read_study(case, LIVER_MASS, classes=LIVER_MASS.label)
        truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
        found = masses_of(study, OPTIONS)
        assert [mass.subtype or mass.category for mass in found] == list(planted(3, number))
        for mass, one in zip(found, truth["masses"], strict=True):
            assert (mass.category, mass.subtype) == (one["category"], one["subtype"])
            assert np.linalg.norm(np.subtract(mass.center, one["center_lps"])) < max(4.0, 0.2 * one["diameter_mm"])
            assert mass.diameter_mm == pytest.approx(one["axial_mm"], rel=0.2, abs=2.0)
            sources.add(mass.diameter_source)
    assert sources == {"typed", "segment"}


def test_the_house_has_nothing_to_say_against_a_case(cohort) -> None:  # type: ignore[no-untyped-def]
    for case in cohort.cases:
        study = read_study(case, LIVER_MASS, classes=LIVER_MASS.label)
        contents = read_case(case, LIVER_MASS.inputs, LIVER_MASS.label)
        assert [problem.what for problem in (*study.warnings, *problems(contents))] == []


def test_a_cohort_holds_every_category() -> None:
    first = [planted(0, number)[0] for number in range(5)]
    assert sorted(code[0] for code in first) == list("ABCDE")
    assert planted(0, 3) == planted(0, 3)
    codes = [code[0] for number in range(100) for code in planted(0, number)]
    assert min(map(codes.count, "ABCDE")) > 0.15 * len(codes)


def test_a_case_is_the_same_for_the_same_seed(phantom: MassPhantom) -> None:
    same = make_case(SEED, CODES)
    assert phantom.as_json() == same.as_json()
    assert np.array_equal(phantom.volumes["arterial"].array, same.volumes["arterial"].array)


def test_phases_have_grids_of_their_own(phantom: MassPhantom) -> None:
    thickest = {phase: float(volume.geometry.spacing.max()) for phase, volume in phantom.volumes.items()}
    assert thickest["unenhanced"] == 5.0 > max(thickest["arterial"], thickest["delayed"])
    assert not phantom.volumes["arterial"].geometry.matches(phantom.volumes["delayed"].geometry)


def test_splits_hold_their_share_of_every_category() -> None:
    rows = {f"mass-{number}": " ".join(planted(1, number)) for number in range(60)}
    cohort = Cohort(None, tuple(Case(name, name, "", {}, Path()) for name in rows))
    strata = Strata("label", {name: PHANTOMS.stratum({"planted": row}) for name, row in rows.items()})
    splits = split_patients(cohort, strata, fractions=PHANTOMS.split, seed=1)
    for split in ("train", "validation", "test"):
        codes = [code[0] for name, row in rows.items() if splits[name] == split for code in row.split()]
        assert min(map(codes.count, "ABCDE")) > 0.12 * len(codes)


def test_phases_are_moved_by_the_breath_that_the_truth_tells(phantom: MassPhantom) -> None:
    box = box_around([mass.center_lps for mass in phantom.masses])
    for phase in ("arterial", "delayed"):
        found = shift_between(phantom.volumes["unenhanced"], phantom.volumes[phase], box)
        told = np.subtract(phantom.shifts_mm[phase], phantom.shifts_mm["unenhanced"])
        assert found is not None
        np.testing.assert_allclose(found, told, atol=1.5)
    assert np.linalg.norm(np.subtract(phantom.shifts_mm["delayed"], phantom.shifts_mm["unenhanced"])) > 2


@pytest.mark.parametrize("number", [15, 33])
def test_one_mass_deep_in_the_liver_is_enough_to_tell_the_breath(number: int) -> None:
    phantom = make_case((5, number), planted(5, number), storage=AXIAL)
    for mass in phantom.masses:
        box = box_around([mass.point_lps])
        found = shift_between(phantom.volumes["unenhanced"], phantom.volumes["arterial"], box)
        told = np.subtract(phantom.shifts_mm["arterial"], phantom.shifts_mm["unenhanced"])
        assert found is not None
        np.testing.assert_allclose(found, told, atol=3)


def test_where_a_scan_ends_is_no_edge_of_the_patient() -> None:
    phantom = make_case((5, 3), planted(5, 3), storage=AXIAL)
    arterial, point = phantom.volumes["arterial"], phantom.masses[2].point_lps
    count = round(float(arterial.geometry.to_index(point)[2])) + round(25 / arterial.geometry.spacing[2])
    assert count < arterial.geometry.shape[0]
    ended = crop(arterial, (0, 0, 0), (count, *arterial.geometry.shape[1:]), fill_value=0)
    found = shift_between(phantom.volumes["unenhanced"], ended, box_around([point]))
    assert found is not None
    told = np.subtract(phantom.shifts_mm["arterial"], phantom.shifts_mm["unenhanced"])
    np.testing.assert_allclose(found, told, atol=3)


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_an_asymmetric_mass_lies_where_it_was_planted_in_an_oblique_flipped_volume(flip: float) -> None:
    turn, tip = np.deg2rad(25), np.deg2rad(15)
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tip), -np.sin(tip)], [0, np.sin(tip), np.cos(tip)]])
    axes = about_z @ about_x @ np.diag([flip, 1.0, -1.0])
    spacing = np.array([0.9, 1.2, 3.0])
    shape = (30, 70, 90)
    center = np.array([11.0, -8.0, 5.0])
    origin = -axes @ (spacing * (np.array(shape[::-1]) - 1) / 2)
    grid = Geometry.from_parts(shape, spacing.tolist(), origin.tolist(), axes)
    region = Region.draw(np.random.default_rng(1), SCANNERS["internal"])
    semi = np.array([14.0, 7.0, 10.0])
    shape_of = IrregularEllipsoid(center, np.eye(3), semi, Waves(np.random.default_rng(0), 20.0), 0.0)
    looks = dict.fromkeys(PHASES, Look(-400.0, -400.0, 0.0))
    mass = PlantedMass("E", "test", shape_of, looks, 0.0, 1.0, 1)
    canvas = region.canvas(grid, "delayed")
    mass.paint(canvas, "delayed", region.liver_hu["delayed"])
    dark = np.argwhere((canvas.array < -150) & (canvas.array > -320))[:, ::-1]
    places = grid.to_world(dark) - region.shifts_mm["delayed"] - center
    inside = places[np.linalg.norm(places / semi, axis=1) < 1.3]
    assert len(inside) * np.prod(spacing) == pytest.approx(4 / 3 * np.pi * semi.prod(), rel=0.12)
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=0.8)
    np.testing.assert_allclose(np.abs(inside).max(axis=0), semi, atol=2.5)


def test_masses_do_not_touch_and_too_many_are_refused() -> None:
    masses = place_masses(np.random.default_rng(2), ["A", "B", "C-hyper", "C-hypo", "D", "E"])
    for n, one in enumerate(masses):
        for other in masses[:n]:
            assert np.linalg.norm(one.shape.center - other.shape.center) > (one.diameter_mm + other.diameter_mm) / 2
    with pytest.raises(InputError, match="no room"):
        place_masses(np.random.default_rng(2), ["A"] * 200)


def test_the_patterns_are_those_of_their_categories() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        looks = {code: draw_looks(rng, code, 25.0)[1] for code in ("A", "B", "C-hypo", "D", "E")}
        assert looks["A"]["arterial"].core > looks["A"]["delayed"].core - 1
        assert looks["B"]["arterial"].rim > looks["B"]["arterial"].core_over(70.0)
        assert max(look.core for phase, look in looks["C-hypo"].items() if phase != "unenhanced") < 0
        assert looks["D"]["delayed"].rim > 0 > looks["D"]["unenhanced"].core
        fluid = {look.core_over(liver) + liver for liver, look in zip((58, 70, 100), looks["E"].values(), strict=True)}
        assert max(fluid) - min(fluid) < 1e-9
        assert max(fluid) < 45


def test_kinds_without_a_category_look_as_the_literature_says() -> None:
    phantoms = [make_case((9, number), list(UNSEEN), storage=AXIAL) for number in range(4)]
    hu: dict[str, list[np.ndarray]] = {kind: [] for kind in UNSEEN}
    for phantom in phantoms:
        for mass in phantom.masses:
            seen = []
            for phase in PHASES:
                volume = phantom.volumes[phase]
                k, j, i = np.indices(volume.geometry.shape)
                away = volume.geometry.to_world(np.stack([i, j, k], -1)) - np.add(
                    mass.center_lps, phantom.shifts_mm[phase]
                )
                seen.append(volume.array[np.linalg.norm(away, axis=-1) < 0.3 * mass.diameter_mm])
            hu[mass.category].append(np.array([np.percentile(one, (5, 50, 95)) for one in seen]))
    found = {kind: np.array(values) for kind, values in hu.items()}
    assert (found["lipiodol"][:, :, 2] > 100).all()
    assert (found["angiomyolipoma"][:, 0, 0] < -20).all()
    assert (found["calcified"][:, 0, 2] - found["calcified"][:, 0, 1] > 20).mean() >= 0.5
    assert (found["abscess"][:, :, 1] < 45).all()
    assert np.ptp(found["ablated"][:, :, 1], axis=1).max() < 15, "nothing enhances"
    assert (found["ablated"][:, :, 1] > 25).all()


def test_a_cohort_of_unseen_kinds_is_unlabelled_and_all_for_testing(tmp_path: Path) -> None:
    write_cohort(PHANTOMS, tmp_path / "cohort", cases=4, seed=9, unseen=True)
    cases = read_cohort(tmp_path / "cohort", tolerant=True).cases
    assert {case.split for case in cases} == {"test"}
    assert {case.values["planted"] for case in cases} == {" ".join(UNSEEN)}
    for case in cases:  # the last one has segments
        study = read_study(case, LIVER_MASS)
        assert [one.code for one in study.findings["baseline/masses"]] == [""] * len(UNSEEN)
        assert all(5 < mass.diameter_mm < 60 for mass in masses_of(study, OPTIONS))
    truth = json.loads((cases[0].folder / "truth.json").read_text())
    assert [mass["category"] for mass in truth["masses"]] == list(UNSEEN)


def test_a_background_is_refused_before_any_case_is_made(tmp_path: Path) -> None:
    ct = Image(np.zeros((4, 8, 8), dtype=np.int16), Geometry.from_parts((4, 8, 8), (1, 1, 1), (0, 0, 0)), "ct")
    with pytest.raises(InputError, match="a real CT is one phase"):
        write_cohort(PHANTOMS, tmp_path / "x", cases=2, background=ct)
    assert not (tmp_path / "x").exists()


def test_a_scanner_elsewhere_has_coarser_pixels_and_more_noise(phantom: MassPhantom) -> None:
    other = make_case(5, ["A"], scanner="external")
    assert other.noise_hu > phantom.noise_hu
    assert min(other.volumes["delayed"].geometry.spacing) > min(phantom.volumes["delayed"].geometry.spacing)


def test_masks_lie_on_the_arterial_phase(phantom: MassPhantom) -> None:
    assert phantom.labels.geometry.matches(phantom.volumes["arterial"].geometry)
    for number, mass in enumerate(phantom.masses, 1):
        mask = mask_of(phantom, number)
        middle = mask.geometry.to_world(np.argwhere(mask.array)[:, ::-1].mean(axis=0))
        np.testing.assert_allclose(middle, mass.center_lps, atol=1.0)


@pytest.fixture(scope="module")
def masses(cohort) -> Masses:  # type: ignore[no-untyped-def]
    return masses_in(cohort.cases[-2:], OPTIONS)


def test_figures_of_a_rule_rest_on_patients(masses: Masses) -> None:
    called = mean_hu_rule(masses, masses)
    found = accuracy(called, masses, "mean HU")
    assert (found.n, found.clusters) == (len(masses.labels), 2)
    assert found.value == pytest.approx((called == masses.labels).mean())
    low, high = found.interval.low, found.interval.high
    of_each = [(called == masses.labels)[masses.patients == name].mean() for name in np.unique(masses.patients)]
    assert (low, high) == pytest.approx((min(of_each), max(of_each)))  # of two patients, one alone is drawn often


def test_frames_beside_a_mass_show_it_where_it_is_told_to_lie(masses: Masses) -> None:
    seen = center_crop(torch.from_numpy(masses.shifted)).numpy()[:, PHASES.index("delayed")]
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    cysts = np.flatnonzero(masses.labels == CATEGORY_CODES.index("E"))
    assert len(cysts)
    for n in cysts:
        inside = np.hypot(x - masses.off[n, 0], y - masses.off[n, 1]) < 0.6 * masses.radius[n]
        mirrored = np.hypot(x + masses.off[n, 0], y + masses.off[n, 1]) < 0.6 * masses.radius[n]
        assert seen[n][inside].mean() < seen[n][mirrored].mean() - 0.1


def test_a_map_hits_where_it_peaks_in_the_mass(masses: Masses, monkeypatch: pytest.MonkeyPatch) -> None:
    for sign, share in ((1, 1.0), (-1, 0.0)):
        maps = np.zeros((len(masses.labels), 18, 18), dtype=np.float32)
        for heat, off in zip(maps, masses.off, strict=True):
            i, j = np.rint((sign * off + (SIZE - 1) / 2 - 1.5) / 4).astype(int)
            heat[j, i] = 1
        monkeypatch.setattr(evidence, "scores_and_maps", lambda _networks, _pictures, maps=maps: (None, maps))
        found, chance = evidence.pointing([], masses)
        assert (found.value, found.n) == (share, len(masses.labels))
        assert 0.03 < chance < 0.3


def test_the_sample_case_has_points_without_categories(tmp_path: Path) -> None:
    make_sample(tmp_path)
    case = read_sample(tmp_path)
    assert case is not None
    assert set(case.volumes) == {f"baseline/{phase}" for phase in PHASES}
    points = case.points["baseline/masses"]
    assert len(points.points) == 5
    assert all(point.description.endswith(" mm") and "," not in point.description for point in points.points)
    assert all(v.geometry.contains(p.position) for v in case.volumes.values() for p in points.points)


def test_the_demo_tells_what_was_planted_beside_what_was_found(cohort, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    loaded = model(tmp_path)
    case = max(cohort.cases, key=lambda one: len(one.values["planted"].split()))
    assert DEMO.shows({"planted": "A B E"}) and not DEMO.shows({"planted": "A B"})
    study = read_study(case, LIVER_MASS, options=loaded.package.card.options, classes=LIVER_MASS.label)
    sentence, columns, rows = DEMO.describe(predict(study, loaded, DEMO.run), study)
    assert [row[1] for row in rows] == [code[0] for code in case.values["planted"].split()]
    right = sum(row[1] == row[2] for row in rows)
    assert sentence == f"{right} of {len(rows)} planted categories found"
    assert len(columns) == len(rows[0])


def test_the_demo_adds_the_rule_and_the_pointing_game_to_the_report(cohort, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    parts = [replace(case, split="train" if n % 2 else "test") for n, case in enumerate(cohort.cases)]
    pages = Report("title")
    rows = DEMO.evidence(pages, replace(cohort, cases=tuple(parts)), model(tmp_path), None)
    assert [name for name, _ in rows] == ["mass, mean HU", "mass, heat map"]
    page = pages.write(tmp_path).read_text(encoding="utf-8")
    assert "accuracy of the mean HU" in page
    assert "maps that peak in their mass" in page
