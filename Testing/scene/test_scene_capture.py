"""What the scene shows becomes a case at the same places, and nobody can tell from it who the patient is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import assert_same_voxels

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.finding_labels import findings_of_points
from HCCAssistLib.cohort.points import read_points, read_rois
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
from capture_bench import NAME, NUMBER, SECRETS, CaptureBench, Patient, letter, scan
from cases import turned

from HCCAssistLib.scene.inputs import image_from_volume, mask_from_segment
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
