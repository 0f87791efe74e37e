"""Whether a loaded volume is a CT or an MR, as far as its header, its grey values or its name tell."""

from __future__ import annotations

import re
from typing import Any

import slicer

HEADER = "DICOM.Modality"
"""Attribute of a series in the subject hierarchy."""

AIR = -200
"""Below lie the Hounsfield units of air; no MR has such values."""

_WORDS = {"CT": re.compile(r"\bct\b|\bcect\b"), "MR": re.compile(r"\bmri?\b|\bt[12]w?\b|\bvibe\b|\blava\b|\bdixon\b")}


def modality_of(node: Any) -> str:
    """``"CT"`` or ``"MR"``, another one of DICOM, or ``""`` where nothing tells it.

    Args:
        node: a scalar volume node.
    """
    if header := _of_header(node):
        return header
    data = node.GetImageData()
    low = data.GetScalarRange()[0] if data is not None else 0.0
    if low < AIR:
        return "CT"
    name = (node.GetName() or "").lower().replace("_", " ")
    told = [modality for modality, words in _WORDS.items() if words.search(name)]
    return told[0] if len(told) == 1 else ""


def may_be_of(node: Any, modality: str) -> bool:
    """Whether nothing tells that a volume is of another modality."""
    return modality_of(node) in ("", modality)


def set_modality(node: Any, modality: str) -> None:
    """Keep of a volume without a series, such as a phantom, what a header would tell."""
    scene = node.GetScene()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    hierarchy.SetItemAttribute(item, HEADER, modality)


def _of_header(node: Any) -> str:
    scene = node.GetScene()
    if scene is None:
        return ""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    while item not in (0, hierarchy.GetSceneItemID() if hierarchy is not None else 0):
        if found := hierarchy.GetItemAttribute(item, HEADER):
            return str(found).upper()
        item = hierarchy.GetItemParent(item)
    return ""
