"""What a run used: chosen in the scene, captured when it began, and found again in its record."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from HCCAssistLib.cohort.points import PointList
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study, judged_study
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.inputs import BINARY, CapturedVolume, capture_segment, capture_volume, points_from_markups
from HCCAssistLib.scene.records import POINTS, SEGMENT, SEGMENTATION, VALUES, VOLUME, stored
from HCCAssistLib.scene.roles import SYNTHETIC


@dataclass(frozen=True, eq=False)
class ChosenInputs:
    """What a reader selected, by the places of the recipe's inputs (``"post/arterial"``).

    Entries that are not chosen (None, or a segmentation without a segment) are left out.

    Attributes:
        volumes: scalar volume nodes.
        segments: segmentation node and id of the segment.
        points: point list nodes.
        values: clinical values, as text.
    """

    volumes: Mapping[str, Any]
    segments: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    points: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chosen = {place: (node, name) for place, (node, name) in self.segments.items() if node is not None and name}
        object.__setattr__(self, "segments", chosen)
        for kind in ("volumes", "points"):
            nodes = {place: node for place, node in getattr(self, kind).items() if node is not None}
            object.__setattr__(self, kind, nodes)

    @property
    def main(self) -> Any | None:
        """The scan that a result belongs to: the first volume."""
        return next(iter(self.volumes.values()), None)

    def keep_in(self, record: Any) -> None:
        """Let a record refer to the nodes, so that they are found again when the scene was saved and loaded."""
        for place, (node, segment) in self.segments.items():
            record.SetNodeReferenceID(SEGMENTATION + place, node.GetID())
            record.SetAttribute(SEGMENT + place, segment)
        for place, node in self.points.items():
            record.SetNodeReferenceID(POINTS + place, node.GetID())
        record.SetAttribute(VALUES, json.dumps(dict(self.values)))

    @classmethod
    def of_record(cls, record: Any, recipe: Recipe) -> ChosenInputs:
        """The nodes that a record refers to, as far as they are still there, and its clinical values."""

        def nodes(prefix: str, kind: str) -> dict[str, Any]:
            places = [str(spec) for spec in recipe.inputs if spec.kind == kind]
            return {place: record.GetNodeReference(prefix + place) for place in places}

        segments = {
            place: (node, record.GetAttribute(SEGMENT + place) or "")
            for place, node in nodes(SEGMENTATION, "segment").items()
        }
        values = stored(record, VALUES)
        known = {str(name): str(value) for name, value in values.items()} if isinstance(values, dict) else {}
        return cls(nodes(VOLUME, "volume"), segments, nodes(POINTS, "points"), known)


@dataclass(frozen=True, eq=False)
class RunInputs:
    """The inputs of a run as they were when it began.

    Volumes are held without a copy, which is why ``changed`` must be asked before they are read again; segments and
    points are copies. Get it from ``capture``.

    Attributes:
        recipe: of the run.
        chosen: the nodes.
        volumes: by their places.
        segments: read in any thread.
        points: by their places.
        stamps: when each segment had been painted last.
    """

    recipe: Recipe
    chosen: ChosenInputs
    volumes: Mapping[str, CapturedVolume]
    segments: Mapping[str, Callable[[], Segment]]
    points: Mapping[str, PointList]
    stamps: Mapping[str, int]

    def study(
        self,
        case_id: str,
        marked: Mapping[str, PointList] | None = None,
        grids: Mapping[str, Geometry] | None = None,
    ) -> Study:
        """The study of these inputs, judged as a cohort's files are; in any thread.

        Args:
            case_id: pseudonym.
            marked: further points, by their places.
            grids: of the volumes at the run. A volume that was saved and loaded since comes back with its slices
                reversed, or rounded; it is brought into the order of the run where its voxels lie at the same places.

        Raises:
            InputError: annotations that cannot belong to their volume, or voxels that are no numbers.
        """
        return judged_study(
            case_id,
            self.recipe,
            volumes={p: _stored_as(captured.read(), (grids or {}).get(p)) for p, captured in self.volumes.items()},
            segments={place: read() for place, read in self.segments.items()},
            points={**self.points, **(marked or {})},
            values=self.values,
        )

    @cached_property
    def values(self) -> dict[str, str]:
        """Clinical values; a phantom must not pass for a patient."""
        synthetic = any(node.GetAttribute(SYNTHETIC) for node in self.chosen.volumes.values())
        return {**self.chosen.values, **({"synthetic": "1"} if synthetic else {})}

    def changed_scan(self, scene: Any) -> str:
        """Whether a volume was deleted or got other voxels since, in a sentence; empty where it did not."""
        for place, node in self.chosen.volumes.items():
            if node.GetScene() is not scene:
                return "The scan was deleted from the scene since the run. Load it and run again."
            if not self.volumes[place].is_unchanged():
                return "The voxels of the scan were changed since the run. Run again."
        return ""

    def changed_inputs(self) -> tuple[str, ...]:
        """The places whose segment or points may have been changed since, as far as the nodes show."""
        segments = (place for place in self.segments if _time_of(*self.chosen.segments[place]) != self.stamps[place])
        points = (place for place, before in self.points.items() if self._moved(place, before))
        return tuple(dict.fromkeys([*segments, *points]))

    def _moved(self, place: str, before: PointList) -> bool:
        try:
            now = points_from_markups(self.chosen.points[place], _grid(place, self.volumes))
        except InputError:
            return True
        return now.digest() != before.digest()


def capture(chosen: ChosenInputs, recipe: Recipe, *, name: str) -> RunInputs:
    """Hold what the chosen nodes show now; the voxels of volumes are not copied.

    Args:
        chosen: the reader's choice.
        recipe: whose inputs they are.
        name: pseudonymous label of the images in messages.

    Raises:
        InputError: no volume, or a node that cannot be used.
    """
    order = [str(spec) for spec in recipe.volumes() if str(spec) in chosen.volumes]
    if not order:
        raise InputError("no scan is chosen", remedy="load a scan and choose it")
    chosen = ChosenInputs({p: chosen.volumes[p] for p in order}, chosen.segments, chosen.points, chosen.values)
    volumes = {place: capture_volume(node, name=name) for place, node in chosen.volumes.items()}
    segments = {place: capture_segment(node, segment) for place, (node, segment) in chosen.segments.items()}
    points = {place: points_from_markups(node, _grid(place, volumes)) for place, node in chosen.points.items()}
    stamps = {place: _time_of(node, segment) for place, (node, segment) in chosen.segments.items()}
    return RunInputs(recipe, chosen, volumes, segments, points, stamps)


def _stored_as(image: Image, grid: Geometry | None) -> Image:
    """The same image in the order of the slices of another grid; as it is where that puts voxels elsewhere."""
    if grid is None or image.geometry.shape != grid.shape:
        return image
    reverse = np.diag([1.0, 1.0, -1.0, 1.0])
    reverse[2, 3] = grid.shape[0] - 1
    for array, geometry in (
        (image.array, image.geometry),
        (image.array[::-1], Geometry(grid.shape, image.geometry.affine @ reverse)),
    ):
        if geometry.matches(grid):
            return replace(image, array=array, geometry=grid)
    return image


def _grid(place: str, volumes: Mapping[str, CapturedVolume]) -> Geometry:
    """Of the first volume of a place's time point; of the first of all where that has none."""
    same = (volume.geometry for other, volume in volumes.items() if other.split("/")[0] == place.split("/")[0])
    return next(same, next(iter(volumes.values())).geometry)


def _time_of(node: Any, segment_id: str) -> int:
    """When a segment was painted last; 0 where it is gone."""
    segment = node.GetSegmentation().GetSegment(segment_id) if node.GetScene() is not None else None
    if segment is None:
        return 0
    painted = segment.GetRepresentation(BINARY)  # a change of name or colour leaves it alone
    time: int = (segment if painted is None else painted).GetMTime()
    return time
