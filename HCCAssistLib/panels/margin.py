"""The margin of an ablation as a part of a panel: registered and measured in a thread, drawn on the tumour, saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.evaluation.optional import check_reports
from HCCAssistLib.margin.words import HEADINGS, fit_in_words, registered, rows
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.tables import fill, fit, prepare
from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.scene.margin import OUTLINE, DrawnMargin, drawn_in_steps, restored_margins
from HCCAssistLib.scene.margin_page import PageWork
from HCCAssistLib.scene.margin_registration import RegistrationWork, add_transform
from HCCAssistLib.scene.margin_work import LIVER, TUMOUR, ZONE, ChosenMargin, MarginWork
from HCCAssistLib.scene.navigation import jump_to
from HCCAssistLib.scene.records import drawn_node
from HCCAssistLib.scene.side_by_side import FIRST_GROUP
from HCCAssistLib.wording import rounded

PAGE = "margin.html"
"""What a page is called unless a person says otherwise."""

Done = TypeVar("Done")


class MarginPart(Part):
    """Tumour, zone, liver and registration, the figures with their intervals, and the coloured model.

    The module's .ui file has a section ``marginButton`` for it, which may be hidden for methods that do without.

    Args:
        shared: of the panel.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._node: Any = None
        self._filling = False
        self._work, self._registering, self._saving = MarginWork(), RegistrationWork(), PageWork()
        self._drawn: DrawnMargin | None = None
        self._steps: Iterator[DrawnMargin] | None = None
        self._told: tuple[str, str] = "", "note"
        self._measured: ChosenMargin | None = None
        self.ui = ui = load("margin", shared.sections.marginButton.layout())
        ui.marginButton = shared.sections.marginButton
        ui.marginButton.visible = True
        prepare(ui.marginTable, tuple(_(heading) for heading in HEADINGS), stretched=0)
        self._segments = {TUMOUR: ui.marginTumour, ZONE: ui.marginZone, LIVER: ui.marginLiver}
        for selector in self._segments.values():
            selector.setMRMLScene(slicer.mrmlScene)
            selector.connect("currentSegmentChanged(QString)", lambda _name: self._changed())
        ui.marginTransform.setMRMLScene(slicer.mrmlScene)
        ui.marginTransform.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._changed())
        ui.marginErrorEdit.connect("textEdited(QString)", lambda _text: self._changed())
        ui.registerMarginButton.connect("clicked(bool)", lambda _checked: self._register())
        ui.measureMarginButton.connect("clicked(bool)", lambda _checked: self._measure())
        ui.saveMarginButton.connect("clicked(bool)", lambda _checked: self._save())

    def bind(self, node: Any | None) -> None:
        """Show what a node keeps, and the margin that the scene holds."""
        self._node, self._drawn, self._steps = None, None, None
        if node is None:
            return
        kept = ChosenMargin.of(node)
        self._filling = True
        for name, selector in self._segments.items():
            segmentation, segment = kept.segments[name]
            selector.setCurrentNode(segmentation)
            if segment:
                selector.setCurrentSegmentID(segment)
        self.ui.marginTransform.setCurrentNode(kept.transform)
        self.ui.marginErrorEdit.text = kept.error
        self._filling = False
        found, problems = restored_margins(slicer.mrmlScene)
        self._drawn = found[-1] if found else None
        self._told = ("\n".join(map(str, problems)), "warn") if problems else ("", "note")
        self._node = node
        self.refresh()

    def refresh(self) -> None:
        """Show the margin as it was measured, and whether it can be measured now."""
        if self._node is None:
            return
        ui, drawn = self.ui, self._drawn
        if drawn is not None and drawn.node.GetScene() is None:  # a person deleted it
            self._drawn = drawn = None
        ready = self._now().is_complete and not self._busy
        ui.measureMarginButton.enabled = ui.registerMarginButton.enabled = ready
        ui.saveMarginButton.visible, ui.saveMarginButton.enabled = drawn is not None, ready
        found = rows(drawn.record.margin) if drawn is not None else []
        ui.marginTable.visible = bool(found)
        ui.marginTable.setRowCount(len(found))
        for row, texts in enumerate(found):
            fill(ui.marginTable, row, texts, bold=row == 0)
        fit(ui.marginTable)
        text, level = self._told
        if not text and drawn is not None:
            text, level = _in_words(drawn), "warn" if drawn.record.margin.warnings else "ok"
            if self._zone_is_hidden():
                text += "\n" + _("The zone is outlined where the registration lays it; the segment itself is hidden.")
        tell(ui.marginFoundLabel, text, level)  # type: ignore[arg-type]

    def poll(self) -> bool:
        """Take up what was registered, measured or saved."""
        was_busy = self._busy
        done = self._taken(self._work)
        if done is not None and self._node is not None and self._node.GetScene() is not None:
            self._steps = drawn_in_steps(done, slicer.mrmlScene)
        if (registration := self._taken(self._registering)) is not None and self._node is not None:
            self._lay(registration)
        if (page := self._taken(self._saving)) is not None:
            self._told = _("Saved as {name}.").format(name=page.name), "ok"
        is_new = self._draw_step()
        if is_new or was_busy != self._busy:
            self.refresh()
        return self._busy or self._steps is not None

    @property
    def _busy(self) -> bool:
        return any(one.busy for one in (self._work, self._registering, self._saving))

    def _taken(self, work: InThread[Done]) -> Done | None:
        """What is done by now; of what failed, the reason is told."""
        try:
            return work.take()
        except HCCAssistError as error:
            self._told = str(error), "stop"
            return None

    def _lay(self, registration: Registration) -> None:
        """Choose the transform of a registration, and tell how well it fits."""
        try:
            node = add_transform(registration, slicer.mrmlScene)
        except InputError as error:
            self._told = str(error), "stop"
            return
        self.ui.marginTransform.setCurrentNode(node)
        text = _("Registered. See whether the zone lies right on the scan before, then measure.")
        doubts = [f"\N{BULLET} {note}" for note in registration.notes]
        self._told = "\n".join([text, *fit_in_words(registration), *doubts]), "warn" if doubts else "ok"

    def _draw_step(self) -> bool:
        """Go on drawing; whether a margin stands there that did not before."""
        if self._steps is None:
            return False
        try:
            drawn = next(self._steps, None)
        except InputError as error:
            drawn, self._told = None, (str(error), "stop")
        if drawn is None:
            self._steps = None
        if drawn is None or drawn is self._drawn:
            return False
        self._drawn, self._told = drawn, ("", "note")
        margin = drawn.record.margin
        radius = float(np.linalg.norm(margin.points - margin.smallest_at, axis=1).max())
        for group in (0, FIRST_GROUP):  # Slicer's own views, and those of the time point before
            jump_to(margin.smallest_at, slicer.mrmlScene, group=group, radius=radius)
        self._hide_zone()
        self._shared.changed()
        return True

    def _hide_zone(self) -> None:
        """Where a transform lays the zone elsewhere, its own outline must not stand over the scan before."""
        if self._measured is None or self._measured.transform is None:
            return  # it stands where it was measured
        segmentation, segment = self._measured.segments[ZONE]
        display = segmentation.GetDisplayNode() if segmentation.GetScene() is not None else None
        if display is not None and not display.GetNumberOfViewNodeIDs():  # else in views of the scan after alone
            display.SetSegmentVisibility(segment, False)

    def _zone_is_hidden(self) -> bool:
        """Whether the zone that is chosen shows as the outline of the margin alone, in a loaded scene too."""
        segmentation, segment = self._now().segments[ZONE]
        display = segmentation.GetDisplayNode() if segmentation is not None and segment else None
        outlined = self._drawn is not None and drawn_node(self._drawn.node, OUTLINE) is not None
        return outlined and display is not None and not display.GetSegmentVisibility(segment)

    def close(self) -> None:
        """Begin nothing more."""
        for work in (self._work, self._registering, self._saving):
            work.close()

    def _register(self) -> None:
        chosen = self._now()
        liver = chosen.segments[LIVER]
        scans = chosen.scan(TUMOUR), chosen.scan(ZONE)
        self._begin(_("Registering ..."), lambda: self._registering.register(*scans, liver if liver[1] else None))

    def _measure(self) -> None:
        chosen = self._now()

        def measure() -> None:
            self._work.measure(chosen)
            self._measured = chosen

        self._begin(_("Measuring ..."), measure)

    def _save(self) -> None:
        drawn, chosen = self._drawn, self._now()
        try:
            check_reports()
        except HCCAssistError as error:
            self._told = str(error), "stop"
            self.refresh()
            return
        path = qt.QFileDialog.getSaveFileName(self.ui.Margin, _("Report page of the margin"), PAGE, _("Pages (*.html)"))
        if path and drawn is not None:
            named = Path(path) if Path(path).suffix else Path(path).with_suffix(".html")
            self._begin(_("Writing the page ..."), lambda: self._saving.write(drawn, chosen, named))

    def _begin(self, what: str, work: Callable[[], None]) -> None:
        """Begin work in a thread, and tell what goes on, or why nothing does."""
        self._told = what, "note"
        try:
            work()
        except InputError as error:
            self._told = str(error), "stop"
        self.refresh()
        self._shared.wake()

    def _changed(self) -> None:
        if self._filling or self._node is None:
            return
        self._now().keep_in(self._node)
        self._told = "", "note"
        self.refresh()

    def _now(self) -> ChosenMargin:
        """What the widgets say."""
        segments = {name: (one.currentNode(), str(one.currentSegmentID())) for name, one in self._segments.items()}
        return ChosenMargin(segments, self.ui.marginTransform.currentNode(), str(self.ui.marginErrorEdit.text).strip())


def _in_words(drawn: DrawnMargin) -> str:
    """How it was registered, candidates beside it, and what is doubtful."""
    lines = list(registered(drawn.record))
    lines += [
        _("Candidate {number}: {mm} mm from the narrowest place; the margin nearest to it is {margin} mm.").format(
            number=one.number, mm=rounded(one.narrowest_mm, 0), margin=rounded(one.margin_mm, 1)
        )
        for one in drawn.near
    ]
    return "\n".join([*lines, *(f"\N{BULLET} {warning}" for warning in drawn.record.margin.warnings)])
