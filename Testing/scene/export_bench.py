"""A scan that was run, reviewed and can be exported, for tests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import vtk
from cases import PLACE, blob_center, image
from sessions import run_through, session_of

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.case_export import CaseExport
from HCCAssistLib.scene.run_inputs import ChosenInputs
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image
from HCCAssistLib.scene.writer import Outcome

KIND = "oblique left-handed"
LIVER, ABLATION = "post/liver", "post/ablation"


def noisy(kind: str = KIND, seed: int = 0) -> Image:
    """A scan with noise, by which it is known again."""
    volume = image(kind)
    noise = np.random.default_rng(seed).integers(-40, 40, volume.array.shape)
    return volume.with_array((volume.array + noise).astype(np.int16), "noise")


def masks_of(volume: Image) -> dict[str, Image]:
    k, j, i = np.indices(volume.geometry.shape)
    away = np.linalg.norm(
        volume.geometry.to_world(np.stack([i, j, k], axis=-1)) - blob_center(volume.geometry), axis=-1
    )
    return {
        "liver": volume.with_array((away < 40).astype(np.uint8), "liver"),
        "ablation": volume.with_array((away < 9).astype(np.uint8), "zone"),
    }


class Bench:
    """A scan that was run with its liver and zone, reviewed, and an export into a cohort."""

    def __init__(self, scene: Any, folder: Path) -> None:
        self.scene = scene
        self.session, self.executor = session_of(scene)
        self.export = CaseExport()
        self.cohort = folder / "cohort"
        self.volume = noisy()
        self.node = volume_from_image(self.volume, scene, "CT")
        self.segments = segmentation_from_masks(masks_of(self.volume), self.node, scene, "segments", surfaces=False)
        self.zone_point = self.points("zone", [blob_center(self.volume.geometry)])
        chosen = ChosenInputs(
            {PLACE: self.node},
            {LIVER: (self.segments, self.id_of("liver")), ABLATION: (self.segments, self.id_of("ablation"))},
            {ABLATION: self.zone_point},
        )
        self.review = run_through(self.session, self.executor, chosen, self.volume)
        for number, verdict in enumerate((Verdict.ACCEPTED, Verdict.REJECTED, Verdict.OTHER), 1):
            self.review.judge(number, verdict, "R1")

    def id_of(self, name: str) -> str:
        return self.segments.GetSegmentation().GetSegmentIdBySegmentName(name)

    def points(self, name: str, places: Any) -> Any:
        node = self.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
        for x, y, z in places:
            node.AddControlPointWorld(vtk.vtkVector3d(-x, -y, z))
        return node

    def erase(self, name: str, part: int = 2) -> None:
        labelmap = self.segments.GetSegmentation().GetSegment(self.id_of(name)).GetRepresentation("Binary labelmap")
        scalars = labelmap.GetPointData().GetScalars()
        array = vtk.util.numpy_support.vtk_to_numpy(scalars)
        array[: array.size // part] = 0
        scalars.Modified()
        labelmap.Modified()

    def add(self, case_id: str = "case-001", *confirmed: str, **more: Any) -> Outcome:
        review = more.pop("review", self.review)
        self.export.add_to_cohort(review, self.cohort, case_id, confirmed=confirmed, **more)
        return self.wait()

    def wait(self) -> Outcome:
        for _ in range(3000):
            if (outcome := self.export.outcome()) is not None:
                return outcome
            time.sleep(0.01)
        raise AssertionError("the export did not end")

    def exported(self, case_id: str = "case-001") -> Path:
        return self.cohort / "cases" / case_id / "post"
