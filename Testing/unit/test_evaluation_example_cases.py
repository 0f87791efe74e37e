"""Example cases: the right slice, boxes and points on the right pixels, whatever the storage order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from HCCAssistLib.evaluation.example_cases import Example, ExampleCases
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_blocks import PNG
from HCCAssistLib.evaluation.slice_view import RING_MM, slice_figure, slice_view, thumbnail
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.detection import Candidate

FOUND, MISSED, FALSE = (10.0, -6.0, 9.0), (-12.0, 14.0, -6.0), (-3.0, -16.0, 3.0)
"""LPS mm: no symmetry maps them onto one another."""


def bright_at(points: tuple[tuple[float, ...], ...], flips: tuple[int, int, int]) -> Image:
    """Dark air with one bright voxel per point, on a grid whose axes run along or against the patient's."""
    affine = np.eye(4)
    for axis, (spacing, flip) in enumerate(zip((1.0, 2.0, 3.0), flips, strict=True)):
        affine[axis, axis] = spacing * flip
    affine[:3, 3] = [-20.0 * flips[0], -30.0 * flips[1], -15.0 * flips[2]]
    geometry = Geometry((11, 31, 41), affine)
    array = np.full((11, 31, 41), -1000, np.int16)
    for point in points:
        i, j, k = np.round(geometry.to_index(point)).astype(int)
        array[k, j, i] = 1000
    return Image(array, geometry, "case-1")


def candidate(number: int, center: tuple[float, float, float], probability: float) -> Candidate:
    x, y, z = center
    corners = tuple((x + dx, y + dy, z) for dx, dy in ((-4, -4), (4, -4), (4, 4), (-4, 4)))
    return Candidate(number, Box(center, (8.0, 8.0, 6.0)), probability, 5, (4, 6), corners, 8.0)


def result(*candidates: Candidate) -> Any:
    shown = tuple(c for c in candidates if c.probability >= 0.5)
    return SimpleNamespace(candidates=candidates, shown=shown, threshold=0.5)


def seen(flips: tuple[int, int, int]) -> dict[str, Example]:
    cases = ExampleCases(tolerance_mm=5.0, window=Window(level=0, width=400))
    weak = candidate(1, FOUND, 0.6)
    cases.see("c1", lambda: pytest.fail("a case that shows nothing was read"), result(weak), np.array([FOUND]))
    both = result(candidate(1, FOUND, 0.9), candidate(2, FALSE, 0.8), candidate(3, MISSED, 0.2))
    read = partial(bright_at, (FOUND, MISSED, FALSE), flips)
    cases.see("c2", read, both, np.array([FOUND, MISSED]), stamp="SYNTHETIC")
    return {example.kind: example for example in cases.examples()}


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, 1)])
def test_boxes_and_points_lie_on_what_they_mark(flips: tuple[int, int, int]) -> None:
    examples = seen(flips)
    assert list(examples) == ["found", "missed", "false positive"]
    assert {example.case_id for example in examples.values()} == {"c2"}
    found = examples["found"].view
    assert found.focus == pytest.approx((30.0, 12.0))
    assert (found.number, found.slices) == ((9 if flips[2] > 0 else 3), 11), "counted from 1, as stored"
    row, column = np.argwhere(found.grey == 1)[0]
    assert (column, row) == (30, 12)  # 10 mm left of the middle is right of it on the screen; 6 mm anterior is above it
    assert found.points.round(6).tolist() == [[30.0, 12.0]]
    ((corners, probability),) = found.boxes
    assert probability == 0.9, "the surest one of two cases is kept"
    assert corners.mean(axis=0) == pytest.approx([30.0, 12.0])
    assert np.ptp(corners, axis=0) == pytest.approx([8.0, 4.0])  # 8 mm of 1 and of 2 mm pixels
    missed = examples["missed"].view
    assert missed.boxes == () and missed.points.round(6).tolist() == [[8.0, 22.0]]
    assert missed.grey[22, 8] == 1.0
    alarm = examples["false positive"].view
    assert len(alarm.boxes) == 1 and alarm.boxes[0][1] == 0.8 and alarm.grey[7, 17] == 1.0


def test_the_report_shows_each_example_with_its_cutoff() -> None:
    pytest.importorskip("matplotlib", reason="SKIPPED: matplotlib is not installed")
    report = Report("x")
    report.add_examples("Example cases", tuple(seen((1, 1, 1)).values()), cutoff=CutOff(0.5, "validation scans"))
    report.add_examples("Nothing", (), cutoff=CutOff(0.5, "validation scans"))
    figures = [block for block in report.as_json()["blocks"] if block["kind"] == "figure"]
    assert [block["name"] for block in figures] == [
        "example-cases-found", "example-cases-missed", "example-cases-false-positive",
    ]  # fmt: skip
    assert all("validation scans" in block["legend"] and "patient's left" in block["legend"] for block in figures)
    assert all("synthetic case; axial slice" in block["legend"] and "(case c2)" in block["legend"] for block in figures)
    assert "failures" not in {item.key for item in report.missing}


def test_the_picture_says_sides_slice_scale_and_that_nobody_is_a_patient() -> None:
    pytest.importorskip("matplotlib", reason="SKIPPED: matplotlib is not installed")
    view = seen((1, 1, 1))["found"].view
    plain, marked = slice_figure(view).axes
    for axes in (plain, marked):
        texts = {text.get_text(): text.get_position()[0] for text in axes.texts}
        assert {"R", "L", "slice 9", "SYNTHETIC"} <= set(texts) and texts["R"] < texts["L"]
        assert any(text.endswith(" mm") for text in texts)
        (bar,) = [line for line in axes.lines if line.get_color() == "white"]
        (label,) = [text for text in texts if text.endswith(" mm")]
        assert np.ptp(bar.get_xdata()) * view.spacing[0] == pytest.approx(float(label.removesuffix(" mm")))
    assert len(plain.lines) == 1, "nothing but the scale bar lies on the plain slice"
    assert "0.90" in {text.get_text() for text in marked.texts}
    bare = slice_figure(replace(view, stamp=""))
    assert "SYNTHETIC" not in {text.get_text() for axes in bare.axes for text in axes.texts}
    assert thumbnail(view).startswith(PNG)


def test_a_candidate_below_the_cutoff_is_dotted_and_a_ring_has_its_size_in_millimetres() -> None:
    pytest.importorskip("matplotlib", reason="SKIPPED: matplotlib is not installed")
    from matplotlib.patches import Ellipse

    image = bright_at((FOUND,), (1, 1, 1))
    drawn = [candidate(1, FOUND, 0.9), candidate(2, FOUND, 0.2)]
    view = slice_view(image, drawn, np.array([FOUND]), FOUND, Window(level=0, width=400), cutoff=0.5)
    assert [score for _, score in view.boxes] == [0.9] and [score for _, score in view.weak] == [0.2]
    assert "below the cut-off" in view.caption and "synthetic" not in view.caption
    marked = slice_figure(view).axes[1]
    styles = [line.get_linestyle() for line in marked.lines if line.get_color() != "white"]
    assert styles == ["-", ":"]
    (ring,) = [patch for patch in marked.patches if isinstance(patch, Ellipse)]
    assert ring.get_center() == pytest.approx((30.0, 12.0))
    assert (ring.width * 1.0, ring.height * 2.0) == (2 * RING_MM, 2 * RING_MM), "pixels of 1 and of 2 mm"


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (1, -1, 1)])
def test_marks_lie_on_what_they_mark_in_an_oblique_volume(flips: tuple[int, int, int]) -> None:
    straight = bright_at((FOUND, MISSED, FALSE), flips)
    turn, tilt = np.radians(17), np.radians(11)
    around_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    around_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    rotation = np.eye(4)
    rotation[:3, :3] = around_x @ around_z
    image = Image(straight.array, Geometry(straight.geometry.shape, rotation @ straight.geometry.affine), "oblique")
    at, other = (rotation[:3, :3] @ np.array(point) for point in (FOUND, MISSED))
    view = slice_view(image, (), np.array([at, other]), at, Window(level=0, width=400))
    ((row, column),) = np.argwhere(view.grey == 1)
    assert view.points.shape == (1, 2) and view.points[0] == pytest.approx((column, row), abs=0.5)
    assert (column, row) == (30, 12), "as in the straight volume: left of the middle lies right of it"
    stored = np.argwhere(image.array[view.number - 1] == 1000)
    assert len(stored) == 1, "the slice's own number, from 1, as stored"
