"""Which model a method uses, with what it was trained on; its card folds out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.models.caveats import trained_on
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.panels.model_card import card_page
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.panels.words import phase_words
from HCCAssistLib.recipes.spec import Recipe


class ModelChooser:
    """A box with the models of a recipe.

    Args:
        place: layout to be added to.
        recipe: of the method.
        store: of installed models, and of those that come along.
        on_changed: another model was chosen, by a person or because the installed ones changed.
    """

    def __init__(self, place: Any, *, recipe: Recipe, store: ModelStore, on_changed: Callable[[], None]) -> None:
        self._recipe = recipe
        self._store = store
        self._on_changed = on_changed
        self._cards: dict[str, ModelCard] = {}
        self._along: frozenset[str] = frozenset()  # the models that nobody installed
        self._there: frozenset[str] | None = None  # volumes that the choice was made for
        self._restored = False  # whether the choice is that of a saved scene
        self._why = ""
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

    def restore(self, name: str) -> None:
        """Choose the model that a scene was left with; it stays where the volumes allow it."""
        self.name = name
        self._there, self._restored = None, self.name == name

    @property
    def card(self) -> ModelCard | None:
        """Of the chosen model."""
        return self._cards.get(self.name)

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """What the chosen model asks for; all that any may ask for where none is chosen."""
        card = self.card
        return self._recipe.inputs if card is None else self._recipe.inputs_with(card.options)

    def fit(self, there: Collection[str]) -> None:
        """Choose the model that uses most of the volumes that are there; a reader's choice stays while these do.

        Args:
            there: places of the volumes that are chosen.
        """
        if not any(spec.only_with for spec in self._recipe.volumes()):
            return  # every model asks for the same
        there = frozenset(there)
        if there == self._there:
            return
        self._there = there
        asked = {name: self._asked(card) for name, card in self._cards.items()}
        fitting = [name for name, places in asked.items() if places <= there]
        most = max((len(asked[name]) for name in fitting), default=0)
        fullest = [name for name in fitting if len(asked[name]) == most]
        kept, self._restored = self._restored and self.name in fitting, False
        if fullest and not kept and self.name not in fullest:
            box = self.ui.modelBox
            blocked = box.blockSignals(True)
            self.name = fullest[0]
            box.blockSignals(blocked)
        self._why = self._uses(asked.get(self.name, frozenset()), asked.values(), there)
        self._show()

    def _asked(self, card: ModelCard) -> frozenset[str]:
        needed = self._recipe.inputs_with(card.options)
        return frozenset(str(spec) for spec in needed if spec.kind == "volume" and spec.required)

    def refresh(self) -> None:
        """Look at what there is; the chosen model stays chosen where it is there."""
        box, before = self.ui.modelBox, self.name
        offered = self._store.offered()
        self._along = frozenset(entry.name for entry in offered if entry.comes_along)
        self._cards = {e.name: e.card for e in offered if e.card is not None and e.card.recipe == self._recipe.id}
        if list(self._cards) != [box.itemText(index) for index in range(box.count)]:
            blocked = box.blockSignals(True)
            box.clear()
            box.addItems(list(self._cards))
            self.name = before
            box.blockSignals(blocked)
            self._there = None
            if self.name != before:
                self._on_changed()
        self._show()

    def _chosen(self, _index: int) -> None:
        asked = [self._asked(card) for card in self._cards.values()]
        if self._there is not None and self.card is not None:
            self._why = self._uses(self._asked(self.card), asked, self._there)
        self._show()
        self._on_changed()

    def _show(self) -> None:
        ui, card = self.ui, self.card
        ui.modelBox.visible = ui.cardButton.visible = card is not None
        ui.modelCard.visible = unfolded = card is not None and bool(ui.cardButton.checked)
        if card is None:
            missing = _("No model for this method is installed. Install one in the module HCC Study, then come back.")
            ui.modelSummary.text = missing
            return
        trained = trained_on(card.training)
        data = (
            _("Trained on {data}.").format(data=trained)
            if trained
            else _("The card of this model does not tell what it was trained on.")
        )
        along = _(
            "Demonstration model, synthetic: it comes with HCCAssist, and says nothing about patients. A model of this "
            "method that you install in the module HCC Study takes its place."
        )
        note = along if card.name in self._along else ""
        ui.modelSummary.text = " ".join(filter(None, (note, self._why, data, _("Research use only."))))
        if unfolded:
            ui.modelCard.setHtml(card_page(card.name, card))

    def _uses(self, asked: frozenset[str], others: Iterable[frozenset[str]], there: frozenset[str]) -> str:
        """Which volumes a model looks at, and which more one would that is installed, too."""
        if not asked:
            return ""
        used = self._words(asked)
        text = _("It uses: {used}.").format(used=used)
        fuller = min((one - there for one in others if one > asked and one - there), key=len, default=frozenset())
        if fuller:
            text += " " + _("A fuller model is installed that needs also: {places}.").format(places=self._words(fuller))
        return str(text)

    def _words(self, places: Collection[str]) -> str:
        """Phases in the order in which the recipe asks for them."""
        return ", ".join(phase_words(spec.name) for spec in self._recipe.volumes() if str(spec) in places)
