"""The results of one recipe in a scene: runs, their drawing in short steps, and which result belongs to which scan."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

import slicer

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.requests import Request
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.result import Result
from HCCAssistLib.scene.boxes import frame_box
from HCCAssistLib.scene.drawing import Drawn, draw, restore
from HCCAssistLib.scene.heatmap import show_layer, show_volumes
from HCCAssistLib.scene.records import everything_drawn, nodes_removed_in_steps, remove_record
from HCCAssistLib.scene.review import CaseReview
from HCCAssistLib.scene.run import Executor, Run
from HCCAssistLib.scene.run_inputs import ChosenInputs, RunInputs, capture
from HCCAssistLib.scene.view_labels import LabelKeeper


@dataclass(slots=True)
class Display:
    """What of the result of the chosen scan is shown."""

    boxes: bool = True
    heat: bool = False
    opacity: float = 0.6


class Session:
    """Runs of a recipe on scans of the scene, and their results by scan. All methods return at once.

    Args:
        recipe: of the results; those of other recipes in the scene are left alone.
        executor: runs predictions.
        scene: the application's where it is None.
    """

    def __init__(self, recipe: Recipe, executor: Executor, *, scene: Any = None) -> None:
        self.recipe = recipe
        self.executor = executor
        self.scene = scene if scene is not None else slicer.mrmlScene
        self._reviews: list[CaseReview] = []
        self._scan: Any = None
        self._run: Run | None = None
        self._late: list[Event] = []
        self._last: Event | None = None  # of a run whose result is shown already
        self._warming = False
        self._display = Display()
        self._labels = LabelKeeper(self.scene)

    @property
    def running(self) -> bool:
        """Whether a run goes on; the drawing of its result is a part of it."""
        return self._run is not None

    @property
    def drawn(self) -> bool:
        """Whether the result of the run that goes on is shown; the next ``poll`` tells its end."""
        return self._last is not None

    @property
    def running_scan(self) -> Any | None:
        """The scan of the run that goes on."""
        return self._run.inputs.chosen.main if self._run is not None else None

    @property
    def busy(self) -> bool:
        """Whether ``poll`` has something to tell soon."""
        return self._warming or self._run is not None or bool(self._late)

    @property
    def reviews(self) -> tuple[CaseReview, ...]:
        """The results that are there, the latest one last."""
        self._drop_deleted()
        return tuple(self._reviews)

    @property
    def current(self) -> CaseReview | None:
        """The result of the chosen scan."""
        return self.review_of(self._scan)

    def review_of(self, scan: Any) -> CaseReview | None:
        """The latest result of a scan; None where it has none, or where its record was deleted."""
        self._drop_deleted()
        found = (review for review in reversed(self._reviews) if scan is not None and review.is_of(scan))
        return next(found, None)

    def warm_up(self) -> None:
        """Start the worker, so that the first run need not wait for it."""
        self._warming = True
        self.executor.warm_up()

    def run(self, chosen: ChosenInputs, request: Request) -> None:
        """Begin a run; the voxels are read while the reader goes on.

        Args:
            chosen: what the reader selected.
            request: model, options and device.

        Raises:
            InputError: a node that cannot be used, or a run that goes on already.
        """
        if self._run is not None:
            raise InputError("a run goes on already", remedy="wait for it, or cancel it")
        self._run = Run(self.executor, capture(chosen, self.recipe, name="scan"), request, self.scene)

    def cancel(self) -> None:
        """Stop the run, or the drawing of its result; an older result of the scan stays."""
        if self._run is not None and self._last is None and (event := self._run.cancel()) is not None:
            self._late.append(event)
            self._run = None

    def poll(self) -> list[Event]:
        """Events since the last call. A result is drawn, some steps each time, before its run is done."""
        events, self._late = self._late, []
        for event in self.executor.poll():
            if event.job == 0:
                self._warming = False
                events.append(event)
            elif self._run is not None and (taken := self._run.take(event)) is not None:
                events.append(taken)
                self._run = None if taken.is_last else self._run
        if self._last is not None:
            events.append(self._last)
            self._run = self._last = None
        elif self._run is not None and (last := self._run.step()) is not None:
            if self._run.drawn is None:
                events.append(last)
                self._run = None
            else:  # told next time: to show a result takes its time
                self._last = last
                self._add(self._run.drawn, self._run.inputs)
        return events

    def adopt(self, result: Result, chosen: ChosenInputs) -> CaseReview:
        """Draw a finished result at once, as if it had been run on what is chosen.

        Raises:
            InputError: it does not belong to the scan, or a node cannot be used.
        """
        inputs = capture(chosen, self.recipe, name="scan")
        return self._add(draw(result, inputs.chosen.volumes, self.scene, alone=True), inputs)

    def _add(self, drawn: Drawn, inputs: RunInputs) -> CaseReview:
        inputs.chosen.keep_in(drawn.record)
        review = self._review(drawn, inputs.chosen, inputs, is_complete=True)
        self._reviews = [one for one in self._reviews if one.scene is not None]
        self._reviews.append(review)
        show_volumes(list(drawn.volumes.values()), self.scene)
        self._show_all()
        return review

    def restore(self) -> tuple[Problem, ...]:
        """Find the results of this recipe in the scene, as after loading it; those that are known stay as they are.

        They are shown or hidden by the next ``choose``: to do both would keep the reader waiting.

        Returns:
            A warning for each record that cannot be shown.
        """
        known = {review.drawn.record.GetID() for review in self.reviews}
        found = restore(self.scene, self.recipe.id, known)
        self._reviews += [self._restored(drawn) for drawn in found.drawings]
        return found.problems

    def _restored(self, drawn: Drawn) -> CaseReview:
        chosen, captured = ChosenInputs.of_record(drawn.record, self.recipe), None
        with suppress(InputError):  # what is wrong with its volume is reported when the result is used
            captured = capture(ChosenInputs(chosen.volumes), self.recipe, name="scan")
        return self._review(drawn, chosen, captured, is_complete=False)

    def _review(
        self, drawn: Drawn, chosen: ChosenInputs, captured: RunInputs | None, *, is_complete: bool
    ) -> CaseReview:
        on_shown, moving = self._on_shown, self.moving
        return CaseReview(drawn, chosen, captured, is_complete=is_complete, on_shown=on_shown, moving=moving)

    def choose(self, scan: Any) -> None:
        """Show the result of a scan, and hide those of the others."""
        self._scan = scan
        self._show_all()

    def remove(self, scan: Any) -> None:
        """Take the results of a scan out of the scene."""
        for review in [one for one in self.reviews if one.scan is scan]:
            remove_record(review.drawn.record)
            self._reviews.remove(review)
        self._show_all()

    def display(self, *, boxes: bool | None = None, heat: bool | None = None, opacity: float | None = None) -> None:
        """Choose what of the result is shown; what is None stays."""
        shown = self._display
        self._display = Display(
            shown.boxes if boxes is None else boxes,
            shown.heat if heat is None else heat,
            shown.opacity if opacity is None else opacity,
        )
        self._show_all()

    def moving(self) -> AbstractContextManager[None]:
        """A context in which views may be moved, however often: the numbers beside the boxes follow at its end."""
        return self._labels.moving()

    def views_changed(self) -> None:
        """There are other slice views than before."""
        self._labels.views_changed()

    def forget(self) -> None:
        """The scene closes: a run is for nobody, and no result is there any more."""
        if self._run is not None:
            self._run.cancel()
        self._run, self._last, self._scan = None, None, None
        self._late.clear()
        self._reviews.clear()
        self._labels.keep(None)

    def close(self) -> None:
        """End the worker, and look at no view any more."""
        self.forget()
        self._labels.close()
        self.executor.close()

    def _drop_deleted(self) -> None:
        """A person deleted a record: what was drawn with it goes too."""
        gone = [review for review in self._reviews if review.scene is None]
        if not gone:
            return
        self._reviews = [review for review in self._reviews if review.scene is not None]
        for review in gone:
            for _ in nodes_removed_in_steps(everything_drawn(review.drawn.record, self.scene), self.scene):
                pass
        self._labels.keep(None)
        frame_box(None, self.scene)

    def _show_all(self) -> None:
        """Show what belongs to the chosen scan, as chosen."""
        current = self.current
        for review in self._reviews:
            if review is not current:
                _set_visible(review, self.scene, visible=False)
                show_layer(review.drawn.volumes, review.drawn.heatmaps, self.scene, opacity=0.0)
        if current is not None:
            self._on_shown(current)
        else:
            self._labels.keep(None)
            frame_box(None, self.scene)

    def _on_shown(self, review: CaseReview) -> None:
        """Bring the views in line with a result that changed."""
        if review.scene is None or review is not self.review_of(self._scan):
            return
        shown = self._display
        self._labels.keep(review.drawn.record, review.labels, review.chosen)
        _set_visible(review, self.scene, visible=shown.boxes)
        opacity = shown.opacity if shown.heat else 0.0
        show_layer(review.drawn.volumes, review.drawn.heatmaps, self.scene, opacity=opacity)
        review.show_frame(visible=shown.boxes)


def _set_visible(review: CaseReview, scene: Any, *, visible: bool) -> None:
    """Show or hide boxes and numbers; which box is at the threshold is up to the box's own visibility."""
    for node in everything_drawn(review.drawn.record, scene):
        if node.IsA("vtkMRMLMarkupsROINode"):
            display = node.GetDisplayNode()
            blocked = display.StartModify()  # views look at a box once then, not twice
            display.SetVisibility2D(visible)
            display.SetVisibility3D(visible)
            display.EndModify(blocked)
        elif node.IsA("vtkMRMLMarkupsNode"):
            node.SetDisplayVisibility(visible)
