"""The cohort whose confirmed cases are looked among, and which of its patients the one in the scene is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ctk
from slicer.i18n import tr as _

from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.known_patients import KnownPatients
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.panels.export_box import COHORT
from HCCAssistLib.panels.ui_files import tell
from HCCAssistLib.places import data_folder
from HCCAssistLib.recipes.of_cohort import objection
from HCCAssistLib.recipes.registry import all_columns
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.scene.open_case import case_of
from HCCAssistLib.scene.patients import patient_number

Key = tuple[Path, int, int, Any]
"""Folder of the cohort, time and size of its table, and the main scan."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a table says.

    Attributes:
        key: when, and of which scan.
        patients: ids of their cases by patient.
        who: the patient of the scan; empty where he has no case, or it is not known.
        is_known: whether it is known which patient it is, or that he is none of them.
        fault: why the cohort cannot be used.
    """

    key: Key
    patients: Mapping[str, tuple[str, ...]]
    who: str = ""
    is_known: bool = False
    fault: str = ""


class NearestCohort:
    """Folder, patient, and what is wrong with them; the table is read in a thread.

    Args:
        ui: widgets of ``nearest_cases.ui``.
        recipe: of the result.
        settings: keep the folder, which is that of captures and exports, too.
        wake: called where something begins, so that ``poll`` is asked from then on.
        changed: another cohort or patient is chosen, or more is known of them.
    """

    def __init__(
        self, ui: Any, *, recipe: Recipe, settings: Any, wake: Callable[[], None], changed: Callable[[], None]
    ) -> None:
        self._ui, self._recipe, self._settings = ui, recipe, settings
        self._wake, self._changed = wake, changed
        self._looking: InThread[_Looked] = InThread()
        self._shown: _Looked | None = None
        self._filling = False
        ui.nearestCohort.filters = ctk.ctkPathLineEdit.Dirs
        last = str(settings.value(COHORT, "") or "")
        if last and (Path(last) / TABLE).is_file():
            ui.nearestCohort.currentPath = last
        ui.nearestCohort.connect("currentPathChanged(QString)", lambda _path: changed())
        ui.nearestPatientBox.connect("currentIndexChanged(int)", lambda _index: None if self._filling else changed())
        tell(ui.nearestCohortNote, "")

    @property
    def folder(self) -> Path | None:
        """That is chosen and holds a cohort of the method, as far as is known by now."""
        return self._shown.key[0] if self._shown is not None and not self._shown.fault else None

    @property
    def patient(self) -> str:
        """Of the cohort, whose scan it is; empty where he has no case, as far as is known."""
        box = self._ui.nearestPatientBox
        return str(box.itemData(box.currentIndex) or "").removeprefix("of ")

    @property
    def busy(self) -> bool:
        """Whether a table is read."""
        return self._looking.busy

    def look(self, volumes: Mapping[str, Any]) -> None:
        """Look at the table where it is another one than before, or another scan is chosen.

        Args:
            volumes: nodes of the result's scans, the main one first.
        """
        path = str(self._ui.nearestCohort.currentPath).strip()
        scan = next(iter(volumes.values()), None)
        key = _key(path, scan)
        if key is None:
            text = _("There is no cohort in {folder}. Choose the folder of a cohort.")
            self._show(None, text.format(folder=Path(path).name) if path else "")
        elif (self._shown is None or self._shown.key != key) and not self._looking.busy:
            self._shown = None
            try:
                number = patient_number(volumes.values())
            except InputError:  # of two patients, which the run says
                number = ""
            self._looking.begin(partial(_look, key, self._recipe, case_of(scan, key[0]), number))
            self._wake()

    def poll(self) -> None:
        """Take up what the table says."""
        try:
            looked = self._looking.take()
        except HCCAssistError as error:
            self._show(None, str(error))
            return
        if looked is not None:
            self._show(looked, looked.fault)
            if not looked.fault:
                self._settings.setValue(COHORT, str(looked.key[0]))
            self._changed()

    def close(self) -> None:
        """Begin nothing more."""
        self._looking.close()

    def _show(self, looked: _Looked | None, fault: str) -> None:
        self._shown = looked
        box = self._ui.nearestPatientBox
        self._filling = True
        box.clear()
        box.addItem(_("has no case in it, as far as is known"), "")
        for patient, cases in (looked.patients if looked is not None else {}).items():
            shown = ", ".join(cases[:3]) + (" ..." if len(cases) > 3 else "")
            box.addItem(_("{patient}, who has {cases}").format(patient=patient, cases=shown), f"of {patient}")
        box.setCurrentIndex(max(0, box.findData(f"of {looked.who}") if looked is not None and looked.who else 0))
        box.enabled = looked is not None and not fault
        self._filling = False
        ask = _("Whether this patient has a case in the cohort is not known here. If so, choose the patient above.")
        asked = looked is not None and not fault and not looked.is_known
        tell(self._ui.nearestCohortNote, ask if asked else fault, "note" if asked else "stop")


def _key(path: str, scan: Any) -> Key | None:
    folder = Path(path)
    try:
        about = (folder / TABLE).stat() if path else None
    except OSError:
        return None
    return (folder, about.st_mtime_ns, about.st_size, scan) if about is not None and scan is not None else None


def _look(key: Key, recipe: Recipe, opened: str, number: str) -> _Looked:
    """Read a table, in any thread."""
    try:
        cases = read_cohort(key[0], tolerant=True, known=all_columns()).cases
    except HCCAssistError as error:
        return _Looked(key, {}, fault=str(error))
    patients: dict[str, tuple[str, ...]] = {}
    for case in cases:
        patients[case.patient_id] = (*patients.get(case.patient_id, ()), case.case_id)
    fault = objection(cases, recipe) or ("" if cases else _("the cohort holds no case yet"))
    if fault:
        fault = f"{fault[:1].upper()}{fault[1:]}. " + _("Choose another cohort.")
    who = next((case.patient_id for case in cases if case.case_id == opened), "")
    if who:
        return _Looked(key, patients, who, is_known=True, fault=fault)
    try:
        guess = KnownPatients(data_folder("patients")).guess(key[0], cases, number)
    except HCCAssistError:  # a damaged file of this computer: a person chooses
        return _Looked(key, patients, fault=fault)
    return _Looked(key, patients, guess.patient_id, guess.kind != "ask", fault)
