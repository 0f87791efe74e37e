"""What a run used: chosen in the scene, captured when it began, and found again in its record."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.points import LabelledBox, PointList
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import FloatArray, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study, judged_study
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.inputs import BINARY, CapturedVolume, capture_volume, points_from_markups
from HCCAssistLib.scene.marks import ALL_SEGMENTS, box_of_roi, capture_segments, marked_points
from HCCAssistLib.scene.records import BOX, POINTS, SEGMENT, SEGMENTATION, TRANSFORM, VALUES, VOLUME, stored
from HCCAssistLib.scene.roles import SYNTHETIC
from HCCAssistLib.scene.transforms import from_parent_lps


@dataclass(frozen=True, eq=False)
class ChosenInputs:
    """What a reader selected, by the places of the recipe's inputs (``"post/arterial"``).

    Entries that are not chosen (None, or a segmentation without a segment) are left out.

    Attributes:
        volumes: scalar volume nodes.
        segments: segmentation node and id of the segment, ``marks.ALL_SEGMENTS`` where each of them is a finding.
        points: point list nodes, or lines of single findings.
        boxes: box (ROI) nodes.
        values: clinical values, as text.
        transforms: linear transform nodes that lay a volume on the others of its time point, in place of a computed
            registration.
    """

    volumes: Mapping[str, Any]
    segments: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    points: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    boxes: Mapping[str, Any] = field(default_factory=dict)
    transforms: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chosen = {place: (node, name) for place, (node, name) in self.segments.items() if node is not None and name}
        object.__setattr__(self, "segments", chosen)
        for kind in ("volumes", "points", "boxes", "transforms"):
            nodes = {place: node for place, node in getattr(self, kind).items() if node is not None}
            object.__setattr__(self, kind, nodes)

    @property
    def places(self) -> set[str]:
        """The places where something is chosen."""
        return {*self.volumes, *self.segments, *self.points, *self.boxes}

    def needed(self, inputs: Sequence[InputSpec]) -> ChosenInputs:
        """Those that some inputs ask for; a model of one phase has no use for the others."""

        def of(kind: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
            places = {str(spec) for spec in inputs if spec.kind == kind}
            return {place: one for place, one in chosen.items() if place in places}

        volumes, segments = of("volume", self.volumes), of("segment", self.segments)
        transforms = {place: node for place, node in self.transforms.items() if place in volumes}
        return ChosenInputs(
            volumes, segments, of("points", self.points), self.values, of("roi", self.boxes), transforms
        )

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
        for place, node in self.boxes.items():
            record.SetNodeReferenceID(BOX + place, node.GetID())
        for place, node in self.transforms.items():
            record.SetNodeReferenceID(TRANSFORM + place, node.GetID())
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
        boxes, transforms = nodes(BOX, "roi"), nodes(TRANSFORM, "volume")
        return cls(nodes(VOLUME, "volume"), segments, nodes(POINTS, "points"), known, boxes, transforms)


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
        boxes: by their places.
        transforms: of volumes by their places, LPS mm from where they are laid to where they are.
    """

    recipe: Recipe
    chosen: ChosenInputs
    volumes: Mapping[str, CapturedVolume]
    segments: Mapping[str, Callable[[], Segment | tuple[Segment, ...]]]
    points: Mapping[str, PointList]
    stamps: Mapping[str, int]
    boxes: Mapping[str, tuple[LabelledBox, ...]] = field(default_factory=dict)
    transforms: Mapping[str, FloatArray] = field(default_factory=dict)

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
        study = judged_study(
            case_id,
            self.recipe,
            volumes={p: _stored_as(captured.read(), (grids or {}).get(p)) for p, captured in self.volumes.items()},
            segments={place: read() for place, read in self.segments.items()},
            points={**self.points, **(marked or {})},
            values=self.values,
            boxes=self.boxes,
        )
        return replace(study, transforms=self.transforms)

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
        boxes = (place for place, before in self.boxes.items() if self._redrawn(place, before))
        transforms = (place for place, before in self.transforms.items() if self._laid_elsewhere(place, before))
        return tuple(dict.fromkeys([*segments, *points, *boxes, *transforms]))

    def _moved(self, place: str, before: PointList) -> bool:
        try:
            now = _points(self.recipe, place, self.chosen.points[place], _grid(place, self.volumes))
        except InputError:
            return True
        return now.digest() != before.digest()

    def _laid_elsewhere(self, place: str, before: FloatArray) -> bool:
        node, volume = self.chosen.transforms[place], self.chosen.volumes[place]
        try:
            return node.GetScene() is None or not np.allclose(from_parent_lps(node, volume), before)
        except InputError:
            return True

    def _redrawn(self, place: str, before: tuple[LabelledBox, ...]) -> bool:
        node = self.chosen.boxes[place]
        try:
            return node.GetScene() is None or (box_of_roi(node),) != before
        except InputError:
            return True


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
    chosen = replace(chosen, volumes={place: chosen.volumes[place] for place in order})
    volumes = {place: capture_volume(node, name=name) for place, node in chosen.volumes.items()}
    segments = {
        place: capture_segments(node, segment, _grid(place, volumes))
        for place, (node, segment) in chosen.segments.items()
    }
    points = {place: _points(recipe, place, node, _grid(place, volumes)) for place, node in chosen.points.items()}
    boxes = {place: (box_of_roi(node),) for place, node in chosen.boxes.items()}
    stamps = {place: _time_of(node, segment) for place, (node, segment) in chosen.segments.items()}
    laid = {p: from_parent_lps(node, chosen.volumes[p]) for p, node in chosen.transforms.items() if p in volumes}
    return RunInputs(recipe, chosen, volumes, segments, points, stamps, boxes, laid)


def _points(recipe: Recipe, place: str, node: Any, grid: Geometry) -> PointList:
    """The points of a place; those of findings with the diameters that lines measure."""
    finding = any(spec.of_lesions and spec.kind == "points" and str(spec) == place for spec in recipe.inputs)
    return (
        marked_points(node, grid, node.GetScene()) if finding and node.GetScene() else points_from_markups(node, grid)
    )


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
    """When a segment was painted last, or a number that tells it of all; 0 where it is gone."""
    if node.GetScene() is None:
        return 0
    segmentation = node.GetSegmentation()
    if segment_id == ALL_SEGMENTS:
        ids = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
        return sum(_time_of(node, one) for one in ids)
    segment = segmentation.GetSegment(segment_id)
    if segment is None:
        return 0
    painted = segment.GetRepresentation(BINARY)  # a change of name or colour leaves it alone
    time: int = (segment if painted is None else painted).GetMTime()
    return time
