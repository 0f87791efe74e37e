"""The panel of a method: from the inputs to the case in a cohort, over the parts that all methods share."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.jobs.requests import Request
from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.panels.export_box import ExportBox
from HCCAssistLib.panels.header import Header
from HCCAssistLib.panels.inputs import Inputs
from HCCAssistLib.panels.method import Method
from HCCAssistLib.panels.missed import Missed
from HCCAssistLib.panels.model_chooser import ModelChooser
from HCCAssistLib.panels.part import Shared
from HCCAssistLib.panels.readiness import Light, Readiness, absence_lights, input_lights, model_lights
from HCCAssistLib.panels.result_words import counts_text
from HCCAssistLib.panels.review_panel import ReviewPanel
from HCCAssistLib.panels.run_bar import AUTO, RunBar
from HCCAssistLib.panels.run_model import RunModels
from HCCAssistLib.panels.run_options import RunOptions
from HCCAssistLib.panels.ui_files import merged
from HCCAssistLib.scene.heatmap import composites
from HCCAssistLib.scene.run_inputs import ChosenInputs

POLL_MS = 20

SECTIONS = ("inputsButton", "detectionButton", "resultsButton", "exportsButton")


class InferencePanel:
    """The parts of a method's panel and what goes on between them.

    Args:
        sections: holds the module's own widgets ``inputsButton``, ``detectionButton``, ``resultsButton`` and
            ``exportsButton``, each with an empty layout.
        method: which method it is for.
        session: the scene's session of the method.
        store: of installed models.
        window: the main window, in which key chords work.
        settings: keeps what the reader wants again next time.
    """

    def __init__(
        self,
        sections: Any,
        *,
        method: Method,
        session: Any,
        store: ModelStore,
        window: Any,
        settings: Any,
    ) -> None:
        self._sections, self._method, self._session, self._store = sections, method, session, store
        self._scan: Any = None
        self._others: list[Any] = []
        self._node: Any = None
        self._begun = False  # the findings of a run are shown, its end is not told yet
        models = RunModels(store)
        recipe, inputs = method.recipe, sections.inputsButton.layout()
        search, results = sections.detectionButton.layout(), sections.resultsButton.layout()
        exports = sections.exportsButton.layout()
        self._header = Header(inputs, recipe=recipe)
        self._inputs = Inputs(inputs, specs=method.inputs, on_changed=self._inputs_changed)
        self._models = ModelChooser(search, recipe=recipe, store=store, on_changed=self._model_changed)
        self._options = RunOptions(
            search,
            options=[option for option in recipe.run_options if option.name in method.options],
            words=method.options,
            choices=method.choices,
            needs=method.needs,
            on_changed=self.refresh,
        )
        self._readiness = Readiness(search)
        self._run_bar = RunBar(search, verb=method.verb, on_run=self.run, on_cancel=session.cancel)
        self._review = ReviewPanel(
            results,
            session=session,
            columns=method.columns,
            window=window,
            settings=settings,
            cutoff=models.cutoff,
            on_changed=self._reviewed,
            on_chosen=self._finding_chosen,
        )
        self._missed = Missed(exports)
        self._missed.ui.Missed.visible = recipe.task == "detection"  # elsewhere the reader marks all there is
        self._exports = ExportBox(
            exports, recipe=recipe, session=session, missed=lambda: self._missed.node, settings=settings
        )
        shared = Shared(
            sections,
            session,
            window,
            wake=lambda: self._timer.start(),
            reader=lambda: self._review.reader,
            chosen=lambda: self._inputs.chosen(),
            cohort=lambda: self._exports.folder,
            changed=self.refresh,
            settings=settings,
            package=models.package,
        )
        self._added = [make(shared) for make in method.added]
        parts = (self._header, self._inputs, self._models, self._options, self._readiness, self._run_bar)
        own = SimpleNamespace(**{name: getattr(sections, name) for name in SECTIONS})
        shown: tuple[Any, ...] = (*parts, self._review, self._missed, self._exports, *self._added)
        self.ui = merged(own, *(part.ui for part in shown))
        self._timer = qt.QTimer(sections.inputsButton)
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.poll)
        self._later = qt.QTimer(sections.inputsButton)
        self._later.setSingleShot(True)
        self._later.connect("timeout()", self._look_again)
        self.ui.exportButton.connect("clicked(bool)", lambda _checked: self._timer.start())
        self.ui.addButton.connect("clicked(bool)", lambda _checked: self._timer.start())

    def enter(self) -> None:
        """The module is opened: keys and clicks are its own, and the worker starts."""
        self._models.refresh()
        self._review.listen(True)
        for part in self._added:
            part.listen(True)
        slicer.app.layoutManager().connect("layoutChanged(int)", self._session.views_changed)
        if self._models.card is not None:
            self._session.warm_up()
        self._timer.start()

    def leave(self) -> None:
        """Another module is opened; a run goes on."""
        slicer.app.layoutManager().disconnect("layoutChanged(int)", self._session.views_changed)
        self._header.hide_patient()
        self._review.listen(False)
        for part in self._added:
            part.listen(False)
        self.bind(None)

    def close(self) -> None:
        """The panel goes: nothing is watched and nothing is computed any more."""
        self._timer.stop()
        self.bind(None)
        self._review.close()
        for part in self._added:
            part.close()
        self._exports.close()
        self._session.close()

    def forget(self) -> None:
        """The scene closes: nothing of it is used any more."""
        self.bind(None)
        self._session.forget()
        self._begun = False
        self._run_bar.show_end("")

    def bind(self, node: Any | None) -> None:
        """Take up what a node of the scene keeps, and the results that the scene holds; None lets go of both."""
        self._node, self._scan = node, None
        self._inputs.bind(None)
        self._options.bind(None)
        for part in self._added:
            part.bind(node)
        if node is None:
            return
        for problem in self._session.restore():
            logging.warning("%s", problem)
            self._run_bar.show_end(str(problem))
        self._options.bind(node)
        kept = node.GetParameter("model")
        if kept:
            self._models.restore(kept)
        self._inputs.bind(node)
        if self._scan is None:  # else the results found are shown already
            self._session.choose(None)

    def scene_changed(self) -> None:
        """Nodes came or went; looked at once for many of them, when they have what they hold."""
        self._later.start(0)

    def _look_again(self) -> None:
        """What nobody chose yet is chosen where a name tells it, and the rest is shown anew."""
        if self._node is not None:
            self._inputs.prechoose()

    def display(self, *, boxes: bool, heat: bool, opacity: float) -> None:
        """Show or hide boxes and heat map; nothing is computed."""
        self._session.display(boxes=boxes, heat=heat, opacity=opacity)
        for part in self._added:
            part.display(heat=heat, opacity=opacity)
        self._review.refresh()

    def refresh(self) -> None:
        """Show the present state of everything."""
        if self._node is None:
            return
        self._node.SetParameter("model", self._models.name)
        missing = self._readiness.show(self._lights())
        self._run_bar.refresh(running=self._session.running, missing=missing)
        self._review.refresh()
        for part in self._added:
            part.refresh()
        self._exports.refresh()

    def run(self) -> None:
        """Start a run on what is chosen; a review that it would replace is asked for first."""
        chosen = self._chosen()
        before = self._session.review_of(chosen.main)
        lost = counts_text(before.result.kind, before.counts) if before is not None and before.is_reviewed else ""
        question = _("The review of this scan ({review}) will be replaced. Export it first to keep it.")
        if lost and not slicer.util.confirmOkCancelDisplay(question.format(review=lost)):
            return
        device = self._run_bar.device
        request = Request(
            self._store.find(self._models.name),
            self._options.values(),
            device if device in self._devices() else AUTO,
        )
        try:
            self._session.run(chosen, request)
        except ValueError as error:  # what the library says of an input that cannot be used
            self._run_bar.show_end(str(error))
            return
        self.refresh()
        self._timer.start()

    def poll(self) -> None:
        """Show what happened since the last time."""
        if self._session.drawn and not self._begun:
            self._begun = True
            self._show_findings()
        else:  # a run ends in an event of its own: to show its findings took its time
            for event in self._session.poll():
                if event.kind == "ready":
                    self._run_bar.offer(self._devices())
                elif event.kind == "progress":
                    self._run_bar.show_progress(event.share, event.remaining_s)
                elif event.kind in ("done", "cancelled", "failed"):
                    self._ended(event)
        more = [part.poll() for part in self._added]
        if self._exports.poll() or self._session.busy or any(more):
            self._timer.start()  # a question that was answered in the meantime may have stopped it
        else:
            self._timer.stop()

    def _show_findings(self) -> None:
        if self._session.current is not None and self._node is not None:
            self._sections.inputsButton.collapsed = self._sections.detectionButton.collapsed = True
            self._sections.resultsButton.collapsed = False
            self._review.begin()

    def _ended(self, event: Any) -> None:
        self._begun = False
        if event.details:
            logging.error("%s", event.details)
        ended = {"done": _("Done."), "cancelled": _("Cancelled.")}
        self._run_bar.show_end(ended.get(event.kind, event.message))
        self.refresh()

    def _chosen(self) -> ChosenInputs:
        """What the chosen model asks for, of what the reader chose."""
        chosen = self._inputs.chosen().needed(self._models.inputs)
        values = {column: text for part in self._added for column, text in part.values().items()}
        transforms = {place: node for part in self._added for place, node in part.transforms().items()}
        return replace(chosen, values=values, transforms={p: n for p, n in transforms.items() if p in chosen.volumes})

    def _model_changed(self) -> None:
        if self._node is not None:
            self._inputs_changed()

    def _finding_chosen(self) -> None:
        for part in self._added:
            part.finding_chosen()

    def _inputs_changed(self) -> None:
        self._models.fit(self._inputs.chosen().volumes)
        scan, *others = self._chosen().volumes.values() or (None,)
        if scan is not self._scan:
            self._scan, self._others = scan, others
            self._inputs.scan_changed()
            if scan is not None:
                self._show(scan)
            self._session.choose(scan)
            self._header.show(scan, others)
        elif others != self._others:
            self._others = others
            self._header.show(scan, others)
        self.refresh()

    def _show(self, scan: Any) -> None:
        """Put a scan into the views, unless it is there."""
        if not any(view.GetBackgroundVolumeID() == scan.GetID() for view in composites(slicer.mrmlScene)):
            slicer.util.setSliceViewerLayers(background=scan, fit=True)

    def _lights(self) -> Iterable[Light]:
        chosen, needed = self._chosen(), set(self._models.inputs)
        yield from input_lights(self._method.inputs, needed, chosen)
        if self._models.card is None:
            yield Light("stop", self.ui.modelSummary.text or _("Choose a model."))
        yield from model_lights(self._models.card)
        places = chosen.places
        yield from absence_lights(self._method.absent, places)
        yield from self._method.lights(places, self._options.values())
        for part in self._added:
            yield from part.lights()

    def _devices(self) -> tuple[str, ...]:
        return (AUTO, *(self._session.executor.devices or ("cpu",)))

    def _reviewed(self) -> None:
        self._exports.refresh()
