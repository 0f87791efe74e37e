"""Ablation margins of bodies whose exact margins are known, and what is refused in words."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ellipsoids import Ellipsoid, rigid
from imaging_samples import rotation

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.ablation_margin import AblationMargin, shares
from HCCAssistLib.margin.measure import measure_margin
from HCCAssistLib.margin.registration_error import LEVER_MM, RegistrationError
from HCCAssistLib.margin.words import sentences

pytestmark = pytest.mark.heavy

HERE = np.eye(4)
MIRROR = np.diag((1.0, -1.0, 1.0))
ERROR = RegistrationError(2.0, draws=200, seed=3)


def balls(shift: float, liver: bool = False) -> tuple[Image, ...]:
    """A tumour of 10 mm, a zone of 18 mm that lies ``shift`` mm to the left, and liver all around."""
    bodies = [Ellipsoid.ball(10).painted(), Ellipsoid.ball(18, (shift, 0, 0)).painted()]
    if liver:
        grid = Geometry.from_parts((60, 80, 80), (1.0, 1.0, 1.5), (-39.5, -39.5, -45.0))
        bodies.append(Image(np.ones(grid.shape, np.uint8), grid))
    return tuple(bodies)


@pytest.mark.parametrize("shift", [0.0, 3.0, 8.0, 12.0])
def test_a_shift_is_taken_from_the_margin_on_one_side(shift: float) -> None:
    tumour, zone = balls(shift)
    found = measure_margin(tumour, zone, HERE, error=None)
    assert found.smallest_mm == pytest.approx(8 - shift, abs=0.3)
    if shift:
        assert found.smallest_at[0] == pytest.approx(-10, abs=1.0)
    # |p - c| for p on the tumour is even in its height along the shift: the shares are exact
    for limit, share in found.under.items():
        reach = 18 - limit
        height = ((100 + shift**2 - reach**2) / (2 * shift)) if shift else math.inf * (10 - reach)
        assert share == pytest.approx(float(np.clip((10 + height) / 20, 0, 1)), abs=0.03)


def test_bodies_on_oblique_flipped_anisotropic_volumes_keep_their_margins() -> None:
    rng = np.random.default_rng(4)
    tumour = Ellipsoid(np.array([7.0, 9.0, 12.0]), np.array([-30.0, 20.0, 55.0]), rotation(10, 50, 30))
    zone = Ellipsoid(np.array([14.0, 17.0, 22.0]), np.add(tumour.center, (3, -4, 2)), rotation(-40, 20, 60))
    margins = zone.depth(tumour.surface())
    exact = [margins.min(), *shares(margins, tumour.areas())]
    lowest = tumour.surface()[margins.argmin()]
    for spacing, turn in (
        ((1.0, 1.0, 1.0), np.eye(3)),
        ((0.7, 0.9, 2.0), rotation(14, -9, 21)),
        ((0.8, 0.8, 3.0), rotation(-20, 16, 140) @ MIRROR),
    ):
        matrix = rigid(rng, 40, 60)
        pre, post = tumour.painted(spacing, turn), zone.moved(matrix).painted(spacing[::-1], MIRROR @ turn)
        found = measure_margin(pre, post, matrix, error=None)
        assert found.smallest_mm == pytest.approx(exact[0], abs=0.3 * max(spacing))
        np.testing.assert_allclose([*found.under.values()], exact[1:], atol=0.05)
        assert np.linalg.norm(np.subtract(found.smallest_at, lowest)) < 2.5 * max(spacing)
        assert np.abs(found.margins - zone.depth(found.points)).mean() < 0.2 * max(spacing)


def test_the_transform_leads_from_the_scan_before_to_the_scan_after() -> None:
    matrix = HERE.copy()
    matrix[:3, 3] = (4, 0, 0)
    tumour, zone = balls(4.0)
    assert measure_margin(tumour, zone, matrix, error=None).smallest_mm == pytest.approx(8, abs=0.5)
    assert measure_margin(tumour, zone, np.linalg.inv(matrix), error=None).smallest_mm == pytest.approx(0, abs=0.3)


def test_smallest_margins_of_random_pairs_are_within_a_third_of_a_voxel() -> None:
    rng = np.random.default_rng(8)
    errors = []
    for number in range(12):
        center = rng.uniform(-40, 40, 3)
        tumour = Ellipsoid.random(rng, (5, 15), center)
        zone = Ellipsoid.random(rng, (15, 30), center + rng.uniform(-5, 5, 3))
        if number % 2:
            tumour, zone = (replace(body, semi=np.full(3, body.semi.mean())) for body in (tumour, zone))
        images = (body.painted((1, 1, 1), rigid(rng, 15, 0)[:3, :3]) for body in (tumour, zone))
        found = measure_margin(*images, HERE, error=None).smallest_mm
        errors.append(found - zone.depth(tumour.surface()).min())
    assert np.abs(errors).max() <= 0.3
    assert abs(np.mean(errors)) < 0.12


@pytest.mark.slow
def test_intervals_hold_the_truth_of_wrong_registrations() -> None:
    turns, shifts = RegistrationError(2.0, draws=100, seed=77).movements()
    tumour, zone = balls(5.0)
    held = []
    for number in range(20):
        wrong = HERE.copy()
        wrong[:3, :3], wrong[:3, 3] = turns[number], shifts[number]
        found = measure_margin(tumour, zone, wrong, error=replace(ERROR, seed=number)).smallest_interval
        assert found.low is not None
        assert found.high is not None
        assert 2.0 < found.high - found.low < 9.0
        held.append(found.low <= 3.0 <= found.high)
    assert np.mean(held) >= 0.85


def test_intervals_grow_with_the_error_and_are_the_same_by_the_same_seed() -> None:
    tumour, zone = balls(4.0)
    found = [
        measure_margin(tumour, zone, HERE, error=RegistrationError(mm, draws=300, seed=seed))
        for mm, seed in ((0.5, 1), (2.0, 1), (2.0, 1), (2.0, 2))
    ]
    widths = [one.smallest_interval.high - one.smallest_interval.low for one in found]  # type: ignore[operator]
    assert 0.8 < widths[0] < 1.8
    assert 3.0 < widths[1] / widths[0] < 5.0
    assert found[1].smallest_interval == found[2].smallest_interval != found[3].smallest_interval
    assert found[1].smallest_interval.draws == 300
    for share, interval in zip(found[1].under.values(), found[1].under_intervals, strict=True):
        assert 0 <= interval.low <= share <= interval.high <= 1  # type: ignore[operator]


def test_random_movements_are_as_large_as_stated() -> None:
    turns, shifts = RegistrationError(3.0, draws=10_000, seed=1).movements()
    assert np.sqrt((shifts**2).sum(axis=1).mean()) == pytest.approx(3, rel=0.03)
    np.testing.assert_allclose(shifts.mean(axis=0), 0, atol=0.06)
    away = np.random.default_rng(2).normal(size=(10_000, 3))
    away *= LEVER_MM / np.linalg.norm(away, axis=1, keepdims=True)
    moved = np.einsum("dab,db->da", turns, away) - away
    assert np.sqrt((moved**2).sum(axis=1).mean()) == pytest.approx(3, rel=0.03)


def test_surface_at_the_border_of_the_liver_does_not_count() -> None:
    tumour, zone, liver = balls(4.0, liver=True)
    grid = liver.geometry
    border = 7.0  # the liver ends 7 mm to the right of the tumour's middle
    x = grid.to_world(np.stack(np.indices(grid.shape)[::-1], axis=-1))[..., 0]
    cut = liver.with_array((x > -border).astype(np.uint8), "cut")
    found = measure_margin(tumour, zone, HERE, error=ERROR, liver=cut)
    assert found.liver_known
    counted = found.points[found.counted]
    assert counted[:, 0].min() > -border + 3.5
    assert found.points[~found.counted][:, 0].max() < -border + 11
    assert 0.2 < found.share_left_out < 0.6
    assert found.smallest_mm > measure_margin(tumour, zone, HERE, error=None).smallest_mm + 0.5
    assert "of the surface, within 5 mm of the liver's surface, was left out." in " ".join(sentences(found))


def test_a_liver_that_leaves_out_the_tumour_has_no_border_there() -> None:
    tumour, zone = balls(4.0)
    deep = Geometry.from_parts((60, 80, 80), (1.0, 1.0, 1.5), (-39.5, -39.5, -45.0))
    places = deep.to_world(np.stack(np.indices(deep.shape)[::-1], axis=-1))
    hollow = Image((~Ellipsoid.ball(10.6).contains(places)).astype(np.uint8), deep)
    found = measure_margin(tumour, zone, HERE, error=None, liver=hollow)
    assert found.counted.all()


def test_a_tumour_wholly_at_the_border_and_a_liver_elsewhere_are_refused() -> None:
    tumour, zone, liver = balls(4.0, liver=True)
    far = Image(liver.array, replace_origin(liver.geometry, (200.0, 0.0, 0.0)))
    with pytest.raises(InputError, match=r"liver: there is no liver around the tumour\. Choose the liver of the scan"):
        measure_margin(tumour, zone, HERE, error=None, liver=far)
    with pytest.raises(InputError, match=r"liver: the segment is empty\. Paint it, or leave it out"):
        measure_margin(tumour, zone, HERE, error=None, liver=liver.with_array(liver.array * 0, "empty"))
    small = Ellipsoid.ball(3).painted()
    with pytest.raises(InputError, match=r"tumour: the whole surface lies within 5 mm of the liver's surface"):
        measure_margin(small, zone, HERE, error=None, liver=Ellipsoid.ball(7).painted())


def replace_origin(grid: Geometry, origin: tuple[float, float, float]) -> Geometry:
    return Geometry.from_parts(grid.shape, grid.spacing.tolist(), origin, grid.directions)


def test_segments_that_cannot_be_compared_are_refused() -> None:
    tumour, zone = balls(4.0)
    k = np.arange(tumour.array.shape[0])[:, None, None] == tumour.array.shape[0] // 2
    with pytest.raises(InputError, match=r"tumour: the segment is painted in one slice only .* Paint it in all slices"):
        measure_margin(tumour.with_array(tumour.array * k, "one slice"), zone, HERE, error=None)
    with pytest.raises(InputError, match="ablation zone: the segment is empty"):
        measure_margin(tumour, zone.with_array(zone.array * 0, "empty"), HERE, error=None)
    far = HERE.copy()
    far[:3, 3] = (0, 0, 60)
    with pytest.raises(InputError, match=r"tumour and ablation zone lie 3[1-3] mm apart: the registration failed"):
        measure_margin(tumour, zone, far, error=None)


def test_a_zone_beside_the_tumour_and_one_within_it_are_measured_and_told() -> None:
    tumour, zone = balls(4.0)
    beside = HERE.copy()
    beside[:3, 3] = (40, 0, 0)
    found = measure_margin(tumour, zone, beside, error=None)
    assert found.margins.max() == pytest.approx(-8, abs=0.6)  # both poles lie along the grid, the worst place
    assert found.under[0.0] == 1
    assert "registration: the ablation zone covers no part of the tumour's surface" in str(found.warnings[-1])
    large, small = Ellipsoid.ball(30).painted(), Ellipsoid.ball(6).painted()
    assert measure_margin(large, small, HERE, error=None).margins.max() == pytest.approx(-24, abs=0.5)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.eye(3), "no 4 x 4 matrix of finite numbers"),
        (np.full((4, 4), np.nan), "no 4 x 4 matrix of finite numbers"),
        (np.diag((1.02, 1.0, 1.0, 1.0)), "the registration scales, shears or mirrors. Register rigidly"),
        (np.diag((-1.0, 1.0, 1.0, 1.0)), "the registration scales, shears or mirrors"),
        ([["a"] * 4] * 4, "no matrix of numbers"),
    ],
)
def test_transforms_that_are_not_rigid_are_refused(matrix: Any, words: str) -> None:
    tumour, zone = balls(4.0)
    with pytest.raises(InputError, match=words):
        measure_margin(tumour, zone, matrix, error=None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mm": 0.0}, "an error of 0.0 mm is none of a registration. Give what landmarks show, above 0"),
        ({"mm": math.nan}, "an error of nan mm"),
        ({"mm": 21.0}, "an error of 21.0 mm"),
        ({"mm": True}, "an error of True mm"),
        ({"mm": 2.0, "draws": 99}, "99 random registrations. Take 100 to 10000"),
        ({"mm": 2.0, "seed": -1}, "-1 is no seed"),
    ],
)
def test_errors_that_no_registration_has_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        RegistrationError(**values)


def test_a_margin_comes_back_from_json_as_it_was() -> None:
    tumour, zone = balls(9.0)
    found = measure_margin(tumour, zone, HERE, error=ERROR)
    again = AblationMargin.from_json(json.loads(json.dumps(found.as_json(), allow_nan=False)))
    assert again.as_json() == found.as_json()
    np.testing.assert_array_equal(again.points, found.points)
    assert sentences(again) == sentences(found)
    assert again.smallest_interval.seed == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "hccassist-ablation-margin/9"}, "no.* an ablation margin of a known format"),
        ({"smallest_mm": 6.0}, "the figures are not what the points give"),
        ({"margins_mm": [1.0]}, "points, margins and areas do not fit each other"),
        ({"counted": [False]}, "no point of the tumour's surface counts"),
        ({"under": []}, "there is an interval for each of 3 margins"),
        ({"points_lps": None}, "the ablation margin is damaged"),
        ({"smallest_interval": {"low": math.inf}}, "the ablation margin is damaged"),
        ({"areas_mm2": [math.nan]}, "do not fit each other|is no number"),
    ],
)
def test_damaged_margins_are_refused(change: dict[str, Any], words: str) -> None:
    data = toy().as_json()
    with pytest.raises(InputError, match=words):
        AblationMargin.from_json({**data, **change})
    with pytest.raises(InputError, match="not an ablation margin of a known format: None"):
        AblationMargin.from_json([])


def toy() -> AblationMargin:
    """Four places of a surface by hand."""
    tumour, zone = balls(9.0)
    found = measure_margin(tumour, zone, HERE, error=None)
    return replace(
        found,
        points=np.arange(12.0).reshape(4, 3),
        margins=np.array([-1.26, 3.0, 7.0, -9.0]),
        areas=np.array([1.0, 2.0, 1.0, 4.0]),
        counted=np.array([True, True, True, False]),
    )


def test_the_report_tells_figures_and_what_they_rest_on() -> None:
    found = toy()
    assert found.smallest_mm == -1.26
    assert found.smallest_at == (0.0, 1.0, 2.0)
    assert found.under == {0.0: 0.25, 5.0: 0.75, 10.0: 1.0}
    assert found.share_left_out == 0.5
    assert sentences(found) == (
        "Smallest margin \N{MINUS SIGN}1.3 mm.",
        "25 % of the tumour's surface lies outside the ablation zone.",
        "75 % of the tumour's surface has a margin under 5 mm.",
        "100 % of the tumour's surface has a margin under 10 mm.",
        "No segment of the liver was given: surface at the liver's border counts as any other.",
        "The error of the registration is not known, so no interval is given.",
    )
    tumour, zone = balls(9.0)
    told = sentences(measure_margin(tumour, zone, HERE, error=ERROR))
    assert "(95 % interval " in told[0]
    assert "200 random rigid registrations, as wrong as the registration's error of 2 mm" in told[-1]
