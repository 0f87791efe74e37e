"""The response to treatment as a reader measures it, by mRECIST: apart from any prediction, and into a cohort."""

from __future__ import annotations

from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.response.cohort_readings import AlreadyThere
from HCCAssistLib.response.diameter import Diameter
from HCCAssistLib.response.mrecist import CATEGORIES, MOST_TARGETS
from HCCAssistLib.response.reading import Reading
from HCCAssistLib.scene.diameters import draw_diameter, segment_diameter
from HCCAssistLib.scene.follow_up import POST, PRE, FollowUp, written
from HCCAssistLib.scene.in_thread import InThread

SHOWN_MM = "{:.1f}"


class FollowUpPart(Part):
    """Target lesions before the treatment and at the follow-up, the response that follows, and where it goes.

    The module's .ui file has a section ``followUpButton`` for it.

    Args:
        shared: of the panel.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._node: Any = None
        self._filling = False
        self._watched: list[tuple[Any, int]] = []
        self._work: InThread[Diameter | str] = InThread()
        self._drawn_for: tuple[int, str] = 0, PRE
        self._said: tuple[str, str] = "", "note"
        place = shared.sections.followUpButton.layout()
        self.ui = ui = load("follow_up", place)
        ui.followUpButton = shared.sections.followUpButton
        self._slots = [(n, when) for n in range(MOST_TARGETS) for when in (PRE, POST)]
        for n, when in self._slots:
            words = _("before") if when == PRE else _("follow-up")
            ui.measureBox.addItem(_("target {number} {when}").format(number=n + 1, when=words))
            line, button, edit = self._line(n, when), self._of(f"{when}Place", n), self._of(f"{when}Edit", n)
            for widget in (line, button):
                widget.setMRMLScene(slicer.mrmlScene)
            line.connect("currentNodeChanged(vtkMRMLNode*)", button.setCurrentNode)
            line.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._changed())
            edit.connect("textEdited(QString)", lambda _text: self._changed())
        for n in range(MOST_TARGETS):
            self._of("targetEdit", n).connect("textEdited(QString)", lambda _text: self._changed())
            self._of("goneCheck", n).connect("toggled(bool)", lambda _on: self._changed())
        ui.measureSegment.setMRMLScene(slicer.mrmlScene)
        ui.measureSegment.connect("currentSegmentChanged(QString)", lambda _name: self.refresh())
        ui.newLesionCheck.connect("toggled(bool)", lambda _on: self._changed())
        ui.daysBox.connect("valueChanged(int)", lambda _days: self._changed())
        ui.readingCaseEdit.connect("textChanged(QString)", lambda _text: self.refresh())
        ui.measureButton.connect("clicked(bool)", lambda _checked: self._measure())
        ui.readingButton.connect("clicked(bool)", lambda _checked: self._write(replace=False))

    def bind(self, node: Any | None) -> None:
        """Show what a node keeps."""
        self._node = None
        self._watch([])
        if node is None:
            return
        kept = FollowUp.of(node)
        self._filling = True
        for n, lesion in enumerate(kept.lesions):
            self._of("targetEdit", n).text = lesion.name
            self._of("goneCheck", n).checked = lesion.gone
            for when in (PRE, POST):
                self._line(n, when).setCurrentNode(lesion.lines[when])
                edit = self._of(f"{when}Edit", n)
                edit.readOnly, edit.text = False, lesion.typed.get(when, "")
        self.ui.newLesionCheck.checked, self.ui.daysBox.value = kept.new_lesion, kept.days
        self._filling = False
        self._node = node
        self.refresh()

    def refresh(self) -> None:
        """Show lengths and response as the lines are now, and what can be done."""
        if self._node is None:
            return
        ui, now = self.ui, self._now()
        lines = [line for lesion in now.lesions for line in lesion.lines.values() if line is not None]
        self._watch(lines)
        for n, when in self._slots:
            self._show_length(n, when, now)
        try:
            reading = now.reading(self._shared.reader())
        except InputError as error:
            tell(ui.measuredLabel, str(error), "warn")
            reading = None
        else:
            tell(ui.measuredLabel, _told(reading), "warn" if reading is not None and reading.warnings else "note")
        busy = self._work.busy
        ui.measureButton.enabled = bool(ui.measureSegment.currentSegmentID()) and not busy
        ui.readingButton.enabled = reading is not None and not busy
        text, level = self._said
        tell(ui.readingLabel, text, level)  # type: ignore[arg-type]

    def poll(self) -> bool:
        """Take up what was measured or written."""
        try:
            done = self._work.take()
        except AlreadyThere as error:
            self._ask(error)
        except HCCAssistError as error:
            self._said = str(error), "stop"
        else:
            if done is None:
                return self._work.busy
            self._take(done)
        self.refresh()
        return self._work.busy

    def close(self) -> None:
        """Begin nothing more."""
        self._work.close()

    def _take(self, done: Diameter | str) -> None:
        if isinstance(done, str):
            self._said = done, "ok"
            return
        n, when = self._drawn_for
        if self._node is not None and self._node.GetScene() is not None:
            words = _("before") if when == PRE else _("follow-up")
            name = f"{self._of('targetEdit', n).text or n + 1} {words}"
            node = draw_diameter(done, slicer.mrmlScene, name)
            self._line(n, when).setCurrentNode(node)
        self._said = "", "note"

    def _ask(self, error: AlreadyThere) -> None:
        question = str(error).rpartition(". ")[0]
        if slicer.util.confirmOkCancelDisplay(_("{what}. Replace it?").format(what=question)):
            self._write(replace=True)
        else:
            self._said = _("Nothing was written."), "note"

    def _measure(self) -> None:
        selector = self.ui.measureSegment
        self._drawn_for = self._slots[max(self.ui.measureBox.currentIndex, 0)]

        def begin() -> None:
            self._work.begin(segment_diameter(selector.currentNode(), selector.currentSegmentID()))

        self._begin(begin, _("Measuring ..."))

    def _write(self, *, replace: bool) -> None:
        cohort, case_id = self._shared.cohort(), self.ui.readingCaseEdit.text.strip()
        reader = self._shared.reader()

        def begin() -> None:
            if not reader:
                raise InputError("a reading goes with its reader", remedy="write your initials under the results, once")
            if cohort is None:
                raise InputError("no cohort is chosen", remedy="choose its folder under Export")
            if not case_id:
                raise InputError("no case is named", remedy="write the pseudonym of a case of the cohort")
            reading = self._now().reading(reader)
            if reading is not None:
                self._work.begin(partial(written, cohort, case_id, reading, replace=replace))

        self._begin(begin, _("Writing ..."))

    def _begin(self, work: Any, text: str) -> None:
        self._said = text, "note"
        try:
            work()
        except InputError as error:
            self._said = str(error), "stop"
        self.refresh()
        self._shared.wake()

    def _changed(self) -> None:
        if self._filling or self._node is None:
            return
        self._now().keep_in(self._node)
        self._said = "", "note"
        self.refresh()

    def _now(self) -> FollowUp:
        """What the widgets say."""
        found = FollowUp(new_lesion=bool(self.ui.newLesionCheck.checked), days=int(self.ui.daysBox.value))
        for n, lesion in enumerate(found.lesions):
            lesion.name = str(self._of("targetEdit", n).text).strip() or lesion.name
            lesion.gone = bool(self._of("goneCheck", n).checked)
            for when in (PRE, POST):
                lesion.lines[when] = self._line(n, when).currentNode()
                lesion.typed[when] = "" if lesion.lines[when] is not None else str(self._of(f"{when}Edit", n).text)
        return found

    def _show_length(self, n: int, when: str, now: FollowUp) -> None:
        """The length of a line stands where one could be typed otherwise."""
        lesion, edit = now.lesions[n], self._of(f"{when}Edit", n)
        gone = when == POST and lesion.gone
        edit.enabled = not gone
        for widget in (self._line(n, when), self._of(f"{when}Place", n)):
            widget.enabled = not gone
        if lesion.lines[when] is None:
            if edit.readOnly:  # a line was taken away: its length is no number that a reader typed
                edit.text = ""
            edit.readOnly = False
            return
        edit.readOnly = True
        try:
            diameter = lesion.diameter(when)
        except InputError:  # both ends are to be clicked still
            diameter = None
        edit.text = SHOWN_MM.format(diameter.mm) if diameter is not None and not gone else ""

    def _watch(self, lines: list[Any]) -> None:
        """Be told when these lines are moved, and no others."""
        if [line for line, _tag in self._watched] == lines:
            return
        for line, tag in self._watched:
            line.RemoveObserver(tag)
        moved = slicer.vtkMRMLMarkupsNode.PointModifiedEvent
        self._watched = [(line, line.AddObserver(moved, lambda *_: self.refresh())) for line in lines]

    def _line(self, n: int, when: str) -> Any:
        return self._of(f"{when}Line", n)

    def _of(self, name: str, n: int) -> Any:
        return getattr(self.ui, f"{name}{n + 1}")


def _told(reading: Reading | None) -> str:
    """A reading in words; what is doubtful below."""
    if reading is None:
        return ""
    found = reading.response
    text = _(
        "Measured: {category} ({name}), {objective}. Sum of diameters {pre:.1f} mm before, {post:.1f} mm at the "
        "follow-up: {change:+.1f} %."
    ).format(
        category=found.category,
        name=_(CATEGORIES[found.category]),
        objective=_("an objective response") if found.is_objective else _("no objective response"),
        pre=found.sum_pre,
        post=found.sum_post,
        change=found.percent_change,
    )
    return "\n".join([text, *(f"\N{BULLET} {warning}" for warning in reading.warnings)])
