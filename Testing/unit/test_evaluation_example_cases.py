"""Example cases: the right slice, boxes and points on the right pixels, whatever the storage order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from HCCAssistLib.evaluation.example_cases import Example, ExampleCases
from HCCAssistLib.evaluation.report import Report
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
    cases.see(lambda: pytest.fail("a case that shows nothing was read"), result(weak), np.array([FOUND]))
    both = result(candidate(1, FOUND, 0.9), candidate(2, FALSE, 0.8), candidate(3, MISSED, 0.2))
    cases.see(lambda: bright_at((FOUND, MISSED, FALSE), flips), both, np.array([FOUND, MISSED]))
    return {example.kind: example for example in cases.examples()}


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, 1)])
def test_boxes_and_points_lie_on_what_they_mark(flips: tuple[int, int, int]) -> None:
    examples = seen(flips)
    assert list(examples) == ["found", "missed", "false alarm"]
    found = examples["found"]
    row, column = np.argwhere(found.grey == 1)[0]
    assert (column, row) == (30, 12)  # 10 mm left of the middle is right of it on the screen; 6 mm anterior is above it
    assert found.points.round(6).tolist() == [[30.0, 12.0]]
    ((corners, probability),) = found.boxes
    assert probability == 0.9, "the surest one of two cases is kept"
    assert corners.mean(axis=0) == pytest.approx([30.0, 12.0])
    assert np.ptp(corners, axis=0) == pytest.approx([8.0, 4.0])  # 8 mm of 1 and of 2 mm pixels
    missed = examples["missed"]
    assert missed.boxes == () and missed.points.round(6).tolist() == [[8.0, 22.0]]
    assert missed.grey[22, 8] == 1.0
    alarm = examples["false alarm"]
    assert len(alarm.boxes) == 1 and alarm.boxes[0][1] == 0.8 and alarm.grey[7, 17] == 1.0


def test_the_report_shows_each_example_with_its_cutoff() -> None:
    pytest.importorskip("matplotlib", reason="SKIPPED: matplotlib is not installed")
    report = Report("x")
    report.add_examples("Example cases", tuple(seen((1, 1, 1)).values()), cutoff=CutOff(0.5, "validation scans"))
    report.add_examples("Nothing", (), cutoff=CutOff(0.5, "validation scans"))
    figures = [block for block in report.as_json()["blocks"] if block["kind"] == "figure"]
    assert [block["name"] for block in figures] == [
        "example-cases-found", "example-cases-missed", "example-cases-false-alarm",
    ]  # fmt: skip
    assert all("validation scans" in block["legend"] and "patient's left" in block["legend"] for block in figures)
    assert "failures" not in {item.key for item in report.missing}
