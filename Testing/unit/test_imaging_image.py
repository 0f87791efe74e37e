"""An image is voxels with their grid, frozen."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from imaging_samples import random_image, stored_as

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

GRID = Geometry((2, 3, 4), np.eye(4))


def test_voxels_and_grid_must_fit() -> None:
    with pytest.raises(InputError, match=r"case 4: \(4, 3, 2\) voxels do not fit a grid of \(2, 3, 4\)"):
        Image(np.zeros((4, 3, 2)), GRID, "case 4")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_counted_and_refused(bad: float) -> None:
    array = np.zeros((2, 3, 4))
    array[0, 1, 2] = array[1, 2, 3] = bad
    with pytest.raises(InputError, match="2 voxels are NaN or infinite"):
        Image(array, GRID)


@pytest.mark.parametrize("dtype", ["complex64", "U3", "object"])
def test_only_plain_numbers_are_voxels(dtype: str) -> None:
    with pytest.raises(InputError, match="not numbers"):
        Image(np.zeros((2, 3, 4)).astype(dtype), GRID)


def test_an_image_cannot_be_changed_and_leaves_the_callers_array_free() -> None:
    array = np.zeros((2, 3, 4))
    image = Image(array, GRID)
    with pytest.raises(ValueError, match="read-only"):
        image.array[0, 0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        image.name = "other"  # type: ignore[misc]
    array[0, 0, 0] = 1  # the caller's own view


def test_new_voxels_on_the_same_grid_remember_what_was_done() -> None:
    image = Image(np.zeros((2, 3, 4)), GRID, "case 4", ("read",))
    changed = image.with_array(np.ones((2, 3, 4), dtype=np.int16), "set to one")
    assert changed.history == ("read", "set to one")
    assert changed.geometry is GRID
    assert changed.name == "case 4"
    assert image.array.sum() == 0


def test_the_digest_tells_voxels_types_and_places_apart_but_not_names() -> None:
    image = random_image()
    moved = Geometry.from_parts(image.array.shape, image.geometry.spacing, image.geometry.origin + 1)
    changed = image.array.copy()
    changed[1, 2, 3] += 1
    others = [
        Image(image.array, moved),
        image.with_array(changed, ""),
        image.with_array(image.array.astype(np.int32), ""),
        stored_as(image, (0, 1, 2), (True, False, False)),
    ]
    assert len({image.digest(), *(other.digest() for other in others)}) == 5
    assert Image(image.array, image.geometry, "another name", ("read",)).digest() == image.digest()
    assert Image(np.asfortranarray(image.array), image.geometry).digest() == image.digest()
