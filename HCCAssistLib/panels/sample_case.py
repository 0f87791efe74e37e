"""The sample cases: synthetic, made on this computer, one for each method that has one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.jobs.events import Event
from HCCAssistLib.panels.background import Background
from HCCAssistLib.panels.tables import megabytes
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.sample import draw_sample


def sample_title(recipe: Recipe) -> str:
    """Name of the sample case of a method, in the scene."""
    return f"{recipe.id.upper()} phantom (synthetic)"


class SampleCases:
    """Loads the sample case of a method, and removes what is kept of it.

    Args:
        place: layout to be added to.
        recipes: of the methods.
        folder: where the cases are kept.
        scene: that they are loaded into.
        background: makes them.
    """

    def __init__(
        self, place: Any, *, recipes: Sequence[Recipe], folder: Path, scene: Any, background: Background
    ) -> None:
        self._recipes = tuple(recipes)
        self._folder = folder
        self._scene = scene
        self._background = background
        self._drawing: Iterator[Any] | None = None
        self.ui = ui = load("sample_case", place)
        ui.sampleBox.addItems([recipe.title for recipe in recipes])
        ui.sampleBox.visible = len(self._recipes) > 1
        ui.sampleBox.connect("currentIndexChanged(int)", lambda _index: self.refresh())
        ui.sampleButton.connect("clicked(bool)", lambda _checked: self.load())
        ui.sampleCancelButton.connect("clicked(bool)", lambda _checked: background.cancel("sample"))
        ui.sampleRemoveButton.connect("clicked(bool)", lambda _checked: self._remove())

    @property
    def busy(self) -> bool:
        """Whether a sample case is made, loaded or removed."""
        return self._drawing is not None or self._background.running("sample", "remove_samples")

    def refresh(self, message: str = "") -> None:
        """Show what a sample case is, and what is kept of it."""
        ui, kept, busy = self.ui, _phantoms(self._recipe).kept_bytes(self._folder), self.busy
        ui.sampleButton.enabled = ui.sampleBox.enabled = not busy
        ui.sampleProgress.visible = ui.sampleCancelButton.visible = busy
        ui.sampleRemoveButton.enabled = bool(kept) and not busy
        size = _("Remove kept files ({size})").format(size=megabytes(kept))
        ui.sampleRemoveButton.text = size if kept else _("Remove kept files")
        about = _(
            'A synthetic case for "{title}", with its segments or points. It is made on this computer in seconds; '
            "nothing is downloaded."
        ).format(title=self._recipe.title)
        where = _("Kept in {folder}").format(folder=self._folder) if kept else ""
        ui.sampleLabel.text = "\n".join(filter(None, [about, message, where]))

    def load(self, title: str = "") -> None:
        """Make the sample case where it is not there, then load it; one that is loaded is shown again.

        Args:
            title: of the case to choose first; the chosen one where it is empty.
        """
        if self.busy:
            return
        titles = [sample_title(recipe) for recipe in self._recipes]
        if title in titles:
            self.ui.sampleBox.setCurrentIndex(titles.index(title))
        recipe = self._recipe
        arguments = {"recipe": recipe.id, "folder": str(self._folder)}
        self._background.start("sample", arguments, lambda event: self._made(event, recipe))
        self.refresh(_("Making the sample case ..."))

    def poll(self) -> bool:
        """Go on with drawing; whether there is more."""
        if self._drawing is None:
            return False
        drawn = next(self._drawing, None)
        if drawn is None:
            self._drawing = None
            self.refresh(_("The sample case is loaded. It is synthetic and says nothing about patients."))
        elif drawn.IsA("vtkMRMLVolumeNode"):
            slicer.util.resetSliceViews()
        return self._drawing is not None

    def forget(self) -> None:
        """The scene closes: what was made for it is for nobody."""
        self._background.cancel("sample")
        self._drawing = None

    @property
    def _recipe(self) -> Recipe:
        return self._recipes[max(self.ui.sampleBox.currentIndex, 0)]

    def _made(self, event: Event, recipe: Recipe) -> None:
        if event.kind != "done":
            self.refresh(_("Cancelled.") if event.kind == "cancelled" else event.message)
            return
        case = _phantoms(recipe).read_sample(self._folder)
        if case is None:
            again = _("The sample case was removed or damaged in the meantime. Press Load sample case again.")
            self.refresh(again)
            return
        window = next(iter(recipe.windows.values()))
        title = sample_title(recipe)
        modality = recipe.volumes()[0].modality
        self._drawing = draw_sample(
            case.volumes, case.masks, case.points, self._scene, title=title, window=window, modality=modality
        )
        self._background.wake()

    def _remove(self) -> None:
        arguments = {"recipe": self._recipe.id, "folder": str(self._folder)}
        self._background.start("remove_samples", arguments, self._removed)
        self.refresh()

    def _removed(self, event: Event) -> None:
        self.refresh(_("The kept files were removed.") if event.kind == "done" else event.message)


def _phantoms(recipe: Recipe) -> ModuleType:
    """The module of a recipe's phantoms that makes, reads and removes its sample case."""
    return importlib.import_module(f"HCCAssistLib.phantoms.{recipe.package.rpartition('.')[2]}.sample")
