"""A patient in the scene whose every name tells who he is, and what captures him, for tests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import vtk
from cases import DIRECTIONS, ORIGIN, SHAPE, SPACING

from HCCAssistLib.cohort.known_patients import KnownPatients
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.scene.capture import CaseCapture
from HCCAssistLib.scene.capture_order import Order
from HCCAssistLib.scene.run_inputs import ChosenInputs
from HCCAssistLib.scene.transforms import box_to_ras, lps_to_ras, to_vtk
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image
from HCCAssistLib.scene.writer import Outcome

NAME, NUMBER, BIRTH = "Mustermann^Erika", "PAT-77341902", "19480321"
SECRETS = ("Mustermann", "Erika", NUMBER, "77341902", BIRTH, "1.2.840.99999.77", "Charite")
"""What must stand in no file."""


def scan(seed: int = 0, kind: str = "oblique left-handed") -> Image:
    """Soft tissue with noise in an oblique, mirrored grid of voxels of three lengths, and a bright L in it."""
    grid = Geometry.from_parts(SHAPE, SPACING, ORIGIN, DIRECTIONS[kind])
    array = np.random.default_rng(seed).integers(20, 90, grid.shape)
    array[letter(grid) > 0] += 120
    return Image(array.astype(np.int16), grid, "scan")


def letter(grid: Geometry) -> np.ndarray:
    """An L of three different legs: no turn and no mirror image of it is the same."""
    mask = np.zeros(grid.shape, np.uint8)
    mask[8:18, 12:15, 20:23] = 1
    mask[8:11, 12:26, 20:23] = 1
    mask[8:11, 12:15, 20:39] = 1
    return mask


class Patient:
    """A scan of a patient in the scene with a segment, points and a box, all named after the patient."""

    def __init__(self, scene: Any, seed: int = 0, number: str = NUMBER, name: str = NAME) -> None:
        import slicer

        self.scene, self.image = scene, scan(seed)
        self.node = volume_from_image(self.image, scene, f"{name} Charite CT arterial {BIRTH}")
        self.mask = self.image.with_array(letter(self.image.geometry), "L")
        title = f"{name} tumour {NUMBER}"
        self.segments = segmentation_from_masks(
            {title: self.mask}, self.node, scene, f"{name} segments", surfaces=False
        )
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), name)
        study = hierarchy.CreateStudyItem(patient, f"study of {name}")
        for key, value in {"PatientName": name, "PatientID": number, "PatientBirthDate": BIRTH}.items():
            hierarchy.SetItemAttribute(patient, f"DICOM.{key}", value)
        self.node.SetAttribute("DICOM.instanceUIDs", "1.2.840.99999.77.1")
        for node in (self.node, self.segments):
            hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), study)
        self.places = [tuple(self.image.geometry.to_world(one)) for one in ((21, 13, 9), (30.4, 13.2, 9.7))]
        self.points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"points of {name}")
        for number_, place in enumerate(self.places):
            index = self.points.AddControlPointWorld(vtk.vtkVector3d(*lps_to_ras(place)), f"{name} {number_}")
            self.points.SetNthControlPointDescription(index, "B, 23 mm" if number_ else "C-hyper")
        self.box = Box(self.places[0], (22.0, 31.0, 17.0), tuple(map(tuple, self.image.geometry.directions.T)))
        self.roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", f"{name} box")
        self.roi.SetAndObserveObjectToNodeMatrix(to_vtk(box_to_ras(self.box)))
        self.roi.SetSize(*self.box.size)

    @property
    def segment_id(self) -> str:
        return str(self.segments.GetSegmentation().GetNthSegmentID(0))


class CaptureBench:
    """Captures into a cohort in a folder."""

    def __init__(self, folder: Path, scene: Any) -> None:
        self.folder, self.scene = folder, scene
        self.cohort = folder / "cohort"
        self.patients = KnownPatients(folder / "own")
        self.capture = CaseCapture(self.patients)

    def tace(self, patient: Patient, response: str = "PR") -> ChosenInputs:
        values = {"response": response} if response else {}
        return ChosenInputs({"pre/arterial": patient.node}, {"pre/tumour": (patient.segments, "*")}, values=values)

    def add(self, chosen: ChosenInputs, *confirmed: str, recipe: str = "tace-response", **order: Any) -> Outcome:
        order = {"kind": "new", "case_id": "case-001", "patient_id": "", **order}
        self.capture.add(chosen, get_recipe(recipe), Order(self.cohort, **order), confirmed=confirmed)
        return self.wait()

    def added(self, chosen: ChosenInputs, *confirmed: str, **order: Any) -> str:
        """Add it whatever is asked but what is not confirmed, which must not be asked; what is told."""
        outcome = self.add(chosen, "create", "unfit", *confirmed, **order)
        assert outcome.kind == "done", outcome
        return outcome.text

    def wait(self) -> Outcome:
        for _ in range(3000):
            if (outcome := self.capture.outcome()) is not None:
                return outcome
            time.sleep(0.01)
        raise AssertionError("the capture did not end")

    def files(self) -> dict[str, bytes]:
        """All that was written into the cohort."""
        return {p.relative_to(self.cohort).as_posix(): p.read_bytes() for p in self.cohort.rglob("*") if p.is_file()}
