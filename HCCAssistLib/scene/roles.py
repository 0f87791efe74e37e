"""The role of each loaded volume, kept at the node and saved with the scene: ``"post/arterial"`` and the like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.roles import all_roles
from HCCAssistLib.scene.records import PART

ROLE = "HCCAssist.Role"
"""Attribute of a volume node."""

SYNTHETIC = "HCCAssist.Synthetic"
"""Attribute of a volume node that shows no patient: a model trained on it must say so."""

NOT_USED = "none"
"""Its value where a person decided that the volume plays no role."""


def role_of(node: Any) -> str | None:
    """The role that a person confirmed for a volume; None where it has none."""
    role = node.GetAttribute(ROLE)
    return role if role in all_roles() else None


def is_settled(node: Any) -> bool:
    """Whether a person decided which role a volume plays, or that it plays none."""
    return node.GetAttribute(ROLE) is not None


def set_role(node: Any, role: str | None) -> None:
    """Give a volume a role, and take it from any other volume of its scene; None for no role.

    Raises:
        InputError: there is no such role.
    """
    if role is not None and role not in all_roles():
        raise InputError(f"there is no role {role!r}", node.GetName(), f"choose from {', '.join(all_roles())}")
    if role is not None and node.GetScene() is not None:
        for other in role_volumes(node.GetScene()):
            if other is not node and role_of(other) == role:
                other.SetAttribute(ROLE, NOT_USED)
    node.SetAttribute(ROLE, role or NOT_USED)


def volume_with_role(scene: Any, role: str) -> Any | None:
    """The volume of a role; None where there is none, or where several claim it, as after adding a saved scene."""
    found = [node for node in role_volumes(scene) if role_of(node) == role]
    return found[0] if len(found) == 1 else None


def role_volumes(scene: Any) -> Iterator[Any]:
    """The volumes of a scene that can play a role: images of one grey value a voxel, and nothing that was drawn."""
    nodes = scene.GetNodesByClass("vtkMRMLScalarVolumeNode")
    for index in range(nodes.GetNumberOfItems()):
        node = nodes.GetItemAsObject(index)
        is_image = node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors()
        if is_image and node.GetAttribute(PART) is None:
            yield node
