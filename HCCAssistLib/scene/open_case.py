"""A case of a cohort as nodes of the scene: its scans with their roles, and what was marked in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.points import LabelledBox, PointList
from HCCAssistLib.cohort.synthetic import is_synthetic
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.marks import points_node
from HCCAssistLib.scene.modality import set_modality
from HCCAssistLib.scene.records import composites
from HCCAssistLib.scene.roles import SYNTHETIC, set_role
from HCCAssistLib.scene.targets import NO, TARGET, YES
from HCCAssistLib.scene.transforms import box_to_ras, lps_to_ras, to_vtk
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

CASE, COHORT, PLACE = "HCCAssist.case", "HCCAssist.cohort", "HCCAssist.place"
"""Attributes of a node that was opened: id of its case, what tells its cohort, its place (``"pre/arterial"``)."""

Tags = Mapping[str, str]


@dataclass(frozen=True, eq=False, slots=True)
class OpenedCase:
    """What was read of a case.

    Attributes:
        case: whose files.
        synthetic: whether it shows no patient.
        volumes, points, boxes: by place.
        segments: masks by place and name.
        tags: of the segments, by place and name.
        problems: what could not be read, and what is doubtful.
    """

    case: Case
    synthetic: bool
    volumes: Mapping[str, Image]
    points: Mapping[str, PointList] = field(default_factory=dict)
    boxes: Mapping[str, tuple[LabelledBox, ...]] = field(default_factory=dict)
    segments: Mapping[str, Mapping[str, Image]] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, Tags]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def read_for_scene(case: Case, recipe: Recipe, *, marks: bool = True) -> OpenedCase:
    """Read a case, in any thread; what is wrong with it does not keep the rest from being opened.

    Args:
        case: of a cohort.
        recipe: of the cohort.
        marks: whether what was marked is read too.

    Raises:
        InputError: none of its scans can be read.
    """
    label = recipe.label
    classes = label if isinstance(label, Classes) and label.of == "finding" else None
    read = read_case(case, recipe.inputs if marks else recipe.volumes(), classes if marks else None)
    if not read.volumes:
        raise InputError(read.problems or "the case holds no scan", f"case {case.case_id}")
    lesions = {str(need) for need in recipe.inputs if need.of_lesions}
    segments = {place: {place.split("/")[-1]: mask} for place, mask in read.masks.items() if place not in lesions}
    tags: dict[str, dict[str, Tags]] = {}
    for place, findings in read.findings.items():
        drawn = [one for one in findings if one.mask is not None]
        if drawn:
            segments[place] = {one.name: one.mask for one in drawn if one.mask is not None}
            codes = {one.name: {classes.column: one.subclass or one.code} if classes else {} for one in drawn}
            tags[place] = {one.name: {TARGET: YES if one.target else NO, **codes[one.name]} for one in drawn}
    return OpenedCase(
        case, is_synthetic(case), read.volumes, read.points, read.boxes, segments, tags, tuple(read.problems)
    )


def draw_case(opened: OpenedCase, recipe: Recipe, cohort: Path, scene: Any) -> Iterator[Any]:
    """Add a case to the scene and show it, a node at a time.

    Its scans take their roles from any others: those are of another case.

    Args:
        opened: what was read.
        recipe: of the cohort.
        cohort: its folder.
        scene: where the nodes go.
    """
    modality = {str(spec): spec.modality for spec in recipe.volumes()}
    window = next(iter(recipe.windows.values()))
    name, volumes = opened.case.case_id, {}
    for place, image in opened.volumes.items():
        shown_in = window if modality[place] == "CT" else None
        node = volume_from_image(image, scene, _name(scene, name, place), shown_in)
        if opened.synthetic:
            node.SetAttribute(SYNTHETIC, "1")
        set_modality(node, modality[place])
        set_role(node, place)
        volumes[place] = own(node, place, name, cohort)
        if len(volumes) == 1:
            for view in composites(scene):
                view.SetBackgroundVolumeID(node.GetID())
                view.SetForegroundVolumeID(None)
            slicer.vtkMRMLSliceNode.JumpAllSlices(scene, *lps_to_ras(image.geometry.center))
        yield node
    main = next(iter(volumes.values()))
    for place, listed in opened.points.items():
        yield own(points_node(listed, scene, _name(scene, name, place)), place, name, cohort)
    for place, drawn in opened.boxes.items():
        for one in drawn:
            yield own(_roi(one, scene), place, name, cohort)
    for place, masks in opened.segments.items():
        on = next((node for other, node in volumes.items() if other.split("/")[0] == place.split("/")[0]), main)
        node = segmentation_from_masks(masks, on, scene, _name(scene, name, place), surfaces=False)
        segmentation = node.GetSegmentation()
        for title, tags in opened.tags.get(place, {}).items():
            for tag, text in tags.items():
                segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName(title)).SetTag(tag, text)
        yield own(node, place, name, cohort)


def own(node: Any, place: str, case_id: str, cohort: Path) -> Any:
    """Let a node be of a case; the node."""
    for key, text in ((CASE, case_id), (COHORT, _told(cohort)), (PLACE, place)):
        node.SetAttribute(key, text)
    return node


def case_of(node: Any, cohort: Path | None) -> str:
    """Id of the case that a node was opened from, ``""`` where it is of none, or of another cohort."""
    mine = cohort is not None and node.GetAttribute(COHORT) == _told(cohort)
    return str(node.GetAttribute(CASE) or "") if mine else ""


def opened_nodes(scene: Any, case_id: str, cohort: Path) -> dict[str, list[Any]]:
    """The nodes of a case that was opened, by place."""
    found: dict[str, list[Any]] = {}
    for class_name in ("vtkMRMLScalarVolumeNode", "vtkMRMLMarkupsNode", "vtkMRMLSegmentationNode"):
        nodes = scene.GetNodesByClass(class_name)
        for index in range(nodes.GetNumberOfItems()):
            node = nodes.GetItemAsObject(index)
            if case_of(node, cohort) == case_id:
                found.setdefault(node.GetAttribute(PLACE), []).append(node)
    return found


def _told(cohort: Path) -> str:
    """Of a folder, without its name in a scene that may be passed on."""
    return hashlib.sha256(str(cohort.resolve()).encode()).hexdigest()[:16]


def _name(scene: Any, case_id: str, place: str) -> str:
    time, _, what = place.partition("/")
    words = {"pre": f"{what} before treatment", "post": f"{what} at follow-up"}.get(time, what)
    return str(scene.GenerateUniqueName(f"{case_id} {words.replace('_', ' ')}"))


def _roi(one: LabelledBox, scene: Any) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", one.label)
    node.SetAndObserveObjectToNodeMatrix(to_vtk(box_to_ras(one.box)))
    node.SetSize(*one.box.size)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetFillVisibility(False)
    return node
