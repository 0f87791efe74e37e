"""What a recipe says of itself: pure data that the command, the panels, the checks and the docs all read."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import Any, Literal

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.labels import Label, Variable
from HCCAssistLib.recipes.options import Option, Value

Step = Literal[
    "checks",
    "sampling",
    "network",
    "training",
    "prediction",
    "evaluation",
    "report",
    "comparison",
    "methods",
    "review",
    "second_rater",
    "seen",
    "scored",
]
"""The working parts of a recipe: modules of its package, the same names in every recipe."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One published method.

    Attributes:
        id: as written on the command line.
        title: for people.
        paper: how to cite it.
        doi: of the paper, empty where it is not known here.
        task: which kind of result comes out.
        inputs: what a case must or may hold.
        label: the truth it learns from.
        options: variants and open choices of the training, stored in the model package.
        run_options: choices of one run of a trained model.
        split: patients to train, to validate and to test, as in the paper; only their ratio counts.
        windows: names and grey-value windows in which a reader looks at the images, the first one to begin with.
        variables: clinical values.
        models: what the paper calls each of several models that a package holds, by the name that files have for it.
        presets: values of options by name: ``paper`` undoes what the defaults add to the paper, ``quick`` trains one
            member on phantoms in two minutes on two cores, to try things out.
        package: import path of the recipe's package.
        panel: title of the Slicer module that offers its models.
    """

    id: str
    title: str
    paper: str
    task: Literal["detection", "classification", "risk"]
    inputs: tuple[InputSpec, ...]
    label: Label
    options: tuple[Option, ...]
    run_options: tuple[Option, ...]
    split: tuple[float, float, float]
    windows: Mapping[str, Window]
    package: str
    panel: str
    variables: tuple[Variable, ...] = ()
    models: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    presets: Mapping[str, Mapping[str, Value]] = field(
        default_factory=lambda: MappingProxyType({"paper": {}, "quick": {}})
    )
    doi: str = ""

    def resolve(self, given: Mapping[str, Value], *, run: bool = False, preset: str = "") -> dict[str, Value]:
        """All options with their values: the given ones checked, the others as the preset or their defaults say.

        >>> from HCCAssistLib.recipes.registry import get_recipe
        >>> get_recipe("ltp").resolve({"pools": "2"})["pools"]
        2

        Args:
            given: names and values.
            run: the options of one run of a trained model instead of those of its training.
            preset: ``"paper"`` or ``"quick"``, or ``""`` for the defaults alone; without effect on a run.

        Raises:
            InputError: an unknown name or preset, or a value that does not fit.
        """
        options = {option.name: option for option in (self.run_options if run else self.options)}
        unknown = sorted(set(given) - set(options))
        if unknown:
            raise InputError(
                f"the recipe {self.id} has no option {', '.join(unknown)}",
                remedy=f"its options are {', '.join(options)}",
            )
        if preset and preset not in self.presets:
            raise InputError(
                f"the recipe {self.id} has no preset {preset!r}", remedy=f"choose from {', '.join(self.presets)}"
            )
        given = {**self.presets[preset], **given} if preset and not run else given
        return {name: option.parse(given.get(name, option.default)) for name, option in options.items()}

    def inputs_with(self, options: Mapping[str, Value]) -> tuple[InputSpec, ...]:
        """The inputs that a model with these options asks for."""
        return tuple(
            one for one in self.inputs if all(options.get(name) in values for name, values in one.only_with.items())
        )

    def printed(self, model: str) -> str:
        """A model of a package as readers know it.

        >>> from HCCAssistLib.recipes.registry import get_recipe
        >>> get_recipe("ablation-recurrence").printed("dl_clinical"), get_recipe("ltp").printed("network")
        ('DL_Clinical', 'network')

        Args:
            model: its name in files; printed as it is where the paper has none for it.
        """
        return self.models.get(model, model)

    def volumes(self) -> tuple[InputSpec, ...]:
        """The inputs that are volumes."""
        return tuple(one for one in self.inputs if one.kind == "volume")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of cohort.csv that it reads: label and clinical values."""
        return (*self.label.columns, *(variable.column for variable in self.variables))

    def module(self, name: Step) -> ModuleType:
        """A working part of the recipe, imported when it is needed (it may import torch)."""
        return importlib.import_module(f"{self.package}.{name}")

    def as_json(self) -> dict[str, Any]:
        """The recipe as ``hccassist recipes --json`` prints it."""
        return {
            "id": self.id,
            "title": self.title,
            "paper": self.paper,
            "doi": self.doi,
            "task": self.task,
            "inputs": [_input_json(one) for one in self.inputs],
            "label": self.label.as_json(),
            "variables": [variable.as_json() for variable in self.variables],
            "split": list(self.split),
            "windows": {name: {"level": w.level, "width": w.width} for name, w in self.windows.items()},
            "presets": {name: dict(values) for name, values in self.presets.items()},
            "options": [option.as_json() for option in self.options],
            "run_options": [option.as_json() for option in self.run_options],
        }


def _input_json(one: InputSpec) -> dict[str, Any]:
    found: dict[str, Any] = {
        "time_point": one.time_point,
        "name": one.name,
        "kind": one.kind,
        "required": one.required,
        "only_with": {name: list(values) for name, values in one.only_with.items()},
    }
    if one.kind == "volume":
        spacing = one.spacing_mm and {"in_plane": list(one.spacing_mm[0]), "between_slices": list(one.spacing_mm[1])}
        found |= {"modality": one.modality, "unit": one.unit, "spacing_mm": spacing}
    return found
