"""The nearest confirmed cases of the reader's own cohort beside the chosen finding."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import qt
from slicer.i18n import tr as _

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.evaluation.nearest import AT_RANDOM
from HCCAssistLib.files import stored
from HCCAssistLib.panels.nearest_cohort import NearestCohort
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.tables import fit, prepare
from HCCAssistLib.panels.ui_files import Level, load, tell
from HCCAssistLib.places import data_folder
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.scene.nearest import CANCELLED, Near, NearestFound, NearestSearch, SeenOf
from HCCAssistLib.wording import plural

THUMBNAIL, ROW = 56, 62
"""Pixels of a picture in the table, and of its row."""

ROOM, LARGEST = 340, 260
"""Pixels for the larger pictures side by side, and of one of them at most."""

MOST = 4
"""Larger pictures, as many as are kept of a finding."""


class NearestCasesPart(Part):
    """Up to five confirmed cases in a table with what the network saw of each; a click shows it larger.

    Args:
        shared: of the panel.
    """

    def __init__(self, shared: Shared) -> None:
        self._session, self._package, self._wake = shared.session, shared.package, shared.wake
        self._search = NearestSearch(shutil.which("PythonSlicer") or sys.executable)
        self._forgetting: InThread[str] = InThread()
        self._answers: dict[str, NearestFound] = {}  # by the id of the result's record
        self._shown: tuple[Near, ...] = ()
        self._said: tuple[str, Level] = "", "note"
        self.ui = ui = load("nearest_cases", shared.sections.resultsButton.layout())
        self._cohort = NearestCohort(
            ui,
            recipe=shared.session.recipe,
            settings=shared.settings,
            wake=shared.wake,
            changed=self._changed,
        )
        headings = (_("Seen"), _("Case"), _("Confirmed as"), _("Distance"))
        prepare(ui.nearestTable, headings, stretched=2)
        ui.nearestTable.iconSize = qt.QSize(THUMBNAIL, THUMBNAIL)
        ui.nearestTable.verticalHeader().setDefaultSectionSize(ROW)
        self._larger = [self._label(index) for index in range(2 * MOST)]
        ui.nearestTable.connect("itemSelectionChanged()", self._show_larger)
        ui.nearestSection.connect("contentsCollapsed(bool)", lambda _collapsed: self.refresh())
        ui.nearestFindButton.connect("clicked(bool)", lambda _checked: self._find())
        ui.nearestCancelButton.connect("clicked(bool)", lambda _checked: self._search.cancel())
        ui.nearestForgetButton.connect("clicked(bool)", lambda _checked: self._forget())
        tell(ui.nearestLabel, "")
        self._show(())

    def refresh(self) -> None:
        """Show what is known beside the finding that is chosen now."""
        ui, review = self.ui, self._session.current
        self._answers = {name: one for name, one in self._answers.items() if one.record.GetScene() is not None}
        ui.NearestCases.visible = review is not None
        if review is None or ui.nearestSection.collapsed:
            return
        self._cohort.look(review.drawn.volumes)
        running, changed = self._search.running, review.changed
        ui.nearestFindButton.enabled = not running and self._cohort.folder is not None and not changed
        ui.nearestForgetButton.enabled = not running
        ui.nearestCancelButton.enabled = ui.nearestProgress.visible = running
        found = self._answer(review)
        number = 0 if not review.findings else review.chosen
        near = found.nearest.get(number, ()) if found is not None and number is not None else ()
        self._show(near)
        if running:
            tell(ui.nearestLabel, _("Looking at the confirmed cases ..."))
        elif changed or found is None:
            tell(ui.nearestLabel, changed or self._said[0], "stop" if changed else self._said[1])
        else:
            doubtful = found.problems or _unlike(near)
            tell(ui.nearestLabel, _about(found, number, near), "warn" if doubtful else "note")

    finding_chosen = refresh

    def poll(self) -> bool:
        """Take up what was found; whether more is to come."""
        self._cohort.poll()
        found = self._search.poll()
        if found is not None:
            self._said = "", "note"
            if found.fault:
                self._said = found.fault, "note" if found.fault == CANCELLED else "stop"
            else:
                self._answers[found.record.GetID()] = found
            self.refresh()
        elif self._search.running:
            self.ui.nearestProgress.value = round(100 * self._search.share)
        try:
            forgotten = self._forgetting.take()
        except HCCAssistError as error:
            self._tell(str(error), "stop")
        else:
            if forgotten:
                self._tell(forgotten, "ok")
        return self._search.running or self._cohort.busy or self._forgetting.busy

    def close(self) -> None:
        """End what goes on."""
        self._search.close()
        self._cohort.close()
        self._forgetting.close()

    def _changed(self) -> None:
        self._said = "", "note"
        self.refresh()

    def _tell(self, text: str, level: Level) -> None:
        self._said = text, level
        self.refresh()

    def _answer(self, review: Any) -> NearestFound | None:
        """What was found beside the findings of a result among the cohort and patients that are chosen."""
        found = self._answers.get(review.drawn.record.GetID())
        if found is None or found.record is not review.drawn.record:
            return None
        same = found.cohort == self._cohort.folder and found.patient == self._cohort.patient
        return found if same else None

    def _find(self) -> None:
        review, cohort = self._session.current, self._cohort.folder
        if review is None or cohort is None:
            self.refresh()  # the result went, or the cohort did
            return
        package = self._package(review.result.run)
        if package is None:
            self._tell(_("The model of this result is not installed any more. Install it, or run again."), "stop")
            return
        self._answers.pop(review.drawn.record.GetID(), None)
        self.ui.nearestProgress.value = 0
        try:
            self._search.begin(review, package, cohort, self._cohort.patient)
        except InputError as error:
            self._tell(str(error), "stop")
            return
        self._changed()
        self._wake()

    def _forget(self) -> None:
        if not self._forgetting.busy:
            self._answers.clear()
            self._forgetting.begin(_forgotten)
            self._wake()

    def _show(self, near: tuple[Near, ...]) -> None:
        table = self.ui.nearestTable
        if near == self._shown and table.rowCount == len(near):
            return
        self._shown = near
        table.clearSelection()
        table.setRowCount(len(near))
        for row, one in enumerate(near):
            picture = qt.QTableWidgetItem("")
            if one.pictures:
                picture.setIcon(qt.QIcon(_pixmap(one.pictures[len(one.pictures) // 2], THUMBNAIL)))
            table.setItem(row, 0, picture)
            texts = ("\n".join(filter(None, (one.case_id, one.of))), one.label, f"{one.distance:.2f}")
            for column, text in enumerate(texts, 1):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(text)
                table.setItem(row, column, item)
        table.visible = bool(near)
        fit(table)
        self._show_larger()

    def _show_larger(self) -> None:
        rows = self.ui.nearestTable.selectionModel().selectedRows()
        near = self._shown[rows[0].row()] if rows and rows[0].row() < len(self._shown) else None
        pictures = near.pictures[:MOST] if near is not None else ()
        self.ui.nearestPictures.visible = bool(pictures)
        side = min(LARGEST, ROOM // max(1, len(pictures)))
        for index, (label, text) in enumerate(zip(self._larger[::2], self._larger[1::2], strict=True)):
            label.visible = text.visible = index < len(pictures)
            if index < len(pictures):
                one = pictures[index]
                label.setPixmap(_pixmap(one, side))
                text.text = _("{name}\n{side:.0f} mm wide").format(name=one.name, side=one.side_mm)
                text.setFixedWidth(side)

    def _label(self, index: int) -> Any:
        """A picture, or below it what it shows."""
        label, (column, row) = qt.QLabel(), divmod(index, 2)
        label.objectName = f"nearestPicture{column + 1}" if row == 0 else f"nearestPictureText{column + 1}"
        label.wordWrap = row == 1
        self.ui.nearestPictures.layout().addWidget(label, row, column, qt.Qt.AlignLeft | qt.Qt.AlignTop)
        vars(self.ui)[label.objectName] = label
        return label


def _about(found: NearestFound, number: int | None, near: tuple[Near, ...]) -> str:
    """What the table shows, and what was left out."""
    among = _("Among {findings} of {patients}; two drawn at random lie about {apart} apart.")
    findings = f"{found.confirmed} confirmed {plural('finding', found.confirmed)}"
    patients = f"{found.patients} {plural('patient', found.patients)}"
    lines = [among.format(findings=findings, patients=patients, apart=AT_RANDOM)]
    if found.own:
        lines.append(_("Left out as of this very patient: {cases}.").format(cases=", ".join(found.own)))
    if number is None:
        lines.insert(0, _("Choose a finding in the table above."))
    elif not near:
        lines.insert(0, _("No confirmed finding can be compared with {number}.").format(number=number))
    elif _unlike(near):
        lines.insert(0, _("None of these looks alike: each lies farther away than two drawn at random."))
    return "\n".join([*lines, *found.problems])


def _unlike(near: tuple[Near, ...]) -> bool:
    """Whether even the nearest lies farther away than any other would."""
    return bool(near) and min(one.distance for one in near) > AT_RANDOM


def _pixmap(picture: SeenOf, side: int) -> Any:
    pixmap = qt.QPixmap()
    pixmap.loadFromData(qt.QByteArray(picture.png), "PNG")
    return pixmap.scaled(side, side, qt.Qt.KeepAspectRatio, qt.Qt.SmoothTransformation)


def _forgotten() -> str:
    """Remove what is kept, in any thread; what is said of it."""
    folder = data_folder("scored")
    with stored(_("What is kept of cohorts")):
        if folder.is_dir():
            shutil.rmtree(folder)
    return str(_("Nothing is kept of any cohort on this computer any more."))
