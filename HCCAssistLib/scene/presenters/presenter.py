"""What a presenter does: it draws the results of one kind, keeps them up to date, and finds them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.results.result import Result
from HCCAssistLib.scene.colors import Color
from HCCAssistLib.scene.heatmap import HeatmapAssignment


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """A result and the nodes that show it.

    Attributes:
        result: as it is shown now, with its threshold and reviews.
        record: text node with result.json.
        volumes: the volume nodes it was found in by their places, the main one first; without those that were removed.
        boxes: box (ROI node) by the number of the finding, or by what it frames; without those that were removed.
        heatmaps: volume node with the heat by the place of the volume that it lies over.
        assignments: which finding the heat of each belongs to; none where there are no findings.
        table: table node, or None where it was removed.
    """

    result: Result
    record: Any
    volumes: Mapping[str, Any]
    boxes: Mapping[int, Any]
    heatmaps: Mapping[str, Any]
    assignments: Mapping[str, HeatmapAssignment]
    table: Any | None

    @property
    def volume(self) -> Any | None:
        """The main volume, None where it was removed."""
        return next(iter(self.volumes.values()), None)

    def has_heat(self, number: int) -> bool:
        """Whether there is heat to see in the box of a finding: only the most probable ones are explained."""
        return any(number in assignment.heated for assignment in self.assignments.values())


@dataclass(frozen=True, slots=True)
class Label:
    """What is written beside the box of a finding.

    Attributes:
        number: of the finding.
        text: short, as ``"1: 0.93"``.
        box: LPS mm.
    """

    number: int
    text: str
    box: Box


class Presenter(Protocol):
    """How results of one kind are shown; a module of this package each."""

    def title(self, result: Any) -> str:
        """What the folder of the drawing is called."""

    def draw(self, result: Any, record: Any, scene: Any) -> Iterator[None]:
        """Make the nodes of a result in short steps, each added to the record as it comes."""

    def refresh(self, drawn: Any) -> None:
        """Bring all nodes that are there in line with the result."""

    def labels(self, result: Any) -> tuple[Label, ...]:
        """What is written beside the boxes that are shown, the most important one first."""

    def color(self, finding: Any) -> Color:
        """Of the box of a finding."""

    def box_of(self, result: Any, number: int) -> Box | None:
        """The box of a finding, where it has one."""
