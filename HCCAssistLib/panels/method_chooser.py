"""Which of a module's methods is shown: what the loaded scans ask for, with the reason, or what the reader chose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.panels.words import place_words
from HCCAssistLib.recipes.roles import guess_role, may_be
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.modality import may_be_of
from HCCAssistLib.scene.records import records
from HCCAssistLib.scene.roles import is_settled, role_of, role_volumes

SEVERAL = 2
"""Volumes of a method that asks for several from which on it is meant."""

KEPT = "method"
"""Parameter of the scene: id of the recipe that the reader chose by hand."""


class MethodChooser:
    """A box with the methods, and why the one that is shown is.

    Args:
        place: layout to be added to.
        recipes: of the methods.
        on_chosen: the reader chose one, by the id of its recipe.
    """

    def __init__(self, place: Any, *, recipes: Sequence[Recipe], on_chosen: Callable[[str], None]) -> None:
        self._recipes, self._on_chosen = tuple(recipes), on_chosen
        self.ui = ui = load("method_chooser", place)
        ui.MethodChooser.visible = len(self._recipes) > 1
        for recipe in self._recipes:
            ui.methodBox.addItem(_(recipe.title), recipe.id)
        ui.methodBox.connect("activated(int)", lambda index: self._on_chosen(str(ui.methodBox.itemData(index))))

    def show(self, recipe_id: str, reason: str, *, asks: bool) -> None:
        """Show which one is chosen.

        Args:
            recipe_id: of it.
            reason: why, in a sentence.
            asks: whether the reader is to choose.
        """
        self.ui.methodBox.setCurrentIndex(self.ui.methodBox.findData(recipe_id))
        tell(self.ui.methodLabel, reason, "warn" if asks else "note")


def method_for(recipes: Sequence[Recipe], scene: Any, kept: str = "") -> tuple[str, str]:
    """Id of the recipe that a scene asks for, and why; no id where the reader has to choose.

    Args:
        recipes: of the methods.
        scene: with the loaded scans.
        kept: what the reader chose by hand, empty where nothing.
    """
    titles = {recipe.id: _(recipe.title) for recipe in recipes}
    if kept in titles:
        return kept, _("Chosen by hand.")
    shown = [recipe.id for recipe in recipes if any(records(scene, recipe.id))]
    if len(shown) == 1:
        return shown[0], _("This scene holds a result of it.")
    asked = {recipe.id: words for recipe in recipes if (words := asked_for(recipe, scene))}
    if len(asked) == 1:
        (found,) = asked
        return found, _("Loaded: {scans}.").format(scans=asked[found])
    if asked:
        each = "; ".join(f"{titles[one]}: {words}" for one, words in asked.items())
        return "", _("The loaded scans fit several methods ({each}). Choose one.").format(each=each)
    return "", _("The loaded scans tell no method. Load them, confirm their phases in HCC Study, or choose one.")


def asked_for(recipe: Recipe, scene: Any) -> str:
    """Which loaded scans a method would use, in words; empty where there are too few of them.

    A scan counts by its confirmed role or by its name, and not where it is known to be of another modality.
    """
    needed = [spec for spec in recipe.volumes() if spec.required]
    volumes = list(role_volumes(scene))
    there = [
        spec for spec in needed if any(_plays(node, str(spec)) and may_be_of(node, spec.modality) for node in volumes)
    ]
    if len(there) < min(SEVERAL, len(needed)):
        return ""
    if len(there) == 1:
        return place_words(str(there[0]), there[0].modality)
    return str(_("{count} phases of {modality}").format(count=len(there), modality=there[0].modality))


def _plays(node: Any, role: str) -> bool:
    if is_settled(node):
        return role_of(node) == role
    return guess_role(node.GetName() or "").state == "guess" and may_be(guess_role(node.GetName() or ""), role)
