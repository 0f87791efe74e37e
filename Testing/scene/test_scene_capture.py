"""What the scene shows becomes a case at the same places, and nobody can tell from it who the patient is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import assert_same_voxels

from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.finding_labels import findings_of_points
from HCCAssistLib.cohort.points import read_points, read_rois
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
from capture_bench import NAME, NUMBER, SECRETS, CaptureBench, Patient, letter, scan
from cases import PLACE, turned, world_corners

from HCCAssistLib.scene.capture import reviewed_result
from HCCAssistLib.scene.inputs import image_from_volume, mask_from_segment
from HCCAssistLib.scene.open_case import case_of, draw_case, opened_nodes, read_for_scene
from HCCAssistLib.scene.patients import patient_number
from HCCAssistLib.scene.roles import role_of
from HCCAssistLib.scene.run_inputs import ChosenInputs
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image


@pytest.fixture
def own(scene: Any, tmp_path: Path) -> Any:
    bench = CaptureBench(tmp_path, scene)
    yield bench
    bench.capture.close()


def folder(bench: CaptureBench, case: str = "case-001", time: str = "pre") -> Path:
    return bench.cohort / "cases" / case / time


@pytest.mark.parametrize("moved", [False, True])
def test_voxels_segments_points_and_boxes_read_back_at_their_places(own: CaptureBench, scene: Any, moved: bool) -> None:
    patient = Patient(scene)
    if moved:  # under one turned transform, as after a registration
        turned(patient.node, scene)
        for node in (patient.segments, patient.points, patient.roi):
            node.SetAndObserveTransformNodeID(patient.node.GetTransformNodeID())
    assert "2 scans" not in own.added(own.tace(patient))
    there = image_from_volume(patient.node)
    stored = read_image(folder(own) / "arterial.nrrd")
    assert_same_voxels(there, stored)
    (segment,) = read_segments(folder(own) / "tumour.seg.nrrd")
    wanted = mask_from_segment(patient.segments, patient.segment_id, patient.node)
    np.testing.assert_array_equal(mask_on(segment, there.geometry).array, wanted.array)
    np.testing.assert_array_equal(wanted.array, letter(there.geometry))
    # points and a box in a cohort of masses, on the same volume
    chosen = {f"baseline/{phase}": patient.node for phase in ("arterial",)}
    own.cohort = own.folder / "masses"
    points = ChosenInputs(chosen, points={"baseline/masses": patient.points})
    own.added(points, recipe="liver-mass")
    positions = read_points(folder(own, time="baseline") / "masses.mrk.json").positions
    expected = [patient_place(patient.points, n) for n in range(2)]
    np.testing.assert_allclose(positions, expected, atol=1e-6)
    own.cohort = own.folder / "boxes"
    patient.roi.SetName("B")
    own.added(ChosenInputs(chosen, boxes={"baseline/masses": patient.roi}), recipe="liver-mass")
    (box,) = read_rois(folder(own, time="baseline") / "masses.mrk.json")
    from HCCAssistLib.scene.marks import box_of_roi

    np.testing.assert_allclose(
        sorted_rows(box.box.corners()), sorted_rows(box_of_roi(patient.roi).box.corners()), atol=1e-6
    )
    assert box.label == "B 1"


def patient_place(node: Any, index: int) -> list[float]:
    ras = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(index, ras)
    return [-ras[0], -ras[1], ras[2]]


def sorted_rows(places: np.ndarray) -> np.ndarray:
    return places[np.lexsort(np.round(places, 3).T)]


def test_labels_of_masses_and_their_sizes_are_kept_and_nothing_else_of_what_was_typed(
    own: CaptureBench, scene: Any
) -> None:
    patient = Patient(scene)
    own.added(
        ChosenInputs({"baseline/arterial": patient.node}, points={"baseline/masses": patient.points}),
        recipe="liver-mass",
    )
    listed = read_points(folder(own, time="baseline") / "masses.mrk.json")
    assert [(p.label, p.description) for p in listed.points] == [("masses 1", "C-hyper"), ("masses 2", "B, 23.0 mm")]
    found, problems = findings_of_points(listed, get_recipe("liver-mass").label)
    assert [(one.code, one.subclass) for one in found] == [("C", "C-hyper"), ("B", "")]
    assert not problems


def test_nothing_that_tells_the_patient_is_written(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene)
    own.added(own.tace(patient), reader="R1")
    own.added(own.tace(patient, "SD"), "revise", case_id="case-001", kind="revision", reader="R1")
    own.added(own.tace(patient, "PD"), case_id="case-001", kind="reading", reader="R2")
    other = own.folder / "masses"
    chosen = ChosenInputs({"baseline/arterial": patient.node}, points={"baseline/masses": patient.points})
    own.cohort, first = other, own.cohort
    own.added(chosen, recipe="liver-mass")
    own.cohort = first
    everything = {p: p.read_bytes() for p in own.folder.rglob("*") if p.is_file()}
    assert len(everything) > 10
    for path, content in everything.items():
        texts = [content, path.as_posix().encode()]
        if path.name.endswith(".nrrd"):
            head, _, voxels = content.partition(b"\n\n")
            texts += [head, gzip.decompress(voxels) if b"gzip" in head else voxels]
        for secret in SECRETS:
            for text in texts:
                assert secret.lower().encode() not in text.lower(), f"{secret} in {path.name}"


def test_the_same_patient_gets_the_same_id_and_nobody_else_does(own: CaptureBench, scene: Any) -> None:
    own.added(own.tace(Patient(scene)))
    again = Patient(scene, seed=1)
    outcome = own.add(own.tace(again), "create", "unfit", case_id="case-002")
    assert outcome.question == "patient", "another scan with the same number in DICOM is no new patient"
    assert "case-001" in outcome.text
    own.added(own.tace(again), case_id="case-002", patient_id="patient-001")
    other = Patient(scene, seed=2, number="PAT-1", name="Beispiel^Max")
    assert own.add(own.tace(other), case_id="case-003", patient_id="patient-001").question == "patient"
    own.added(own.tace(other), case_id="case-003")
    patients = {case.case_id: case.patient_id for case in read_cohort(own.cohort).cases}
    assert patients == {"case-001": "patient-001", "case-002": "patient-001", "case-003": "patient-002"}


def test_who_the_patient_is_is_asked_where_no_number_tells_it(own: CaptureBench, scene: Any) -> None:
    own.added(own.tace(Patient(scene)))
    unknown = Patient(scene, seed=3, number="")
    with_nobody = own.add(own.tace(unknown), "create", "unfit", case_id="case-002", patient_id=None)
    assert with_nobody.kind == "failed"
    assert "whose case" in with_nobody.text
    own.added(own.tace(unknown), case_id="case-002")
    # now nobody can be sure of a number that was never seen: it may be that of the unknown one
    guess = own.patients.guess(own.cohort, read_cohort(own.cohort).cases, "PAT-2")
    assert guess.kind == "ask"


def test_a_cohort_begun_anew_in_the_same_folder_knows_no_patient_of_the_old_one(own: CaptureBench, scene: Any) -> None:
    import shutil

    own.added(own.tace(Patient(scene)))
    shutil.rmtree(own.cohort)
    stranger = Patient(scene, seed=5, number="PAT-9", name="Beispiel^Max")
    own.added(own.tace(stranger))
    assert own.patients.guess(own.cohort, read_cohort(own.cohort).cases, NUMBER).kind == "new"
    assert own.patients.guess(own.cohort, read_cohort(own.cohort).cases, "pat-9 ").kind == "known"


def test_the_same_scan_is_never_two_patients(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene, number="")
    own.added(own.tace(patient))
    outcome = own.add(own.tace(patient), "create", "unfit", "patient", case_id="case-002")
    assert outcome.kind == "failed"
    assert "in the cohort already, as case-001" in outcome.text
    assert own.add(own.tace(patient), "unfit", case_id="case-002", patient_id="patient-001").question == "duplicate"


def test_scans_of_two_patients_are_refused(own: CaptureBench, scene: Any) -> None:
    one, other = Patient(scene), Patient(scene, seed=1, number="PAT-1", name="Beispiel^Max")
    chosen = ChosenInputs({"pre/arterial": one.node}, {"pre/tumour": (other.segments, "*")}, values={"response": "CR"})
    with pytest.raises(InputError, match="two patients"):
        own.add(chosen)
    assert not own.cohort.exists()


def test_a_second_capture_asks_with_what_would_change_and_keeps_what_was(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene)
    own.added(own.tace(patient))
    before = own.files()
    same = own.added(own.tace(patient), kind="revision", reader="R1")
    assert "nothing was written" in same
    assert own.files() == before
    smaller = patient.mask.with_array(
        patient.mask.array * (np.arange(patient.mask.array.shape[0]) < 11)[:, None, None], "L"
    )
    patient.segments = segmentation_from_masks({"tumour": smaller}, patient.node, scene, "again", surfaces=False)
    outcome = own.add(own.tace(patient, "CR"), "unfit", kind="revision", reader="R1")
    assert outcome.question == "revise"
    assert "pre/tumour" in outcome.text
    assert "response PR \N{RIGHTWARDS ARROW} CR" in outcome.text
    assert "arterial" not in outcome.text
    assert own.files() == before, "a question writes nothing"
    assert "revision 1" in own.added(own.tace(patient, "CR"), "revise", kind="revision", reader="R1")
    after = own.files()
    assert after["revisions/case-001/001/pre/tumour.seg.nrrd"] == before["cases/case-001/pre/tumour.seg.nrrd"]
    note = json.loads(after["revisions/case-001/001/revision.json"])
    assert (note["reader"], note["changed"], note["values"]) == (
        "R1",
        ["pre/tumour.seg.nrrd"],
        {"response": ["PR", "CR"]},
    )
    assert note["row"]["response"] == "PR"
    (case,) = read_cohort(own.cohort).cases
    assert (case.values["response"], case.patient_id) == ("CR", "patient-001")
    read_study(case, get_recipe("tace-response"))


def test_another_scan_does_not_take_the_place_of_a_cases_own_unasked(own: CaptureBench, scene: Any) -> None:
    own.added(own.tace(Patient(scene, number="")))
    before = own.files()
    stranger = Patient(scene, seed=4, number="")
    assert own.add(own.tace(stranger), "unfit", kind="revision").question == "scan"
    failed = own.add(own.tace(stranger), "unfit", "scan", kind="reading", reader="R2")
    assert "not that of case-001" in failed.text
    assert own.files() == before


def test_what_is_wrong_is_said_and_nothing_is_written(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene)
    chosen = own.tace(patient)
    with pytest.raises(InputError, match="no scan is chosen"):
        own.add(ChosenInputs({}))
    with pytest.raises(InputError, match="part of the patient's name"):
        own.add(chosen, case_id=NAME.split("^")[0])
    with pytest.raises(InputError, match="part of the patient's name"):
        own.add(chosen, reader="Erika")
    assert "label response" in own.add(own.tace(patient, ""), "create").text
    assert "PR may be meant" in own.add(own.tace(patient, "partial"), "create").text
    no_tumour = ChosenInputs(chosen.volumes, values={"response": "CR"})
    assert "there is no pre/tumour" in own.add(no_tumour, "create").text
    assert own.add(chosen).question == "create"
    assert not own.cohort.exists()
    values = {"follow_up_months": "-3", "event": "1"}
    wrong = ChosenInputs(chosen.volumes, chosen.segments, values=values)
    assert "follow_up_months is -3" in own.add(wrong, "create", recipe="hepatectomy-recurrence").text
    assert not own.cohort.exists()


def test_the_first_reader_is_no_second_one_of_a_case(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene)
    own.added(own.tace(patient), reader="R1")
    told = own.add(own.tace(patient), "unfit", kind="reading", reader="R1")
    assert "R1 marked case-001 as its first reader" in told.text
    assert not (own.cohort / "readings").exists()


def test_a_label_that_is_not_known_yet_is_left_empty_and_told(own: CaptureBench, scene: Any) -> None:
    told = own.added(own.tace(Patient(scene), ""), labelled=False)
    assert "not known yet" in told
    assert read_cohort(own.cohort).cases[0].values["response"] == ""


def test_a_cohort_of_another_method_is_refused(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene)
    own.added(own.tace(patient))
    before = own.files()
    other = volume_from_image(scan(7), scene, "CT")
    outcome = own.add(
        ChosenInputs({"post/arterial": other}, values={"ltp": "0"}), "unfit", recipe="ltp", case_id="case-002"
    )
    assert outcome.kind == "failed"
    assert "Response to TACE" in outcome.text
    assert own.files() == before


def test_a_case_whose_writer_was_killed_before_the_table_gets_its_row_next_time(own: CaptureBench, scene: Any) -> None:
    own.added(own.tace(Patient(scene)))
    case = own.cohort / "cases" / "case-001"
    row = {"case_id": "case-001", "patient_id": "patient-001", "response": "CR"}
    (case / ".row.json").write_text(json.dumps(row))
    own.added(own.tace(Patient(scene, seed=1, number="PAT-1", name="Beispiel^Max")), case_id="case-002")
    assert [one.values["response"] for one in read_cohort(own.cohort).cases] == ["CR", "PR"]
    assert not list(own.cohort.rglob(".row.json"))


def test_slicer_loads_the_box_where_it_stood(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene)
    patient.roi.SetName("B")
    own.added(
        ChosenInputs({"baseline/arterial": patient.node}, boxes={"baseline/masses": patient.roi}), recipe="liver-mass"
    )
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "loaded")
    storage = node.CreateDefaultStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(folder(own, time="baseline") / "masses.mrk.json"))
    assert storage.ReadData(node) == 1
    np.testing.assert_allclose(world_corners(node), world_corners(patient.roi), atol=2e-3)


def test_a_case_that_is_opened_is_the_same_case_when_it_is_captured_again(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene)
    own.added(own.tace(patient))
    before = own.files()
    (case,) = read_cohort(own.cohort).cases
    recipe = get_recipe("tace-response")
    scene.Clear(False)
    opened = read_for_scene(case, recipe)
    list(draw_case(opened, recipe, own.cohort, scene))
    nodes = opened_nodes(scene, "case-001", own.cohort)
    (volume,), (segments,) = nodes["pre/arterial"], nodes["pre/tumour"]
    assert role_of(volume) == "pre/arterial"
    assert_same_voxels(image_from_volume(volume), patient.image)
    assert case_of(volume, own.cohort) == "case-001"
    assert case_of(volume, own.folder) == ""
    chosen = ChosenInputs({"pre/arterial": volume}, {"pre/tumour": (segments, "*")}, values={"response": "PR"})
    assert "nothing was written" in own.added(chosen, kind="revision")
    assert own.files() == before
    alone = read_for_scene(case, recipe, marks=False)
    assert not (alone.segments or alone.points or alone.boxes)


def test_a_new_version_leaves_what_other_methods_and_persons_added(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene)
    own.added(own.tace(patient))
    theirs = {"post/ltp.mrk.json": b"of another method", "pre/arterial.tfm": b"a transform", "pre/notes.txt": b"notes"}
    for name, content in theirs.items():
        path = own.cohort / "cases" / "case-001" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    own.added(own.tace(patient, "SD"), "revise", kind="revision")
    files = own.files()
    assert {name: files[f"cases/case-001/{name}"] for name in theirs} == theirs
    assert read_cohort(own.cohort).cases[0].values["response"] == "SD"


def test_verdicts_on_a_result_become_the_marks_of_the_case(own: CaptureBench, bench: Any) -> None:
    chosen = ChosenInputs({PLACE: bench.node}, values={"ltp": "1"})
    found = reviewed_result(get_recipe("ltp"), chosen, bench.scene)
    assert found is not None
    own.added(chosen, recipe="ltp", verdicts=found)
    names = {path.name: len(read_points(path).points) for path in folder(own, time="post").glob("*.mrk.json")}
    assert names == {"ltp.mrk.json": 1, "rejected.mrk.json": 1, "ignored.mrk.json": 1}
    wrong = ChosenInputs({PLACE: bench.node}, values={"ltp": "0"})
    told = own.add(wrong, "create", recipe="ltp", verdicts=found, case_id="case-002", patient_id="patient-001")
    assert "ltp is 0 in the form, and 1 by the verdicts" in told.text


def test_a_label_that_marks_do_not_bear_out_is_refused(own: CaptureBench, scene: Any) -> None:
    patient = Patient(scene)
    chosen = {PLACE: patient.node}
    told = own.add(ChosenInputs(chosen, values={"ltp": "1"}), "create", recipe="ltp")
    assert "no point marks it" in told.text
    marked = ChosenInputs(chosen, points={"post/ltp": patient.points}, values={"ltp": "0"})
    assert "2 points mark" in own.add(marked, "create", recipe="ltp").text
    twice = ChosenInputs(
        {"baseline/arterial": patient.node},
        {"baseline/masses": (patient.segments, "*")},
        {"baseline/masses": patient.points},
    )
    assert "several ways" in own.add(twice, "create", recipe="liver-mass").text


def test_what_scans_look_like_is_kept_until_a_file_changes(own: CaptureBench, scene: Any, monkeypatch: Any) -> None:
    from HCCAssistLib.scene import known_scans

    patient = Patient(scene, number="")
    own.added(own.tace(patient))
    recipe, read = get_recipe("tace-response"), []
    monkeypatch.setattr(known_scans, "_seen", {})  # as in the next session
    monkeypatch.setattr(known_scans, "read_case", lambda *a: read.append(a) or read_case(*a))
    cases = read_cohort(own.cohort).cases
    assert known_scans.case_with_scan(cases, recipe, {"pre/arterial": patient.image}) is cases[0]
    assert read == [], "it was written here"
    other = scan(8)
    write_image(other, folder(own) / "arterial.nrrd")
    assert known_scans.case_with_scan(cases, recipe, {"pre/arterial": patient.image}) is None
    assert known_scans.case_with_scan(cases, recipe, {"pre/arterial": other}) is cases[0]
    assert len(read) == 1


def test_what_another_reader_marked_is_what_an_evaluation_with_a_second_rater_reads(
    own: CaptureBench, scene: Any
) -> None:
    from HCCAssistLib.evaluation.held_out import HeldOut
    from HCCAssistLib.training.second_rater import rated_cases

    patient = Patient(scene)
    own.added(own.tace(patient), reader="R1")
    part = patient.mask.array * (np.arange(patient.mask.array.shape[0]) < 11)[:, None, None]
    drawn = segmentation_from_masks(
        {"tumour": patient.mask.with_array(part, "L")}, patient.node, scene, "R2's", surfaces=False
    )
    chosen = ChosenInputs({"pre/arterial": patient.node}, {"pre/tumour": (drawn, "*")}, values={"response": "SD"})
    own.added(chosen, kind="reading", reader="R2")
    cohort = read_cohort(own.cohort)
    (rated,) = rated_cases(HeldOut(cohort, cohort.cases, {}, ()), "R2", ["pre/arterial"]).cases
    study = read_study(rated, get_recipe("tace-response"))
    assert_same_voxels(study.volumes["pre/arterial"], patient.image)
    assert study.masks["pre/tumour"].array.sum() == part.sum()
    assert (cohort.cases[0].values["response"], study.values["response"]) == ("PR", "PR"), "the label stays"


def test_the_number_of_a_patient_is_found_where_dicom_put_it(scene: Any) -> None:
    import slicer

    patient = Patient(scene, number="")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(patient.node))
    hierarchy.SetItemUID(hierarchy.GetItemParent(study), "DICOM", "PAT-5")
    assert patient_number([None, patient.node, patient.points]) == "PAT-5"
