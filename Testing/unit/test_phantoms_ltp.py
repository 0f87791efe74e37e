from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.froc import froc
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.imaging.enhancement import contrast_evidence
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.storage import AXIAL
from HCCAssistLib.phantoms.ltp.baseline import ThresholdCase, hu_threshold_score, tune_contrast
from HCCAssistLib.phantoms.ltp.cases import make_case, shows_ltp
from HCCAssistLib.phantoms.ltp.truth import LTPPhantom

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cases() -> list[LTPPhantom]:
    """Eight cases cut to the liver; every second one shows progression."""
    return [make_case((11, n), has_ltp=n % 2 == 0, field="liver") for n in range(8)]


@pytest.fixture(scope="module")
def abdomen() -> LTPPhantom:
    return make_case(4, has_ltp=True)


def voxel_of(image: Image, lps: tuple[float, float, float]) -> tuple[int, int, int]:
    i, j, k = np.rint(image.geometry.to_index(lps)).astype(int)
    return int(k), int(j), int(i)


def mean_around(image: Image, lps: tuple[float, float, float], radius: float) -> float:
    """Mean HU within a radius of a point, from the voxels' places alone."""
    low = np.maximum(np.floor(image.geometry.to_index(lps) - radius / image.geometry.spacing), 0).astype(int)
    high = np.ceil(image.geometry.to_index(lps) + radius / image.geometry.spacing).astype(int) + 1
    grid = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), -1)
    index = grid.reshape(-1, 3)
    near = index[np.linalg.norm(image.geometry.to_world(index) - lps, axis=1) <= radius]
    return float(image.array[near[:, 2], near[:, 1], near[:, 0]].mean())


def grown(box: tuple[slice, ...], margin: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(max(s.start - margin, 0), min(s.stop + margin, n)) for s, n in zip(box, shape, strict=True))


def healthy_hu(case: LTPPhantom) -> np.ndarray:
    """HU deep in the liver, away from zones and nodules."""
    healthy = (case.liver.array > 0) & (case.ablation.array == 0) & (case.lesion_labels.array == 0)
    return case.image.array[ndimage.binary_erosion(healthy, np.ones((3, 3, 3)), iterations=3)]


def test_the_same_seed_makes_the_same_case_and_another_seed_another(cases: list[LTPPhantom]) -> None:
    again = make_case((11, 0), has_ltp=True, field="liver")
    assert again.image.digest() == cases[0].image.digest()
    assert again.as_json() == cases[0].as_json()
    assert len({case.image.digest() for case in cases}) == len(cases)


def test_voxels_are_whole_hu_on_a_scanners_grid(cases: list[LTPPhantom], abdomen: LTPPhantom) -> None:
    for case in [*cases, abdomen]:
        assert case.image.array.dtype == np.int16
        assert case.image.array.min() >= -1024
        spacing = np.sort(case.image.geometry.spacing)
        assert 0.6 <= spacing[0] <= spacing[1] <= 0.85 and round(spacing[2], 6) in (3, 4, 5)
        for mask in (case.liver, case.ablation, case.lesion_labels):
            assert mask.geometry.matches(case.image.geometry)
    assert sorted(abdomen.image.array.shape)[1:] == [512, 512]
    assert len({tuple(np.rint(c.image.geometry.directions).ravel()) for c in cases}) > 2


def test_lesions_are_there_only_with_progression_and_in_the_papers_sizes(cases: list[LTPPhantom]) -> None:
    for number, case in enumerate(cases):
        assert len(case.lesions) in ((1, 2) if number % 2 == 0 else (0,))
        assert bool(case.lesion_labels.array.any()) == bool(case.lesions)
        assert 1 <= len(case.zones) <= 2
        for lesion in case.lesions:
            assert 5 <= lesion.diameter_mm <= 26 and 25 <= lesion.contrast_hu <= 70
        for zone in case.zones:
            assert min(zone.axes_mm) >= 14 and max(zone.axes_mm) <= 45 and 30 <= zone.hu <= 60


def test_the_point_and_the_centre_lie_in_the_lesions_own_voxels(cases: list[LTPPhantom]) -> None:
    for case in cases:
        for number, lesion in enumerate(case.lesions, start=1):
            assert case.lesion_labels.array[voxel_of(case.image, lesion.center_lps)] == number
            assert case.lesion_labels.array[voxel_of(case.image, lesion.point_lps)] == number
            shift = np.linalg.norm(np.subtract(lesion.point_lps, lesion.center_lps))
            assert 0 < shift < lesion.diameter_mm / 2
            axis = case.image.geometry.axial_axis
            slice_number = case.image.geometry.to_index(lesion.point_lps)[axis]
            assert slice_number == pytest.approx(round(slice_number), abs=1e-3)  # a reader clicks on a slice
            assert np.count_nonzero(case.lesion_labels.array == number) == lesion.voxels


def test_the_centre_has_the_lesions_hu_in_every_storage_order(cases: list[LTPPhantom]) -> None:
    checked = 0
    for case in cases:
        for lesion in case.lesions:
            if lesion.diameter_mm < 9 or lesion.pattern == "rim":
                continue
            contrast = mean_around(case.image, lesion.center_lps, 3.0) - lesion.liver_hu
            assert contrast == pytest.approx(lesion.contrast_hu, abs=0.25 * lesion.contrast_hu + 12)
            checked += 1
    assert checked >= 3
    straight = make_case((11, 0), has_ltp=True, field="liver", storage=AXIAL)
    turned = make_case((11, 0), has_ltp=True, field="liver", storage=((2, 0, 1), (True, False, True)))
    assert straight.image.array.shape != turned.image.array.shape
    for lesion, other in zip(straight.lesions, turned.lesions, strict=True):
        assert lesion.center_lps == other.center_lps and lesion.point_lps == other.point_lps
        assert (
            straight.image.array[voxel_of(straight.image, lesion.center_lps)]
            == turned.image.array[voxel_of(turned.image, lesion.center_lps)]
        )


def test_nodules_grow_on_the_margin_of_a_zone(cases: list[LTPPhantom]) -> None:
    for case in cases:
        for number, lesion in enumerate(case.lesions, start=1):
            nodule = case.lesion_labels.array == number
            # a nodule and its zone are neighbours where widening the one by a voxel meets the other
            box = grown(ndimage.find_objects(nodule.astype(int))[0], 2, nodule.shape)
            widened = ndimage.binary_dilation(nodule[box], np.ones((3, 3, 3)))
            assert (widened & (case.ablation.array[box] > 0)).any()
            zone = case.zones[lesion.zone]
            distance = np.linalg.norm(np.subtract(lesion.center_lps, zone.center_lps))
            assert min(zone.axes_mm) / 2 - 4 < distance < max(zone.axes_mm) / 2 + lesion.diameter_mm / 2 + 4
        assert not (case.ablation.array.astype(bool) & (case.lesion_labels.array > 0)).any()
        assert case.liver.array[case.lesion_labels.array > 0].all() and case.liver.array[case.ablation.array > 0].all()


def test_tissues_have_the_attenuation_of_the_late_arterial_phase(cases: list[LTPPhantom], abdomen: LTPPhantom) -> None:
    for case in [*cases, abdomen]:
        liver = healthy_hu(case).astype(float)
        middle = float(np.median(liver))
        assert 55 <= middle <= 80
        sigma = 1.4826 * np.median(np.abs(liver - middle))
        assert 9 <= sigma <= 18 and sigma == pytest.approx(case.noise_hu, rel=0.3)
        clot = any(zone.coagulum for zone in case.zones)
        assert np.median(case.image.array[case.ablation.array > 0]) < middle - (4 if clot else 12)
    evidence = contrast_evidence(abdomen.image)
    assert evidence.phase == "arterial" and 240 <= evidence.vessel_hu <= 370


def test_neighbouring_pixels_are_correlated_as_in_a_ct(cases: list[LTPPhantom]) -> None:
    case = make_case((11, 1), has_ltp=False, field="liver", storage=AXIAL)
    healthy = (case.liver.array > 0) & (case.ablation.array == 0)
    deep = ndimage.binary_erosion(healthy, np.ones((1, 3, 3)), iterations=8)
    noise = np.where(deep, case.image.array - np.median(case.image.array[deep]), 0.0)
    noise[np.abs(noise) > 3 * case.noise_hu] = 0
    pairs = deep[:, :, 1:] & deep[:, :, :-1]
    assert 0.5 < np.corrcoef(noise[:, :, 1:][pairs], noise[:, :, :-1][pairs])[0, 1] < 0.9
    pairs = deep[1:] & deep[:-1]
    assert np.corrcoef(noise[1:][pairs], noise[:-1][pairs])[0, 1] < 0.4


def test_a_patient_with_and_without_progression_differs_at_the_nodules_only() -> None:
    with_ltp, without = (make_case((11, 2), has_ltp=flag, field="liver", storage=AXIAL) for flag in (True, False))
    assert with_ltp.zones == without.zones and with_ltp.confounders == without.confounders
    changed = np.argwhere(with_ltp.image.array != without.image.array)[:, ::-1]
    places = with_ltp.image.geometry.to_world(changed)
    distance = np.min([np.linalg.norm(places - lesion.center_lps, axis=1) for lesion in with_ltp.lesions], axis=0)
    assert len(changed) > 50 and distance.max() < 26


def test_confounders_are_in_both_classes(cases: list[LTPPhantom]) -> None:
    for first in (0, 1):
        kinds = {item.kind for case in cases[first::2] for item in case.confounders}
        assert len(kinds) >= 4
        assert any("shunt" in kind for kind in kinds)
    for case in cases:
        for item in case.confounders:
            inside = case.liver.array[voxel_of(case.image, item.center_lps)] if item.kind == "cyst" else 1
            assert inside == 1


def test_two_cases_of_a_cohort_hold_both_classes_and_many_hold_the_papers_share() -> None:
    for seed in range(20):
        assert {shows_ltp(seed, 0), shows_ltp(seed, 1)} == {True, False}
        assert sum(shows_ltp(seed, n) for n in range(74)) in (33, 34, 35)


def test_the_threshold_finds_a_bright_ball_in_a_flipped_liver() -> None:
    rng = np.random.default_rng(1)
    directions = np.diag([-1.0, 1.0, -1.0])
    geometry = Geometry.from_parts((20, 60, 70), (1.5, 1.5, 4), (50, -40, 40), directions)
    index = np.argwhere(np.ones(geometry.shape, bool))[:, ::-1]
    places = geometry.to_world(index)
    center = np.array([8.0, 14.0, -6.0])
    hu = 60 + rng.normal(0, 5, geometry.shape)
    hu[np.linalg.norm(places - center, axis=1).reshape(geometry.shape) < 9] += 50
    image = Image(hu.round().astype(np.int16), geometry)
    found = hu_threshold_score(image, Image(np.ones(geometry.shape, np.uint8), geometry), contrast_hu=25)
    assert len(found) == 1
    assert np.linalg.norm(np.subtract(found[0].center_lps, center)) < 1.5
    assert 35 < found[0].score < 55


def test_the_threshold_refuses_a_liver_that_does_not_fit() -> None:
    geometry = Geometry.from_parts((6, 8, 9), (1, 1, 3))
    image = Image(np.zeros(geometry.shape, np.int16), geometry)
    with pytest.raises(InputError, match="empty"):
        hu_threshold_score(image, Image(np.zeros(geometry.shape, np.uint8), geometry), contrast_hu=20)
    other = Image(np.ones(geometry.shape, np.uint8), geometry.crop((1, 0, 0), geometry.shape))
    with pytest.raises(InputError, match="grid"):
        hu_threshold_score(image, other, contrast_hu=20)


def test_a_threshold_on_hu_misses_most_lesions_or_drowns_them_in_vessels(cases: list[LTPPhantom]) -> None:
    prepared = [
        ThresholdCase(
            case.image,
            case.liver,
            np.array([lesion.center_lps for lesion in case.lesions]).reshape(-1, 3),
            np.array([lesion.diameter_mm / 2 for lesion in case.lesions]),
        )
        for case in cases
    ]
    contrast = tune_contrast(prepared[:3], contrasts=(20.0, 25.0, 30.0))
    findings = []
    for number, case in enumerate(prepared):
        found = hu_threshold_score(case.image, case.liver, contrast_hu=contrast)
        centers = np.array([c.center_lps for c in found]).reshape(-1, 3)
        findings.append(VolumeFindings(str(number), centers, [c.score for c in found], case.lesions, case.radii))
    curve = froc(findings, tolerance_mm=5.0, rates=(1.0,), draws=2)
    assert curve.at_rates[0].value is not None and curve.at_rates[0].value < 0.6
