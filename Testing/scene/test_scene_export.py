"""What is exported is what was run and reviewed; nothing is made, doubled or overwritten unasked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import PLACE, blob_center, geometry

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.points import read_points
from HCCAssistLib.cohort.segments import read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
import slicer
from export_bench import ABLATION, KIND, LIVER, Bench, masks_of, noisy
from sessions import run_through

from HCCAssistLib.scene.mrb import save_mrb
from HCCAssistLib.scene.roles import SYNTHETIC
from HCCAssistLib.scene.run_inputs import ChosenInputs
from HCCAssistLib.scene.volumes import volume_from_image


def test_a_case_holds_the_scan_the_segments_and_the_verdicts_of_its_run(bench: Bench) -> None:
    assert bench.add().question == "create"
    assert not bench.cohort.exists(), "a question writes nothing"
    outcome = bench.add("case-001", "create")
    assert outcome.kind == "done", outcome.text
    assert "1 ltp, 1 rejected, 1 ignored" in outcome.text
    folder = bench.exported()
    stored = read_image(folder / "arterial.nrrd")
    np.testing.assert_array_equal(stored.array, bench.volume.array)
    assert stored.geometry.matches(bench.volume.geometry)
    for name, mask in masks_of(bench.volume).items():
        middle = mask.geometry.to_world(np.argwhere(mask.array)[:, ::-1]).mean(axis=0)
        (segment,) = read_segments(folder / f"{name}.seg.nrrd")
        assert segment.mask.array.sum() == mask.array.sum()
        np.testing.assert_allclose(segment.points.mean(axis=0), middle, atol=1e-3)
    for name, number in (("ltp", 1), ("rejected", 2), ("ignored", 3)):
        (position,) = read_points(folder / f"{name}.mrk.json").positions
        center = next(c.box.center for c in bench.review.result.candidates if c.number == number)
        np.testing.assert_allclose(position, center, atol=1e-3)
    np.testing.assert_allclose(
        read_points(folder / "ablation.mrk.json").positions, [blob_center(bench.volume.geometry)], atol=1e-3
    )
    (case,) = read_cohort(bench.cohort).cases
    assert case.values["ltp"] == "1"


def test_what_is_selected_or_painted_after_the_run_does_not_come_into_the_case(bench: Bench) -> None:
    before = masks_of(bench.volume)["liver"].array.sum()
    bench.erase("liver")
    assert bench.review.inputs_changed[0] in (LIVER, ABLATION)
    outcome = bench.add("case-001", "create")
    assert outcome.question == "changed"
    assert "liver" in outcome.text
    assert not bench.cohort.exists()
    assert bench.add("case-001", "create", "changed").kind == "done"
    (segment,) = read_segments(bench.exported() / "liver.seg.nrrd")
    assert segment.mask.array.sum() == before


def test_a_segment_that_was_deleted_since_is_exported_as_it_was_run(bench: Bench) -> None:
    bench.scene.RemoveNode(bench.segments)
    assert set(bench.review.inputs_changed) == {LIVER, ABLATION}
    assert bench.add("case-001", "create").question == "changed"
    assert bench.add("case-001", "create", "changed").kind == "done"
    assert (bench.exported() / "liver.seg.nrrd").exists()


def test_another_scan_chosen_after_the_run_leaves_the_export_alone(bench: Bench) -> None:
    other = volume_from_image(noisy("straight", 5), bench.scene, "next patient")
    bench.session.choose(other)
    assert bench.session.current is None
    assert bench.add("case-001", "create").kind == "done"
    np.testing.assert_array_equal(read_image(bench.exported() / "arterial.nrrd").array, bench.volume.array)


def test_a_changed_scan_is_not_exported(bench: Bench, tmp_path: Path) -> None:
    bench.node.SetOrigin(1, 2, 3)
    with pytest.raises(InputError, match="moved"):
        bench.add()
    with pytest.raises(InputError, match="moved"):
        bench.export.export_result(bench.review, tmp_path / "result")
    assert not bench.export.writing


def test_the_same_scan_under_another_name_is_asked_about(bench: Bench) -> None:
    bench.add("case-001", "create")
    assert bench.add("case-001").question == "replace"
    assert bench.add("case-001", "replace").kind == "done", "the case itself is no double"
    outcome = bench.add("case-002")
    assert outcome.question == "duplicate"
    assert "case-001" in outcome.text
    assert len(read_cohort(bench.cohort).cases) == 1
    # stored in another way by another program
    path = bench.exported() / "arterial.nrrd"
    turned = read_image(path)
    flip = np.diag([1.0, 1, -1, 1])
    flip[2, 3] = turned.geometry.shape[0] - 1

    write_image(
        Image(turned.array[::-1], type(turned.geometry)(turned.geometry.shape, turned.geometry.affine @ flip)), path
    )
    assert bench.add("case-002").question == "duplicate"
    assert bench.add("case-002", "duplicate").kind == "done"
    assert len(read_cohort(bench.cohort).cases) == 2


def test_another_scan_is_no_double(bench: Bench, scene: Any) -> None:
    bench.add("case-001", "create")
    volume = noisy(seed=9)
    node = volume_from_image(volume, scene, "CT 2")
    review = run_through(bench.session, bench.executor, ChosenInputs({PLACE: node}), volume)
    for number in (1, 2, 3):
        review.judge(number, Verdict.REJECTED, "R1")
    assert bench.add("case-002", review=review).kind == "done"
    assert [case.values["ltp"] for case in read_cohort(bench.cohort).cases] == ["1", "0"]


def test_a_cohort_that_vanished_is_not_made_anew_unasked(bench: Bench) -> None:
    bench.add("case-001", "create")
    shutil.rmtree(bench.cohort)
    assert bench.add("case-002").question == "create"
    assert not bench.cohort.exists()
    with pytest.raises(InputError, match="not there"):
        bench.export.add_to_cohort(bench.review, bench.cohort / "mistyped" / "cohort", "case-001")
    assert not bench.cohort.exists()


def test_the_points_of_the_zone_are_no_missed_lesions(bench: Bench) -> None:
    with pytest.raises(InputError, match="mark ablation for the run"):
        bench.add("case-001", "create", missed=bench.zone_point)
    copied = bench.points("copy of zone", [blob_center(bench.volume.geometry)])
    with pytest.raises(InputError, match="mark ablation for the run"):
        bench.add("case-001", "create", missed=copied)
    place = geometry(KIND).to_world((40.0, 10.0, 16.0))
    assert bench.add("case-001", "create", missed=bench.points("missed", [place])).kind == "done"
    positions = read_points(bench.exported() / "ltp.mrk.json").positions
    assert len(positions) == 2
    np.testing.assert_allclose(positions[1], place, atol=1e-3)


def test_an_unfinished_review_and_a_telling_name_are_refused(bench: Bench) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(bench.scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Mustermann^Erika")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(bench.node), patient)
    with pytest.raises(InputError, match="part of the patient's name"):
        bench.add("mustermann-1")
    bench.review.judge(1, Verdict.PENDING, "R1")
    with pytest.raises(InputError, match="still to review"):
        bench.add()


def test_a_phantom_is_never_exported_as_a_patient(bench: Bench) -> None:
    bench.node.SetAttribute(SYNTHETIC, "1")
    bench.session.remove(bench.node)
    review = run_through(bench.session, bench.executor, bench.review.chosen_inputs, bench.volume)
    for number in (1, 2, 3):
        review.judge(number, Verdict.ACCEPTED, "R1")
    assert bench.add("case-001", "create", review=review).kind == "done"
    assert read_cohort(bench.cohort).cases[0].values["synthetic"] == "1"


def loaded(bench: Bench, host: Any, tmp_path: Path) -> Any:
    save_mrb(bench.scene, tmp_path / "case.mrb")
    bench.session.forget()
    host.clear()
    host.load(tmp_path / "case.mrb")
    assert bench.session.restore() == ()
    (review,) = bench.session.reviews
    bench.session.choose(review.scan)
    bench.segments = bench.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    return review


def test_after_loading_a_saved_scene_the_same_case_is_exported(bench: Bench, host: Any, tmp_path: Path) -> None:
    bench.add("case-001", "create")
    review = loaded(bench, host, tmp_path)
    assert review.changed == ""
    assert [c.review.verdict for c in review.findings] == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.OTHER]
    outcome = bench.add("case-002", "duplicate", review=review)
    assert outcome.kind == "done", outcome.text
    for name in ("liver", "ablation"):
        one, two = (read_segments(bench.exported(case) / f"{name}.seg.nrrd")[0] for case in ("case-001", "case-002"))
        np.testing.assert_allclose(np.sort(one.points, axis=0), np.sort(two.points, axis=0), atol=1e-3)


def test_after_loading_a_saved_scene_other_segments_are_refused(bench: Bench, host: Any, tmp_path: Path) -> None:
    review = loaded(bench, host, tmp_path)
    bench.erase("liver")
    outcome = bench.add("case-001", "create", review=review)
    assert outcome.kind == "failed"
    assert "liver is not that of the run" in outcome.text
    assert not bench.cohort.exists()
