"""The report page of a margin: what it tells, and pictures in which everything lies where it lies in the patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ellipsoids import Ellipsoid, rigid
from imaging_samples import rotation

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.figures import as_png
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import stored_slice
from HCCAssistLib.margin.case import MarginCase
from HCCAssistLib.margin.record import margin_record
from HCCAssistLib.margin.registration_error import RegistrationError
from HCCAssistLib.margin.report import margin_page
from HCCAssistLib.margin.section import AFTER, ALONE, BEFORE, LETTERS, Section, sections_of
from HCCAssistLib.margin.section_figure import section_caption, section_figure
from HCCAssistLib.margin.sides import sides_of
from HCCAssistLib.registration.registration import Registration

pytestmark = pytest.mark.heavy

FLIPPED = rotation(14, -9, 21) @ np.diag((1.0, -1.0, 1.0))
MATRIX = rigid(np.random.default_rng(4), 20, 30)
TUMOUR = Ellipsoid(np.array([7.0, 9.0, 17.0]), np.array([-30.0, 20.0, 55.0]), rotation(10, 50, 30))
ZONE = Ellipsoid(np.array([14.0, 17.0, 22.0]), np.add(TUMOUR.center, (3, -4, 2)), rotation(-40, 20, 60))


def moved(place: np.ndarray) -> np.ndarray:
    return MATRIX[:3, :3] @ place + MATRIX[:3, 3]


def scan(ball: np.ndarray, center: np.ndarray, directions: np.ndarray, spacing: tuple[float, ...]) -> Image:
    """A scan with one bright ball of 4 mm, around a place."""
    shape = (50, 90, 100)
    middle = Geometry.from_parts(shape, spacing, (0, 0, 0), directions).to_world(np.array(shape[::-1]) / 2)
    grid = Geometry.from_parts(shape, spacing, (center - middle).tolist(), directions)
    places = grid.to_world(np.stack(np.indices(shape)[::-1], axis=-1))
    return Image((50 + 200 * (np.linalg.norm(places - ball, axis=-1) < 4)).astype(np.int16), grid)


@pytest.fixture(scope="module")
def case() -> MarginCase:
    """Segments on oblique, flipped, anisotropic grids; the patient lies elsewhere on the scan after."""
    tumour = TUMOUR.painted((0.7, 0.9, 2.0), FLIPPED)
    zone = ZONE.moved(MATRIX).painted((1.5, 0.9, 0.8), np.diag((1.0, -1.0, 1.0)) @ FLIPPED)
    liver = Ellipsoid.ball(45, tuple(np.add(TUMOUR.center, (25, 0, 0)))).painted((2, 2, 3))
    error = RegistrationError(2.0, draws=100)
    record = margin_record(tumour, zone, Registration(MATRIX, "rigid"), liver=liver, error=error, error_from="person")
    return MarginCase(record, tumour, zone, liver)


def middle_of(picture: np.ndarray) -> np.ndarray:
    """Column and row of what is bright."""
    return np.argwhere(picture > 0.5).mean(axis=0)[::-1]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_sections_show_everything_where_it_lies(case: MarginCase, order: tuple[int, int, int]) -> None:
    at = np.array(case.record.margin.smallest_at)
    left, posterior, head = FLIPPED[:, 0], -FLIPPED[:, 1], FLIPPED[:, 2]
    ball = at + 12 * left + 8 * posterior  # in the axial slice through the smallest margin
    spacing = np.array((0.7, 0.9, 2.0))
    before = scan(ball, TUMOUR.center, FLIPPED[:, order], tuple(spacing[list(order)].tolist()))
    after = scan(moved(ball), moved(TUMOUR.center), rotation(-20, 16, 140), (1.5, 1.0, 1.5))
    axial, _ = sections_of(replace(case, before=before, after=after))
    assert axial.plane == "axial" and list(axial.pictures) == [BEFORE, AFTER]
    number = stored_slice(before.geometry, at)
    assert (axial.number, axial.slices) == (number + 1, before.geometry.size_ijk[before.geometry.axial_axis])
    for picture in axial.pictures.values():
        across, down = (middle_of(picture) - axial.smallest) * axial.grid.spacing[:2]
        assert (across, down) == (pytest.approx(12, abs=1.2), pytest.approx(8, abs=1.2))
    np.testing.assert_allclose(axial.grid.directions, np.stack([left, posterior, head], axis=1), atol=1e-9)
    assert "tilted by" in section_caption(axial) and f"slice {number + 1} of" in section_caption(axial)


def check_outlines(section: Section) -> None:
    rows, columns = np.indices(section.tumour.shape)
    places = section.grid.to_world(np.stack([columns, rows, 0 * rows], axis=-1).reshape(-1, 3))
    for level, body in ((section.tumour, TUMOUR), (section.zone, ZONE)):
        depth = body.depth(places).reshape(level.shape)
        clear = np.abs(depth) > 1.2
        assert (level[clear] > 0).any()
        np.testing.assert_array_equal(level[clear] > 0, depth[clear] > 0)


def test_without_scans_the_planes_are_the_patients_and_the_upright_one_holds_the_shortest_way(case: MarginCase) -> None:
    at = np.array(case.record.margin.smallest_at)
    near = at + np.array((2.0, 1.0, 3.0))
    far = at + np.array((2.0, 30.0, 30.0))
    axial, upright = sections_of(case, {7: tuple(near.tolist()), 8: tuple(far.tolist())})
    assert list(axial.pictures) == [ALONE] and (axial.number, axial.slices) == (0, 0)
    assert upright.plane == "coronal" and upright.out_of_plane_mm < axial.out_of_plane_mm
    assert LETTERS["axial"] == ("R", "L", "A", "P") and LETTERS["coronal"] == ("R", "L", "H", "F")
    np.testing.assert_allclose(axial.grid.directions[:, :2], np.eye(3)[:, :2], atol=1e-12)
    np.testing.assert_allclose(upright.grid.directions[:, :2], np.array([[1, 0], [0, 0], [0, -1]]), atol=1e-12)
    for section in (axial, upright):
        check_outlines(section)
        np.testing.assert_allclose(section.grid.to_world((*section.smallest, 0)), at, atol=1e-6)
        assert [number for number, _x, _y in section.candidates] == [7]
    ((_, x, y),) = axial.candidates
    np.testing.assert_allclose(np.subtract((x, y), axial.smallest) * axial.grid.spacing[:2], (2, 1), atol=1e-6)


def test_a_section_of_a_tumour_before_an_upright_zone_is_sagittal() -> None:
    tumour, zone = Ellipsoid.ball(8).painted(), Ellipsoid.ball(14, (0, 5, 2)).painted()
    record = margin_record(tumour, zone, Registration(np.eye(4), "rigid"))
    _, upright = sections_of(MarginCase(record, tumour, zone))
    assert upright.plane == "sagittal"
    np.testing.assert_allclose(upright.grid.directions[:, :2], np.array([[0, 0], [1, 0], [0, -1]]), atol=1e-12)
    assert LETTERS["sagittal"] == ("A", "P", "H", "F")


def test_the_surface_is_seen_from_six_sides_where_it_lies_with_its_margin(case: MarginCase) -> None:
    sides = {side.name: side for side in sides_of(case.record.margin)}
    letters = {name: side.letters for name, side in sides.items()}
    assert letters == {
        "from the front": ("R", "L", "H", "F"),
        "from behind": ("L", "R", "H", "F"),
        "from the right": ("P", "A", "H", "F"),
        "from the left": ("A", "P", "H", "F"),
        "from above": ("L", "R", "A", "P"),
        "from below": ("R", "L", "A", "P"),
    }
    for side in sides.values():
        rows, columns = np.nonzero(~np.isnan(side.mm))
        assert np.linalg.det(side.axes) == pytest.approx(-1)  # right, up and away from the viewer
        right = side.axes[0] @ side.corner + columns * side.pixel_mm
        up = side.axes[1] @ side.corner - rows * side.pixel_mm
        places = np.stack([right, up, side.depth[rows, columns]], axis=1) @ side.axes
        off = np.abs(TUMOUR.depth(places))
        assert off.mean() < 0.5 and np.percentile(off, 95) < 1.2
        assert np.abs(side.mm[rows, columns] - ZONE.depth(places)).mean() < 0.6
        assert ((places - TUMOUR.center) @ side.axes[2]).mean() < -2, "the far side is shown"
        column, row, seen = side.place(places[0])
        assert (round(column), round(row), seen) == (columns[0], rows[0], True)
        assert not side.place(places[len(places) // 2] + 8 * side.axes[2])[2]
        assert side.place(places[len(places) // 2] - 8 * side.axes[2])[2]
        assert not side.counted.all() or side.counted[rows, columns].all()
    assert any(not side.counted[~np.isnan(side.mm)].all() for side in sides.values())


@pytest.mark.slow
def test_the_page_tells_what_was_measured_how_sure_it_is_and_what_does_not_count(case: MarginCase) -> None:
    at = np.array(case.record.margin.smallest_at)
    page = margin_page(case, {4: tuple(moved(at + 3).tolist())})
    for text in (
        "Research use only", "A negative margin is tumour outside the zone", "surface under 10 mm", "95 % interval",
        "within 5 mm of the liver&#39;s surface, was left out", "the scans were registered rigidly",
        "Its error is 2.0 mm (root mean square) as a person states it", "Axial section",
        "Coronal section", "from six sides", "Candidates of local tumour progression",
        '<th scope="row">4</th><td>5.2 mm',
        "tumour, before", "ablation zone, after", "sha256 of the tumour",
    ):  # fmt: skip
        assert text in page, text
    assert "TRIPOD" not in page and "ynthetic" not in page and "n = 1" not in page
    assert page.count("data:image/png;base64,") == 3
    record = replace(case.record, synthetic=True, margin=replace(case.record.margin, liver_known=False))
    page = margin_page(replace(case, record=record, liver=None), {})
    assert "Synthetic case: it says nothing about patients" in page
    assert "No segment of the liver was given: surface at the liver&#39;s border counts as any other" in page
    assert "The detection has no candidate at or above its threshold" in page
    assert "Candidates of local" not in margin_page(case)


def test_a_candidate_that_lies_nowhere_gives_no_page(case: MarginCase) -> None:
    with pytest.raises(InputError, match="a finding lies nowhere"):
        margin_page(case, {1: (np.nan, 0.0, 0.0)})


def test_a_phantom_is_stamped_in_every_picture(case: MarginCase) -> None:
    section, _ = sections_of(case)
    texts = [
        {text.get_text() for axes in section_figure(section, synthetic=stamped).axes for text in axes.texts}
        for stamped in (True, False)
    ]
    assert texts[0] - texts[1] == {"SYNTHETIC"} and {"R", "L", "A", "P", "20 mm"} <= texts[1]
    assert as_png(section_figure(section, synthetic=True)).startswith(b"\x89PNG")
