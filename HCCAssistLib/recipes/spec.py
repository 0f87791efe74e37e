"""What a recipe says of itself: pure data that the command, the panels, the checks and the docs all read."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from HCCAssistLib.cohort.needs import Need
from HCCAssistLib.errors import InputError

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Option:
    """A choice that a paper leaves open, or a variant it describes.

    Attributes:
        name: as written in ``--set name=value`` and in model.json.
        default: also fixes the type.
        help: one line for a person.
        choices: the values allowed, or empty.
        bounds: lowest and highest number allowed, or None.
    """

    name: str
    default: Value
    help: str
    choices: tuple[Value, ...] = ()
    bounds: tuple[float, float] | None = None

    def parse(self, given: Value) -> Value:
        """The value in the option's type.

        Raises:
            InputError: not of the type, not among the choices, or out of bounds.
        """
        kind = type(self.default)
        try:
            if kind is bool:
                value: Value = {"true": True, "1": True, "false": False, "0": False}[str(given).lower()]
            else:
                value = kind(given)
        except (KeyError, ValueError) as error:
            wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "text")
            raise InputError(f"{given!r} is not {wanted}", f"option {self.name}") from error
        if self.choices and value not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise InputError(f"{value!r} is not one of the choices", f"option {self.name}", f"choose from {allowed}")
        if self.bounds and not self.bounds[0] <= float(value) <= self.bounds[1]:
            low, high = self.bounds
            raise InputError(f"{value} is outside {low:g} to {high:g}", f"option {self.name}")
        return value


@dataclass(frozen=True, slots=True)
class Recipe:
    """One published method.

    Attributes:
        id: as written on the command line.
        title: for people.
        paper: how to cite it.
        task: which kind of result comes out.
        needs: what a case must or may hold.
        label: column of cohort.csv with the truth.
        phase: contrast phase that the images must show.
        spacing_mm: lowest and highest voxel spacing the method was made for, in-plane and between slices.
        options: variants and open choices, stored in the model package.
        run_options: choices of one run of a trained model.
        package: import path of the recipe's package.
        modality: of the images, as in DICOM.
    """

    id: str
    title: str
    paper: str
    task: Literal["detection", "classification", "risk"]
    needs: tuple[Need, ...]
    label: str
    phase: str
    spacing_mm: tuple[tuple[float, float], tuple[float, float]]
    options: tuple[Option, ...]
    run_options: tuple[Option, ...]
    package: str
    modality: str = "CT"

    def resolve(self, given: Mapping[str, Value], *, run: bool = False) -> dict[str, Value]:
        """All options with their values: the given ones checked, the others at their defaults.

        Raises:
            InputError: an unknown name or a value that does not fit.
        """
        options = {option.name: option for option in (self.run_options if run else self.options)}
        unknown = sorted(set(given) - set(options))
        if unknown:
            raise InputError(
                f"the recipe {self.id} has no option {', '.join(unknown)}",
                remedy=f"its options are {', '.join(options)}",
            )
        return {name: option.parse(given.get(name, option.default)) for name, option in options.items()}

    def module(
        self, name: Literal["checks", "sampling", "network", "mining", "operating_point", "prediction", "evaluation"]
    ) -> ModuleType:
        """A working part of the recipe, imported when it is needed (it may import torch)."""
        return importlib.import_module(f"{self.package}.{name}")

    def as_json(self) -> dict[str, Any]:
        """The recipe as ``hccassist recipes --json`` prints it."""

        def options(items: tuple[Option, ...]) -> list[dict[str, Any]]:
            return [
                {"name": o.name, "default": o.default, "choices": list(o.choices), "bounds": o.bounds, "help": o.help}
                for o in items
            ]

        return {
            "id": self.id,
            "title": self.title,
            "paper": self.paper,
            "task": self.task,
            "needs": [
                {"time_point": n.time_point, "name": n.name, "kind": n.kind, "required": n.required} for n in self.needs
            ],
            "label": self.label,
            "modality": self.modality,
            "phase": self.phase,
            "spacing_mm": {"in_plane": list(self.spacing_mm[0]), "between_slices": list(self.spacing_mm[1])},
            "options": options(self.options),
            "run_options": options(self.run_options),
        }
