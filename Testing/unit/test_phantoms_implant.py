from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.dicom.volume import read_volume
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.liver.implant import Background
from HCCAssistLib.phantoms.liver.storage import AXIAL, stored
from HCCAssistLib.phantoms.ltp.cases import PHANTOMS, make_case
from HCCAssistLib.phantoms.ltp.truth import LTPPhantom

pytestmark = pytest.mark.slow

shared = Path(__file__).resolve().parents[3] / "shared"

FLIPPED = ((1, 0, 2), (True, False, True))


@pytest.fixture(scope="module")
def patient() -> LTPPhantom:
    """A drawn patient, thinned out and stored in another order, that stands in for a real CT."""
    return make_case(21, has_ltp=False, storage=AXIAL)


@pytest.fixture(scope="module")
def background(patient: LTPPhantom) -> Background:
    return Background(stored(thin(patient.image), FLIPPED))


def thin(image: Image) -> Image:
    affine = image.geometry.affine.copy()
    affine[:3, :2] *= 2
    array = np.ascontiguousarray(image.array[:, ::2, ::2])
    return Image(array, Geometry((array.shape[0], array.shape[1], array.shape[2]), affine), "background")


def test_the_liver_is_found_in_another_storage_order(patient: LTPPhantom, background: Background) -> None:
    truth = stored(thin(patient.liver), FLIPPED).array > 0
    overlap = 2 * np.count_nonzero(truth & background.mask) / (truth.sum() + background.mask.sum())
    assert overlap > 0.85


def test_only_voxels_near_the_truth_change(background: Background) -> None:
    case = make_case(5, has_ltp=True, background=background)
    assert case.image.geometry.matches(background.image.geometry)
    changed = case.image.array != background.image.array
    assert changed.any() and not changed[~background.mask].any()
    places = case.image.geometry.to_world(np.argwhere(changed)[:, ::-1])
    spheres = [(z.center_lps, max(z.axes_mm) / 2 + 8) for z in case.zones]
    spheres += [(lesion.center_lps, lesion.diameter_mm / 2 + 5) for lesion in case.lesions]
    spheres += [(c.center_lps, max(c.size_mm, 24) + 7) for c in case.confounders]
    near = np.zeros(len(places), bool)
    for center, radius in spheres:
        near |= np.linalg.norm(places - center, axis=1) < radius
    assert near.all()


def test_zone_and_nodule_stand_out_from_the_local_liver_with_its_noise(background: Background) -> None:
    case = make_case(6, has_ltp=True, background=background)
    zone = case.image.array[case.ablation.array > 0]
    assert np.median(zone) == pytest.approx(case.zones[0].hu, abs=18)
    for number, lesion in enumerate(case.lesions, start=1):
        nodule = case.image.array[case.lesion_labels.array == number].astype(float)
        assert 50 < lesion.liver_hu < 85
        # partial volume at the rim lowers the mean
        assert 0.4 * lesion.contrast_hu < nodule.mean() - lesion.liver_hu < 1.3 * lesion.contrast_hu
    still = background.image.array[case.ablation.array > 0]
    assert zone.std() > 0.5 * background.noise_hu and not np.array_equal(zone, still)


def test_cases_of_one_background_differ_and_repeat(background: Background) -> None:
    first, again, other = (make_case(seed, has_ltp=True, background=background) for seed in (7, 7, 8))
    assert first.image.digest() == again.image.digest()
    assert first.lesions[0].center_lps != other.lesions[0].center_lps
    assert "never split" in first.as_json()["note"] and first.background.startswith("CT-")


def test_a_cohort_on_one_background_is_one_patient_for_testing_only(
    background: Background, patient: LTPPhantom, tmp_path: Path
) -> None:
    write_cohort(PHANTOMS, tmp_path / "real", cases=2, seed=1, background=thin(patient.image))
    cases = read_cohort(tmp_path / "real").cases
    assert len({case.patient_id for case in cases}) == 1
    assert {case.split for case in cases} == {"test"}
    assert {case.values["background"] for case in cases} == {cases[0].patient_id}
    assert {case.values["ltp"] for case in cases} == {"0", "1"}


def test_backgrounds_without_a_liver_are_refused(patient: LTPPhantom) -> None:
    geometry = Geometry.from_parts((20, 64, 64), (4, 4, 5))
    rng = np.random.default_rng(0)
    magnetic = Image(rng.integers(0, 900, geometry.shape).astype(np.int16), geometry, "scan")
    with pytest.raises(InputError, match="not a CT"):
        Background(magnetic)
    chest = thin(patient.image).array.copy()
    chest[(chest > -200) & (chest < 200)] = -700
    with pytest.raises(InputError, match="no liver"):
        Background(Image(chest, thin(patient.image).geometry, "chest"))
    few = thin(patient.image)
    with pytest.raises(InputError, match="too few"):
        Background(Image(few.array[:4], few.geometry.crop((0, 0, 0), (4, *few.array.shape[1:])), "slab"))


def test_a_mask_of_the_liver_is_used_as_it_is_given(patient: LTPPhantom) -> None:
    image, liver = thin(patient.image), thin(patient.liver)
    given = Background(image, liver)
    assert np.array_equal(given.mask, liver.array > 0)
    with pytest.raises(InputError, match="another grid"):
        Background(image, Image(liver.array, liver.geometry.crop((3, 0, 0), liver.array.shape)))
    with pytest.raises(InputError, match="too small"):
        Background(image, Image(np.zeros_like(liver.array), liver.geometry))


@pytest.mark.shared
def test_lesions_go_into_the_liver_of_a_real_portal_ct(tmp_path: Path) -> None:
    archive = shared / "data" / "crlm_ct_1004" / "CRLM-CT-1004.zip"
    if not archive.exists():
        pytest.skip("SKIPPED: ../shared/data/crlm_ct_1004 not found")
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path)
    image = read_volume(next(path for path in tmp_path.rglob("image") if path.is_dir()))
    background = Background(image)
    milliliters = background.mask.sum() * np.prod(image.geometry.spacing) / 1000
    assert 900 < milliliters < 1600
    k, j, i = np.rint(image.geometry.to_index((-90.0, 0.0, image.geometry.center[2]))[::-1]).astype(int)
    assert background.mask[k, j, i]
    assert 90 < np.median(image.array[background.mask]) < 130 and 8 < background.noise_hu < 14
    case = make_case(1, has_ltp=True, background=background)
    lesion = case.lesions[0]
    nodule = case.image.array[case.lesion_labels.array == 1]
    assert nodule.mean() - lesion.liver_hu > 0.4 * lesion.contrast_hu
    assert np.median(case.image.array[case.ablation.array > 0]) < 75
    changed = case.image.array != image.array
    assert changed.mean() < 0.01 and not changed[~background.mask].any()
    assert case.image.array.min() == image.array.min() == -1024
