"""A training to be begun: cohort, method, settings, and what can be said of them before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from HCCAssistLib.installation import installed_version
from HCCAssistLib.models.model_card import SAFE_NAME
from HCCAssistLib.panels.cohort_choice import CohortChoice
from HCCAssistLib.panels.option_form import OptionForm
from HCCAssistLib.panels.training_facts import Question, TrainingFacts
from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.wording import plural, value_text

LARGEST_SEED = 2**32 - 1
WAIT_MS = 250
"""After the last change, before the table is looked at."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for, checked as far as it can be without reading an image.

    Attributes:
        cohort: its folder.
        recipe: id of the method.
        name: of the model.
        options: of the training, resolved.
        preset: that they came from, ``""`` for the defaults.
        folds, repeats, seed, device: of the training.
        profile: of the cluster; ``""`` for this computer.
    """

    cohort: Path
    recipe: str
    name: str
    options: Mapping[str, Value]
    preset: str
    folds: int
    repeats: int
    seed: int
    device: str
    profile: str


class TrainingForm:
    """Takes down what is to be trained; shows the facts of the table, and what is wrong beside its field.

    Args:
        place: layout to be added to.
        choice: method and cohort.
        taken: the names of trainings that are there.
        on_start, on_dry_run: the person pressed the button.
        on_cancel: the dry run is to stop.
    """

    def __init__(
        self,
        place: Any,
        *,
        choice: CohortChoice,
        taken: Callable[[], Collection[str]],
        on_start: Callable[[Asked], None],
        on_dry_run: Callable[[Asked], None],
        on_cancel: Callable[[], None],
    ) -> None:
        self._choice, self._taken = choice, taken
        self._forms: dict[str, OptionForm] = {}
        self._busy, self._suggested = "", ""
        self._names: set[str] = set()
        self.ui = ui = load("training_form", place)
        self._facts = TrainingFacts(ui.trainingFacts, ui.trainingFaults)
        words = {"": _("defaults"), "quick": _("quick: to try things out"), "paper": _("as in the paper")}
        for preset, text in words.items():
            ui.trainingPreset.addItem(text, preset)
        for device in ("auto", "cpu", "cuda"):
            ui.trainingDevice.addItem(device)
        self.offer_engines(())
        self._soon = qt.QTimer(ui.TrainingForm)
        self._soon.setSingleShot(True)
        self._soon.connect("timeout()", self._look)
        self._show_recipe()
        ui.trainingPreset.connect("currentIndexChanged(int)", lambda _index: self._preset_chosen())
        for box in (ui.trainingFolds, ui.trainingRepeats):
            box.connect("valueChanged(int)", self._changed)
        for edit in (ui.trainingName, ui.trainingSeed):
            edit.connect("textChanged(QString)", self._changed)
        ui.trainingEngine.connect("currentIndexChanged(int)", self._changed)
        ui.trainingOptionsButton.connect("toggled(bool)", lambda _checked: self.refresh())
        ui.trainingStartButton.connect("clicked(bool)", lambda _checked: self._press(on_start))
        ui.trainingDryRunButton.connect("clicked(bool)", lambda _checked: self._press(on_dry_run))
        ui.trainingCancelButton.connect("clicked(bool)", lambda _checked: on_cancel())
        tell(ui.trainingLabel, "")
        self.suggest_name()

    # ------------------------------------------------------------------------------------------------ what is chosen

    @property
    def recipe(self) -> Recipe:
        """The method that is chosen."""
        return self._choice.recipe

    @property
    def form(self) -> OptionForm:
        """The settings of the method that is chosen."""
        return self._forms[self.recipe.id]

    def asked(self) -> Asked | None:
        """What is asked for; None where something is missing or not possible."""
        ui, values, cohort = self.ui, self.form.values, self._choice.folder
        if values is None or cohort is None or any(self._problems().values()):
            return None
        return Asked(
            cohort=cohort,
            recipe=self.recipe.id,
            name=str(ui.trainingName.text).strip(),
            options=values,
            preset=self._preset,
            folds=int(ui.trainingFolds.value),
            repeats=int(ui.trainingRepeats.value),
            seed=int(ui.trainingSeed.text),
            device=str(ui.trainingDevice.currentText),
            profile=self._profile,
        )

    @property
    def _preset(self) -> str:
        return str(self.ui.trainingPreset.itemData(self.ui.trainingPreset.currentIndex) or "")

    @property
    def _profile(self) -> str:
        return str(self.ui.trainingEngine.itemData(self.ui.trainingEngine.currentIndex) or "")

    def suggest_name(self) -> None:
        """A name that no training has."""
        taken, number = set(self._taken()), 1
        while f"{self.recipe.id}-{number}" in taken:
            number += 1
        self._suggested = f"{self.recipe.id}-{number}"
        self.ui.trainingName.text = self._suggested

    def offer_engines(self, profiles: Collection[str]) -> None:
        """Offer this computer and the clusters of these profiles; the choice stays where it is still there."""
        box, chosen = self.ui.trainingEngine, self._profile if self.ui.trainingEngine.count else ""
        blocked = box.blockSignals(True)
        box.clear()
        box.addItem(_("this computer"), "")
        for name in profiles:
            box.addItem(_("cluster {name}").format(name=name), name)
        box.setCurrentIndex(max(0, box.findData(chosen)))
        box.blockSignals(blocked)

    # ------------------------------------------------------------------------------------------------ what is shown

    def look(self) -> None:
        """Another method or cohort is chosen, or the table changed."""
        if self.recipe.id != self._recipe_shown:
            self._show_recipe()
            self.form.show(self._preset)
            self.suggest_name()
        self._facts.forget()
        self.refresh()

    def names_changed(self) -> None:
        """Trainings came or went; a name that was suggested, or has just been given to one, makes way."""
        names, written = set(self._taken()), str(self.ui.trainingName.text).strip()
        if names != self._names:
            if written == self._suggested or written in names - self._names:
                self.suggest_name()
            self._names = names
            self._show()

    def refresh(self) -> None:
        """Show what is wrong, and what can be done now."""
        self._show()
        self._soon.start(WAIT_MS)

    def busy(self, text: str) -> None:
        """Something of this part goes on in another process; empty where nothing does."""
        self._busy = text
        self._show()
        if text:
            tell(self.ui.trainingLabel, text)

    def told(self, text: str, level: Any = "note") -> None:
        """What became of a start or a dry run."""
        tell(self.ui.trainingLabel, text, level)

    def poll(self) -> None:
        """Take up what was found in the table."""
        if self._facts.busy and not self._facts.poll():
            self._look()  # where something was changed meanwhile
            self._show()

    def close(self) -> None:
        """The panel goes."""
        self._soon.stop()
        self._facts.close()

    def _question(self) -> Question | None:
        """What the facts of a table depend on; None where there is nothing to look at."""
        cohort, values, ui, problems = self._choice.folder, self.form.values, self.ui, self._problems()
        if cohort is None or values is None or problems["cohort"] or problems["seed"]:
            return None
        return Question(cohort, self.recipe.id, dict(values), int(ui.trainingFolds.value), int(ui.trainingSeed.text))

    def _look(self) -> None:
        self._facts.look(self._question())

    def _problems(self) -> dict[str, str]:
        """What is missing or not possible, by field."""
        ui, name = self.ui, str(self.ui.trainingName.text).strip()
        found = dict.fromkeys(("cohort", "name", "seed", "engine"), "")
        if self._choice.is_new:
            found["cohort"] = _("The cohort holds no case yet: capture some first.")
        else:
            found["cohort"] = self._choice.problem
        if not SAFE_NAME.fullmatch(name):
            found["name"] = _("Write a name of letters, digits, '-', '_' and '.', such as {name}.").format(
                name=f"{self.recipe.id}-1"
            )
        elif name in self._taken():
            found["name"] = _("A training of this name is there already. Choose another name, or remove that one.")
        seed = str(ui.trainingSeed.text).strip()
        if not (seed.isascii() and seed.isdigit() and int(seed) <= LARGEST_SEED):
            found["seed"] = _("Write a whole number from 0 to {most}.").format(most=LARGEST_SEED)
        if not self._profile and installed_version("torch") is None:
            found["engine"] = _("PyTorch is missing here. Set it up in the module HCC Study, or choose a cluster.")
        return found

    def _show(self) -> None:
        ui, problems = self.ui, self._problems()
        tell(ui.trainingNameProblem, problems["name"], "stop")
        tell(ui.trainingSeedProblem, problems["seed"], "stop")
        tell(ui.trainingEngineProblem, problems["engine"], "stop")
        ui.trainingOptions.visible = ui.trainingOptionsButton.checked
        faults, changed = self.form.problems, self.form.changed
        if faults:
            names = ", ".join(name.replace("_", " ") for name in faults)
            tell(ui.trainingChanged, _("Not possible: {names}. See all settings.").format(names=names), "stop")
        else:
            each = ", ".join(f"{name.replace('_', ' ')} {value_text(value)}" for name, value in changed.items())
            tell(ui.trainingChanged, _("Changed: {each}.").format(each=each) if changed else "")
        networks = int(ui.trainingFolds.value) * int(ui.trainingRepeats.value)
        ui.trainingNetworks.text = f"= {networks} {plural('network', networks)}"
        known = self._facts.show(self._question(), problems["cohort"])
        ready = self.asked() is not None and known is not None and not known.stops and not self._busy
        ui.trainingStartButton.enabled = ui.trainingDryRunButton.enabled = ready
        ui.trainingStartButton.toolTip = (
            _("It goes on when Slicer is closed") if ready else _("First mend what is marked above")
        )
        ui.trainingProgress.visible = ui.trainingCancelButton.visible = bool(self._busy)

    # --------------------------------------------------------------------------------------------------- what is done

    def _show_recipe(self) -> None:
        if self.recipe.id not in self._forms:
            layout = self.ui.trainingOptions.layout()
            form = OptionForm(layout, recipe=self.recipe, on_changed=self._changed)
            form.show(self._preset)
            self._forms[self.recipe.id] = form
        self._recipe_shown = self.recipe.id
        for name, form in self._forms.items():
            form.widget.visible = name == self.recipe.id

    def _preset_chosen(self) -> None:
        self.form.show(self._preset)
        self.refresh()

    def _changed(self, *_arguments: Any) -> None:
        self.refresh()

    def _press(self, action: Callable[[Asked], None]) -> None:
        asked = self.asked()
        if asked is not None:
            action(asked)
