"""Results drawn into the scene, of any kind: found again after the scene was saved and loaded, and removed whole.

Everything hangs on one text node, the record (see ``records``): it holds result.json and refers to the nodes that were
drawn. What they look like is up to the presenter of the result's kind.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.results.files import KINDS
from HCCAssistLib.results.result import Result, check_format
from HCCAssistLib.scene.inputs import geometry_of_volume
from HCCAssistLib.scene.presenters import PRESENTERS
from HCCAssistLib.scene.presenters.parts import assigned, gathered, stored_heat
from HCCAssistLib.scene.presenters.presenter import Drawn
from HCCAssistLib.scene.records import (
    RUN,
    everything_drawn,
    new_record,
    records,
    remove_record,
    removed_in_steps,
    run_identity,
    scan_of,
)
from HCCAssistLib.scene.view_labels import add_label_lists, place_labels

SAME_PLACE_MM = 0.1
"""Two readers of the same files (the library and Slicer) round positions differently by less than this."""

Steps = Generator[None, None, Drawn]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was found in a scene.

    Attributes:
        drawings: of the results that can be shown, the latest one last.
        problems: a warning for each record that cannot.
    """

    drawings: tuple[Drawn, ...]
    problems: tuple[Problem, ...]


def draw(result: Result, volumes: Mapping[str, Any], scene: Any, *, alone: bool = False) -> Drawn:
    """What ``drawn_in_steps`` does, at once.

    Raises:
        InputError: a volume is no longer in the scene, or the result belongs to another volume.
    """
    steps = drawn_in_steps(result, volumes, scene, alone=alone)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            drawn: Drawn = end.value
            return drawn


def drawn_in_steps(result: Result, volumes: Mapping[str, Any], scene: Any, *, alone: bool = False) -> Steps:
    """Draw a result in a folder beside its main volume, in steps that are short for a person.

    Until the last step it is no drawing yet that could be found again. Where a step fails, or the generator is closed
    before, all of it goes, and older drawings stay. Drawings of other recipes are never touched. Heat is drawn but not
    laid over the volume: see ``heatmap.show_layer``.

    Args:
        result: its places are in the world, parent transforms included.
        volumes: the scalar volume nodes that it was found in by their places (``post/arterial``), the main one first.
        scene: the vtkMRMLScene that holds them.
        alone: older drawings of the same recipe on the main volume go; otherwise only one of the same run goes.

    Raises:
        InputError: what ``check_volumes`` raises, or a kind of result that nothing here shows.
    """
    check_volumes(result, volumes, scene)
    if result.kind not in PRESENTERS:
        raise InputError(f"a result of the kind {result.kind!r} cannot be shown", remedy="update HCCAssist")
    presenter, run = PRESENTERS[result.kind], run_identity(result)
    scan = next(iter(volumes.values()))
    old = [
        record
        for record in records(scene, result.run.recipe)
        if scan_of(record) is scan and (alone or record.GetAttribute(RUN) == run)
    ]
    record = new_record(result, volumes, f"{result.run.recipe.upper()} result.json", scene)
    try:
        yield from presenter.draw(result, record, scene)
        boxes = dict(_boxes(result))
        assignments = {}
        for place, assignment in assigned(record, boxes):
            assignments[place] = assignment
            yield
        for view in add_label_lists(record, scene):
            place_labels(record, presenter.labels(result), None, scene, view=view)
            yield
        check_volumes(result, volumes, scene)
        _gather(scan, [*everything_drawn(record, scene), record], presenter.title(result), scene)
        yield
        drawn = refresh(gathered(record, result, assignments), result)
        for place, assignment in assignments.items():
            if place in drawn.heatmaps:  # a person may have deleted it meanwhile
                assignment.keep_in(drawn.heatmaps[place])
        yield
    except BaseException:
        remove_record(record)
        raise
    record.SetAttribute(RUN, run)
    for before in old:
        before.RemoveAttribute(RUN)
        yield from removed_in_steps(before)
    return drawn


def refresh(drawn: Drawn, result: Result, *, chosen: int | None = None) -> Drawn:
    """Show another view of the same result: its threshold or its reviews changed. Nothing is computed or drawn anew.

    Args:
        drawn: as it is.
        result: the same one with another threshold or other reviews.
        chosen: the finding whose number 3-D views show first.

    Raises:
        InputError: the drawing is no longer in the scene.
    """
    if drawn.record.GetScene() is None:
        raise InputError("the drawing is no longer in the scene", remedy="draw the result again")
    changed = gathered(drawn.record, result, drawn.assignments)
    presenter = PRESENTERS[result.kind]
    presenter.refresh(changed)
    place_labels(drawn.record, presenter.labels(result), chosen, drawn.record.GetScene())
    drawn.record.SetText(json.dumps(result.as_json(), allow_nan=False))
    return changed


def restore(scene: Any, recipe_id: str | None = None, known: Collection[str] = ()) -> Restored:
    """The results drawn in a scene, as after loading it from a file; what cannot be read is reported, and stays.

    Args:
        scene: to look in.
        recipe_id: only results of this recipe; those of others are passed over.
        known: ids of records that are passed over, too.
    """
    drawings, problems = [], []
    for record in records(scene, recipe_id):
        if record.GetID() in known:
            continue
        try:
            drawings.append(_found(record))
        except InputError as error:
            problems += [
                Problem(
                    "WARN",
                    f"a result in this scene cannot be shown: {p.what}",
                    record.GetName(),
                    p.remedy or "delete it and run again",
                )
                for p in error.problems
            ]
    return Restored(tuple(drawings), tuple(problems))


def remove(drawn: Drawn) -> None:
    """Take a drawing out of the scene, with all that came with it; the volumes stay."""
    remove_record(drawn.record)


def check_volumes(result: Result, volumes: Mapping[str, Any], scene: Any) -> None:
    """Refuse volumes that are not those a result is about.

    Raises:
        InputError: one is no longer in the scene, another one, or it was moved since.
    """
    for place, grid in grids_of(result, volumes).items():
        node = volumes.get(place)
        if node is None or node.GetScene() is not scene:
            raise InputError(
                "the volume of this result is no longer in the scene", remedy="load it again and run again"
            )
        if not _cover_the_same(geometry_of_volume(node), grid):
            raise InputError(
                "the result belongs to another volume, or the volume was moved since",
                node.GetName(),
                "choose the volume that was searched, or run again",
            )


def grids_of(result: Result, volumes: Mapping[str, Any]) -> dict[str, Geometry]:
    """The grids that a result is about by their places; of the main volume where it names no others."""
    several: Mapping[str, Geometry] | None = getattr(result, "volumes", None)
    looked_at = next((place for place in result.run.inputs if place in volumes), next(iter(volumes), ""))
    return dict(several) if several else {looked_at: result.geometry}


def _boxes(result: Result) -> Iterator[tuple[int, Any]]:
    for finding in result.findings:
        box = PRESENTERS[result.kind].box_of(result, finding.number)
        if box is not None:
            yield finding.number, box


def _cover_the_same(one: Geometry, other: Geometry) -> bool:
    """Whether two grids have the same voxels; Slicer stores left-handed files with their slices reversed."""
    if one.matches(other, SAME_PLACE_MM):
        return True
    corners = [
        grid.to_world(np.stack(np.meshgrid(*((0, n - 1) for n in grid.size_ijk)), axis=-1).reshape(-1, 3))
        for grid in (one, other)
    ]
    apart = np.linalg.norm(corners[0][:, None] - corners[1][None], axis=-1)
    same_voxels = np.allclose(np.sort(one.spacing), np.sort(other.spacing), rtol=1e-3)
    return bool(same_voxels and apart.min(axis=1).max() <= SAME_PLACE_MM)


def _found(record: Any) -> Drawn:
    """The drawing of a record.

    Raises:
        InputError: a damaged record, of an unknown kind, or of another format.
    """
    try:
        data = json.loads(record.GetText() or "")
    except ValueError as error:
        raise InputError("it is damaged", remedy="delete it and run again") from error
    check_format(data)
    kind = data.get("kind")
    if kind not in PRESENTERS:
        raise InputError(f"a result of the kind {kind!r}, which is not known", remedy="update HCCAssist")
    result = KINDS[kind].from_json(data, stored_heat(record))
    return gathered(record, result, dict(assigned(record, dict(_boxes(result)))))


def _gather(volume: Any, nodes: list[Any], name: str, scene: Any) -> None:
    """Put nodes into a folder beside the volume in the subject hierarchy."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)

    def item(node: Any) -> int:
        found: int = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        return found

    folder = hierarchy.CreateFolderItem(hierarchy.GetItemParent(item(volume)), name)
    for node in nodes:
        hierarchy.SetItemParent(item(node), folder)
