"""How a method presents itself in the panel that all methods share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.panels.findings_table import Column
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.readiness import Light
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.spec import Recipe


@dataclass(frozen=True, slots=True)
class Method:
    """How a method presents itself in its panel.

    Attributes:
        recipe: of the method.
        inputs: what the reader chooses for a run, the main volume first.
        verb: text of the button that starts a run.
        columns: of the table of findings; none of a risk, which has no findings.
        options: names of the run options that the reader is asked for, with their labels.
        choices: words for the choices of an option.
        needs: options that count only with a value of another one.
        absent: what it means that an optional input is not chosen, by its place.
        added: make the parts that this method alone has.
        lights: what else there is to say before a run, given the places chosen and the options.
    """

    recipe: Recipe
    inputs: tuple[InputSpec, ...]
    verb: str
    columns: Callable[[Callable[[], Any]], Sequence[Column]] = lambda _review: ()
    options: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    needs: Mapping[str, tuple[str, Value]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    added: Sequence[Callable[[Shared], Part]] = ()
    lights: Callable[[set[str], Mapping[str, Value]], Iterable[Light]] = lambda _places, _values: ()
