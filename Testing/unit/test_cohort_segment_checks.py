"""A segment that cannot be what it is called, or not all of it, is told: in air, cut, thin, mirrored, of others."""

from __future__ import annotations

import numpy as np
import pytest
from body import body_image, liver_mask, oblique_grid, places

from HCCAssistLib.cohort.segment_checks import apart, on_volume
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

GRID = oblique_grid()
CT = body_image(GRID)
LIVER = liver_mask(GRID)


def moved(mm: tuple[float, float, float], name: str = "liver") -> Segment:
    affine = GRID.affine.copy()
    affine[:3, 3] += mm
    return Segment(name, Image(LIVER.array, Geometry(GRID.shape, affine)))


def painted(box: tuple[slice, slice, slice], name: str) -> Segment:
    array = np.zeros(GRID.shape, np.uint8)
    array[box] = 1
    return Segment(name, Image(array, GRID))


def test_a_liver_in_its_place_is_taken_without_a_word() -> None:
    mask, problems = on_volume([Segment("liver", LIVER)], "liver", CT)
    assert np.array_equal(mask.array, LIVER.array)
    assert problems == ()


@pytest.mark.parametrize(
    ("mm", "level", "says"),
    [
        ((-30, 0, 0), "WARN", "fat, air or lung"),
        ((0, 22, 0), "WARN", "fat, air or lung"),
        ((0, 0, 18), "WARN", "fat, air or lung"),
        ((0, 0, 60), "STOP", "lies in air or lung"),
        ((-70, 0, 0), "STOP", "lies in air or lung"),
        ((0, 0, 400), "STOP", "outside the volume"),
    ],
)
def test_a_liver_shifted_by_centimetres_is_told_by_degree(
    mm: tuple[float, float, float], level: str, says: str
) -> None:
    if level == "STOP":
        with pytest.raises(InputError, match=says):
            on_volume([moved(mm)], "liver", CT)
    else:
        _, problems = on_volume([moved(mm)], "liver", CT)
        assert any(says in problem.what and problem.where == "segment 'liver'" for problem in problems)


def test_a_mask_whose_slices_run_the_other_way_is_told() -> None:
    upside_down = Segment("liver", Image(LIVER.array[:, :, ::-1], GRID))  # the first axis runs from foot to head
    with pytest.raises(InputError, match="upside down"):
        on_volume([upside_down], "liver", CT)


def test_what_is_under_a_mask_is_judged_only_where_it_is_in_hounsfield_units() -> None:
    shifted = CT.with_array((CT.array + 1024).clip(0), "as stored")
    _, problems = on_volume([moved((-30, 0, 0))], "liver", shifted)
    assert problems == ()


@pytest.mark.parametrize(
    ("segment", "says"),
    [
        (painted(np.s_[50:51, 60:61, 15:16], "ablation"), "is a single voxel: 0.013 ml"),
        (painted(np.s_[50:60, 60:70, 15:16], "ablation"), "is one voxel thin (1 x 10 x 10 voxels)"),
        (painted(np.s_[0:40, 0:20, 0:34], "ablation"), "95% of the segment lies in air or lung"),
    ],
)
def test_what_a_stray_stroke_leaves_is_told(segment: Segment, says: str) -> None:
    try:
        _, problems = on_volume([segment], "ablation", CT)
    except InputError as error:
        problems = error.problems
    (problem,) = problems
    assert says in problem.what


def test_a_speck_of_a_liver_in_a_whole_scan_is_told() -> None:
    _, problems = on_volume([painted(np.s_[50:54, 60:64, 14:18], "liver")], "liver", CT)
    assert "too small for a liver: 0.83 ml" in str(problems[0])


def test_a_segment_thinner_than_the_voxels_counts_where_it_lies_and_is_told() -> None:
    """One slice of 1 mm on slices of 5 mm, at each of five heights."""
    volume = Image(np.full((12, 30, 40), 60, np.int16), Geometry.from_parts((12, 30, 40), (1, 1, 5), (-20, -15, -30)))
    for height in range(5):
        thin = Geometry.from_parts((1, 10, 8), (1, 1, 1), (-5, -4, -10 + height))
        mask, problems = on_volume(
            [Segment("ablation", Image(np.ones(thin.shape, np.uint8), thin))], "ablation", volume
        )
        assert mask.array.sum() == 80
        k = int(np.argwhere(mask.array)[0][0])
        assert abs(-30 + 5 * k - (-10 + height)) <= 2.5
        assert "thinner than the volume's voxels" in problems[0].what


def test_segments_that_count_together_are_judged_together() -> None:
    half = LIVER.array.copy()
    half[:, : GRID.shape[1] // 2] = 0
    parts = Segment("liver", Image(half, GRID)), Segment("liver (2)", Image(LIVER.array - half, GRID))
    mask, problems = on_volume(parts, "liver", CT)
    assert np.array_equal(mask.array, LIVER.array)
    assert problems == ()
    _, problems = on_volume([moved((0, 0, -40)), moved((0, 0, -41))], "liver", CT)
    outside = [problem for problem in problems if "outside the volume" in problem.what]
    assert [problem.where for problem in outside] == ["segment 'liver', 'liver'"]


@pytest.mark.parametrize(("x", "told"), [(-35, False), (5, False), (16, False), (50, True)])
def test_an_ablation_zone_far_from_the_liver_is_told(x: float, told: bool) -> None:
    near = np.linalg.norm(places(GRID) - np.array((x, 12.0, -15.0)), axis=-1) < 9
    zone = Image((near & (LIVER.array == 0 if x > 0 else True)).astype(np.uint8), GRID)
    problems = apart(zone, LIVER)
    assert len(problems) == told
    assert all("more than 20 mm from the liver's" in problem.what for problem in problems)
