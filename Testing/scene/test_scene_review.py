"""What a reader says of the findings of a scan: kept with the name, taken back in order, refused where it is void."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import PLACE, blob_center, image, result, rotation, table_rows

from HCCAssistLib.errors import InputError
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import slicer
import vtk
from sessions import scan, session_of

from HCCAssistLib.scene.colors import VERDICTS
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.review import CaseReview
from HCCAssistLib.scene.review_counts import Counts
from HCCAssistLib.scene.session import Session
from HCCAssistLib.scene.volumes import volume_from_image


def reviewed(scene: Any, **changes: Any) -> tuple[CaseReview, Session]:
    volume = image("oblique")
    session, _ = session_of(scene)
    node = volume_from_image(volume, scene, "CT")
    session.choose(node)
    return session.adopt(replace(result(volume), **changes), scan(node)), session


def verdicts(review: CaseReview) -> list[str]:
    return [finding.review.verdict.value for finding in review.findings]


def test_verdicts_carry_their_reader_and_are_counted(scene: Any) -> None:
    review, _ = reviewed(scene)
    assert review.counts == Counts(0, 0, 0, 2, 0)
    review.judge(1, Verdict.ACCEPTED, " R1 ")
    review.judge(2, Verdict.OTHER, "R1", comment="a new one, segment 2")
    review.judge(3, Verdict.REJECTED, "R2")
    assert review.counts == Counts(accepted=1, rejected=1, other=1, pending=0, hidden=1)
    first, second, third = (finding.review for finding in review.findings)
    assert (first.reader, second.comment, third.reader) == ("R1", "a new one, segment 2", "R2")
    with pytest.raises(InputError, match="needs the name of its reader"):
        review.judge(1, Verdict.REJECTED, "  ")
    with pytest.raises(KeyError, match="no finding 9"):
        review.judge(9, Verdict.REJECTED, "R1")
    assert verdicts(review) == ["accepted", "other", "rejected"]


def test_what_was_said_is_taken_back_in_order(scene: Any) -> None:
    review, _ = reviewed(scene)
    review.judge(1, Verdict.ACCEPTED, "R1")
    review.judge(1, Verdict.REJECTED, "R2")
    review.comment(2, "vessel", "R1")
    review.judge(1, Verdict.REJECTED, "R2")  # says nothing new
    assert [review.undo(), verdicts(review)] == [2, ["rejected", "pending", "pending"]]
    assert review.findings[1].review.comment == ""
    assert [review.undo(), verdicts(review), review.findings[0].review.reader] == [
        1,
        ["accepted", *["pending"] * 2],
        "R1",
    ]
    assert [review.undo(), review.is_reviewed, review.can_undo] == [1, False, False]


def test_a_comment_with_line_breaks_keeps_the_saved_table_whole(scene: Any, host: Any, tmp_path: Path) -> None:
    review, _ = reviewed(scene)
    review.comment(1, "first line\r\nsecond\tline\u2028third", "R1")
    assert review.findings[0].review.comment == "first line second line third"
    rows = table_rows(review.drawn.table)
    save_mrb(scene, tmp_path / "case.mrb")
    host.clear()
    host.load(tmp_path / "case.mrb")
    again, _ = session_of(scene)
    assert again.restore() == ()
    assert table_rows(again.reviews[0].drawn.table) == rows
    assert again.reviews[0].findings[0].review.comment == "first line second line third"


def test_a_comment_does_not_change_whose_verdict_it_is(scene: Any) -> None:
    review, _ = reviewed(scene)
    review.judge(1, Verdict.ACCEPTED, "R1")
    review.comment(1, "sure", "R2")
    assert (review.findings[0].review.reader, review.findings[0].review.comment) == ("R1", "sure")
    review.comment(1, "", "R2")
    review.judge(1, Verdict.PENDING, "R2")
    assert not review.is_reviewed


def test_the_next_one_is_one_that_nobody_judged(scene: Any) -> None:
    review, _ = reviewed(scene)
    order = [3, 1, 2]
    assert review.next_unjudged(order) == 3
    review.judge(1, Verdict.REJECTED, "R1")
    assert review.next_unjudged(order, after=3) == 2
    assert review.next_unjudged(order, after=2) == 3, "round the end"
    assert review.next_unjudged(order, after=1) == 2
    assert review.next_unjudged([1, 2], after=2) == 2, "the only one that is left, though it is the chosen one"
    review.judge(2, Verdict.OTHER, "R1")
    review.judge(3, Verdict.REJECTED, "R1")
    assert review.next_unjudged(order, after=3) is None


def test_a_finding_far_from_the_zone_is_flagged_and_suggests_another_tumour(scene: Any) -> None:
    found = result(image("oblique"))
    near, unknown, far = (
        replace(candidate, distance_to_ablation_mm=mm)
        for candidate, mm in zip(found.candidates, (20.0, None, 20.5), strict=True)
    )
    review, _ = reviewed(scene, candidates=(near, unknown, far))
    assert [review.is_far(n) for n in (1, 2, 3)] == [False, False, True]
    assert [review.suggestion(n) for n in (1, 2, 3)] == [None, None, Verdict.OTHER]


@pytest.mark.parametrize("change", ["moved", "deleted", "painted", "turned"])
def test_verdicts_on_a_scan_that_changed_are_refused_with_the_reason(scene: Any, change: str) -> None:
    review, _ = reviewed(scene)
    node = review.scan
    review.judge(1, Verdict.ACCEPTED, "R1")
    assert review.changed == ""
    if change == "moved":
        node.SetOrigin(0, 0, 0)
    elif change == "deleted":
        scene.RemoveNode(node)
    elif change == "painted":
        slicer.util.arrayFromVolume(node)[0, 0, 0] = 99
        slicer.util.arrayFromVolumeModified(node)
    else:
        parent = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "turned")
        matrix = vtk.vtkMatrix4x4()
        for (row, column), value in np.ndenumerate(rotation((1, 1, 0), 10)):
            matrix.SetElement(row, column, value)
        parent.SetMatrixTransformToParent(matrix)
        node.SetAndObserveTransformNodeID(parent.GetID())
    reason = {"moved": "moved", "turned": "moved", "deleted": "deleted", "painted": "voxels"}[change]
    assert reason in review.changed
    for attempt in (
        lambda: review.judge(2, Verdict.REJECTED, "R1"),
        lambda: review.comment(1, "text", "R1"),
        review.undo,
    ):
        with pytest.raises(InputError, match=reason):
            attempt()
    assert verdicts(review) == ["accepted", "pending", "pending"]
    assert review.can_undo


def test_a_scan_that_was_moved_while_the_scene_was_closed_is_noticed(scene: Any, host: Any, tmp_path: Path) -> None:
    review, _ = reviewed(scene)
    review.scan.SetOrigin(5, 5, 5)
    save_mrb(scene, tmp_path / "case.mrb")
    host.clear()
    host.load(tmp_path / "case.mrb")
    session, _ = session_of(scene)
    session.restore()
    assert "moved" in session.reviews[0].changed


def test_a_judged_box_keeps_the_colour_of_its_verdict_when_it_is_chosen(scene: Any) -> None:
    review, _ = reviewed(scene)
    for verdict in (Verdict.ACCEPTED, Verdict.REJECTED, Verdict.OTHER):
        review.judge(1, verdict, "R1")
        review.choose(1)
        display = review.drawn.boxes[1].GetDisplayNode()
        np.testing.assert_allclose(display.GetSelectedColor(), VERDICTS[verdict])
        np.testing.assert_allclose(display.GetColor(), VERDICTS[verdict])
        assert review.color(1) == tuple(round(255 * channel) for channel in VERDICTS[verdict])


def test_it_is_known_which_findings_have_heat(scene: Any) -> None:
    review, _ = reviewed(scene)
    assert [review.has_heat(n) for n in (1, 2, 3)] == [True, False, False]
    without, _ = reviewed(scene, heatmap=None)
    assert not any(without.has_heat(n) for n in (1, 2, 3))


def test_a_click_in_a_view_finds_the_box_under_it(scene: Any, host: Any) -> None:
    review, _ = reviewed(scene)
    review.choose(1)
    node = host.slice_logics["Red"].GetSliceNode()
    inverse = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(node.GetXYToRAS(), inverse)
    x, y, z = blob_center(image("oblique").geometry)
    pixel = inverse.MultiplyPoint((-x, -y, z, 1))[:2]
    assert review.number_at(node, pixel) == 1
    review.set_threshold(0.95)
    assert review.number_at(node, pixel) is None, "its box is hidden"
    review.set_threshold(0.5)
    interaction = scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    if interaction is not None:
        interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)
        assert review.number_at(node, pixel) is None, "a point is being placed"
        interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)
    scene.RemoveNode(review.drawn.boxes[1])
    assert review.number_at(node, pixel) is None


def test_each_result_keeps_its_own_list_of_what_can_be_undone(scene: Any) -> None:
    first, _ = reviewed(scene)
    second, _ = reviewed(scene)
    first.judge(1, Verdict.ACCEPTED, "R1")
    second.judge(2, Verdict.REJECTED, "R1")
    assert first.undo() == 1
    assert verdicts(second)[1] == "rejected"
    assert PLACE in first.drawn.volumes
