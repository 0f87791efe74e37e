"""The sample case in the scene: at its place, said to be synthetic, and never in the place of a patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import image, nodes

from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.phantoms.ltp.sample import make_sample, read_sample
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene.inputs import image_from_volume, mask_from_segment
from HCCAssistLib.scene.marks import marked_points
from HCCAssistLib.scene.modality import modality_of
from HCCAssistLib.scene.roles import SYNTHETIC, role_of, set_role, volume_with_role
from HCCAssistLib.scene.sample import draw_sample
from HCCAssistLib.scene.volumes import volume_from_image

TITLE = "LTP phantom (synthetic)"
WIDE = Window(80, 350)
LOOK: dict[str, Any] = {"title": TITLE, "window": WIDE, "modality": "CT"}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("samples")
    make_sample(folder)
    return read_sample(folder)


def drawn(case: Any, scene: Any) -> list[Any]:
    steps = draw_sample(case.volumes, case.masks, case.points, scene, title=TITLE, window=WIDE, modality="MR")
    return list(steps)


def test_it_comes_with_its_role_and_its_segments_in_place(case: Any, scene: Any) -> None:
    volume, segments = drawn(case, scene)
    assert "synthetic" in volume.GetName()
    assert volume.GetAttribute(SYNTHETIC) == "1"
    assert modality_of(volume) == "MR"  # as it was told, whatever the grey values
    assert volume_with_role(scene, "post/arterial") is volume
    loaded = image_from_volume(volume)
    np.testing.assert_array_equal(loaded.array, case.volumes["post/arterial"].array)
    for place, mask in case.masks.items():
        segment = segments.GetSegmentation().GetSegmentIdBySegmentName(place.rpartition("/")[2])
        on_volume = mask_from_segment(segments, segment, volume)
        assert on_volume.array.sum() == mask.array.sum()
        inside = on_volume.geometry.to_world(np.argwhere(on_volume.array)[:, ::-1].mean(axis=0))
        np.testing.assert_allclose(inside, mask.geometry.to_world(np.argwhere(mask.array)[:, ::-1].mean(axis=0)))


@pytest.mark.parametrize("grid", ["straight", "oblique"])
def test_points_come_back_where_the_case_has_them(grid: str, scene: Any) -> None:
    volume = image(grid)
    places = volume.geometry.to_world(np.array([[3, 9, 2], [11, 4, 7]]))
    points = PointList("masses", tuple(Point(f"M-{n}", tuple(p), f"{n}0 mm") for n, p in enumerate(places, 1)))
    steps = draw_sample(
        {"baseline/arterial": volume}, {}, {"baseline/masses": points}, scene, title=TITLE, window=WIDE, modality="CT"
    )
    _, node = list(steps)
    assert node.GetName() == f"{TITLE} masses"
    found = marked_points(node, volume.geometry, scene)
    np.testing.assert_allclose(found.positions, places, atol=1e-4)
    assert [(p.label, p.description) for p in found.points] == [("M-1", "10 mm"), ("M-2", "20 mm")]
    assert node.GetNthControlPointPositionWorld(0)[0] == pytest.approx(-places[0, 0])
    again = draw_sample(
        {"baseline/arterial": volume}, {}, {"baseline/masses": points}, scene, title=TITLE, window=WIDE, modality="CT"
    )
    assert list(again)[1] is node


def test_it_never_takes_the_role_from_a_patient(case: Any, scene: Any) -> None:
    patient = volume_from_image(image("straight"), scene, "5: ART")
    set_role(patient, "post/arterial")
    volume, _ = drawn(case, scene)
    assert (role_of(patient), role_of(volume)) == ("post/arterial", None)


def test_it_is_shown_again_and_not_loaded_twice(case: Any, scene: Any, host: Any) -> None:
    first = drawn(case, scene)
    before = nodes(scene)
    for logic in host.slice_logics.values():
        logic.GetSliceCompositeNode().SetBackgroundVolumeID(None)
    assert drawn(case, scene) == first
    assert nodes(scene) == before
    for logic in host.slice_logics.values():
        assert logic.GetSliceCompositeNode().GetBackgroundVolumeID() == first[0].GetID()
