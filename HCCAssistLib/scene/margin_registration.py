"""Registering the scan after an ablation on the one before, in a thread, and the transform node that comes of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.registration.rigid import register_rigid
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.scene.inputs import capture_segment, capture_volume
from HCCAssistLib.scene.transforms import to_vtk

REGISTRATION = "HCCAssist.margin.registration"
"""Attribute of a transform node: the registration that it holds, as JSON."""

SAME_MM = 1e-4
"""By how much a scene's file may round a matrix."""

_FLIP = np.diag((-1.0, -1.0, 1.0, 1.0))


class RegistrationWork(InThread[Registration]):
    """Registers in a thread, one at a time."""

    def register(self, before: Any | None, after: Any | None, liver: tuple[Any, str] | None) -> None:
        """Hold both scans where they stand in the world, and begin to register rigidly.

        Args:
            before, after: the volume nodes; None where nobody knows them.
            liver: segmentation node and id of a segment on the scan before; None takes the whole body.

        Raises:
            InputError: a scan is missing, both are the same, or something goes on already.
        """
        for scan, what in ((before, "tumour"), (after, "ablation zone")):
            if scan is None:
                remedy = "set its source geometry in the Segment Editor, or choose a transform"
                raise InputError("the scene does not say which scan it was painted on", what, remedy)
        if before is after:
            remedy = "paint the zone on the scan after, or choose no registration where both stand right"
            raise InputError("tumour and ablation zone were painted on the same scan", "registration", remedy)
        fixed, moving = capture_volume(before), capture_volume(after)
        mask = None if liver is None else capture_segment(*liver)
        self.begin(lambda: register_rigid(fixed.read(), moving.read(), None if mask is None else mask().mask))


def add_transform(registration: Registration, scene: Any) -> Any:
    """A linear transform node that lays the scan after over the scan before, as Slicer's modules take it.

    Raises:
        InputError: the registration was refused.
    """
    if not registration.succeeded:
        remedy = "choose a transform that you made: there is no margin without one"
        raise InputError(f"the registration failed: {registration.failure}", "registration", remedy)
    name = scene.GenerateUniqueName("Scan after to scan before")
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(to_vtk(_FLIP @ np.linalg.inv(registration.matrix) @ _FLIP))
    node.SetAttribute(REGISTRATION, json.dumps(registration.as_json()))
    return node


def held_in(node: Any, to_world: FloatArray) -> Registration:
    """The registration that a transform node stands for: the computed one, or a person's where it was moved since.

    Args:
        node: a linear transform node.
        to_world: its 4x4, RAS mm, from the scan after to the scan before.
    """
    matrix = _FLIP @ np.linalg.inv(to_world) @ _FLIP
    try:
        kept = Registration.from_json(parse_json(node.GetAttribute(REGISTRATION) or "null"))
    except (InputError, ValueError):
        kept = None
    if kept is not None and kept.succeeded and np.abs(kept.matrix - matrix).max() < SAME_MM:
        return kept
    return Registration.by_person(matrix)
