"""Diameters come from lines and segments where they stand in the world, and a drawn chord can be corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import DIRECTIONS, blob_center, geometry, image, line, turned

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.response.diameter import diameter_of_mask
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene.diameters import diameter_of_line, draw_diameter, segment_diameter
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.transforms import lps_to_ras, to_vtk
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

LONG, SHORT = 17.0, 8.0


def cigar(kind: str) -> Image:
    """An ellipsoid in the patient that is not in the middle, long towards left and posterior in the axial plane."""
    grid = geometry(kind)
    k, j, i = np.indices(grid.shape)
    away = grid.to_world(np.stack([i, j, k], axis=-1)) - blob_center(grid)
    along, across = away @ (0.8, 0.6, 0.0), away @ (-0.6, 0.8, 0.0)
    inside = (along / LONG) ** 2 + (across / SHORT) ** 2 + (away[..., 2] / 10) ** 2 < 1
    return Image(inside.astype(np.uint8), grid, "tumour")


def segment_of(scene: Any, mask: Image) -> tuple[Any, str]:
    volume = volume_from_image(image("straight"), scene, "CT")
    node = segmentation_from_masks({"tumour": mask}, volume, scene, "segments", surfaces=False)
    return node, node.GetSegmentation().GetNthSegmentID(0)


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_the_chord_of_a_segment_is_drawn_where_it_lies_in_the_patient(scene: Any, kind: str) -> None:
    mask = cigar(kind)
    found = segment_diameter(*segment_of(scene, mask))()
    assert found == diameter_of_mask(mask, "tumour")
    node = draw_diameter(found, scene, "viable")
    ras = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    for index in range(2):
        node.GetNthControlPointPositionWorld(index, ras[index])
    truth = blob_center(mask.geometry) + np.multiply.outer((-LONG, LONG), (0.8, 0.6, 0.0))
    np.testing.assert_allclose(np.multiply(ras, (-1, -1, 1)), truth, atol=4.5)
    assert node.GetMeasurement("length").GetValue() == pytest.approx(found.mm)
    assert abs(ras[0][2] - ras[1][2]) < 1e-6


def test_a_segment_and_a_line_under_a_transform_are_measured_where_they_stand(scene: Any) -> None:
    mask = cigar("flipped")
    node, segment_id = segment_of(scene, mask)
    plain = segment_diameter(node, segment_id)()
    drawn = draw_diameter(plain, scene, "viable")
    upright = (0.0, 0.0, 1.0)  # what is axial stays axial
    matrix = turned(node, scene, upright)
    turned(drawn, scene, upright)
    measured, moved = segment_diameter(node, segment_id)(), diameter_of_line(drawn)
    expected = [(matrix @ [*lps_to_ras(end), 1])[:3] for end in plain.ends or ()]
    np.testing.assert_allclose(moved.ends, lps_to_ras(expected), atol=1e-9)
    by_place = sorted(measured.ends or ()), sorted(moved.ends or ())
    np.testing.assert_allclose(*by_place, atol=4.5)
    assert measured.mm == pytest.approx(plain.mm, abs=3.0)


def test_a_scaling_transform_lengthens_a_line_as_it_is_seen(scene: Any) -> None:
    node = line(scene, (0, 0, 0), (30, 0, 0))
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "larger")
    transform.SetMatrixTransformToParent(to_vtk(np.diag([2.0, 1, 1, 1])))
    node.SetAndObserveTransformNodeID(transform.GetID())
    assert diameter_of_line(node).mm == pytest.approx(60)


def test_a_line_out_of_its_axial_section_is_told_with_the_figure(scene: Any) -> None:
    assert diameter_of_line(line(scene, (0, 0, 50), (30, 0, 50.5))).warnings == ()
    (warning,) = diameter_of_line(line(scene, (0, 0, 50), (30, 0, 60))).warnings
    assert "10.0 mm apart in height (18 degrees)" in str(warning)


def test_a_line_without_two_ends_and_what_is_no_line_are_refused(scene: Any) -> None:
    with pytest.raises(InputError, match="two ends"):
        diameter_of_line(line(scene, (1, 2, 3)))
    with pytest.raises(InputError, match="two ends"):
        diameter_of_line(line(scene, (1, 2, 3), (1, 2, 3)))
    for node in (None, scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")):
        with pytest.raises(InputError, match="no line is chosen"):
            diameter_of_line(node)


def test_an_empty_segment_is_not_taken_for_a_complete_response(scene: Any) -> None:
    node, _ = segment_of(scene, cigar("straight"))
    empty = node.GetSegmentation().AddEmptySegment("empty", "viable")
    with pytest.raises(InputError, match="viable: the segment is empty"):
        segment_diameter(node, empty)()


def test_a_drawn_chord_counts_as_the_segments_until_a_radiologist_moves_it(scene: Any) -> None:
    found = segment_diameter(*segment_of(scene, cigar("oblique")))()
    node = draw_diameter(found, scene, "viable")
    assert diameter_of_line(node) == found
    (x, y, z), _ = found.ends or ()
    node.SetNthControlPointPositionWorld(1, *lps_to_ras((x + 12, y, z)))
    moved = diameter_of_line(node)
    assert (moved.mm, moved.source, moved.name) == (pytest.approx(12.0), "line", "viable")


def test_a_drawn_chord_is_the_segments_in_a_loaded_scene_too(host: Any, scene: Any, tmp_path: Path) -> None:
    found = segment_diameter(*segment_of(scene, cigar("oblique")))()
    draw_diameter(found, scene, "viable")
    save_mrb(scene, tmp_path / "scene.mrb")
    host.clear()
    host.load(tmp_path / "scene.mrb")
    loaded = diameter_of_line(scene.GetFirstNodeByName("viable"))
    assert (loaded.source, loaded.name, loaded.mm) == ("segment", "tumour", found.mm)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mm": 3}', '{"mm": 9, "source": "line", "name": "", "ends_lps": 1}'])
def test_a_damaged_note_of_a_chord_makes_it_an_ordinary_line(scene: Any, text: str) -> None:
    node = line(scene, (0, 0, 0), (30, 0, 0))
    node.SetAttribute("HCCAssist.diameter", text)
    assert diameter_of_line(node).source == "line"


def test_two_drawn_chords_have_names_of_their_own_and_one_without_ends_is_refused(scene: Any) -> None:
    from HCCAssistLib.response.diameter import Diameter

    found = Diameter.along_line((0, 0, 0), (20, 0, 0))
    assert draw_diameter(found, scene, "viable").GetName() != draw_diameter(found, scene, "viable").GetName()
    with pytest.raises(InputError, match="lies nowhere"):
        draw_diameter(Diameter.typed(12.0), scene, "viable")
