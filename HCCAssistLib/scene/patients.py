"""Who a scan is of, as far as it is known in the scene: only ever used to keep it out of what leaves the scene."""

from __future__ import annotations

from typing import Any

import slicer

ATTRIBUTES = ("DICOM.PatientName", "DICOM.PatientID")


def patient_names(node: Any) -> tuple[str, ...]:
    """Names and numbers of the patient that a node belongs to in the subject hierarchy."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    item, names = hierarchy.GetItemByDataNode(node), []
    while item not in (0, hierarchy.GetSceneItemID()):
        if hierarchy.GetItemLevel(item) == "Patient":
            names += [hierarchy.GetItemName(item), *(hierarchy.GetItemAttribute(item, key) for key in ATTRIBUTES)]
        item = hierarchy.GetItemParent(item)
    return tuple(name for name in names if name)
