"""The grid that a recipe works on is made some slices at a time, as if at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.working_grid import working_image

RANGE = ((0.5, 1.0), (2.5, 6.0))


@pytest.mark.parametrize("degrees", [0, 9, 95])
@pytest.mark.parametrize("spacing", [(0.75, 0.75, 1.0), (0.3, 0.3, 0.7), (0.75, 0.75, 9.0)])
def test_parts_are_what_the_whole_is(
    degrees: int, spacing: tuple[float, float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    turned = Rotation.from_euler("xy", [degrees, degrees / 2], degrees=True).as_matrix()
    grid = Geometry.from_parts((40, 44, 36), spacing, (-40.3, -20.1, 7.7), turned)
    image = Image(rng.normal(60, 200, grid.shape).astype(np.int16), grid, "scan")
    parts, warnings = working_image(image, RANGE, fill_value=-1024)
    monkeypatch.setattr("HCCAssistLib.imaging.working_grid.SLICES", 1000)
    whole, _ = working_image(image, RANGE, fill_value=-1024)
    assert warnings
    assert parts.array.dtype == whole.array.dtype
    assert parts.history == whole.history
    assert np.array_equal(parts.geometry.affine, whole.geometry.affine)
    np.testing.assert_allclose(parts.array, whole.array, atol=1e-3)
    np.testing.assert_array_equal(np.rint(parts.array), np.rint(whole.array))
