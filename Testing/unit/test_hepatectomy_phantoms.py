"""Phantoms of early recurrence: known truth in the voxels, on every grid, and a risk that can be measured in them."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hepatectomy_toy import marked
from scipy.stats import rankdata, spearmanr

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.inference.study import Study
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.hepatectomy import cases
from HCCAssistLib.phantoms.hepatectomy.cases import PHANTOMS, PIXEL_MM, SLICE_MM, make_case, segment_of, write_case
from HCCAssistLib.phantoms.hepatectomy.demo import DEMO
from HCCAssistLib.phantoms.hepatectomy.evidence import MEASURES, patients_in, patients_of
from HCCAssistLib.phantoms.hepatectomy.sample import make_sample, read_sample
from HCCAssistLib.phantoms.hepatectomy.truth import HepatectomyPhantom
from HCCAssistLib.phantoms.liver.storage import AXIAL, Storage
from HCCAssistLib.phantoms.recurrence_patients import Patients
from HCCAssistLib.recipes.hepatectomy.checks import problems
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, HEPATECTOMY, OUTCOME, VOI_SHAPE
from HCCAssistLib.recipes.hepatectomy.tumour import tumour_of
from HCCAssistLib.recipes.hepatectomy.voi import Voi, voi_of
from HCCAssistLib.recipes.registry import cohort_spec

pytestmark = pytest.mark.slow

SEED = (0, 57)
"""A tumour of 68 mm with coarse texture and necrosis, in slices of 5 mm."""

FLIPPED: Storage = ((1, 0, 2), (True, False, True))
SAGITTAL: Storage = ((2, 1, 0), (False, True, True))
CASES, MEASURED = 4, 20

TELLS = 0.52
"""Spearman's rho that of 20 cases without any relation one set in a hundred comes to."""

SS, NSS = HEPATECTOMY.resolve({}), HEPATECTOMY.resolve({"voi": "NSS"})


@pytest.fixture(scope="module")
def phantom() -> HepatectomyPhantom:
    return make_case(SEED, storage=AXIAL, oblique=False, second_rater=True)


@pytest.fixture(scope="module")
def turned() -> HepatectomyPhantom:
    return make_case(SEED, storage=FLIPPED, oblique=True)


@pytest.fixture(scope="module")
def made() -> list[HepatectomyPhantom]:
    """The phantoms of the cohort as they were before they were written."""
    return []


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory, made: list[HepatectomyPhantom]) -> Cohort:
    out = tmp_path_factory.mktemp("phantoms") / "cohort"

    def kept(*args: Any, **options: Any) -> HepatectomyPhantom:
        made.append(make_case(*args, **options))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cases, "make_case", kept)
        write_cohort(PHANTOMS, out, cases=CASES, seed=3)
    return read_cohort(out)


@pytest.fixture(scope="module")
def measured() -> tuple[Patients, np.ndarray, list[float]]:
    """Measures of images, the true risks, and the contrast between dark and bright parts in the VOI (HU)."""
    risks, spreads = [], []

    def one_by_one() -> Any:
        for number in range(MEASURED):
            one = make_case((21, number))
            risks.append(one.scores.risk)
            values = _voi(one).voxels
            low, high = np.percentile(values[values > -200], (5, 95))
            spreads.append(float(high - low))
            yield one

    return patients_of(one_by_one()), np.array(risks), spreads


def _digest(one: HepatectomyPhantom) -> str:
    return hashlib.sha256(one.arterial.array.tobytes() + one.segment.array.tobytes()).hexdigest()


def _voi(one: HepatectomyPhantom, options: Any = SS) -> Voi:
    study = marked(Study("one", {ARTERIAL: one.arterial}), [segment_of(one)])
    return voi_of(one.arterial, tumour_of(study, options), options)


def _places(one: HepatectomyPhantom) -> np.ndarray:
    return one.segment.geometry.to_world(np.argwhere(one.segment.array)[:, ::-1])


def test_a_case_is_the_same_bit_for_bit_for_the_same_seed(phantom: HepatectomyPhantom) -> None:
    same = make_case(SEED, storage=AXIAL, oblique=False)
    assert (_digest(same), same.as_json()) == (_digest(phantom), phantom.as_json())
    assert _digest(make_case((0, 58), storage=AXIAL, oblique=False)) != _digest(phantom)


def test_with_strength_0_a_case_is_the_same_whatever_the_outcome(phantom: HepatectomyPhantom) -> None:
    early, late = (make_case(SEED, early=wanted, strength=0.0) for wanted in (True, False))
    assert _digest(early) == _digest(late)
    assert (early.scores.early, late.scores.early) == (True, False)
    assert early.scores.months != late.scores.months
    told = [make_case(SEED, early=wanted) for wanted in (True, False)]
    assert _digest(told[0]) != _digest(told[1])
    assert told[0].tumour.center_lps == told[1].tumour.center_lps and told[0].patient == told[1].patient


@pytest.mark.parametrize("name", ["phantom", "turned"])
def test_the_truth_is_that_of_the_voxels(name: str, request: pytest.FixtureRequest) -> None:
    one: HepatectomyPhantom = request.getfixturevalue(name)
    hu, inside, necrotic = one.arterial.array.astype(float), one.segment.array > 0, one.necrosis.array > 0
    voxel_ml = float(np.prod(one.arterial.geometry.spacing)) / 1000
    assert inside.sum() * voxel_ml == pytest.approx(one.tumour.volume_ml, rel=0.02)
    assert one.tumour.looks.necrosis > 0.05
    assert necrotic[inside].mean() == pytest.approx(one.tumour.looks.necrosis, abs=0.04)
    assert hu[inside].mean() == pytest.approx(one.patient["liver_hu"] + one.tumour.looks.mean_hu, abs=5)
    assert hu[inside & necrotic].mean() < hu[inside & ~necrotic].mean() - 20
    assert not necrotic[~inside].any()
    assert one.liver.array[inside].mean() > 0.98
    assert np.median(hu[(one.liver.array > 0) & ~inside]) == pytest.approx(one.patient["liver_hu"], abs=4)
    assert hu[one.liver.array == 0].mean() < -100


@pytest.mark.parametrize("storage", [AXIAL, FLIPPED, SAGITTAL])
@pytest.mark.parametrize("oblique", [False, True])
def test_the_tumour_lies_where_the_truth_says_in_any_order_of_the_voxels(storage: Storage, oblique: bool) -> None:
    one = make_case(SEED, storage=storage, oblique=oblique)
    grid = one.arterial.geometry
    assert (one.turned_degrees > 4) == (grid.obliquity_degrees > 4) == oblique
    assert all(image.geometry.matches(grid) for image in (one.segment, one.necrosis, one.liver))
    places = _places(one)
    np.testing.assert_allclose(places.mean(axis=0), one.tumour.center_lps, atol=0.6)
    reach = np.linalg.norm(places - one.tumour.center_lps, axis=1).max()
    assert 0.85 * one.tumour.diameter_mm / 2 < reach < 1.2 * one.tumour.diameter_mm / 2


@pytest.mark.parametrize("storage", [FLIPPED, SAGITTAL])
def test_another_order_holds_the_same_voxels_at_the_same_places(phantom: HepatectomyPhantom, storage: Storage) -> None:
    other = make_case(SEED, storage=storage, oblique=False)
    assert other.arterial.array.shape != phantom.arterial.array.shape or storage is FLIPPED
    for one, two in ((phantom.arterial, other.arterial), (phantom.necrosis, other.necrosis)):
        back = resample(two, one.geometry, interpolation="nearest", fill_value=0)
        assert np.array_equal(back.array, one.array)


def test_texture_and_necrosis_are_no_mirror_images_and_lie_at_the_same_places_in_turned_slices(
    phantom: HepatectomyPhantom, turned: HepatectomyPhantom
) -> None:
    straight, oblique = (_voi(one) for one in (phantom, turned))
    moved = np.abs(np.array(straight.box.center) - oblique.box.center)
    assert (moved <= (2, 2, 3)).all()
    seen = resample(turned.arterial, straight.grid, fill_value=-1000).array
    inside = straight.voxels > -200

    def likeness(values: np.ndarray) -> float:
        both = inside & (values > -200)
        return float(np.corrcoef(straight.voxels[both], values[both])[0, 1])

    assert likeness(seen) > 0.8
    for axis in (1, 2):  # a mirror image has the necrosis in the middle, too, and its texture elsewhere
        assert likeness(np.flip(seen, axis)) < 0.6


def test_the_voi_holds_ten_slices_of_the_tumour_and_nothing_else(phantom: HepatectomyPhantom) -> None:
    alone, around = _voi(phantom), _voi(phantom, NSS)
    assert alone.voxels.shape == around.voxels.shape == VOI_SHAPE
    assert (alone.slices, around.slices) == (VOI_SHAPE[0], VOI_SHAPE[0])
    assert around.held > 0.95
    places = _places(phantom)
    middle = np.abs(places[:, 2] - alone.box.center[2]) < VOI_SHAPE[0] / 2
    assert alone.hu == pytest.approx(float(phantom.arterial.array[phantom.segment.array > 0][middle].mean()), abs=4)
    assert 0.05 < np.mean(alone.voxels > -1000) < 0.25
    assert np.array_equal(alone.voxels[alone.voxels > -1000], around.voxels[alone.voxels > -1000])


def test_the_recipe_has_nothing_against_any_case(cohort: Cohort) -> None:
    for options in (SS, NSS):
        spec = cohort_spec(HEPATECTOMY, options)
        for case in cohort.cases:
            read = read_case(case, spec.inputs)
            assert [str(one) for one in (*read.problems, *problems(read, options))] == []
            assert spec.stratum(case) in ("1", "0", "censored")


def test_a_scanner_elsewhere_has_other_slices_of_the_same_tumour(tmp_path: Path, phantom: HepatectomyPhantom) -> None:
    write_case(tmp_path / "one", SEED, {}, background=None, field="liver", scanner="external")
    case = Case("one", "one", "test", {}, tmp_path / "one")
    read = read_case(case, cohort_spec(HEPATECTOMY, SS).inputs)
    assert [one for one in problems(read, SS) if one.level == "STOP"] == []
    truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
    assert truth["scanner"] == "external" and truth["patient"]["noise_hu"] > phantom.patient["noise_hu"]
    assert truth["tumour"]["center_lps"] == list(phantom.tumour.center_lps)
    assert max(truth["spacing_mm"]) in SLICE_MM["external"]


def test_slices_are_5_to_8_mm_apart_and_pixels_below_1_mm() -> None:
    assert {*SLICE_MM["internal"]} == {5.0, 6.0, 7.0, 8.0}
    assert 0.55 < PIXEL_MM["internal"][0] < PIXEL_MM["internal"][1] < 0.95001
    found = [make_case((5, number)).arterial.geometry for number in range(5)]
    assert {float(max(grid.spacing)) for grid in found} <= {*SLICE_MM["internal"]}
    for grid in found:
        assert sorted(grid.spacing)[0] < 1 < 5 <= sorted(grid.spacing)[2]


def test_a_case_of_the_cohort_reads_back_with_its_truth(cohort: Cohort, made: list[HepatectomyPhantom]) -> None:
    assert [one.seed for one in made] == [(3, number) for number in range(CASES)]
    for one, case in zip(made, cohort.cases, strict=True):
        volume, path = case.volume_path("pre", "arterial"), case.annotation_path("pre", "tumour")
        assert volume is not None and path is not None
        image, (segment,) = read_image(volume), read_segments(path)
        assert np.array_equal(image.array, one.arterial.array)
        assert image.geometry.matches(one.arterial.geometry)
        assert np.array_equal(mask_on(segment, image.geometry).array, one.segment.array)
        truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
        assert truth == json.loads(json.dumps(one.as_json()))
        assert truth["note"].startswith("synthetic; says nothing about patients")
        assert float(case.values[OUTCOME.time]) == one.scores.months == truth["scores"]["months"]
        assert case.values[OUTCOME.event] == str(int(one.scores.event))
    assert {one.scores.early for one in made[:2]} == {True, False}


def test_measures_of_a_cohort_are_those_of_its_phantoms(cohort: Cohort, made: list[HepatectomyPhantom]) -> None:
    written, before = patients_in(cohort.cases), patients_of(made)
    np.testing.assert_allclose(written.measures, before.measures)
    assert np.array_equal(written.months, before.months) and np.array_equal(written.events, before.events)


def test_texture_measured_in_images_tells_the_risk_and_size_and_mean_do_not(
    measured: tuple[Patients, np.ndarray, list[float]],
) -> None:
    patients, risks, spreads = measured

    columns = {name: patients.measures[:, number] for number, name in enumerate(MEASURES)}
    texture = sum(rankdata(columns[name]) for name in ("fine_hu", "coarse_hu", "rim_hu"))
    assert spearmanr(texture, risks).statistic > TELLS
    assert spearmanr(spreads, risks).statistic > TELLS
    for name in ("log_volume", "mean_hu"):
        assert abs(spearmanr(columns[name], risks).statistic) < TELLS


def test_a_second_rater_draws_other_borders_of_the_same_tumour(phantom: HepatectomyPhantom) -> None:
    one, two = (segment_of(phantom, second_rater=second).mask for second in (False, True))
    both, either = (one.array & two.array) > 0, (one.array | two.array) > 0
    assert 0.85 < 2 * both.sum() / (one.array.sum() + two.array.sum()) < 0.995
    assert np.array_equal(either & ~both, one.array != two.array)
    assert two.geometry.matches(one.geometry)
    first, second = (mask.geometry.to_world(np.argwhere(mask.array)[:, ::-1]).mean(axis=0) for mask in (one, two))
    np.testing.assert_allclose(first, second, atol=2)


def test_without_a_second_rater_there_is_no_such_segment(turned: HepatectomyPhantom) -> None:
    with pytest.raises(InputError, match="no second rater"):
        segment_of(turned, second_rater=True)


def test_a_background_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not put into a real CT"):
        write_case(tmp_path / "x", (0, 0), {}, background=object(), field="liver", scanner="internal")  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_the_sample_case_has_one_segment(tmp_path: Path) -> None:
    make_sample(tmp_path)
    case = read_sample(tmp_path)
    assert case is not None
    assert (list(case.volumes), list(case.masks)) == (["pre/arterial"], ["pre/tumour"])
    image, mask = case.volumes["pre/arterial"], case.masks["pre/tumour"]
    assert image.geometry.obliquity_degrees < 0.01
    assert mask.array.any() and image.geometry.contains(mask.geometry.center[None]).all()


def test_the_demo_sets_texture_and_true_risk_beside_the_network(cohort: Cohort, made: list[HepatectomyPhantom]) -> None:
    class Pages:
        names: tuple[str, ...] = ()

        def add_heading(self, text: str) -> None:
            assert "true risk" in text

        def add_text(self, text: str) -> None:
            assert text

        def add_estimates(self, title: str, estimates: Any) -> None:
            self.names = tuple(one.name for one in estimates)

    pages, parts = Pages(), [(case, part) for part in ("train", "test") for case in cohort.cases]
    halves = tuple(replace(case, case_id=f"{case.case_id}-{part}", split=part) for case, part in parts)
    rows = DEMO.evidence(pages, Cohort(None, halves), None, None)
    assert [name for name, _ in rows] == ["patient, texture", "patient, true risk"]
    assert len(pages.names) == 4
    known = [one for one in made if one.scores.early is not None]
    assert rows[1][1].n == len(known)
    assert DEMO.shows({"follow_up_months": 30.5, "event": 0}) and not DEMO.shows({"follow_up_months": 9, "event": 0})
    assert HEPATECTOMY.resolve(DEMO.training)["width"] == 0.125
