"""What leaves the scene: the result as files, or the reviewed case into a cohort. What is unclear is asked first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.cohort.additions import check_pseudonym, next_case_id
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.errors import InputError
from HCCAssistLib.panels.ui_files import Level, load, tell
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.case_export import CaseExport
from HCCAssistLib.scene.patients import patient_names

COHORT = "HCCAssist/Cohort"
"""Setting with the folder of the last cohort."""


class ExportBox:
    """Writes the result that is shown into a folder, or its case into a cohort.

    Args:
        place: layout to be added to.
        recipe: of the method.
        session: its ``current`` is the result that is shown.
        missed: gives the point list node of lesions that were not found, or None.
        settings: keep the last cohort.
    """

    def __init__(self, place: Any, *, recipe: Recipe, session: Any, missed: Callable[[], Any], settings: Any) -> None:
        self._session = session
        self._missed = missed
        self._settings = settings
        self._export = CaseExport()
        self._again: Callable[[frozenset[str]], None] = lambda _confirmed: None
        self._confirmed: frozenset[str] = frozenset()
        self._adds = False  # whether what is written is a case of a cohort
        self._new: Path | None = None  # a folder that a person chose for a new cohort
        self._told_at: Any = None  # the result that was shown when the last export was told of
        self.ui = ui = load("export_box", place)
        ui.cohortPath.filters = ctk.ctkPathLineEdit.Dirs
        ui.exportButton.connect("clicked(bool)", lambda _checked: self._export_result())
        ui.newCohortButton.connect("clicked(bool)", lambda _checked: self._new_cohort())
        ui.addButton.connect("clicked(bool)", lambda _checked: self._add())
        ui.cohortPath.connect("currentPathChanged(QString)", self._cohort_chosen)
        ui.caseEdit.connect("textChanged(QString)", lambda _text: self.refresh())
        ui.patientEdit.connect("textChanged(QString)", lambda _text: self.refresh())
        self._about_adding = ui.addButton.toolTip
        tell(ui.exportLabel, "")
        last = str(settings.value(COHORT, "") or "")
        if last and (Path(last) / TABLE).is_file():
            ui.cohortPath.currentPath = last
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done now, and why not."""
        ui, writing = self.ui, self._export.writing
        result = self._shown()
        there = result is not None and not writing
        problem = self._problem()
        if result is not self._told_at and not writing:  # what became of another result is no news of this one
            tell(ui.exportLabel, "")
        ui.exportButton.enabled = there
        ui.addButton.enabled = there and bool(self.folder) and not problem
        ui.exportProgress.visible = writing
        missing = "" if result is not None else _("There is no result of this scan yet.")
        if result is not None and not self.folder:
            missing = _("Choose the folder of a cohort, or press New cohort.")
        tell(ui.cohortLabel, problem or (missing if result is not None else ""), "stop" if problem else "note")
        ui.addButton.toolTip = problem or missing or self._about_adding

    def poll(self) -> bool:
        """Take what became of an export; whether one goes on."""
        outcome = self._export.outcome()
        if outcome is None:
            return self._export.writing
        if outcome.kind == "question":
            if slicer.util.confirmOkCancelDisplay(outcome.text, _("HCCAssist - Export")):
                self._begin(self._again, self._confirmed | {outcome.question})
                return self._export.writing
            self._tell(_("Nothing was written."))
        else:
            self._tell(outcome.text, "ok" if outcome.kind == "done" else "stop")
            if outcome.kind == "done" and "create" in self._confirmed:
                self._new = None
            if outcome.kind == "done" and self.folder is not None and (self.folder / TABLE).is_file():
                self._settings.setValue(COHORT, str(self.folder))
                if self._adds:
                    self._cohort_chosen("")  # the next case has another id, and may be of another patient
        self.refresh()
        return False

    def close(self) -> None:
        """Begin nothing more; what is being written is finished."""
        self._export.close()

    @property
    def folder(self) -> Path | None:
        """Of the cohort that is chosen."""
        path = str(self.ui.cohortPath.currentPath).strip()
        return Path(path) if path else None

    def _shown(self) -> Any:
        """The record of the result that is shown; None where there is none."""
        review = self._session.current
        return review.drawn.record if review is not None else None

    def _tell(self, text: str, level: Level = "note") -> None:
        self._told_at = self._shown()
        tell(self.ui.exportLabel, text, level)

    def _problem(self) -> str:
        """Why the case cannot be added as it stands; empty where nothing tells."""
        folder, review, ui = self.folder, self._session.current, self.ui
        if folder is not None and folder != self._new and not (folder / TABLE).is_file():
            text = _("There is no cohort in {folder}. Choose the folder of a cohort, or press New cohort.")
            return str(text.format(folder=folder.name))
        scan = review.scan if review is not None else None
        try:
            for edit in (ui.caseEdit, ui.patientEdit):
                check_pseudonym(edit.text.strip(), patient_names(scan) if scan is not None else ())
        except InputError as error:
            return str(error)
        return ""

    def _cohort_chosen(self, _path: str) -> None:
        folder = self.folder
        if folder is not None and (folder == self._new or (folder / TABLE).is_file()):
            self.ui.caseEdit.text = next_case_id(folder)
            self.ui.patientEdit.text = ""
        self.refresh()

    def _new_cohort(self) -> None:
        chosen = qt.QFileDialog.getExistingDirectory(self.ui.ExportBox, _("Folder of the new cohort"))
        if chosen:
            self._new = None if (Path(chosen) / TABLE).is_file() else Path(chosen)
            self.ui.cohortPath.currentPath = chosen
            self._cohort_chosen(chosen)

    def _export_result(self) -> None:
        review = self._session.current
        folder = qt.QFileDialog.getExistingDirectory(self.ui.ExportBox, _("Folder for the result"))
        if folder and review is not None:
            self._adds = False
            self._begin(lambda confirmed: self._export.export_result(review, Path(folder), confirmed=confirmed))

    def _add(self) -> None:
        review, folder = self._session.current, self.folder
        case_id, patient_id = self.ui.caseEdit.text.strip(), self.ui.patientEdit.text.strip()
        missed = self._missed()
        if review is None or folder is None or self._problem():
            self.refresh()  # the folder went, or the result did
            return

        def add(confirmed: frozenset[str]) -> None:
            self._export.add_to_cohort(review, folder, case_id, patient_id, missed=missed, confirmed=confirmed)

        self._adds = True
        self._begin(add, frozenset({"create"} if folder == self._new else ()))

    def _begin(self, work: Callable[[frozenset[str]], None], confirmed: frozenset[str] = frozenset()) -> None:
        self._again, self._confirmed = work, confirmed
        try:
            work(confirmed)
        except InputError as error:
            self._tell(str(error), "stop")
        else:
            self._tell(_("Writing ..."))
        self.refresh()
