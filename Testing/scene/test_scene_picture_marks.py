"""Marks of pictures: which side of the patient is where, how long a bar is, and that a phantom is one."""

from __future__ import annotations

import numpy as np
import pytest

from HCCAssistLib.scene.picture_marks import SCALE_BAR_MM, marked, sides


@pytest.mark.parametrize(
    ("direction", "letters"),
    [
        ((1, 0, 0), ("L", "R")),
        ((-0.8, 0.5, 0.2), ("R", "L")),
        ((0.1, 0.9, -0.3), ("P", "A")),
        ((0, -1, 0), ("A", "P")),
        ((0, 0.6, 0.8), ("I", "S")),
    ],
)
def test_letters_name_the_side_that_a_ras_direction_points_to(direction: tuple[float, ...], letters: object) -> None:
    assert sides(direction) == letters


def test_a_picture_gets_its_marks_at_its_borders_and_stays_as_it_was_elsewhere() -> None:
    grey = np.full((400, 500, 3), 90, np.uint8)
    out = marked(grey, (-1, 0, 0), (0, 1, 0), mm_per_pixel=0.5, title="slice 12", stamp="SYNTHETIC")
    changed = (out != grey).any(axis=2)
    assert (grey == 90).all()
    assert not changed[40:180, 40:460].any(), "the patient is not written upon"
    for part in (changed[180:220, :30], changed[180:220, -30:], changed[:30, :100], changed[-30:, -150:]):
        assert part.any()


@pytest.mark.parametrize(("mm_per_pixel", "length"), [(0.5, SCALE_BAR_MM), (0.1, SCALE_BAR_MM / 5)])
def test_the_bar_is_as_long_as_it_says(mm_per_pixel: float, length: float) -> None:
    plain = np.zeros((400, 500, 3), np.uint8)
    with_bar = marked(plain, (-1, 0, 0), (0, 1, 0), mm_per_pixel=mm_per_pixel)
    row = with_bar[400 - 12, :, 0] == 255
    assert row.sum() == pytest.approx(length / mm_per_pixel, abs=2)


def test_without_a_scale_there_is_no_bar_and_a_patient_is_not_called_synthetic() -> None:
    plain = np.zeros((400, 500, 3), np.uint8)
    out = marked(plain, (-1, 0, 0), (0, 1, 0))
    assert not out[-30:, :200].any()
    assert not out[-30:, -150:].any()
