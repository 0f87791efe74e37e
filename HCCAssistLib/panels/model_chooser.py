"""Which installed model a method uses, with what it was trained on; its card folds out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.models.caveats import trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.panels.model_card import card_page
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.recipes.spec import Recipe


class ModelChooser:
    """A box with the models of a recipe.

    Args:
        place: layout to be added to.
        recipe: of the method.
        store: of installed models.
        on_changed: another model was chosen, by a person or because the installed ones changed.
    """

    def __init__(self, place: Any, *, recipe: Recipe, store: ModelStore, on_changed: Callable[[], None]) -> None:
        self._recipe = recipe
        self._store = store
        self._on_changed = on_changed
        self._cards: dict[str, ModelCard] = {}
        self.ui = load("model_chooser", place)
        self.ui.modelCard.visible = False
        self.ui.modelBox.connect("currentIndexChanged(int)", self._chosen)
        self.ui.cardButton.connect("toggled(bool)", lambda _checked: self._show())
        self.refresh()

    @property
    def name(self) -> str:
        """Of the chosen model, empty where there is none."""
        return str(self.ui.modelBox.currentText)

    @name.setter
    def name(self, name: str) -> None:
        index = self.ui.modelBox.findText(name)
        if index >= 0:
            self.ui.modelBox.setCurrentIndex(index)

    @property
    def card(self) -> ModelCard | None:
        """Of the chosen model."""
        return self._cards.get(self.name)

    def refresh(self) -> None:
        """Look at what is installed; the chosen model stays chosen where it is there."""
        box, before = self.ui.modelBox, self.name
        entries = self._store.entries()
        self._cards = {e.name: e.card for e in entries if e.card is not None and e.card.recipe == self._recipe.id}
        if list(self._cards) != [box.itemText(index) for index in range(box.count)]:
            blocked = box.blockSignals(True)
            box.clear()
            box.addItems(list(self._cards))
            self.name = before
            box.blockSignals(blocked)
            if self.name != before:
                self._on_changed()
        self._show()

    def _chosen(self, _index: int) -> None:
        self._show()
        self._on_changed()

    def _show(self) -> None:
        ui, card = self.ui, self.card
        ui.modelBox.visible = ui.cardButton.visible = card is not None
        ui.modelCard.visible = card is not None and bool(ui.cardButton.checked)
        if card is None:
            missing = _("No model for this method is installed. Install one in the module HCC Study, then come back.")
            ui.modelSummary.text = missing
            return
        trained = trained_on(card.training) or _("it does not say what")
        ui.modelSummary.text = _("Trained on {data}. Research use only.").format(data=trained)
        ui.modelCard.setHtml(card_page(card.name, card))
