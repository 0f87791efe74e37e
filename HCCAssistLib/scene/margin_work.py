"""Measuring the ablation margin of segments of the scene, in a thread: the window goes on meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from HCCAssistLib.cohort.cells import number
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.margin.edges import is_painted_on
from HCCAssistLib.margin.record import BY_PERSON, UNKNOWN, margin_record
from HCCAssistLib.margin.registration_error import RegistrationError
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.scene.inputs import capture_segment, geometry_of_volume
from HCCAssistLib.scene.margin_registration import held_in
from HCCAssistLib.scene.margin_surfaces import PreparedMargin, prepare
from HCCAssistLib.scene.roles import SYNTHETIC
from HCCAssistLib.scene.transforms import from_vtk, to_world

KEPT = "HCCAssist.margin."
"""Beginning of the references and parameters that keep what is chosen."""

TUMOUR, ZONE, LIVER, TRANSFORM, ERROR = "tumour", "zone", "liver", "transform", "error"
SEGMENTS = {TUMOUR: "tumour", ZONE: "ablation zone", LIVER: "liver"}

STANDS = "no transform was chosen: the segments were measured where they stand in the scene"


@dataclass(frozen=True, slots=True)
class ChosenMargin:
    """What a reader chose.

    Attributes:
        segments: segmentation node and id of the segment by ``TUMOUR``, ``ZONE`` and ``LIVER``; without an id none.
        transform: linear transform node that lays the scan after over the scan before; None where they stand right.
        error: of the registration in mm, as typed; empty where nobody knows.
    """

    segments: dict[str, tuple[Any, str]]
    transform: Any | None = None
    error: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether tumour and zone are chosen."""
        return all(self.segments.get(one, (None, ""))[1] for one in (TUMOUR, ZONE))

    def scan(self, name: str) -> Any | None:
        """The volume node that a segment was painted on; None where the scene does not say."""
        segmentation = self.segments.get(name, (None, ""))[0]
        if segmentation is None:
            return None
        scan = segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())
        return scan if scan is not None and scan.IsA("vtkMRMLVolumeNode") else None

    def keep_in(self, node: Any) -> None:
        """Let a node of the scene hold it."""
        for name in SEGMENTS:
            segmentation, segment = self.segments.get(name, (None, ""))
            node.SetNodeReferenceID(KEPT + name, segmentation.GetID() if segmentation is not None else None)
            node.SetParameter(KEPT + name, segment)
        node.SetNodeReferenceID(KEPT + TRANSFORM, self.transform.GetID() if self.transform is not None else None)
        node.SetParameter(KEPT + ERROR, self.error)

    @classmethod
    def of(cls, node: Any) -> ChosenMargin:
        """What a node holds."""
        segments = {name: (node.GetNodeReference(KEPT + name), node.GetParameter(KEPT + name)) for name in SEGMENTS}
        return cls(segments, node.GetNodeReference(KEPT + TRANSFORM), node.GetParameter(KEPT + ERROR))


class MarginWork(InThread[PreparedMargin]):
    """Measures in a thread, one at a time."""

    def measure(self, chosen: ChosenMargin) -> None:
        """Hold the segments where they stand in the world, and begin to measure.

        Raises:
            InputError: nothing is chosen, a transform that bends or that the zone stands under already, an error that
                is no number of mm, or something goes on already.
        """
        if not chosen.is_complete:
            raise InputError("tumour and ablation zone are not chosen", remedy="choose a segment for each")
        mm = number(chosen.error, "error of the registration", decimal_comma=True)
        error = None if mm is None else RegistrationError(mm)
        registration = registration_of(chosen)
        reads = {name: capture_segment(*held) for name, held in chosen.segments.items() if held[1]}
        scans = [chosen.scan(name) for name in (TUMOUR, ZONE)]
        grids = [_grid(scan) for scan in scans]
        synthetic = any(scan is not None and scan.GetAttribute(SYNTHETIC) for scan in scans)

        warnings = () if chosen.transform is not None else (Problem("WARN", STANDS, "registration"),)

        def measure() -> PreparedMargin:
            masks = {name: read().mask for name, read in reads.items()}
            before, after = (
                grid if grid is not None and is_painted_on(masks[name], grid) else None
                for name, grid in zip((TUMOUR, ZONE), grids, strict=True)
            )
            source = UNKNOWN if error is None else BY_PERSON
            record = margin_record(
                masks[TUMOUR],
                masks[ZONE],
                registration,
                liver=masks.get(LIVER),
                error=error,
                error_from=source,
                scans=(before, after),
                warnings=warnings,
                synthetic=synthetic,
            )
            return prepare(record, masks[ZONE], registration)

        self.begin(measure)


def registration_of(chosen: ChosenMargin) -> Registration:
    """From the scan before to the scan after, as the chosen transform says it, LPS.

    Raises:
        InputError: the transform bends, or the zone stands under it already.
    """
    if chosen.transform is None:
        return Registration(np.eye(4), "person")
    zone = chosen.segments[ZONE][0]
    above = zone.GetParentTransformNode() if zone is not None else None
    while above is not None:
        if above is chosen.transform:
            what = "the ablation zone stands under this transform already"
            raise InputError(what, chosen.transform.GetName(), "choose no registration, or take the zone out of it")
        above = above.GetParentTransformNode()
    return held_in(chosen.transform, to_world(chosen.transform) @ _to_parent(chosen.transform))


def _grid(scan: Any | None) -> Geometry | None:
    """Where it stands; None where there is no such volume any more."""
    try:
        return None if scan is None else geometry_of_volume(scan)
    except InputError:
        return None


def _to_parent(node: Any) -> FloatArray:
    import vtk

    matrix = vtk.vtkMatrix4x4()
    if not node.IsLinear():
        raise InputError("the transform bends", node.GetName(), "choose a rigid one")
    node.GetMatrixTransformToParent(matrix)
    found = from_vtk(matrix)
    if abs(np.linalg.det(found)) < 1e-9:
        raise InputError("the transform flattens the patient", node.GetName(), "correct it")
    return found
