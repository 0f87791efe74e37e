"""Phantoms of recurrence after ablation: motions, margin and regions as told on every grid, and faults as asked for."""

import json
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.cohort.transform_files import read_transform
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.measure import measure_margin
from HCCAssistLib.phantoms.ablation.cases import PHANTOMS, make_case, segments_of, write_case
from HCCAssistLib.phantoms.ablation.evidence import (
    MEASURES,
    patients_in,
    patients_of,
    true_scores,
    with_values,
    write_true_transforms,
)
from HCCAssistLib.phantoms.ablation.poses import Pose, moved_by
from HCCAssistLib.phantoms.ablation.sample import SAMPLE
from HCCAssistLib.phantoms.ablation.truth import AblationPhantom
from HCCAssistLib.phantoms.ablation.wrong import FAULTS, make_wrong
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid
from HCCAssistLib.phantoms.liver.storage import AXIAL, Storage
from HCCAssistLib.phantoms.recurrence import wanted_early
from HCCAssistLib.recipes.ablation.recipe import PHASES, POST, PRE, TIME_POINTS

pytestmark = pytest.mark.slow

SEED = (0, 2)
FLIPPED: Storage = ((1, 0, 2), (True, False, True))
CASES = 2


@pytest.fixture(scope="module")
def phantom() -> AblationPhantom:
    return make_case(SEED, storage=AXIAL, oblique=False, noise=0.0)


@pytest.fixture(scope="module")
def turned() -> AblationPhantom:
    return make_case(SEED, storage=FLIPPED, oblique=True, noise=0.0)


@pytest.fixture(scope="module")
def right() -> AblationPhantom:
    return make_case(SEED)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    out = tmp_path_factory.mktemp("phantoms") / "cohort"
    write_cohort(PHANTOMS, out, cases=CASES, seed=3)
    return read_cohort(out)


def _places(geometry: Geometry) -> np.ndarray:
    return geometry.to_world(np.moveaxis(np.indices(geometry.shape)[::-1], 0, -1))


def _fine_mask(shape: IrregularEllipsoid, placed: np.ndarray, mm: float = 1.0) -> Image:
    """A surface painted onto fine voxels after a motion."""
    reach = shape.reach + 3
    n = int(np.ceil(2 * reach / mm)) + 1
    grid = Geometry.from_parts((n, n, n), (mm,) * 3, moved_by(placed, shape.center) - reach)
    own = moved_by(np.linalg.inv(placed), _places(grid))
    return Image((shape.depth_at(own) > 0).astype(np.uint8), grid)


@pytest.mark.parametrize("number", [2, 5, 12])
def test_the_margin_on_fine_masks_is_that_of_the_formulas(number: int) -> None:
    one = make_case((0, number))
    before, after = (one.series[point].pose.placed for point in TIME_POINTS)
    tumour, zone = _fine_mask(one.lesions.tumours[0], before), _fine_mask(one.lesions.zones[0], after)
    found = measure_margin(tumour, zone, one.pre_to_post, error=None)
    assert found.smallest_mm == pytest.approx(one.lesions.margin.smallest_mm, abs=0.5)
    assert list(found.under.values()) == pytest.approx(one.lesions.margin.under, abs=0.06)
    told = np.array(one.as_json()["margin"]["smallest_at_pre_lps"])
    nearest = np.linalg.norm(found.points - told, axis=1).argmin()
    assert found.margins[nearest] == pytest.approx(one.lesions.margin.smallest_mm, abs=0.6)


@pytest.mark.parametrize("which", ["phantom", "turned"])
def test_regions_lie_where_the_truth_says_in_every_storage(which: str, request: pytest.FixtureRequest) -> None:
    one: AblationPhantom = request.getfixturevalue(which)
    shapes = {PRE: one.lesions.tumours, POST: one.lesions.zones}
    for point, series in one.series.items():
        geometry = series.region.geometry
        assert all(image.geometry.matches(geometry) for image in series.volumes.values())
        own = moved_by(np.linalg.inv(series.pose.placed), _places(geometry))
        for number, shape in enumerate(shapes[point], 1):
            painted, wanted = series.region.array == number, shape.depth_at(own) > 0
            assert painted.sum() == pytest.approx(wanted.sum(), rel=0.1, abs=10)
            assert (painted & wanted).sum() > 0.9 * wanted.sum() - 8
        assert series.liver.array[series.region.array > 0].mean() > 0.95


def test_an_oblique_left_handed_storage_is_one(turned: AblationPhantom) -> None:
    for series in turned.series.values():
        geometry = series.region.geometry
        assert geometry.is_left_handed != (np.linalg.det(series.pose.grid.directions) < 0)
        assert geometry.obliquity_degrees > 2 and len({*geometry.spacing.round(3)}) > 1


@pytest.mark.slow
@pytest.mark.parametrize("which", ["phantom", "turned"])
def test_phases_moved_as_told(which: str, request: pytest.FixtureRequest) -> None:
    """The zone, dark or bright against the liver, has its centre in each phase where the motion brings it."""
    one: AblationPhantom = request.getfixturevalue(which)
    series, zone = one.series[POST], one.lesions.zones[0]
    for phase in ("unenhanced", "portal", "delayed"):
        image = series.volumes[phase]
        to_phase = series.pose.of_tissue(phase)
        told = np.array(one.as_json()["time_points"][POST]["delayed_to_phase_lps"][phase])
        np.testing.assert_allclose(told @ series.pose.placed, to_phase, atol=1e-9)
        depth = zone.depth_at(moved_by(np.linalg.inv(to_phase), _places(image.geometry)))
        border = {shift: _steepness(image, zone, to_phase, shift) for shift in (-6.0, 0.0, 6.0)}
        assert max(border, key=border.__getitem__) == 0.0
        inside, around = image.array[depth > 3], image.array[(depth < -6) & (depth > -9)]
        assert abs(np.median(inside) - np.median(around)) > 2 * np.std(inside) / np.sqrt(inside.size)
    far = [np.linalg.norm(moved_by(series.pose.from_delayed(p), zone.center[None]) - zone.center) for p in PHASES]
    assert far[-1] == pytest.approx(0, abs=1e-9) and max(far) > 1


def _steepness(image: Image, zone: IrregularEllipsoid, placed: np.ndarray, shift: float) -> float:
    """How far inside and outside of the zone's surface differ, were it shifted head-foot by some mm."""
    own = moved_by(np.linalg.inv(placed), _places(image.geometry) - (0, 0, shift))
    depth = zone.depth_at(own)
    within, without = image.array[(depth > 1) & (depth < 4)], image.array[(depth < -1) & (depth > -4)]
    return float(abs(within.mean() - without.mean()))


@pytest.mark.slow
def test_a_wall_that_stays_is_where_it_was_and_one_that_moves_is_not() -> None:
    seen, rng = set(), np.random.default_rng(2)
    for _ in range(20):
        pose = Pose.draw(rng, moved=True, scanner="external", oblique=None)
        seen.add(pose.slides)
        still = np.allclose(pose.of_wall("arterial"), pose.placed)
        assert still == pose.slides and not np.allclose(pose.of_tissue("arterial"), pose.placed)
    assert seen == {True, False}


@pytest.mark.slow
def test_the_same_seed_makes_the_same_bytes_and_another_does_not(right: AblationPhantom) -> None:
    one, same, other = right, make_case(SEED), make_case((1, 5))
    for place, image in one.volumes.items():
        assert image.array.dtype == np.int16
        assert image.array.tobytes() == same.volumes[place].array.tobytes()
        assert image.array.tobytes() != other.volumes[place].array.tobytes()
    assert json.dumps(one.as_json()) == json.dumps(same.as_json())


@pytest.mark.slow
def test_without_strength_a_case_looks_the_same_whatever_the_outcome() -> None:
    early, late = (make_case((1, 4), early=wanted, strength=0.0) for wanted in (True, False))
    assert early.scores.early is True and late.scores.early is False
    for place, image in early.volumes.items():
        assert np.array_equal(image.array, late.volumes[place].array)
    assert early.clinical == late.clinical


def test_each_volume_has_a_scale_of_its_own(phantom: AblationPhantom) -> None:
    pairs = [pair for series in phantom.series.values() for pair in series.gains.values()]
    assert len({gain for gain, _ in pairs}) == len({offset for _, offset in pairs}) == 8
    assert all(image.array.min() >= 0 for image in phantom.volumes.values())


def test_a_written_cohort_is_what_was_made(cohort: Cohort) -> None:
    made = [make_case((3, number), early=wanted_early(3, number)) for number in range(CASES)]
    for one, case in zip(made, cohort.cases, strict=True):
        for place, image in one.volumes.items():
            path = case.volume_path(*place.split("/"))
            assert path is not None
            read = read_image(path)
            assert np.array_equal(read.array, image.array) and read.geometry.matches(image.geometry)
        for point, name in ((PRE, "tumour"), (POST, "ablation")):
            path = case.annotation_path(point, name)
            assert path is not None
            first = read_segments(path)[0]
            assert np.array_equal(mask_on(first, one.region(point).geometry).array, one.region(point).array)
        truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
        assert truth == json.loads(json.dumps(one.as_json())) and truth["note"].startswith("synthetic")
        for name, value in one.clinical.values.items():
            assert case.number(name) == (None if name in one.clinical.unknown else pytest.approx(value, rel=1e-4))
        assert len(segments_of(one, PRE)) == int(one.clinical.values["tumour_number"])
    found, scores = patients_in(cohort.cases), true_scores(cohort.cases)
    assert found.measures.shape == (CASES, len(MEASURES)) and np.isfinite(found.measures).all()
    np.testing.assert_allclose(patients_of(made).measures, found.measures, atol=1e-3)
    assert with_values(cohort.cases).measures.shape == (CASES, 5)
    assert set(scores) == {"clinical", "pre", "prepost", "dl_clinical", "risk"}


def test_the_true_transforms_are_those_that_a_person_would_give(cohort: Cohort) -> None:
    write_true_transforms(cohort.cases)
    for number, case in enumerate(cohort.cases):
        truth = make_case((3, number), early=wanted_early(3, number)).as_json()["time_points"]
        for point in TIME_POINTS:
            assert not (case.folder / point / f"{PHASES[-1]}.tfm").exists()
            for phase in PHASES[:-1]:
                found = read_transform(case.folder / point / f"{phase}.tfm")
                np.testing.assert_allclose(found, truth[point]["delayed_to_phase_lps"][phase], atol=1e-6)
                assert not np.allclose(found, np.eye(4)), "the patient breathed"


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_there_and_nothing_else(fault: str, right: AblationPhantom) -> None:
    one = make_wrong(SEED, fault)  # type: ignore[arg-type]
    changed = {
        place
        for place in right.volumes
        if place not in one.volumes or not np.array_equal(one.volumes[place].array, right.volumes[place].array)
    }
    everything = set(right.volumes)
    expected = {
        "time points swapped": everything,
        "same series twice": {place for place in everything if place.startswith(POST)},
        "region on another grid": set(),
        "motion": everything,  # the field of view lies where the patient lies, so that noise changes everywhere
    }.get(fault, {"pre/arterial"})
    assert changed <= expected and bool(changed) == bool(expected)
    marked = one.series[PRE].region
    if fault == "region on another grid":
        assert not marked.geometry.matches(right.series[PRE].region.geometry) and (marked.array == 1).any()
    if "field of view" in fault:
        center = np.array(right.as_json()["tumour"]["center_lps"])
        assert one.volumes["pre/arterial"].geometry.contains(center) == (fault == "another field of view")


def test_a_fault_that_is_none_and_a_background_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no fault 'rain'"):
        make_wrong(SEED, "rain")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not put into a real CT"):
        write_case(tmp_path / "x", (0, 0), {}, background=object(), field="liver", scanner="internal")  # type: ignore[arg-type]
    for table in (patients_in, patients_of):
        with pytest.raises(InputError, match="no such cases"):
            table([])


def test_the_sample_case_has_two_time_points_and_both_regions(tmp_path: Path) -> None:
    SAMPLE.make(tmp_path)
    case = SAMPLE.read(tmp_path)
    assert case is not None
    assert set(case.volumes) == {f"{point}/{phase}" for point in TIME_POINTS for phase in PHASES}
    assert set(case.masks) == {"pre/tumour", "post/ablation"}
    assert all(mask.array.any() for mask in case.masks.values())
