"""The contrast phase is told from voxels, whatever the storage order, the noise or the bowel holds."""

from __future__ import annotations

import time
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from imaging_samples import ORDERS, rotation, stored_as
from scipy import ndimage

from HCCAssistLib.dicom.volume import read_volume
from HCCAssistLib.imaging.abdomen import Scan
from HCCAssistLib.imaging.abdomen_spine import find_spine
from HCCAssistLib.imaging.enhancement import contrast_evidence
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import to_lps_order

pytestmark = pytest.mark.heavy

shared = Path(__file__).resolve().parents[3] / "shared"

# liver, aorta, vena cava, kidneys, spleen
UNENHANCED = (56, 40, 40, 32, 46)
ARTERIAL = (66, 310, 60, 180, 115)
EARLY_ARTERIAL = (54, 340, 40, 120, 75)
PORTAL = (108, 155, 150, 190, 122)
PORTAL_FATTY = (66, 150, 145, 180, 118)
DELAYED = (90, 108, 106, 150, 96)


@cache
def abdomen(levels: tuple[float, ...], *, noise: float = 12, oral: float = 0, seed: int = 0) -> Image:
    """An abdomen of ellipses, 360 mm wide and 120 mm high, with vertebrae, discs and a leaning aorta."""
    liver, aorta, cava, kidney, spleen = levels
    geometry = Geometry.from_parts((30, 96, 120), (3.0, 3.0, 4.0), (-180.0, -144.0, 0.0))
    k, j, i = np.indices(geometry.shape)
    x, y, z = np.moveaxis(geometry.to_world(np.stack([i, j, k], axis=-1)), -1, 0)

    def ellipse(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        return np.asarray(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1)

    hu = np.full(geometry.shape, -1000.0)
    hu[ellipse(0, 0, 165, 120)] = -100
    hu[ellipse(0, 0, 148, 103)] = 55
    hu[ellipse(0, -5, 138, 92)] = -90
    hu[ellipse(-70, -15, 62, 70)] = liver
    hu[ellipse(95, 30, 28, 40)] = spleen
    hu[ellipse(-62, 62, 24, 26) | ellipse(62, 70, 22, 24)] = kidney
    for lower in np.arange(-15, 130, 36):  # vertebrae with cortex, and discs between
        body, disc = (z >= lower + 8) & (z < lower + 36), (z >= lower) & (z < lower + 8)
        hu[ellipse(0, 50, 24, 18) & body] = 430
        hu[ellipse(0, 50, 19, 13) & body] = 190
        hu[ellipse(0, 50, 24, 18) & disc] = 90
        hu[ellipse(0, 76, 18, 16) & ~ellipse(0, 76, 11, 10) & body] = 600
        hu[(np.abs(x) < 4) & (y > 88) & (y < 112) & body] = 550
    hu[ellipse(0, 76, 10, 9)] = 25
    hu[((x - (10 + 0.12 * z)) / 10) ** 2 + ((y - 20) / 10) ** 2 < 1] = aorta
    hu[ellipse(-24, 18, 12, 9)] = cava
    for side in (-1, 1):
        hu[ellipse(side * 140, 10, 7, 16) & (z % 28 < 12)] = 500
    if oral:
        hu[ellipse(20, -25, 25, 18) & (z > 30) & (z < 60)] = oral
    hu += np.random.default_rng(seed).normal(0, noise, hu.shape)
    return Image(np.clip(hu, -1024, 3071).round().astype(np.int16), geometry, "phantom")


@pytest.mark.parametrize(
    ("levels", "phase"),
    [
        (UNENHANCED, "unenhanced"),
        (ARTERIAL, "arterial"),
        (EARLY_ARTERIAL, "arterial"),
        (PORTAL, "portal-or-later"),
        (PORTAL_FATTY, "portal-or-later"),
        (DELAYED, "portal-or-later"),
    ],
)
@pytest.mark.parametrize("noise", [5, 25])
def test_the_phase_of_an_abdomen_is_told(levels: tuple[float, ...], phase: str, noise: float) -> None:
    evidence = contrast_evidence(abdomen(levels, noise=noise))
    assert evidence.phase == phase, evidence.reason
    assert abs(evidence.liver_hu - levels[0]) < 5


def test_the_vessel_measured_is_the_aorta() -> None:
    for levels in (ARTERIAL, PORTAL):
        assert contrast_evidence(abdomen(levels)).vessel_hu == pytest.approx(levels[1], abs=0.1 * levels[1])


def test_vertebrae_are_no_enhanced_vessel() -> None:
    evidence = contrast_evidence(abdomen(UNENHANCED))
    assert evidence.vessel_hu < 120  # the bodies hold 190 HU
    assert evidence.enhanced_volume_ml < 100


@pytest.mark.parametrize("levels", [UNENHANCED, ARTERIAL, PORTAL])
def test_oral_contrast_changes_nothing(levels: tuple[float, ...]) -> None:
    without, with_oral = (contrast_evidence(abdomen(levels, oral=oral)).phase for oral in (0, 350))
    assert with_oral == without


def test_storage_order_changes_nothing() -> None:
    image = abdomen(ARTERIAL)
    truth = contrast_evidence(image)
    for axes, flips in ORDERS[::17]:
        found = contrast_evidence(stored_as(image, axes, flips))
        assert found.phase == "arterial"
        assert found.vessel_hu == pytest.approx(truth.vessel_hu, abs=0.01)


def test_padding_outside_the_scan_circle_changes_nothing() -> None:
    image = abdomen(PORTAL)
    padded = image.array.copy()
    padded[:, :6] = -3024
    assert contrast_evidence(image.with_array(padded, "padded")).phase == "portal-or-later"


def test_what_is_no_abdominal_ct_is_unknown() -> None:
    image = abdomen(ARTERIAL)
    as_mr = image.with_array(np.clip(image.array, 0, None), "no fat, no air")
    few_slices = Image(image.array[:6], image.geometry.crop((0, 0, 0), (6, 96, 120)))
    small = Image(image.array[:, 40:60, 40:70], image.geometry.crop((40, 40, 0), (30, 20, 30)))
    no_spine = image.with_array(np.where(image.array > 240, 40, image.array), "boneless")
    air = image.with_array(np.full_like(image.array, -1000), "air")
    head = replace(image, geometry=Geometry.from_parts(image.array.shape, (1.3, 1.3, 4)))
    for other in (as_mr, few_slices, small, no_spine, air, head):
        evidence = contrast_evidence(other)
        assert evidence.phase == "unknown"
        assert evidence.reason


def test_a_level_between_the_phases_is_unknown() -> None:
    assert contrast_evidence(abdomen((60, 135, 60, 45, 50))).phase == "unknown"


def test_a_large_volume_takes_less_than_one_and_a_half_seconds() -> None:
    image = abdomen(ARTERIAL)
    array = np.repeat(np.repeat(np.repeat(image.array, 2, axis=0), 5, axis=1), 4, axis=2)[:, :480]
    geometry = Geometry.from_parts(array.shape, (0.75, 0.6, 2.0), (-180, -144, 0))
    began = time.process_time()
    evidence = contrast_evidence(Image(array, geometry))
    assert time.process_time() - began < 1.5
    assert evidence.phase == "arterial"


@pytest.mark.shared
@pytest.mark.parametrize("name", ["example_ct.nii.gz", "example_ct_sm.nii.gz"])
def test_a_real_unenhanced_ct_is_unenhanced(name: str) -> None:
    path = shared / "data/ts_examples" / name
    if not path.is_file():
        pytest.skip(f"SKIPPED: ../shared/data/ts_examples/{name} not found")
    assert contrast_evidence(read_image(path)).phase == "unenhanced"


@pytest.mark.shared
@pytest.mark.parametrize("archive", ["crlm_ct_1004/CRLM-CT-1004.zip", "ts_examples/example_ct_dicom.zip"])
def test_a_real_portal_ct_is_portal(archive: str, tmp_path: Path) -> None:
    path = shared / "data" / archive
    if not path.is_file():
        pytest.skip(f"SKIPPED: ../shared/data/{archive} not found")
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path)
    assert contrast_evidence(read_volume(tmp_path)).phase == "portal-or-later"


PAINTED = {
    "arterial": {1: 115, 2: 170, 3: 170, 5: 68, 7: 95, 52: 300, 63: 60, 64: 110},
    "portal-or-later": {1: 120, 2: 185, 3: 185, 5: 108, 7: 100, 52: 150, 63: 145, 64: 165},
}


@pytest.mark.shared
@pytest.mark.parametrize("phase", PAINTED)
def test_a_real_ct_painted_with_a_phase_is_recognised(phase: str) -> None:
    folder = shared / "data/ts_examples"
    if not folder.is_dir():
        pytest.skip("SKIPPED: ../shared/data/ts_examples not found")
    ct, labels = read_image(folder / "example_ct_sm.nii.gz"), read_image(folder / "example_seg.nii.gz").array
    array = ct.array.copy()
    for label, level in PAINTED[phase].items():
        array[labels == label] += np.int16(level - np.median(ct.array[labels == label]))
    assert contrast_evidence(ct.with_array(array, "painted")).phase == phase


@pytest.mark.shared
@pytest.mark.parametrize("name", ["example_mr_sm.nii.gz", "example_seg.nii.gz"])
def test_a_real_mr_or_a_mask_is_unknown(name: str) -> None:
    path = shared / "data/ts_examples" / name
    if not path.is_file():
        pytest.skip(f"SKIPPED: ../shared/data/ts_examples/{name} not found")
    assert contrast_evidence(read_image(path)).phase == "unknown"


def resliced(image: Image, thickness: float, *, gaps: bool = False) -> Image:
    """Slices so thick, of means over them; or thin ones so far apart."""
    spacing = float(image.geometry.spacing[2])
    array = image.array.astype(np.float32)
    if not gaps:
        array = ndimage.uniform_filter1d(array, max(1, round(thickness / spacing)), axis=0)
    places = np.arange(0, len(array) - 1, thickness / spacing).round().astype(int)
    affine = image.geometry.affine.copy()
    affine[:3, 2] *= thickness / spacing
    return Image(array[places].round().astype(np.int16), Geometry(array[places].shape, affine), image.name)


def part(image: Image, k: slice = slice(None), j: slice = slice(None), i: slice = slice(None)) -> Image:
    array = image.array[k, j, i]
    starts = [cut.indices(n)[0] for cut, n in zip((i, j, k), image.array.shape[::-1], strict=True)]
    return Image(array, image.geometry.crop(starts, array.shape), image.name)


def with_vertebrae(image: Image, level: int) -> Image:
    """The phantom with marrow and discs of one level: 320 HU as in sclerosis, fused; 60 HU as in osteoporosis."""
    k, j, i = np.indices(image.array.shape)
    x, y, _ = np.moveaxis(image.geometry.to_world(np.stack([i, j, k], axis=-1)), -1, 0)
    vertebra = ((x / 19) ** 2 + ((y - 50) / 13) ** 2) < 1
    return image.with_array(np.where(vertebra, level, image.array).astype(np.int16), "other vertebrae")


@pytest.mark.parametrize(
    ("levels", "phase"), [(UNENHANCED, "unenhanced"), (ARTERIAL, "arterial"), (PORTAL, "portal-or-later")]
)
@pytest.mark.parametrize(("thickness", "gaps"), [(8.0, False), (8.0, True), (10.0, False)])
def test_thick_slices_and_gaps_change_nothing(
    levels: tuple[float, ...], phase: str, thickness: float, gaps: bool
) -> None:
    evidence = contrast_evidence(resliced(abdomen(levels), thickness, gaps=gaps))
    assert evidence.phase == phase, evidence.reason


@pytest.mark.parametrize(
    ("levels", "phase"), [(UNENHANCED, "unenhanced"), (ARTERIAL, "arterial"), (PORTAL, "portal-or-later")]
)
@pytest.mark.parametrize("marrow", [60, 320, 600])
def test_dense_fused_or_thin_vertebrae_are_no_aorta(levels: tuple[float, ...], phase: str, marrow: int) -> None:
    evidence = contrast_evidence(with_vertebrae(abdomen(levels), marrow))
    assert evidence.phase == phase, evidence.reason


def test_a_sternum_is_no_spine() -> None:
    image = abdomen(PORTAL)
    array = image.array.copy()
    array[:, 11:16, 52:68] = 700  # as broad and dense as a vertebra, and at one place through all slices
    ordered = image.with_array(array, "with a sternum")
    spine = find_spine(Scan.of(ordered))
    assert spine is not None
    np.testing.assert_allclose(image.geometry.to_world((spine.column[9], spine.row[9], 0))[:2], (0, 76), atol=5)
    assert contrast_evidence(ordered).phase == "portal-or-later"
    without = image.with_array(np.where((image.array > 240) & (np.arange(96)[:, None] > 40), 40, array), "no spine")
    assert "no spine" in contrast_evidence(without).reason


def test_the_spine_is_found_where_it_is_in_an_oblique_flipped_anisotropic_volume() -> None:
    image = abdomen(ARTERIAL)
    turned = replace(
        image, geometry=Geometry.from_parts(image.array.shape, image.geometry.spacing, (7, -90, 40), rotation(6, -5, 4))
    )
    for axes, flips in ORDERS[5::13]:
        ordered = to_lps_order(stored_as(turned, axes, flips))
        scan = Scan.of(ordered)
        spine = find_spine(scan)
        assert spine is not None
        place = ordered.geometry.to_world((spine.column[12], spine.row[12], 12))
        np.testing.assert_allclose(place, turned.geometry.to_world((60, 73.3, 12)), atol=5)


@pytest.mark.parametrize("levels", [UNENHANCED, ARTERIAL, PORTAL])
def test_parts_without_liver_or_aorta_are_unknown(levels: tuple[float, ...]) -> None:
    image = abdomen(levels)
    muscles = image.array.copy()
    muscles[:, 20:70, 15:58] = -95  # no liver; gluteal muscle instead, behind and beside the spine
    muscles[:, 62:86, 20:42] = 60
    right_half = part(image, i=slice(0, 58))
    left_half = part(image, i=slice(62, None))
    low = part(image, k=slice(0, 8))
    for other in (image.with_array(muscles, "pelvis"), right_half, left_half, low):
        evidence = contrast_evidence(other)
        assert evidence.phase == "unknown", evidence.reason


@pytest.mark.parametrize("levels", [UNENHANCED, ARTERIAL, PORTAL])
def test_other_units_windows_and_wrong_sides_are_unknown(levels: tuple[float, ...]) -> None:
    image = abdomen(levels)
    ones = ((image.array.clip(-1024, 1024) + 1024) / 2048).astype(np.float32)
    for array in (image.array + 1024, ones, image.array.clip(-160, 240), image.array[:, ::-1]):
        assert contrast_evidence(image.with_array(array, "changed")).phase == "unknown"


def test_a_lesion_in_the_middle_of_the_liver_does_not_hide_it() -> None:
    image = abdomen(ARTERIAL)
    k, j, i = np.indices(image.array.shape)
    x, y, z = np.moveaxis(image.geometry.to_world(np.stack([i, j, k], axis=-1)), -1, 0)
    zone = (x + 70) ** 2 + (y + 15) ** 2 + (z - 58) ** 2 < 20**2
    evidence = contrast_evidence(image.with_array(np.where(zone, 25, image.array), "ablated"))
    assert evidence.phase == "arterial", evidence.reason


def test_a_vessel_on_the_wrong_side_is_not_taken_for_veins_that_are_filled() -> None:
    image = abdomen((66, 310, 60, 180, 115))
    mirrored = contrast_evidence(image.with_array(np.ascontiguousarray(image.array[:, :, ::-1]), "mirrored"))
    assert mirrored.phase in ("unknown", "arterial"), mirrored.reason


def test_a_tiny_field_of_view_or_one_slice_is_told() -> None:
    image = abdomen(PORTAL)
    for box in ((slice(None), slice(0, 3), slice(0, 3)), (slice(0, 1), slice(None), slice(None))):
        evidence = contrast_evidence(part(image, *box))
        assert evidence.phase == "unknown" and "too" in evidence.reason


REAL = {
    "unenhanced": "ts_examples/example_ct.nii.gz",
    "portal-or-later": "crlm_ct_1004/CRLM-CT-1004.zip",
}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    """Two real scans in LPS order, by their phase."""
    if not (shared / "data").is_dir():
        pytest.skip("SKIPPED: ../shared/data not found")
    folder = tmp_path_factory.mktemp("portal")
    with zipfile.ZipFile(shared / "data" / REAL["portal-or-later"]) as file:
        file.extractall(folder)
    fine = to_lps_order(read_volume(next(folder.rglob("*.dcm")).parent))
    spacing = fine.geometry.spacing * (2, 2, 1)
    pairs = fine.array.clip(-1024).reshape(len(fine.array), 256, 2, 256, 2).mean(axis=(2, 4))
    coarse = Image(pairs.round().astype(np.int16), Geometry.from_parts(pairs.shape, tuple(spacing)), "portal")
    return {
        "unenhanced": to_lps_order(read_volume(shared / "data" / REAL["unenhanced"])),
        "portal-or-later": coarse,  # for speed
    }


@pytest.mark.shared
@pytest.mark.parametrize("phase", REAL)
@pytest.mark.parametrize("thickness", [2.0, 8.0, 10.0])
def test_a_real_ct_is_judged_alike_with_any_slices(real: dict[str, Image], phase: str, thickness: float) -> None:
    for gaps in (False, True):
        evidence = contrast_evidence(resliced(real[phase], thickness, gaps=gaps))
        assert evidence.phase == phase, evidence.reason


@pytest.mark.shared
@pytest.mark.parametrize("phase", REAL)
def test_the_spine_of_a_real_ct_with_dense_bone_is_found(real: dict[str, Image], phase: str) -> None:
    image = real[phase]
    dense = image.with_array(np.where(image.array > 150, image.array + 200, image.array).astype(np.int16), "dense")
    if phase == "unenhanced":
        assert contrast_evidence(dense).phase == phase
    middle, found = find_spine(Scan.of(image)), find_spine(Scan.of(dense))
    assert middle is not None and found is not None
    assert np.abs(found.column - middle.column)[found.seen & middle.seen].max() < 4


@pytest.mark.shared
@pytest.mark.parametrize("phase", REAL)
def test_crops_of_a_real_ct_are_right_or_unknown(real: dict[str, Image], phase: str) -> None:
    image = real[phase]
    nk, _, ni = image.array.shape
    boxes = [part(image, k=slice(a * nk // 6, (a + 2) * nk // 6)) for a in range(5)]
    boxes += [part(image, i=slice(a * ni // 6, (a + 3) * ni // 6)) for a in range(4)]
    assert {contrast_evidence(box).phase for box in boxes} <= {phase, "unknown"}
    if phase == "unenhanced":  # 40 % of this scan are pelvis and thighs
        assert contrast_evidence(part(image, k=slice(0, 2 * nk // 5))).phase == "unknown"
