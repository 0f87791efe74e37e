"""A deformation is found after the rigid transform, and a failure of the rigid one is not deformed away."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from registration_phantoms import SMALL, delayed, error_mm, liver, patient, turned

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.dynamic_t1 import STILL, Motion, rigid_motion, smooth_motion
from HCCAssistLib.registration.deformable import register_deformable
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.registration.rigid import register_rigid

pytestmark = pytest.mark.heavy

WITHIN_MM = 0.9
OBLIQUE = turned((8, 5, -40), (1.8, 2.4, 5.0), (-1, 1, 1))


def after_a_breath() -> Motion:
    """A deformation, and a shift and turn on top of it."""
    bend, breath = smooth_motion(4), rigid_motion((3.0, -4.0, 9.0), (2.0, -1.5, 1.0))
    return Motion(lambda x: breath.forward(bend.forward(x)), lambda y: bend.back(breath.back(y)))


@cache
def moving() -> Image:
    return patient().image("portal", SMALL, after_a_breath(), seed=6)


@cache
def found() -> Registration:
    return register_deformable(delayed(), moving(), liver())


@pytest.mark.slow
def test_a_known_deformation_is_found_better_than_by_a_rigid_transform() -> None:
    motion = after_a_breath()
    points = patient().liver_points(500)
    np.testing.assert_allclose(motion.back(motion.forward(points)), points, atol=1e-3)
    rigid = register_rigid(delayed(), moving(), liver())
    assert found().succeeded, found().failure
    assert found().source == "deformable"
    assert np.linalg.norm(found().matrix[:3, 3]) > 5, "it starts from the rigid transform"
    assert error_mm(found(), motion) < WITHIN_MM
    assert error_mm(found(), motion) < 0.5 * error_mm(rigid, motion)
    assert found().quality is not None and rigid.quality is not None
    assert found().quality.normalized_after > rigid.quality.normalized_after
    assert found().quality.normalized_before == rigid.quality.normalized_before
    again = Registration.from_json(found().as_json())
    np.testing.assert_array_equal(again.to_moving(points), found().to_moving(points))


@pytest.mark.parametrize("oblique", ["fixed", "moving"])
def test_a_deformation_is_found_in_an_oblique_flipped_anisotropic_storage(oblique: str) -> None:
    motion = after_a_breath()
    if oblique == "fixed":
        outcome = register_deformable(delayed(1, OBLIQUE), moving(), liver(1, OBLIQUE))
    else:
        outcome = register_deformable(delayed(), patient().image("portal", OBLIQUE, motion, seed=6), liver())
    assert outcome.succeeded, outcome.failure
    assert error_mm(outcome, motion) < WITHIN_MM


def test_two_deformations_are_equal_to_the_last_bit_with_any_number_of_threads() -> None:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(3)
        assert register_deformable(delayed(), moving(), liver()).as_json() == found().as_json()
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@pytest.mark.slow
def test_a_deformation_depends_on_no_unit_of_the_signal_nor_a_bias_field() -> None:
    outcome = register_deformable(delayed(), moving().with_array(moving().array * np.float32(3700), "scaled"), liver())
    points = patient().liver_points(200)
    np.testing.assert_allclose(outcome.to_moving(points), found().to_moving(points), atol=0.1)
    biased = patient().image("portal", SMALL, smooth_motion(4), seed=6, bias=0.4)
    shifted = biased.with_array(np.rint(biased.array * 37 + 900).astype(np.int32), "scaled and shifted")
    assert error_mm(register_deformable(delayed(), shifted, liver()), smooth_motion(4)) < WITHIN_MM


def test_a_mask_at_the_edge_of_the_volume_is_deformed_as_far_as_it_is_seen() -> None:
    motion, part = after_a_breath(), SMALL.crop((12, 8, 10), (28, 70, 76))
    image, mask = (Image(one.array[10:38, 8:78, 12:88], part) for one in (delayed(), liver()))
    assert mask.array[:, :, 0].any() or mask.array[0].any()
    outcome = register_deformable(image, moving(), mask)
    assert outcome.succeeded, outcome.failure
    points = patient().liver_points(500)
    points = points[part.contains(points)]
    apart = np.linalg.norm(outcome.to_moving(points) - motion.forward(points), axis=1)
    assert len(points) > 250 and apart.mean() < 1.2


def test_what_did_not_move_is_not_deformed() -> None:
    still = patient().image("arterial", SMALL, STILL, seed=4)
    outcome = register_deformable(delayed(), still, liver())
    assert error_mm(outcome, STILL) < WITHIN_MM


def test_a_liver_without_signal_is_refused_and_no_crash() -> None:
    flat = np.where(liver().array > 0, 100.0, np.where(np.arange(SMALL.shape[2]) < 5, 50.0, 100.0))
    outcome = register_deformable(delayed(), Image(flat.astype(np.float32), SMALL), liver())
    assert not outcome.succeeded
    grid = Geometry.from_parts((8, 8, 9), (12.0, 12.0, 14.0), SMALL.center - np.array((42.0, 42.0, 56.0)))
    tiny = register_deformable(patient().image("delayed", grid), patient().image("portal", grid, seed=2))
    assert np.isfinite(tiny.to_moving(patient().liver_points(20))).all()


def test_another_patient_is_not_deformed_into_this_one() -> None:
    outcome = register_deformable(delayed(), patient(2).image("portal", SMALL, seed=1), liver())
    assert not outcome.succeeded
