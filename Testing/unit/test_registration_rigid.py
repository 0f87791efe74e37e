"""Rigid registration finds motions that are known, in any storage, and says where it does not."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from imaging_samples import stored_as
from registration_phantoms import LIVER, MOTION, SMALL, delayed, error_mm, liver, patient, turned

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import resample
from HCCAssistLib.phantoms.dynamic_t1 import STILL, rigid_motion
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.registration.rigid import register_phases, register_rigid

pytestmark = pytest.mark.heavy

WITHIN_MM = 0.7


def arterial() -> Image:
    return patient().image("arterial", SMALL, MOTION, seed=3)


@pytest.mark.parametrize(
    ("phase", "turn", "spacing", "signs"),
    [
        ("plain", (0, 0, 0), (2.0, 2.0, 3.0), (1, 1, 1)),
        ("arterial", (14, -9, 21), (2.0, 2.0, 3.5), (1, 1, 1)),
        ("portal", (8, 5, -12), (1.8, 2.4, 5.0), (-1, 1, 1)),
    ],
    ids=["straight", "oblique", "left-handed, anisotropic"],
)
def test_a_known_motion_is_found_whatever_grid_the_phase_stands_on(
    phase: str, turn: tuple[float, float, float], spacing: tuple[float, float, float], signs: tuple[int, int, int]
) -> None:
    grid = turned(turn, spacing, signs)
    found = register_rigid(delayed(), patient().image(phase, grid, MOTION, seed=3), liver())
    assert found.succeeded, found.failure
    assert error_mm(found, MOTION) < WITHIN_MM
    assert found.quality is not None
    assert found.quality.normalized_after > found.quality.normalized_before + 0.02
    assert found.quality.information_after > found.quality.information_before


def test_an_oblique_fixed_image_with_its_mask_is_as_good() -> None:
    grid = turned((-12, 10, 160), (2.2, 2.0, 4.0), (1, -1, 1))
    found = register_rigid(delayed(1, grid), arterial(), liver(1, grid))
    assert found.succeeded, found.failure
    assert error_mm(found, MOTION) < WITHIN_MM


def test_the_order_of_storage_changes_nothing() -> None:
    one = register_rigid(delayed(), arterial(), liver())
    axes, flips = (2, 0, 1), (True, False, True)
    other = register_rigid(*(stored_as(image, axes, flips) for image in (delayed(), arterial(), liver())))
    points = patient().liver_points(200)
    np.testing.assert_allclose(one.to_moving(points), other.to_moving(points), atol=0.05)


def test_two_runs_are_equal_to_the_last_bit_with_any_number_of_threads() -> None:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    found = []
    try:
        for threads in (1, 3):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found.append(register_phases(delayed(), {"arterial": arterial()}, liver())["arterial"].as_json())
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert found[0] == found[1]


def test_the_liver_is_found_where_it_slides_along_a_still_wall() -> None:
    motion = rigid_motion((1.0, -2.0, 10.0)).sliding()
    moving = patient().image("portal", SMALL, motion, seed=5)
    found = register_rigid(delayed(), moving, liver())
    assert found.succeeded, found.failure
    assert error_mm(found, motion) < 1.0
    whole = register_rigid(delayed(), moving)
    assert "no liver mask" in whole.notes[0]
    assert whole.failure or error_mm(whole, motion) > error_mm(found, motion)


def test_without_motion_nothing_moves_and_a_bias_field_does_no_harm() -> None:
    moving = patient().image("portal", SMALL, STILL, seed=4, bias=0.4)
    found = register_rigid(delayed(), moving, liver())
    assert found.succeeded, found.failure
    assert error_mm(found, STILL) < WITHIN_MM


def test_intensities_count_by_volume_only() -> None:
    moving = arterial()
    scaled = Image(np.rint(moving.array * 37.0 + 900).astype(np.int32), moving.geometry)
    found = register_rigid(delayed(), scaled, liver())
    assert error_mm(found, MOTION) < WITHIN_MM


def test_another_patient_is_told() -> None:
    for seed in (2, 3):
        found = register_rigid(delayed(), patient(seed).image("portal", SMALL, MOTION, seed=1), liver())
        assert not found.succeeded
        assert "by hand" in found.failure


def far(image: Image, shift_mm: float) -> Image:
    affine = image.geometry.affine.copy()
    affine[2, 3] += shift_mm
    return Image(image.array, Geometry(image.geometry.shape, affine), "the portal phase")


def test_a_phase_that_lies_elsewhere_is_told_and_not_moved() -> None:
    found = register_rigid(delayed(), far(delayed(), 400.0), liver())
    assert found.failure.startswith("the portal phase covers 0 % of the mask by the positions in the files")
    np.testing.assert_array_equal(found.matrix, np.eye(4))
    assert found.quality is None


def test_a_shift_that_no_breath_makes_is_no_silent_success() -> None:
    motion = rigid_motion((0, 0, 62.0))
    found = register_rigid(delayed(), far(delayed(), 62.0), liver())
    assert found.failure or error_mm(found, motion) < WITHIN_MM
    assert found.failure


def test_what_nothing_can_be_registered_by_is_refused() -> None:
    image, mask = delayed(), liver()
    constant = image.with_array(np.full_like(image.array, 7), "made constant")
    with pytest.raises(InputError, match="same value"):
        register_rigid(image, constant, mask)
    with pytest.raises(InputError, match="same value"):
        register_rigid(constant, image, mask)
    with pytest.raises(InputError, match="mask is empty"):
        register_rigid(image, image, Image(np.zeros_like(mask.array), mask.geometry, "mask"))
    one_slice = Image(image.array[20:21], SMALL.crop((0, 0, 20), (1, *SMALL.shape[1:])))
    with pytest.raises(InputError, match="1 slices or voxels along one axis"):
        register_rigid(image, one_slice, mask)
    broken = image.array.copy()
    broken[3, 4, 5] = np.nan
    with pytest.raises(InputError, match="1 voxels are NaN"):
        register_rigid(image, image.with_array(broken, "damaged"), mask)
    few = np.zeros_like(mask.array)
    few[20:22, 40:43, 40:43] = 1
    with pytest.raises(InputError, match="too little to register by"):
        register_rigid(image, image, Image(few, mask.geometry, "mask"))


def test_a_mask_on_another_grid_counts_by_its_place_or_is_refused() -> None:
    grid = turned((5, 0, 9), (3.0, 3.0, 3.0), (1, 1, 1))
    found = register_rigid(delayed(), arterial(), resample(liver(), grid, interpolation="nearest", fill_value=0))
    assert "lies on another grid and was resampled" in found.notes[0]
    assert error_mm(found, MOTION) < WITHIN_MM
    elsewhere = liver()
    with pytest.raises(InputError, match="of it beside the fixed image"):
        register_rigid(delayed(), arterial(), far(elsewhere, 300.0))


def test_the_middle_of_the_liver_moves_as_told() -> None:
    found: Registration = register_rigid(delayed(), arterial(), liver())
    np.testing.assert_allclose(found.to_moving([LIVER])[0] - LIVER, (3.0, -4.0, 9.0), atol=WITHIN_MM)
