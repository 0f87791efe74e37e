"""A drawing goes without a trace, and what a person deleted or damaged hides nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from cases import (
    PLACE,
    at_threshold,
    draw_on,
    image,
    nodes,
    result,
    set_review,
    visible,
)

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene.drawing import drawn_in_steps, remove, restore
from HCCAssistLib.scene.presenters.presenter import Drawn
from HCCAssistLib.scene.volumes import volume_from_image


def drawn_on(scene: Any, kind: str = "oblique left-handed", heat: float = 0.0) -> tuple[Drawn, Any, Image]:
    volume = image(kind)
    node = volume_from_image(volume, scene, "CT")
    return draw_on(node, result(volume), scene, heat=heat), node, volume


def test_a_drawing_in_steps_is_none_until_it_is_complete(scene: Any) -> None:
    volume = image("oblique")
    node = volume_from_image(volume, scene, "CT")
    before = nodes(scene)
    steps = drawn_in_steps(result(volume), {PLACE: node}, scene)
    for _ in range(3):
        next(steps)
        assert restore(scene).drawings == ()
    assert len(nodes(scene)) > len(before)
    steps.close()
    assert nodes(scene) == before
    steps = drawn_in_steps(result(volume), {PLACE: node}, scene)
    next(steps)
    node.SetSpacing(3, 3, 3)
    with pytest.raises(InputError, match="moved since"):
        list(steps)
    assert nodes(scene) == before


def test_the_scene_may_close_between_two_steps(scene: Any, host: Any) -> None:
    volume = image("oblique")
    steps = drawn_in_steps(result(volume), {PLACE: volume_from_image(volume, scene, "CT")}, scene)
    next(steps)
    host.clear()
    steps.close()
    assert restore(scene).drawings == ()


def test_drawing_a_run_again_replaces_it_and_another_run_stands_beside_it(scene: Any) -> None:
    drawn, node, volume = drawn_on(scene)
    kinds = Counter(name.rstrip("0123456789") for name in nodes(scene))
    again = replace(result(volume, threshold=0.2), run=replace(drawn.result.run, seconds=99.0, device="cuda:0"))
    second = draw_on(node, again, scene)
    assert Counter(name.rstrip("0123456789") for name in nodes(scene)) == kinds
    assert drawn.record.GetScene() is None
    assert visible(second) == [1, 2, 3]
    draw_on(node, result(volume, model="another"), scene)
    assert len(restore(scene).drawings) == 2
    list(drawn_in_steps(result(volume, model="a third"), {PLACE: node}, scene, alone=True))
    (left,) = restore(scene).drawings
    assert left.result.run.model == "a third"
    assert Counter(name.rstrip("0123456789") for name in nodes(scene)) == kinds


def test_removing_a_drawing_leaves_nothing(scene: Any, host: Any) -> None:
    volume = image("flipped")
    node = volume_from_image(volume, scene, "CT")
    before = nodes(scene)
    one = draw_on(node, result(volume), scene)
    other = draw_on(node, result(volume, model="another"), scene)
    remove(one)
    assert other.heatmaps[PLACE].GetDisplayNode().GetColorNode() is not None, "the colour table is still in use"
    remove(other)
    assert nodes(scene) == before
    assert host.slice_logics["Red"].GetSliceCompositeNode().GetForegroundVolumeID() is None
    remove(other)  # a second time does nothing


def test_a_closed_scene_is_said_and_does_not_crash(scene: Any, host: Any) -> None:
    volume = image("oblique")
    node = volume_from_image(volume, scene, "CT")
    drawn = draw_on(node, result(volume), scene)
    host.clear()
    with pytest.raises(InputError, match=r"no longer in the scene\. Load it again"):
        draw_on(node, result(volume), scene)
    with pytest.raises(InputError, match="the drawing is no longer in the scene"):
        at_threshold(drawn, 0.1)
    with pytest.raises(InputError, match="the drawing is no longer in the scene"):
        set_review(drawn, 1, Review(Verdict.ACCEPTED, "R1"))
    with pytest.raises(InputError, match="no longer in the scene"):
        draw_on(None, result(volume), scene)
    assert restore(scene).drawings == ()


def test_a_box_that_a_person_deleted_stays_deleted(scene: Any) -> None:
    drawn, _, _ = drawn_on(scene)
    scene.RemoveNode(drawn.boxes[2])
    drawn = set_review(at_threshold(drawn, 0.1), 2, Review(Verdict.REJECTED, "R1"))
    assert list(drawn.boxes) == [1, 3]
    scene.RemoveNode(drawn.heatmaps[PLACE])
    scene.RemoveNode(drawn.table)
    assert at_threshold(drawn, 0.2).table is None
    remove(drawn)


def test_a_damaged_record_is_told_and_hides_no_other(scene: Any) -> None:
    drawn, node, volume = drawn_on(scene)
    other = draw_on(node, result(volume, model="another"), scene)
    text = drawn.record.GetText()
    newer = text.replace("hccassist-result/2", "hccassist-result/9")
    for broken in (
        "{",
        "[]",
        "{}",
        text.replace('"number"', '"n"'),
        newer,
        text.replace('"detection"', '"segmentation"'),
    ):
        assert broken != text
        drawn.record.SetText(broken)
        found = restore(scene)
        assert [one.record for one in found.drawings] == [other.record]
        (problem,) = found.problems
        assert problem.level == "WARN"
        assert "cannot be shown" in problem.what
        assert problem.remedy
    drawn.record.SetText(text)
    assert len(restore(scene).drawings) == 2
