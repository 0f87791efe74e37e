"""A result belongs to its scan: it is found there again, and no other scan, run or method takes or breaks it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import PLACE, geometry, image, labelled, nodes, result, visible

from HCCAssistLib.errors import InputError
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import slicer
import vtk
from sessions import OTHER, REQUEST, poll_to_end, ran, run_through, scan, session_of

from HCCAssistLib.scene.drawing import drawn_in_steps
from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.records import composites
from HCCAssistLib.scene.volumes import volume_from_image


def two_scans(scene: Any) -> tuple[Any, Any]:
    return tuple(volume_from_image(image(kind), scene, kind) for kind in ("oblique", "oblique left-handed"))


def shown_in_views(review: Any) -> list[int]:
    displays = {n: box.GetDisplayNode() for n, box in review.drawn.boxes.items() if box.GetScene() is not None}
    return [n for n, one in displays.items() if one.GetVisibility() and one.GetVisibility2D() and one.GetVisibility3D()]


def test_the_result_of_a_scan_is_found_when_it_is_chosen_again(scene: Any) -> None:
    first, second = two_scans(scene)
    session, executor = session_of(scene)
    one = run_through(session, executor, scan(first), image("oblique"))
    one.judge(1, Verdict.ACCEPTED, "R1")
    session.choose(second)
    assert session.current is None
    assert shown_in_views(one) == [], "boxes of another scan float in none"
    other = run_through(session, executor, scan(second), image("oblique left-handed"), model="another")
    assert session.current is other
    assert shown_in_views(other) == [1, 2]
    session.choose(first)
    assert session.current is one
    assert one.result.candidates[0].review.verdict is Verdict.ACCEPTED
    assert (shown_in_views(one), shown_in_views(other)) == ([1, 2], [])
    session.choose(None)
    assert session.current is None


def test_a_run_on_one_scan_leaves_the_review_of_another(scene: Any) -> None:
    first, second = two_scans(scene)
    session, executor = session_of(scene)
    one = run_through(session, executor, scan(first), image("oblique"))
    one.judge(2, Verdict.REJECTED, "R1")
    run_through(session, executor, scan(second), image("oblique left-handed"))
    assert not session.review_of(second).is_reviewed
    counts = session.review_of(first).counts
    assert (counts.accepted, counts.rejected, counts.pending) == (0, 1, 1)
    assert session.review_of(first) is one


def test_a_new_run_replaces_the_result_of_its_scan_and_a_cancelled_one_does_not(scene: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    session, executor = session_of(scene)
    one = run_through(session, executor, scan(node), image("oblique"))
    one.judge(1, Verdict.ACCEPTED, "R1")
    before = nodes(scene)
    session.run(scan(node), REQUEST)
    session.cancel()
    assert poll_to_end(session).kind == "cancelled"
    session.run(scan(node), REQUEST)
    executor.finish(ran(executor, image("oblique"), model="another"))
    session._run.take(executor.poll()[0])  # its drawing begins
    next(session._run._drawing[0])
    session.cancel()
    assert poll_to_end(session).kind == "cancelled"
    assert not session.busy
    assert nodes(scene) == before
    assert session.current is one
    two = run_through(session, executor, scan(node), image("oblique"), model="another")
    assert session.reviews == (two,)
    assert one.scene is None
    assert not two.is_reviewed


def test_another_method_on_the_same_scan_keeps_its_result(scene: Any, host: Any, tmp_path: Path) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    ours, executor = session_of(scene)
    theirs, their_executor = session_of(scene, OTHER)
    other = run_through(theirs, their_executor, scan(node), image("oblique"))
    other.judge(3, Verdict.REJECTED, "R2")
    theirs.display(heat=True)
    one = run_through(ours, executor, scan(node), image("oblique"))
    one = run_through(ours, executor, scan(node), image("oblique"), model="another")
    assert theirs.current is other
    assert visible(other.drawn) == visible(one.drawn) == [1, 2]
    heat = {view.GetForegroundVolumeID() for view in composites(scene)}
    assert heat == {other.drawn.heatmaps[PLACE].GetID()}, "heat that is off does not take away another method's"
    before = nodes(scene)
    ours.remove(node)
    assert ours.current is None
    assert visible(other.drawn) == [1, 2]
    run_through(ours, executor, scan(node), image("oblique"))
    assert len(nodes(scene)) == len(before)
    save_mrb(scene, tmp_path / "case.mrb")
    ours.forget()
    theirs.forget()
    host.clear()
    host.load(tmp_path / "case.mrb")
    for session, judged in ((ours, []), (theirs, [3])):
        assert session.restore() == ()
        (found,) = session.reviews
        assert found.result.run.recipe == session.recipe.id
        verdicts = [c.number for c in found.result.candidates if c.review.verdict is Verdict.REJECTED]
        assert verdicts == judged


def test_a_record_that_cannot_be_shown_is_told_once_and_only_to_its_own_method(scene: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    ours, executor = session_of(scene)
    theirs, their_executor = session_of(scene, OTHER)
    run_through(theirs, their_executor, scan(node), image("oblique")).drawn.record.SetText("{")
    run_through(ours, executor, scan(node), image("oblique"))
    again, _ = session_of(scene)
    assert again.restore() == ()
    assert len(again.reviews) == 1
    assert again.restore() == ()
    assert len(again.reviews) == 1
    (problem,) = session_of(scene, OTHER)[0].restore()
    assert "damaged" in problem.what


def test_a_deleted_record_takes_its_drawing_along(scene: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    before = nodes(scene)
    session, executor = session_of(scene)
    review = run_through(session, executor, scan(node), image("oblique"))
    review.choose(1)
    scene.RemoveNode(review.drawn.record)
    with pytest.raises(InputError, match="deleted from the scene"):
        review.judge(1, Verdict.ACCEPTED, "R1")
    assert session.current is None
    left = [name for name in nodes(scene) if name not in before]
    assert all("ROI" in name for name in left), "nothing but the hidden frame"
    assert len(left) == 2
    assert session.review_of(node) is None


@pytest.mark.parametrize("change", ["removed", "moved", "painted"])
def test_a_scan_that_changes_in_mid_run_drops_the_result_with_a_sentence(scene: Any, change: str) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    session, executor = session_of(scene)
    session.run(scan(node), REQUEST)
    found = ran(executor, image("oblique"))
    if change == "removed":
        scene.RemoveNode(node)
    elif change == "moved":
        node.SetOrigin(1, 2, 3)
    else:
        slicer.util.arrayFromVolume(node)[:] = 7
        slicer.util.arrayFromVolumeModified(node)
    executor.finish(found)
    last = poll_to_end(session)
    assert last.kind == "failed"
    assert {"removed": "removed", "moved": "moved since", "painted": "changed"}[change] in last.message
    assert last.result is None
    assert not session.running
    assert session.reviews == ()


def test_the_boxes_of_a_deleted_scan_do_not_float_in_another(scene: Any) -> None:
    first, second = two_scans(scene)
    session, executor = session_of(scene)
    one = run_through(session, executor, scan(first), image("oblique"))
    scene.RemoveNode(first)
    session.choose(second)
    assert session.current is None
    assert shown_in_views(one) == []
    assert "deleted" in one.changed


def test_a_running_job_is_cancelled_when_its_scan_goes_or_the_scene_closes(scene: Any, host: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    session, executor = session_of(scene)
    session.run(scan(node), REQUEST)
    assert session.running_scan is node
    with pytest.raises(InputError, match="goes on already"):
        session.run(scan(node), REQUEST)
    scene.RemoveNode(node)
    assert "removed" in poll_to_end(session).message
    assert executor.cancelled == [1]
    node = volume_from_image(image("oblique"), scene, "CT")
    session.run(scan(node), REQUEST)
    session.forget()
    host.clear()
    assert executor.cancelled == [1, 2]
    assert session.poll() == []
    assert not session.busy
    session.close()
    assert executor.closed


def test_a_drawing_is_cancelled_at_any_step_and_keeps_what_is_shown(scene: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    session, executor = session_of(scene)
    before, polls, last = nodes(scene), 0, None
    while last is None or last.kind == "cancelled":
        polls += 1
        session.run(scan(node), REQUEST)
        executor.finish(ran(executor, image("oblique")))
        ended: list[Any] = []
        for _ in range(polls):  # a fast machine may need fewer polls this time
            ended = ended or session.poll()
        drawn = session.drawn or bool(ended)
        if not ended:
            session.cancel()
            ended = session.poll()
        (last,) = ended
        assert (last.kind, bool(session.reviews)) == (("done", True) if drawn else ("cancelled", False))
        assert drawn or nodes(scene) == before
    assert session.current is None, "nobody chose the scan"
    assert visible(session.review_of(node).drawn) == [1, 2]
    assert not session.busy


def test_the_first_boxes_of_a_drawing_are_those_of_the_first_findings(scene: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    steps = drawn_in_steps(result(image("oblique")), {PLACE: node}, scene)
    seen = [[box.GetName() for box in slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")] for _ in steps]
    assert [len(names) for names in seen[:3]] == [1, 2, 3]
    assert [name.split()[1] for name in seen[2]] == ["1:", "2:", "3:"]


def test_a_fault_in_the_drawing_ends_the_run_and_leaves_nothing(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    session, executor = session_of(scene)
    before = nodes(scene)

    def broken(*_: Any) -> None:
        raise RuntimeError("no such colour")

    monkeypatch.setattr("HCCAssistLib.scene.presenters.detection.paint_box", broken)
    session.run(scan(node), REQUEST)
    executor.finish(ran(executor, image("oblique")))
    last = poll_to_end(session)
    assert (last.kind, last.result) == ("failed", None)
    assert "RuntimeError" in last.message
    assert "no such colour" in last.details
    assert nodes(scene) == before


def test_events_of_the_worker_and_progress_are_passed_on(scene: Any) -> None:
    from HCCAssistLib.jobs.events import Event

    node = volume_from_image(image("oblique"), scene, "CT")
    session, executor = session_of(scene)
    session.warm_up()
    assert session.busy
    assert [event.kind for event in session.poll()] == ["ready"]
    assert not session.busy
    session.run(scan(node), REQUEST)
    executor.events += [Event(1, "progress", 0.25), Event(7, "progress", 0.5)]
    assert [(event.job, event.share) for event in session.poll()] == [(1, 0.25)]
    executor.events.append(Event(1, "failed", message="The computing process ended."))
    assert [event.message for event in session.poll()] == ["The computing process ended."]
    assert not session.running


def test_no_step_of_a_drawing_touches_more_than_a_few_nodes(scene: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    found = result(image("oblique"))
    many = tuple(replace(found.candidates[0], number=n + 1, probability=1 - n / 100) for n in range(60))
    touched: set[str] = set()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(_scene: Any, _event: str, one: Any) -> None:
        touched.add(one.GetID())
        one.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, _: touched.add(caller.GetID()))

    tag = scene.AddObserver(scene.NodeAddedEvent, added)
    steps = drawn_in_steps(replace(found, candidates=many), {PLACE: node}, scene)
    most = 0
    try:
        while True:
            touched.clear()
            next(steps)
            most = max(most, len(touched))
    except StopIteration:
        pass
    scene.RemoveObserver(tag)
    assert 0 < most <= 6, "the views take up to 10 ms for each"


def test_what_is_shown_is_remembered_for_the_next_result(scene: Any) -> None:
    first, second = two_scans(scene)
    session, executor = session_of(scene)
    one = run_through(session, executor, scan(first), image("oblique"))
    assert {view.GetForegroundVolumeID() for view in composites(scene)} == {None}, "heat is off at first"
    session.display(heat=True, opacity=0.4)
    views = list(composites(scene))
    assert {view.GetForegroundVolumeID() for view in views} == {one.drawn.heatmaps[PLACE].GetID()}
    assert {view.GetForegroundOpacity() for view in views} == {0.4}
    session.display(heat=False, boxes=False)
    assert {view.GetForegroundVolumeID() for view in views} == {None}
    assert shown_in_views(one) == []
    two = run_through(session, executor, scan(second), image("oblique left-handed"))
    assert shown_in_views(two) == []
    session.display(boxes=True)
    assert shown_in_views(two) == [1, 2]
    assert set(labelled(two.drawn)["3-D"]) == {1, 2}
    scene.RemoveNode(two.drawn.boxes[1])
    session.display(boxes=False)
    session.display(boxes=True)
    assert shown_in_views(two) == [2]


def test_a_finished_result_is_adopted_and_another_volumes_refused(scene: Any) -> None:
    node = volume_from_image(image("oblique"), scene, "CT")
    session, _ = session_of(scene)
    with pytest.raises(InputError, match="another volume"):
        session.adopt(result(image("straight")), scan(node))
    review = session.adopt(result(image("oblique")), scan(node))
    assert session.review_of(node) is review
    np.testing.assert_allclose(review.result.geometry.affine, geometry("oblique").affine)
