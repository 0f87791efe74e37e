"""Which cohort is worked on, and for which method: shared by all that add to it, look at it or train on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ctk
import qt
from slicer.i18n import tr as _

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.panels.export_box import COHORT
from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.recipes.of_cohort import objection, recipe_of
from HCCAssistLib.recipes.registry import all_columns
from HCCAssistLib.recipes.spec import Recipe

METHOD = "HCCAssist/CohortMethod"
"""Setting with the id of the last method."""


class CohortChoice:
    """A method and the folder of a cohort.

    Args:
        place: layout to be added to.
        recipes: to choose from.
        settings: keep the last choice.
        on_changed: another method or folder was chosen, or the cohort's table changed.
    """

    def __init__(self, place: Any, *, recipes: Sequence[Recipe], settings: Any, on_changed: Callable[[], None]) -> None:
        self._recipes, self._settings = tuple(recipes), settings
        self._on_changed: Callable[[], None] = lambda: None
        self._new: Path | None = None  # a folder that a person chose for a new cohort
        self._read: tuple[tuple[Path, int, int], tuple[Case, ...], str] | None = None
        self._objections: dict[str, str] = {}  # of the table as it was read, by method
        self.ui = ui = load("cohort_choice", place)
        ui.cohortFolder.filters = ctk.ctkPathLineEdit.Dirs
        ui.cohortMethodBox.addItems([_(recipe.title) for recipe in self._recipes])
        ids = [recipe.id for recipe in self._recipes]
        kept = str(settings.value(METHOD, "") or "")
        ui.cohortMethodBox.setCurrentIndex(ids.index(kept) if kept in ids else 0)
        last = str(settings.value(COHORT, "") or "")
        if last and (Path(last) / TABLE).is_file():
            ui.cohortFolder.currentPath = last
        ui.cohortMethodBox.connect("currentIndexChanged(int)", lambda _index: self.refresh())
        ui.cohortFolder.connect("currentPathChanged(QString)", self._chosen)
        ui.beginCohortButton.connect("clicked(bool)", lambda _checked: self._begin())
        self._chosen("")
        self._on_changed = on_changed

    @property
    def recipe(self) -> Recipe:
        """That is chosen."""
        return self._recipes[self.ui.cohortMethodBox.currentIndex]

    @property
    def folder(self) -> Path | None:
        """That is chosen: of a cohort, or for a new one; None where none is, or where there is no cohort in it."""
        path = str(self.ui.cohortFolder.currentPath).strip()
        folder = Path(path) if path else None
        return folder if folder is not None and (folder == self._new or (folder / TABLE).is_file()) else None

    @property
    def is_new(self) -> bool:
        """Whether a person began a cohort here that holds nothing yet."""
        return self.folder is not None and not (self.folder / TABLE).is_file()

    @property
    def cases(self) -> tuple[Case, ...]:
        """Of the cohort; none where there is no cohort, or where its table cannot be read."""
        return self._cases()[0]

    @property
    def problem(self) -> str:
        """Why nothing can be added to the cohort; empty where nothing tells."""
        path = str(self.ui.cohortFolder.currentPath).strip()
        if not path:
            return str(_("Choose the folder of a cohort, or press New cohort."))
        if self.folder is None:
            text = _("There is no cohort in {folder}. Choose the folder of a cohort, or press New cohort.")
            return str(text.format(folder=Path(path).name))
        cases, fault = self._cases()
        if self.recipe.id not in self._objections:
            self._objections[self.recipe.id] = objection(cases, self.recipe)
        other = self._objections[self.recipe.id]
        if other:
            other = f"{other[:1].upper()}{other[1:]}. " + _("Choose its method, or another cohort.")
        return fault or other

    def refresh(self) -> None:
        """Show what is wrong with the choice, and tell the others."""
        path = str(self.ui.cohortFolder.currentPath).strip()
        tell(self.ui.cohortNote, self.problem if path else "", "stop")
        self._settings.setValue(METHOD, self.recipe.id)
        if self.folder is not None and not self.is_new:
            self._settings.setValue(COHORT, str(self.folder))
        self._on_changed()

    def _cases(self) -> tuple[tuple[Case, ...], str]:
        """The cases, and what is wrong with the table; read again where the file changed."""
        folder = self.folder
        if folder is None or self.is_new:
            self._read = None
            self._objections.clear()
            return (), ""
        try:
            about = (folder / TABLE).stat()
            key = (folder, about.st_mtime_ns, about.st_size)
            if self._read is None or self._read[0] != key:
                self._read = (key, *_read(folder))
                self._objections.clear()
            return self._read[1:]
        except OSError as error:
            return (), str(_("The table of the cohort cannot be read: {why}.").format(why=error.strerror))

    def _chosen(self, _path: str) -> None:
        """A cohort that can be of one method alone is one of that method."""
        only = recipe_of(self.cases)
        if only in self._recipes and only is not self.recipe:
            self.ui.cohortMethodBox.setCurrentIndex(self._recipes.index(only))
        self.refresh()

    def _begin(self) -> None:
        chosen = qt.QFileDialog.getExistingDirectory(self.ui.CohortChoice, _("Folder of the new cohort"))
        if chosen:
            self._new = None if (Path(chosen) / TABLE).is_file() else Path(chosen)
            self.ui.cohortFolder.currentPath = chosen
            self.refresh()


def _read(folder: Path) -> tuple[tuple[Case, ...], str]:
    try:
        return read_cohort(folder, tolerant=True, known=all_columns()).cases, ""
    except InputError as error:
        return (), str(error)
