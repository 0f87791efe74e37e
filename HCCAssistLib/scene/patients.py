"""Who a scan is of, as far as it is known: kept out of what leaves the scene, and off the screen until asked for."""

from __future__ import annotations

from collections.abc import Iterable
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


def patient_number(nodes: Iterable[Any]) -> str:
    """The patient's number in DICOM that some nodes share; empty where none of them has one.

    Raises:
        InputError: they are of two patients.
    """
    numbers: dict[str, Any] = {}
    for node in nodes:
        if found := _number(node):
            numbers.setdefault(found.strip().casefold(), found)
    if len(numbers) > 1:
        what = "what is chosen is of two patients, by the patients' numbers in DICOM"
        raise InputError(what, remedy="choose scans and marks of one patient")
    return next(iter(numbers.values()), "")


def _number(node: Any) -> str:
    if node is None or node.GetScene() is None:
        return ""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    item = hierarchy.GetItemByDataNode(node)
    while item not in (0, hierarchy.GetSceneItemID()):
        if hierarchy.GetItemLevel(item) == "Patient":
            number = hierarchy.GetItemAttribute(item, ATTRIBUTES[1]) or hierarchy.GetItemUID(item, "DICOM")
            return str(number or "").strip()
        item = hierarchy.GetItemParent(item)
    return ""
