"""What the scene shows is added to a cohort: which scans, which marks, what is true of the patient, and who it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.cohort.additions import check_pseudonym, next_case_id
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.known_patients import KnownPatients, PatientGuess
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.panels.capture_page import CapturePage
from HCCAssistLib.panels.cohort_choice import CohortChoice
from HCCAssistLib.panels.readiness import Light, Readiness
from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.panels.verdict_bar import READER
from HCCAssistLib.places import data_folder
from HCCAssistLib.scene.capture import CaseCapture, Kind, Order, reviewed_result
from HCCAssistLib.scene.open_case import case_of, opened_nodes, own
from HCCAssistLib.scene.patients import patient_names, patient_number
from HCCAssistLib.scene.records import records, volumes_of

_KINDS: tuple[tuple[Kind, str], ...] = (
    ("new", "a new case"),
    ("revision", "a new version of a case"),
    ("reading", "another reader's marks in a case"),
)
_NEW = "new"


class Capture:
    """Adds the scene's patient to the chosen cohort.

    Args:
        place: layout to be added to.
        choice: method and cohort.
        settings: keep the reader's name.
        wake: called where something begins, so that ``poll`` is asked from then on.
        on_added: the cohort was written.
    """

    def __init__(
        self, place: Any, *, choice: CohortChoice, settings: Any, wake: Callable[[], None], on_added: Callable[[], None]
    ) -> None:
        self._choice, self._settings, self._wake, self._on_added = choice, settings, wake, on_added
        self._patients = KnownPatients(data_folder("patients"))
        self._capture = CaseCapture(self._patients)
        self._pages: dict[str, CapturePage] = {}
        self._node: Any = None
        self._again: Callable[[frozenset[str]], None] = lambda _confirmed: None
        self._confirmed: frozenset[str] = frozenset()
        self._filled: tuple[Any, ...] = ()
        self._opened = ""  # the case that the chosen scan is of
        self._busy = False
        self.ui: SimpleNamespace = load("capture", place)
        ui = self.ui
        ui.capturePages.setLayout(qt.QVBoxLayout())
        ui.capturePages.layout().setContentsMargins(0, 0, 0, 0)
        ui.captureReadiness.setLayout(qt.QVBoxLayout())
        ui.captureReadiness.layout().setContentsMargins(0, 0, 0, 0)
        self._readiness = Readiness(ui.captureReadiness.layout())
        for _kind, words in _KINDS:
            ui.captureKindBox.addItem(_(words))
        ui.captureReaderEdit.text = settings.value(READER, "") or ""
        ui.captureKindBox.connect("currentIndexChanged(int)", lambda _index: self.refresh())
        ui.oldCaseBox.connect("currentIndexChanged(int)", lambda _index: self.refresh())
        ui.patientOfCaseBox.connect("currentIndexChanged(int)", lambda _index: self.refresh())
        ui.newCaseEdit.connect("textChanged(QString)", lambda _text: self.refresh())
        ui.captureReaderEdit.connect("textChanged(QString)", self._reader_typed)
        ui.verdictsCheck.connect("toggled(bool)", lambda _checked: self.refresh())
        ui.addCaseButton.connect("clicked(bool)", lambda _checked: self._add())
        tell(ui.captureLabel, "")

    @property
    def page(self) -> CapturePage:
        """Of the chosen method; made when it is chosen for the first time."""
        recipe = self._choice.recipe
        if recipe.id not in self._pages:
            self._busy = True
            self._pages[recipe.id] = CapturePage(self.ui.capturePages.layout(), recipe, self.refresh)
            self._busy = False
        return self._pages[recipe.id]

    def bind(self, node: Any | None) -> None:
        """Keep what is chosen and typed in a node of the scene; None keeps it nowhere."""
        self._busy = True
        for page in self._pages.values():
            page.bind(None)
        self._node = node
        if node is not None:
            self.page.bind(node)
        self._busy = False
        self.refresh()

    def show_case(self, case: Case, *, marked: bool) -> None:
        """Choose what was opened of a case: to make a new version of it, or for another reader to mark it.

        Args:
            case: of the chosen cohort.
            marked: whether its marks were opened, too.
        """
        folder = self._choice.folder
        if folder is None or self._node is None:
            return
        self._busy = True
        self.page.inputs.choose(opened_nodes(slicer.mrmlScene, case.case_id, folder))
        self._filled, self._opened = (), ""
        self._busy = False
        self.refresh()
        self.page.show(case.values if marked else {})
        self.ui.captureKindBox.setCurrentIndex(1 if marked else 2)

    def refresh(self) -> None:
        """Show what goes into the case, whose it is, and what is missing."""
        if self._busy or self._node is None:
            return
        self._busy = True
        try:
            self._turn()
            self._fill()
            self.page.refresh()
            self._show()
        finally:
            self._busy = False

    def poll(self) -> bool:
        """Take what became of the writing; whether it goes on."""
        outcome = self._capture.outcome()
        if outcome is None:
            return self._capture.writing
        if outcome.kind == "question":
            if slicer.util.confirmOkCancelDisplay(outcome.text, _("HCCAssist - Add to the cohort")):
                self._begin(self._again, self._confirmed | {outcome.question})
                return self._capture.writing
            tell(self.ui.captureLabel, _("Nothing was written."))
        else:
            done = outcome.kind == "done"
            tell(self.ui.captureLabel, outcome.text, "ok" if done else "stop")
            if done:
                self._captured()
                self._choice.refresh()
                self._on_added()
        self.refresh()
        return False

    def close(self) -> None:
        """Begin nothing more; what is being written is finished."""
        for page in self._pages.values():
            page.bind(None)
        self._capture.close()

    @property
    def _kind(self) -> Kind:
        return _KINDS[self.ui.captureKindBox.currentIndex][0]

    @property
    def _case_id(self) -> str:
        ui = self.ui
        return str(ui.newCaseEdit.text).strip() if self._kind == "new" else str(ui.oldCaseBox.currentText)

    @property
    def _patient_id(self) -> str | None:
        """Of the patient who was chosen, empty for a new one; None where nobody chose."""
        box = self.ui.patientOfCaseBox
        chosen = str(box.itemData(box.currentIndex) or "")
        return None if not chosen else "" if chosen == _NEW else chosen.removeprefix("of ")

    def _captured(self) -> None:
        """What was added is of that case now: pressed again, it is a new version of it."""
        folder, kind = self._choice.folder, self._kind
        if folder is not None and kind != "reading":
            for place, node in self.page.inputs.chosen().volumes.items():
                own(node, place, self._case_id, folder)
        self._filled = ()

    def _turn(self) -> None:
        """Show the page of the chosen method."""
        page = self.page
        for other in self._pages.values():
            if other is not page and other.visible:
                other.bind(None)
            other.visible = other is page
        if page.node is not self._node:
            page.bind(self._node)

    def _fill(self) -> None:
        """Offer the cases and patients of the cohort, and choose what is known; what was chosen by hand stays."""
        ui, cases = self.ui, self._choice.cases
        scan = self.page.inputs.chosen().main
        key = (self._choice.folder, tuple(case.case_id for case in cases), scan)
        if key == self._filled:
            return
        self._filled = key
        opened = case_of(scan, self._choice.folder) if scan is not None else ""
        ids = [case.case_id for case in cases]
        ui.oldCaseBox.clear()
        ui.oldCaseBox.addItems(ids)
        if opened in ids:
            ui.oldCaseBox.setCurrentIndex(ids.index(opened))
        if opened != self._opened:
            ui.captureKindBox.setCurrentIndex(1 if opened in ids else 0)
            if self._opened:  # what was typed is of the patient before
                self.page.show({})
            self._opened = opened
        if self._choice.folder is not None:
            ui.newCaseEdit.text = next_case_id(self._choice.folder, cases)
        box = ui.patientOfCaseBox
        box.clear()
        box.addItem(_("choose whose case it is ..."), "")
        box.addItem(_("a new patient"), _NEW)
        patients: dict[str, list[str]] = {}
        for case in cases:
            patients.setdefault(case.patient_id, []).append(case.case_id)
        for patient, of_patient in patients.items():
            shown = ", ".join(of_patient[:3]) + (" ..." if len(of_patient) > 3 else "")
            box.addItem(_("{patient}, who has {cases}").format(patient=patient, cases=shown), f"of {patient}")
        guess = self._guess()
        known = box.findData(f"of {guess.patient_id}") if guess.kind == "known" else 0
        box.setCurrentIndex(1 if guess.kind == "new" else max(0, known))

    def _guess(self) -> PatientGuess:
        """Who the patient of the scans is, by the number in DICOM."""
        folder = self._choice.folder
        if folder is None:
            return PatientGuess("ask")
        try:
            number = patient_number(self.page.inputs.chosen().volumes.values())
            return self._patients.guess(folder, self._choice.cases, number)
        except HCCAssistError:
            return PatientGuess("ask")

    def _show(self) -> None:
        ui, new, writing = self.ui, self._kind == "new", self._capture.writing
        for widget in (ui.newCaseLabel, ui.newCaseEdit, ui.patientOfCaseLabel, ui.patientOfCaseBox):
            widget.visible = new
        for widget in (ui.oldCaseLabel, ui.oldCaseBox):
            widget.visible = not new
        ui.verdictsCheck.visible = self._has_result()
        guess = self._guess() if new else PatientGuess("ask")
        note = ""
        if guess.kind == "known":
            text = _("By the patient's number in DICOM this is the patient of {cases}.")
            note = str(text.format(cases=", ".join(guess.cases[:5])))
        tell(ui.patientNote, note)
        problem = self._readiness.show(self._lights())
        ui.addCaseButton.enabled = not problem and not writing
        ui.addCaseButton.toolTip = problem
        ui.captureProgress.visible = writing

    def _lights(self) -> Iterator[Light]:
        if problem := self._choice.problem:
            yield Light("stop", problem)
        yield from self.page.lights()
        chosen = self.page.inputs.chosen()
        try:
            names = dict.fromkeys(name for node in chosen.volumes.values() for name in patient_names(node))
            for name in (self._case_id if self._kind == "new" else "", str(self.ui.captureReaderEdit.text)):
                check_pseudonym(name, names)
            patient_number(chosen.volumes.values())
        except InputError as error:
            yield Light("stop", str(error))
        if not self._case_id and self._choice.folder is not None:
            yield Light("stop", _("Choose the case.") if self._kind != "new" else _("Give the case a pseudonym."))
        if self._kind == "new" and self._choice.cases and self._patient_id is None:
            yield Light("stop", _("Choose whose case it is: a new patient, or one who has a case already."))
        if self._kind == "reading" and not str(self.ui.captureReaderEdit.text).strip():
            yield Light("stop", _("Write your initials as the reader."))

    def _has_result(self) -> bool:
        scan = self.page.inputs.chosen().main
        found = records(slicer.mrmlScene, self._choice.recipe.id)
        return scan is not None and any(volume is scan for one in found for volume in volumes_of(one).values())

    def _reader_typed(self, text: str) -> None:
        self._settings.setValue(READER, str(text).strip())
        self.refresh()

    def _add(self) -> None:
        folder, page = self._choice.folder, self.page
        if folder is None or self._capture.writing:
            self.refresh()
            return
        chosen, recipe = page.chosen(), page.recipe

        def add(confirmed: frozenset[str]) -> None:
            verdicts = reviewed_result(recipe, chosen, slicer.mrmlScene) if self._takes_verdicts() else None
            order = Order(
                cohort=folder,
                kind=self._kind,
                case_id=self._case_id,
                patient_id=self._patient_id if self._choice.cases else "",
                reader=str(self.ui.captureReaderEdit.text).strip(),
                labelled=page.is_labelled,
                verdicts=verdicts,
            )
            self._capture.add(chosen, recipe, order, confirmed=confirmed)

        self._begin(add, frozenset({"create"} if self._choice.is_new else ()))

    def _takes_verdicts(self) -> bool:
        return bool(self.ui.verdictsCheck.checked) and self._has_result()

    def _begin(self, work: Callable[[frozenset[str]], None], confirmed: frozenset[str]) -> None:
        self._again, self._confirmed = work, confirmed
        try:
            work(confirmed)
        except HCCAssistError as error:
            tell(self.ui.captureLabel, str(error), "stop")
        else:
            tell(self.ui.captureLabel, _("Writing ..."))
            self._wake()
        self.refresh()
