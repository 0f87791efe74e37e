"""Who a scan is of, as far as it is known: kept out of what leaves the scene, and off the screen until asked for."""

from __future__ import annotations

from typing import Any

import slicer

from HCCAssistLib.cohort.additions import check_pseudonym
from HCCAssistLib.errors import InputError

ATTRIBUTES = ("DICOM.PatientName", "DICOM.PatientID")


def patient_names(node: Any) -> tuple[str, ...]:
    """Names and numbers of the patient that a node belongs to in the subject hierarchy."""
    if node.GetScene() is None:
        return ()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    item, names = hierarchy.GetItemByDataNode(node), []
    while item not in (0, hierarchy.GetSceneItemID()):
        if hierarchy.GetItemLevel(item) == "Patient":
            names += [hierarchy.GetItemName(item), *(hierarchy.GetItemAttribute(item, key) for key in ATTRIBUTES)]
        item = hierarchy.GetItemParent(item)
    return tuple(name for name in names if name)


def patient_text(node: Any) -> str:
    """Name, number, birth date and study date of a scan, to be shown when a person asks; empty where none is known."""
    if node.GetScene() is None:
        return ""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    item, found = hierarchy.GetItemByDataNode(node), {}
    while item not in (0, hierarchy.GetSceneItemID()):
        level = hierarchy.GetItemLevel(item)
        if level == "Study":
            found["study"] = hierarchy.GetItemAttribute(item, "DICOM.StudyDate")
        if level == "Patient":
            found["name"] = hierarchy.GetItemAttribute(item, ATTRIBUTES[0]) or hierarchy.GetItemName(item)
            found["number"] = hierarchy.GetItemAttribute(item, ATTRIBUTES[1])
            found["born"] = hierarchy.GetItemAttribute(item, "DICOM.PatientBirthDate")
        item = hierarchy.GetItemParent(item)
    named = {"name": "{}", "number": "No. {}", "born": "born {}", "study": "study of {}"}
    return ", ".join(words.format(found[key]) for key, words in named.items() if found.get(key))


def study_date(node: Any) -> str:
    """Year, month and day of a scan's study, ``2024-03-01``; empty where it is not told."""
    if node.GetScene() is None:
        return ""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    item = hierarchy.GetItemByDataNode(node)
    while item not in (0, hierarchy.GetSceneItemID()):
        date = str(hierarchy.GetItemAttribute(item, "DICOM.StudyDate") or "")
        if hierarchy.GetItemLevel(item) == "Study" and len(date) == 8 and date.isdigit():
            return f"{date[:4]}-{date[4:6]}-{date[6:]}"
        item = hierarchy.GetItemParent(item)
    return ""


def scan_label(node: Any) -> str:
    """The name of a scan, without those that tell the patient's: screens are photographed."""
    name = node.GetName() or "unnamed scan"
    try:
        check_pseudonym(name, patient_names(node))
    except InputError:
        return "scan (its name tells the patient)"
    return str(name)
