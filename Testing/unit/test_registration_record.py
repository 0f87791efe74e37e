"""A registration keeps its mapping through files, refuses damage, and gives way to a person's transform."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imaging_samples import random_image, rotation

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.registration.checkerboard import checkerboard
from HCCAssistLib.registration.landmarks import landmark_error
from HCCAssistLib.registration.moving import moved
from HCCAssistLib.registration.registration import Quality, Registration, read_registration, write_registration
from HCCAssistLib.registration.spline import Spline

GRID = Geometry.from_parts((5, 6, 7), (20.0, 22.0, 24.0), (-80, -60, -50), rotation(4, -3, 8))
QUALITY = Quality(0.1, 0.7, 1.05, 1.2, 0.3, 0.9, 7.123456789012345, 2.5, 0.1, 1.0)


def matrix() -> np.ndarray:
    made = np.eye(4)
    made[:3, :3] = rotation(3, -2, 5)
    made[:3, 3] = (4.1, -3.3, 8.7)
    return made


def deformable() -> Registration:
    coefficients = np.random.default_rng(2).normal(0, 2, (3, *GRID.shape))
    return Registration(matrix(), "deformable", Spline(coefficients, GRID), QUALITY, "", ("a note",))


@pytest.mark.parametrize(
    "made",
    [Registration(matrix(), "rigid", quality=QUALITY), deformable(), Registration.by_person(matrix(), "hand")],
    ids=["rigid", "deformable", "person"],
)
def test_a_file_keeps_every_bit(made: Registration, tmp_path: Path) -> None:
    write_registration(tmp_path / "r.json", made)
    back = read_registration(tmp_path / "r.json")
    assert back.as_json() == made.as_json()
    points = np.random.default_rng(1).uniform(-40, 40, (50, 3))
    np.testing.assert_array_equal(back.to_moving(points), made.to_moving(points))
    assert back.quality == made.quality


DAMAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another format": lambda d: d.update(format="hccassist-result/1"),
    "no matrix": lambda d: d.pop("matrix_fixed_to_moving_lps"),
    "a mirror": lambda d: d["matrix_fixed_to_moving_lps"].__setitem__(0, [-1.0, 0.0, 0.0, 0.0]),
    "a number that is none": lambda d: d["matrix_fixed_to_moving_lps"][1].__setitem__(3, "far"),
    "not finite": lambda d: d["matrix_fixed_to_moving_lps"][1].__setitem__(3, float("nan")),
    "last row": lambda d: d["matrix_fixed_to_moving_lps"].__setitem__(3, [0, 0, 1, 1]),
    "stretch": lambda d: d["matrix_fixed_to_moving_lps"][0].__setitem__(0, 1.4),
    "unknown source": lambda d: d.update(source="guess"),
    "spline lost": lambda d: d.update(spline=None),
    "spline cut": lambda d: d["spline"]["coefficients_mm"].pop(),
    "quality cut": lambda d: d["quality"].pop("edges_after"),
    "quality text": lambda d: d["quality"].update(edges_after="good"),
    "notes": lambda d: d.update(notes=[3]),
    "failure": lambda d: d.update(failure=None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused(damage: str) -> None:
    data = deformable().as_json()
    assert Registration.from_json(json.loads(json.dumps(data))).succeeded
    DAMAGES[damage](data)
    with pytest.raises(InputError):
        Registration.from_json(data)


def test_a_file_that_is_none_or_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with pytest.raises(InputError, match="cannot be read"):
        read_registration(path)
    write_registration(path, deformable())
    path.write_text(path.read_text()[:-30])
    with pytest.raises(InputError, match="cannot be read"):
        read_registration(path)


def test_a_person_may_stretch_and_it_is_told_but_not_mirror() -> None:
    given = Registration.by_person(np.diag((1.1, 1.0, 1.0, 1.0)), "by eye")
    assert given.source == "person"
    assert given.notes == ("the transform 'by eye' was given by a person", "it stretches by +0.0 to +10.0 %")
    assert given.succeeded
    for wrong in (
        np.diag((-1.0, 1, 1, 1)),
        np.diag((10.0, 10, 10, 1)),
        np.eye(3),
        [[1, 2], [3]],
        np.full((4, 4), np.inf),
    ):
        with pytest.raises(InputError):
            Registration.by_person(wrong)


@pytest.mark.parametrize("made", [Registration(matrix(), "rigid"), deformable()], ids=["rigid", "deformable"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_box_that_is_asked_for_equals_that_box_of_the_whole(made: Registration, dtype: type) -> None:
    rough = random_image((40, 44, 48), (9, -6, 12))
    moving = Image(rough.array.astype(dtype), rough.geometry)
    middle = moving.geometry.center
    grid = Geometry.from_parts((30, 40, 50), (0.9, 0.8, 1.7), middle - (20, 16, 25), rotation(-5, 3, 30))
    whole = moved(moving, made, grid)
    box = moved(moving, made, grid.crop((17, 11, 9), (8, 9, 10)))
    assert np.ptp(whole.array[9:17, 11:20, 17:27].astype(float)) > 1000
    np.testing.assert_allclose(box.array, whole.array[9:17, 11:20, 17:27], atol=1 if dtype is np.int16 else 0.1)


def test_a_moved_voxel_lands_where_the_mapping_says() -> None:
    grid = Geometry.from_parts((20, 30, 40), (1.0, 1.0, 2.0), (-20, -15, -20), np.diag((-1.0, 1.0, 1.0)))
    made = Registration.by_person([[1, 0, 0, 3], [0, 1, 0, -2], [0, 0, 1, 4], [0, 0, 0, 1]])
    array = np.zeros(grid.shape, np.int16)
    array[9, 12, 21] = 700
    there = moved(Image(array, grid), made, grid).array
    assert np.argwhere(there).tolist() == [[9 - 2, 12 + 2, 21 + 3]]
    assert there.max() == 700


def test_a_failed_registration_moves_nothing_unless_a_person_wants_to_see_it() -> None:
    image = random_image()
    failed = Registration(np.eye(4), "rigid").failed("two starts disagree")
    with pytest.raises(InputError, match="the registration failed: two starts disagree"):
        moved(image, failed, image.geometry)
    shown = moved(image, failed, image.geometry, despite_failure=True)
    np.testing.assert_array_equal(shown.array, image.array)


def test_landmarks_tell_the_error_of_each_pair() -> None:
    made = Registration(matrix(), "rigid")
    fixed = np.random.default_rng(4).uniform(-50, 50, (5, 3))
    moving = fixed @ matrix()[:3, :3].T + matrix()[:3, 3]
    moving[2] += (0, 3, 4)
    found = landmark_error(made, fixed, moving)
    assert found.n == 5
    assert found.each_mm == pytest.approx((0, 0, 5, 0, 0), abs=1e-9)
    assert (found.mean_mm, found.max_mm) == pytest.approx((1, 5))
    for wrong in (np.zeros((0, 3)), fixed[:4], np.full((5, 3), np.nan), np.zeros((5, 2))):
        with pytest.raises(InputError):
            landmark_error(made, wrong, moving)


def test_a_checkerboard_alternates_in_every_direction_and_scales_each_image_by_itself() -> None:
    ramp = np.arange(4 * 8 * 8, dtype=float).reshape(4, 8, 8)
    board = checkerboard(ramp, -1000 * ramp, (2, 4, 4))
    assert board[0, 0, 0] == 0 and board[-1, -1, -1] == 0  # the last box is of the other image: three steps on
    assert board[0, 0, 4] == pytest.approx(1, abs=0.02) and board[2, 0, 0] > 0.4
    assert board.min() >= 0 and board.max() <= 1
    with pytest.raises(InputError, match="no checkerboard"):
        checkerboard(ramp, ramp[:3])
