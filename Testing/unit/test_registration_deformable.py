"""A deformation is found after the rigid transform, and a failure of the rigid one is not deformed away."""

from __future__ import annotations

import numpy as np
import pytest
from registration_phantoms import SMALL, delayed, error_mm, liver, patient

from HCCAssistLib.phantoms.dynamic_t1 import smooth_motion
from HCCAssistLib.registration.deformable import register_deformable
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.registration.rigid import register_rigid

pytestmark = pytest.mark.heavy


@pytest.mark.slow
def test_a_known_deformation_is_found_better_than_by_a_rigid_transform() -> None:
    motion = smooth_motion(4)
    points = patient().liver_points(500)
    np.testing.assert_allclose(motion.back(motion.forward(points)), points, atol=1e-3)
    moving = patient().image("portal", SMALL, motion, seed=6)
    rigid = register_rigid(delayed(), moving, liver())
    found = register_deformable(delayed(), moving, liver())
    assert found.succeeded, found.failure
    assert found.source == "deformable"
    assert error_mm(found, motion) < 1.2
    assert error_mm(found, motion) < 0.6 * error_mm(rigid, motion)
    again = Registration.from_json(found.as_json())
    np.testing.assert_array_equal(again.to_moving(points), found.to_moving(points))


def test_another_patient_is_not_deformed_into_this_one() -> None:
    found = register_deformable(delayed(), patient(2).image("portal", SMALL, seed=1), liver())
    assert not found.succeeded
