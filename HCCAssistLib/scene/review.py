"""The result of one scan as the scene shows it, and the verdicts of a reader on its findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import slicer

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.result import Result, Reviewable, findings_reviewed
from HCCAssistLib.results.review import Review, Verdict
from HCCAssistLib.scene.boxes import frame_box
from HCCAssistLib.scene.drawing import check_volumes, refresh
from HCCAssistLib.scene.navigation import jump_to
from HCCAssistLib.scene.presenters import PRESENTERS
from HCCAssistLib.scene.presenters.presenter import Drawn, Label
from HCCAssistLib.scene.review_counts import Counts
from HCCAssistLib.scene.run_inputs import ChosenInputs, RunInputs
from HCCAssistLib.scene.table import one_line
from HCCAssistLib.scene.transforms import ras_to_lps

FAR_MM = 20.0
"""Farther from the ablation zone a tumour is hardly its local progression."""


class CaseReview:
    """The result of one scan, shown in the scene, and its review. Get it from a session.

    Attributes:
        drawn: the result and its nodes as they are now.
        chosen_inputs: the nodes that the run used.
        captured: what they held; of a result that came with a loaded scene the volumes alone, or None where even these
            cannot be read.
        is_complete: whether ``captured`` holds all inputs of the run.
        chosen: number of the finding that keys and buttons are about, or None.
    """

    def __init__(
        self,
        drawn: Drawn,
        chosen_inputs: ChosenInputs,
        captured: RunInputs | None,
        *,
        is_complete: bool,
        on_shown: Callable[[CaseReview], None] = lambda _: None,
        moving: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.drawn = drawn
        self.chosen_inputs = chosen_inputs
        self.captured = captured
        self.is_complete = is_complete
        self.chosen: int | None = None
        self._on_shown, self._moving = on_shown, moving
        self._undo: list[tuple[int, Review]] = []

    @property
    def result(self) -> Result:
        """As it is now."""
        return self.drawn.result

    @property
    def scan(self) -> Any | None:
        """The main volume; None where it was deleted."""
        return self.drawn.volume

    def is_of(self, scan: Any) -> bool:
        """Whether a scan is one of the volumes of the result."""
        return any(volume is scan for volume in self.drawn.volumes.values())

    @property
    def scene(self) -> Any:
        """That it is drawn in; None once a person deleted its record."""
        return self.drawn.record.GetScene()

    @property
    def changed(self) -> str:
        """Why the result is no longer that of its scan, in a sentence; empty where it is."""
        if self.scene is None:
            return "The result was deleted from the scene. Run again."
        if self.captured is not None and (sentence := self.captured.changed_scan(self.scene)):
            return sentence
        try:
            check_volumes(self.result, self.drawn.volumes, self.scene)
        except InputError as error:
            sentence = str(replace(error.problems[0], where=""))  # a node's name may tell the patient
            return sentence[:1].upper() + sentence[1:]
        return ""

    @property
    def inputs_changed(self) -> tuple[str, ...]:
        """The places whose segment or points may not be those of the run any more; the export compares digests."""
        return self.captured.changed_inputs() if self.captured is not None else ()

    @property
    def findings(self) -> tuple[Reviewable, ...]:
        """All that a reader can judge."""
        return self.result.findings

    @property
    def shown(self) -> tuple[Reviewable, ...]:
        """Those at the threshold; all where there is none."""
        return self.result.shown if isinstance(self.result, DetectionResult) else self.result.findings

    @property
    def labels(self) -> tuple[Label, ...]:
        """What is written beside the boxes that are shown."""
        return PRESENTERS[self.result.kind].labels(self.result)

    @property
    def box(self) -> Box | None:
        """Of the chosen finding; None where none is chosen."""
        return None if self.chosen is None else self._box(self.chosen)

    @property
    def is_reviewed(self) -> bool:
        """Whether there is any verdict or comment."""
        return bool(findings_reviewed(self.result))

    @property
    def counts(self) -> Counts:
        """How far the review is."""
        return Counts.of(self.findings, self.shown)

    def judge(
        self, number: int, verdict: Verdict, reader: str, *, comment: str | None = None, category: str = ""
    ) -> None:
        """Give a finding a verdict.

        Args:
            number: of the finding.
            verdict: the reader's; ``PENDING`` takes one back.
            reader: name or initials, which go into the result.
            comment: free text; None keeps the one that is there.
            category: which it belongs to instead, with the verdict ``OTHER`` of a classification.

        Raises:
            InputError: no reader, a category that cannot be, or the scan changed since the run.
            KeyError: no finding has that number.
        """
        before = self._finding(number).review
        text = before.comment if comment is None else one_line(comment)
        self._set(number, verdict, _named(reader), text, category)

    def comment(self, number: int, text: str, reader: str) -> None:
        """Write a comment on a finding, on one line; an empty text takes it away.

        Raises:
            InputError: no reader, or the scan changed since the run.
            KeyError: no finding has that number.
        """
        before = self._finding(number).review
        if (text := one_line(text)) != before.comment:
            # the name beside a verdict stays that of the reader who gave it
            who = before.reader if before.verdict is not Verdict.PENDING else _named(reader)
            self._set(number, before.verdict, who, text, before.category)

    @property
    def can_undo(self) -> bool:
        """Whether there is a verdict or comment to take back."""
        return bool(self._undo)

    def undo(self) -> int:
        """Take the last verdict or comment back; the number of its finding.

        Raises:
            InputError: the scan changed since the run.
        """
        self._refuse_changed()
        number, before = self._undo[-1]
        self._show(self.result.reviewed(number, before))
        self._undo.pop()
        return number

    def set_threshold(self, value: float, source: str = "set by the reader") -> None:
        """Show the candidates of a detection at another threshold.

        Raises:
            InputError: a result that has no threshold, or a drawing that is no longer in the scene.
        """
        if not isinstance(self.result, DetectionResult):
            raise InputError(f"a {self.result.kind} has no threshold to move")
        self._show(replace(self.result, threshold=value, threshold_source=source))

    def next_unjudged(self, order: Sequence[int], after: int | None = None) -> int | None:
        """The number of the next finding without a verdict.

        Args:
            order: numbers as a table lists them.
            after: where to begin; the search goes round at the end. The first one where it is None.
        """
        start = order.index(after) + 1 if after in order else 0
        pending = {f.number for f in self.findings if f.review.verdict is Verdict.PENDING}
        return next((number for number in (*order[start:], *order[:start]) if number in pending), None)

    def is_far(self, number: int) -> bool:
        """Whether a finding is too far from the ablation zone to be its local progression."""
        distance = getattr(self._finding(number), "distance_to_ablation_mm", None)
        return distance is not None and distance > FAR_MM

    def suggestion(self, number: int) -> Verdict | None:
        """The verdict to look at first; None where nothing speaks for one."""
        return Verdict.OTHER if self.is_far(number) else None

    def has_heat(self, number: int) -> bool:
        """Whether there is heat to see in the box of a finding."""
        return self.drawn.has_heat(number)

    def color(self, number: int) -> tuple[int, int, int]:
        """Red, green and blue, 0 to 255, of a finding's box: by its verdict, whether it is chosen or not."""
        red, green, blue = PRESENTERS[self.result.kind].color(self._finding(number))
        return round(255 * red), round(255 * green), round(255 * blue)

    def choose(self, number: int | None, *, jump: bool = True) -> None:
        """Let a finding be the one that keys and buttons are about, or none.

        Args:
            number: of the finding.
            jump: whether all views go there.
        """
        self.chosen = number
        box = None if number is None else self._box(number)
        with self._moving():
            if jump and box is not None and self.scene is not None:
                jump_to(box.center, self.scene)
            self._on_shown(self)

    def number_at(self, slice_node: Any, position: tuple[float, float]) -> int | None:
        """The number of the shown finding whose box a pixel of a slice view lies in; None while points are placed."""
        if self.scene is None or _is_placing():
            return None
        place = ras_to_lps(slice_node.GetXYToRAS().MultiplyPoint((*position, 0, 1))[:3])
        hit = [one for one in self.labels if self._has_box(one.number) and one.box.contains(place)]
        nearest = min(hit, key=lambda one: float(np.linalg.norm(np.subtract(one.box.center, place))), default=None)
        return None if nearest is None else nearest.number

    def show_frame(self, *, visible: bool) -> None:
        """Frame the chosen finding where its box is shown."""
        there = {label.number: label.box for label in self.labels if self._has_box(label.number)}
        frame_box(there.get(self.chosen) if visible and self.chosen is not None else None, self.scene)

    def _finding(self, number: int) -> Reviewable:
        for finding in self.findings:
            if finding.number == number:
                return finding
        raise KeyError(f"there is no finding {number}")

    def _has_box(self, number: int) -> bool:
        """A person may delete any box."""
        node = self.drawn.boxes.get(number)
        return node is not None and node.GetScene() is not None

    def _box(self, number: int) -> Box | None:
        return PRESENTERS[self.result.kind].box_of(self.result, number)

    def _set(self, number: int, verdict: Verdict, reader: str, comment: str, category: str) -> None:
        self._refuse_changed()
        before = self._finding(number).review
        nothing = verdict is Verdict.PENDING and not comment
        try:
            after = Review() if nothing else Review(verdict, reader, comment, category)
            changed = self.result.reviewed(number, after)
        except ValueError as error:
            raise InputError(str(error)) from error
        if after != before:
            self._show(changed)
            self._undo.append((number, before))

    def _refuse_changed(self) -> None:
        if sentence := self.changed:
            raise InputError(sentence.rstrip("."))

    def _show(self, result: Result) -> None:
        self.drawn = refresh(self.drawn, result, chosen=self.chosen)
        self._on_shown(self)


def _named(reader: str) -> str:
    if not (name := one_line(reader)):
        raise InputError("a verdict or a comment needs the name of its reader", remedy="write your name or initials")
    return name


def _is_placing() -> bool:
    node = slicer.app.applicationLogic().GetInteractionNode()
    return node is not None and node.GetCurrentInteractionMode() == slicer.vtkMRMLInteractionNode.Place
