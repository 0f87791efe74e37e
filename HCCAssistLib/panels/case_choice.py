"""Which case it becomes, whose it is and who says so: a new one, a new version of one, or another reader's marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.cohort.additions import check_pseudonym, next_case_id
from HCCAssistLib.cohort.known_patients import KnownPatients, PatientGuess
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.panels.cohort_choice import CohortChoice
from HCCAssistLib.panels.readiness import Light
from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.panels.verdict_bar import READER
from HCCAssistLib.scene.capture_order import Kind
from HCCAssistLib.scene.open_case import case_of
from HCCAssistLib.scene.patients import patient_names, patient_number

_KINDS: tuple[tuple[Kind, str], ...] = (
    ("new", "a new case"),
    ("revision", "a new version of a case"),
    ("reading", "another reader's marks in a case"),
)
_NEW = "new"


class CaseChoice:
    """Kind, case, patient and reader.

    Args:
        place: layout to be added to.
        choice: method and cohort.
        patients: who the patients of the cohorts are, as far as this computer knows.
        settings: keep the reader's name.
        changed: called where the reader changed something.
    """

    def __init__(
        self,
        place: Any,
        *,
        choice: CohortChoice,
        patients: KnownPatients,
        settings: Any,
        changed: Callable[[], None],
    ) -> None:
        self._choice, self._patients, self._settings, self._changed = choice, patients, settings, changed
        self._filled: tuple[Any, ...] = ()
        self._opened = ""  # the case that the chosen scan is of
        self.ui = ui = load("case_choice", place)
        for _kind, words in _KINDS:
            ui.captureKindBox.addItem(_(words))
        ui.captureReaderEdit.text = settings.value(READER, "") or ""
        for box in (ui.captureKindBox, ui.oldCaseBox, ui.patientOfCaseBox):
            box.connect("currentIndexChanged(int)", lambda _index: changed())
        ui.newCaseEdit.connect("textChanged(QString)", lambda _text: changed())
        ui.captureReaderEdit.connect("textChanged(QString)", self._reader_typed)

    @property
    def kind(self) -> Kind:
        """What is made of the scans."""
        return _KINDS[self.ui.captureKindBox.currentIndex][0]

    @property
    def case_id(self) -> str:
        """Of the new case, or of the one that is chosen."""
        ui = self.ui
        return str(ui.newCaseEdit.text).strip() if self.kind == "new" else str(ui.oldCaseBox.currentText)

    @property
    def patient_id(self) -> str | None:
        """Of the patient who was chosen, empty for a new one; None where nobody chose."""
        box = self.ui.patientOfCaseBox
        chosen = str(box.itemData(box.currentIndex) or "")
        return None if not chosen else "" if chosen == _NEW else chosen.removeprefix("of ")

    @property
    def reader(self) -> str:
        """Initials of the reader; empty where nobody wrote them."""
        return str(self.ui.captureReaderEdit.text).strip()

    def look_again(self) -> None:
        """The cohort was written, or a case was opened: what is offered is not what was offered before."""
        self._filled = ()

    def choose(self, kind: Kind) -> None:
        """Choose what is made of the scans."""
        self.ui.captureKindBox.setCurrentIndex([known for known, _words in _KINDS].index(kind))

    def fill(self, volumes: Mapping[str, Any]) -> None:
        """Offer the cases and patients of the cohort, and choose what is known; what was chosen by hand stays.

        Args:
            volumes: nodes of the chosen scans, the main one first.
        """
        ui, cases, folder = self.ui, self._choice.cases, self._choice.folder
        scan = next(iter(volumes.values()), None)
        key = (folder, tuple(case.case_id for case in cases), scan)
        if key == self._filled:
            return
        self._filled = key
        opened = case_of(scan, folder) if scan is not None else ""
        ids = [case.case_id for case in cases]
        ui.oldCaseBox.clear()
        ui.oldCaseBox.addItems(ids)
        if opened in ids:
            ui.oldCaseBox.setCurrentIndex(ids.index(opened))
        if opened != self._opened:
            self.choose("revision" if opened in ids else "new")
            self._opened = opened
        if folder is not None:
            ui.newCaseEdit.text = next_case_id(folder, cases)
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
        guess = self._guess(volumes)
        known = box.findData(f"of {guess.patient_id}") if guess.kind == "known" else 0
        box.setCurrentIndex(1 if guess.kind == "new" else max(0, known))

    def show(self, volumes: Mapping[str, Any]) -> None:
        """Show what there is to choose, and who the patient is by the number in DICOM."""
        ui, new = self.ui, self.kind == "new"
        for widget in (ui.newCaseLabel, ui.newCaseEdit, ui.patientOfCaseLabel, ui.patientOfCaseBox):
            widget.visible = new
        for widget in (ui.oldCaseLabel, ui.oldCaseBox):
            widget.visible = not new
        guess = self._guess(volumes) if new else PatientGuess("ask")
        text = _("By the patient's number in DICOM this is the patient of {cases}.")
        tell(ui.patientNote, text.format(cases=", ".join(guess.cases[:5])) if guess.kind == "known" else "")

    def lights(self, volumes: Mapping[str, Any]) -> Iterator[Light]:
        """What is missing, or tells who the patient is."""
        new = self.kind == "new"
        try:
            names = dict.fromkeys(name for node in volumes.values() for name in patient_names(node))
            for name in (self.case_id if new else "", self.reader):
                check_pseudonym(name, names)
            patient_number(volumes.values())
        except InputError as error:
            yield Light("stop", str(error))
        if not self.case_id and self._choice.folder is not None:
            yield Light("stop", _("Give the case a pseudonym.") if new else _("Choose the case."))
        if new and self._choice.cases and self.patient_id is None:
            yield Light("stop", _("Choose whose case it is: a new patient, or one who has a case already."))
        if self.kind == "reading" and not self.reader:
            yield Light("stop", _("Write your initials as the reader."))

    def _guess(self, volumes: Mapping[str, Any]) -> PatientGuess:
        """Who the patient of the scans is, by the number in DICOM."""
        if self._choice.folder is None:
            return PatientGuess("ask")
        try:
            return self._patients.guess(self._choice.folder, self._choice.cases, patient_number(volumes.values()))
        except HCCAssistError:
            return PatientGuess("ask")

    def _reader_typed(self, text: str) -> None:
        self._settings.setValue(READER, str(text).strip())
        self._changed()
