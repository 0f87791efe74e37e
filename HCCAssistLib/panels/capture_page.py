"""What of the scene goes into a case of one method: its scans and marks, its label, its clinical values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.labels import Classes
from HCCAssistLib.panels.clinical_form import ClinicalForm
from HCCAssistLib.panels.finding_label_table import FindingLabelTable
from HCCAssistLib.panels.inputs import Inputs
from HCCAssistLib.panels.label_form import LabelForm
from HCCAssistLib.panels.part import Shared
from HCCAssistLib.panels.readiness import MANY, Light, mark_lights, same_lights, volume_lights
from HCCAssistLib.panels.role_grid import RoleGrid
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.panels.words import place_words
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.capture_checks import missing_inputs
from HCCAssistLib.scene.roles import is_settled, role_of
from HCCAssistLib.scene.run_inputs import ChosenInputs


class CapturePage:
    """The selectors and forms of one method.

    Args:
        place: layout to be added to.
        recipe: of the method.
        changed: called where the reader or the scene changed something.

    Attributes:
        node: of the scene that keeps what is chosen and typed; None while nothing does.
        ui: all widgets of the page, by their names.
    """

    def __init__(self, place: Any, recipe: Recipe, changed: Callable[[], None]) -> None:
        self.recipe = recipe
        self.node: Any = None
        self._page = load("capture_page", place)
        layout = self._page.CapturePage.layout()
        sections = SimpleNamespace(inputsButton=self._page.CapturePage)
        shared = Shared(
            sections=sections,
            session=SimpleNamespace(recipe=recipe, current=None),
            window=None,
            wake=lambda: None,
            reader=lambda: "",
            chosen=self.chosen,
            cohort=lambda: None,
            changed=changed,
            settings=None,
            package=lambda _run: None,
        )
        self.inputs = Inputs(layout, specs=recipe.inputs, on_changed=changed, kept_for=f"capture.{recipe.id}.")
        self._grid = RoleGrid(shared) if len(recipe.volumes()) > 1 else None
        label = recipe.label
        lesions = next((str(need) for need in recipe.inputs if need.of_lesions), "")
        self._labels = LabelForm(layout, label, changed)
        self._findings: FindingLabelTable | None = None
        if isinstance(label, Classes) and label.of == "finding":
            self._findings = FindingLabelTable(
                layout, where=lesions, classes=label, chosen=self.chosen, changed=changed
            )
        self._clinical = ClinicalForm(shared) if recipe.variables else None
        parts = (self._page, self.inputs.ui, self._labels.ui, *(p.ui for p in (self._grid, self._findings) if p))
        self.ui = SimpleNamespace()
        for part in (*parts, *((self._clinical.ui,) if self._clinical else ())):
            vars(self.ui).update(vars(part))

    @property
    def visible(self) -> bool:
        """Whether the page is shown."""
        return bool(self._page.CapturePage.visible)

    @visible.setter
    def visible(self, shown: bool) -> None:
        self._page.CapturePage.visible = shown

    @property
    def is_labelled(self) -> bool:
        """Whether the label is known."""
        return self._labels.is_known

    def bind(self, node: Any | None) -> None:
        """Keep what is chosen and typed in a node of the scene; None keeps it nowhere."""
        self.node = node
        self.inputs.bind(node)
        self._labels.bind(node)
        if self._clinical is not None:
            self._clinical.bind(node)
        if node is None and self._findings is not None:
            self._findings.listen(False)

    def chosen(self) -> ChosenInputs:
        """Nodes, label and clinical values."""
        typed = self._clinical.values() if self._clinical is not None else {}
        return replace(self.inputs.chosen(), values={**self._labels.values(), **typed})

    def show(self, values: Mapping[str, str]) -> None:
        """Show label and clinical values of a case; all are unknown where there are no values."""
        self._labels.show(values)
        if self._clinical is not None:
            self._clinical.show(values)

    def refresh(self) -> None:
        """Show the present state of everything."""
        if self._grid is not None:
            self._grid.refresh()
        if self._findings is not None:
            self._findings.listen(True)
            self._findings.refresh()

    def lights(self) -> Iterator[Light]:
        """What is missing, doubtful or ready."""
        chosen = self.chosen()
        needed, some = missing_inputs(self.recipe, dict.fromkeys(chosen.places))
        volumes = {str(spec): spec for spec in self.recipe.volumes()}
        of_volumes = [
            light
            for place, spec in volumes.items()
            for light in _volume_lights(spec, chosen.volumes.get(place), needed=place in needed)
        ]
        confirmed = [light for light in of_volumes if light.level == "ok"]
        if len(confirmed) > MANY:
            yield Light("ok", _("{count} phases confirmed.").format(count=len(confirmed)))
        yield from (light for light in of_volumes if light not in confirmed or len(confirmed) <= MANY)
        yield from same_lights(chosen.volumes)
        lacking = [place_words(place, volumes[place].modality) for place in some if place in volumes]
        if lacking and chosen.volumes:
            yield Light("warn", _("Only some models do without: {places}.").format(places="; ".join(lacking)))
        yield from mark_lights(self.recipe.inputs, chosen.places)
        for place in dict.fromkeys(str(spec) for spec in self.recipe.inputs if spec.of_lesions):
            if sum(place in kind for kind in (chosen.points, chosen.segments, chosen.boxes)) > 1:
                text = _("The {name} are marked in several ways: choose one, and None for the others.")
                yield Light("stop", text.format(name=place.split("/")[-1]))
        yield from self._labels.lights()
        if self._findings is not None:
            yield from self._findings.lights()
        if self._clinical is not None:
            yield from (light for light in self._clinical.lights() if light.level == "stop")
            unknown = [one.title for one in self.recipe.variables if one.column not in chosen.values]
            if unknown:
                yield Light("warn", _("Left unknown: {titles}.").format(titles=", ".join(unknown)))


def _volume_lights(spec: InputSpec, node: Any | None, *, needed: bool) -> Iterator[Light]:
    """What there is to say of a scan; what a person settled otherwise is not taught to a model."""
    if node is None and not needed:
        return
    for light in volume_lights(spec if needed else replace(spec, required=False), node):
        other = node is not None and light.level == "warn" and is_settled(node) and role_of(node) != str(spec)
        yield Light("stop", light.text) if other else light
