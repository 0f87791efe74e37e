"""The cases of a cohort: what each holds and lacks, its label and split; one is opened in the scene."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.cohort.additions import finish_interrupted
from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.headers import volume_sizes
from HCCAssistLib.cohort.overview import CaseOverview, Overview, marked_codes, overview
from HCCAssistLib.cohort.revisions import revisions_of
from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.panels.cohort_choice import CohortChoice
from HCCAssistLib.panels.cohort_words import balance_text, case_text, row_texts
from HCCAssistLib.panels.tables import prepare
from HCCAssistLib.panels.ui_files import Level, load, tell
from HCCAssistLib.panels.words import recipe_words
from HCCAssistLib.recipes.registry import all_columns, cohort_spec
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.scene.open_case import OpenedCase, draw_case, read_for_scene

STEP_SECONDS = 0.03
"""How long rows are filled in at once."""

FAULTS_SHOWN = 4
GROUNDS = {"STOP": "#f8d7da", "WARN": "#fff3cd"}
INK = "#212529"
LEVELS: dict[str, Level] = {"STOP": "stop", "WARN": "warn", "": "note"}


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was seen of a cohort, and of which one for which method."""

    key: tuple[Any, ...]
    found: Overview | None
    fault: str = ""


class CohortBrowser:
    """A table of the cases, with a filter, what is wrong, and buttons that open one.

    Args:
        place: layout to be added to.
        choice: method and cohort.
        wake: called where something begins, so that ``poll`` is asked from then on.
        on_opened: told of a case that was opened, and whether with its marks.
    """

    def __init__(
        self,
        place: Any,
        *,
        choice: CohortChoice,
        wake: Callable[[], None],
        on_opened: Callable[[Case, bool], None] = lambda _case, _marked: None,
    ) -> None:
        self._choice, self._wake, self._on_opened = choice, wake, on_opened
        self._looking: InThread[_Looked] = InThread()
        self._reading: InThread[OpenedCase] = InThread()
        self._telling: InThread[tuple[str, str]] = InThread()
        self._drawing: Iterator[Any] | None = None
        self._opening: tuple[Case, bool] | None = None
        self._filling: Iterator[None] | None = None
        self._key: tuple[Any, ...] = ()
        self._shown: Overview | None = None
        self.ui = ui = load("cohort_browser", place)
        headings = (_("Case"), _("Patient"), _("Label"), _("Split"), _("Faults"))
        prepare(ui.caseTable, headings, stretched=len(headings) - 1)
        for column in range(len(headings) - 1):  # fitted once: Qt would measure all rows at each new cell
            ui.caseTable.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.Interactive)
        ui.caseTable.verticalHeader().setDefaultSectionSize(24)
        ui.caseFilter.connect("textChanged(QString)", lambda _text: self._filter())
        ui.faultsOnlyCheck.connect("toggled(bool)", lambda _checked: self._filter())
        ui.caseTable.connect("itemSelectionChanged()", self._selected)
        ui.caseTable.connect("cellDoubleClicked(int,int)", lambda _row, _column: self._open(marked=True))
        ui.openCaseButton.connect("clicked(bool)", lambda _checked: self._open(marked=True))
        ui.openScansButton.connect("clicked(bool)", lambda _checked: self._open(marked=False))
        tell(ui.caseLabel, "")
        tell(ui.cohortFaultsLabel, "")
        self._buttons()

    @property
    def busy(self) -> bool:
        """Whether a cohort is looked at, or a case is opened."""
        threads = (self._looking, self._reading, self._telling)
        return any(one.busy for one in threads) or self._drawing is not None or self._filling is not None

    def refresh(self) -> None:
        """Look at the cohort again where it, or the method, is another one than before, or its table changed."""
        key = _key_of(self._choice)
        if key != self._key and not self._looking.busy:
            self._key = key
            folder = self._choice.folder
            if folder is None or self._choice.is_new:
                self._show(Overview((), (), 0, {}, {}))
                return
            self.ui.balanceLabel.text = _("Looking at the cohort ...")
            self._looking.begin(partial(_look, folder, self._choice.recipe, key))
            self._wake()

    def poll(self) -> bool:
        """Take up what was seen or read meanwhile; whether more is to come."""
        try:
            self._take()
        except HCCAssistError as error:
            self._opening = None
            tell(self.ui.caseLabel, str(error), "stop")
        self._buttons()
        return self.busy

    def open_case(self, case_id: str) -> None:
        """Open a case with its marks, as by a double click."""
        ids = [one.case.case_id for one in self._shown.cases] if self._shown is not None else []
        if case_id in ids:
            self.ui.caseTable.selectRow(ids.index(case_id))
            self._open(marked=True)

    def forget(self) -> None:
        """The scene closes: what was being opened is not."""
        self._drawing = self._opening = None

    def close(self) -> None:
        """Begin nothing more."""
        for one in (self._looking, self._reading, self._telling):
            one.close()

    @property
    def _chosen(self) -> CaseOverview | None:
        rows = self.ui.caseTable.selectionModel().selectedRows()
        if self._shown is None or not rows or rows[0].row() >= len(self._shown.cases):
            return None
        return self._shown.cases[rows[0].row()]

    def _take(self) -> None:
        looked = self._looking.take()
        if looked is not None:
            if looked.key != _key_of(self._choice):
                self._key = ()
                self.refresh()
            elif looked.found is None:
                self._show(Overview((), (), 0, {}, {}))
                tell(self.ui.cohortFaultsLabel, looked.fault, "stop")
            else:
                self._show(looked.found)
        told = self._telling.take()
        chosen = self._chosen
        if told is not None and chosen is not None and told[0] == chosen.case.case_id:
            self._tell(chosen, told[1])
        read = self._reading.take()
        folder = self._choice.folder
        if read is not None and self._opening is not None and folder is not None:
            self._drawing = draw_case(read, self._choice.recipe, folder, slicer.mrmlScene)
        if self._filling is not None:
            self._filling = self._filling if _step(self._filling) else None
        if self._drawing is not None and not _step(self._drawing, 0.0):
            self._drawing = None
            self._opened()

    def _show(self, found: Overview) -> None:
        self._shown = found
        ui = self.ui
        ui.balanceLabel.text = balance_text(found)
        stops = [str(problem) for problem in found.problems]
        shown = stops[:FAULTS_SHOWN] + (
            [_("... and {n} more").format(n=len(stops) - FAULTS_SHOWN)] if stops[FAULTS_SHOWN:] else []
        )
        level: Level = "stop" if any(problem.level == "STOP" for problem in found.problems) else "warn"
        tell(ui.cohortFaultsLabel, "\n".join(shown), level)
        tell(ui.caseLabel, "")
        ui.caseTable.clearSelection()
        ui.caseTable.setRowCount(len(found.cases))
        self._filling = self._filled(found)
        self._wake()

    def _filled(self, found: Overview) -> Iterator[None]:
        table = self.ui.caseTable
        for row, one in enumerate(found.cases):
            for column, text in enumerate(row_texts(one)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip("\n".join(map(str, one.problems)) or text)
                if one.level and column == len(row_texts(one)) - 1:
                    item.setBackground(qt.QBrush(qt.QColor(GROUNDS[one.level])))
                    item.setForeground(qt.QBrush(qt.QColor(INK)))
                table.setItem(row, column, item)
            table.setRowHidden(row, not self._passes(one))
            yield
        table.resizeColumnsToContents()

    def _passes(self, one: CaseOverview) -> bool:
        line = " ".join(row_texts(one)).casefold()
        words = str(self.ui.caseFilter.text).casefold().split()
        return all(word in line for word in words) and (bool(one.level) or not self.ui.faultsOnlyCheck.checked)

    def _filter(self) -> None:
        if self._shown is not None:
            for row, one in enumerate(self._shown.cases):
                self.ui.caseTable.setRowHidden(row, not self._passes(one))

    def _selected(self) -> None:
        chosen, folder = self._chosen, self._choice.folder
        if chosen is None or folder is None:
            tell(self.ui.caseLabel, "")
        elif not self._telling.busy:
            self._tell(chosen, "")
            self._telling.begin(partial(_told, folder, chosen.case, self._choice.recipe))
            self._wake()
        self._buttons()

    def _tell(self, one: CaseOverview, more: str) -> None:
        tell(self.ui.caseLabel, case_text(one, self._choice.recipe, more), LEVELS[one.level])

    def _open(self, *, marked: bool) -> None:
        chosen = self._chosen
        if chosen is None or self._reading.busy or self._drawing is not None:
            return
        self._opening = (chosen.case, marked)
        self._reading.begin(partial(read_for_scene, chosen.case, self._choice.recipe, marks=marked))
        self._wake()
        self._buttons()

    def _opened(self) -> None:
        if self._opening is not None:
            opened, self._opening = self._opening, None
            slicer.util.resetSliceViews()
            self._on_opened(*opened)

    def _buttons(self) -> None:
        ui, opening = self.ui, self._reading.busy or self._drawing is not None
        ui.openCaseButton.enabled = ui.openScansButton.enabled = self._chosen is not None and not opening
        ui.openCaseButton.text = _("Opening ...") if opening else _("Open in the scene")


def _key_of(choice: CohortChoice) -> tuple[Any, ...]:
    folder = choice.folder
    try:
        about = (folder / TABLE).stat() if folder is not None else None
    except OSError:
        about = None
    return folder, choice.recipe.id, about and (about.st_mtime_ns, about.st_size)


def _look(folder: Path, recipe: Recipe, key: tuple[Any, ...]) -> _Looked:
    """Look at a cohort, in any thread."""
    try:
        finish_interrupted(folder)
        cohort, spec = read_cohort(folder, tolerant=True, known=all_columns()), cohort_spec(recipe)
        codes = {case.case_id: marked_codes(case, spec) for case in cohort.cases} if spec.finding_classes else None
        return _Looked(key, overview(cohort, spec, codes))
    except HCCAssistError as error:
        return _Looked(key, None, str(error))


def _told(folder: Path, case: Case, recipe: Recipe) -> tuple[str, str]:
    """What the headers of a case's scans say, and how often it was revised, in any thread."""
    sizes = volume_sizes(case, recipe.inputs)
    lines = [f"{recipe_words(recipe, place)}: {size}" for place, size in sizes.items()]
    revisions = revisions_of(folder, case.case_id)
    if revisions:
        lines.append(_("{n} former versions are kept.").format(n=len(revisions)))
    return case.case_id, "\n".join(lines)


def _step(steps: Iterator[Any], seconds: float = STEP_SECONDS) -> bool:
    """Take steps for a moment; whether there are more."""
    end = time.perf_counter() + seconds
    while True:
        try:
            next(steps)
        except StopIteration:
            return False
        if time.perf_counter() >= end:
            return True
