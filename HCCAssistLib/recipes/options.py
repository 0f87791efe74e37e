"""The choices of a recipe: typed, bounded, checked, and the same for the command, the panels and model.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from HCCAssistLib.errors import InputError

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Option:
    """A choice that a paper leaves open, or a variant it describes.

    >>> Option("pools", 3, "poolings", choices=(3, 2)).parse("2")
    2

    Attributes:
        name: as written in ``--set name=value`` and in model.json.
        default: also fixes the type.
        help: one line for a person.
        choices: the values allowed, or empty.
        bounds: lowest and highest number allowed, or None.
        variant: the paper trains a model for each of the choices and compares them.
    """

    name: str
    default: Value
    help: str
    choices: tuple[Value, ...] = ()
    bounds: tuple[float, float] | None = None
    variant: bool = False

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
        except (KeyError, ValueError, OverflowError) as error:
            wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "text")
            raise InputError(f"{given!r} is not {wanted}", f"option {self.name}") from error
        if self.choices and value not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise InputError(f"{value!r} is not one of the choices", f"option {self.name}", f"choose from {allowed}")
        if self.bounds and not self.bounds[0] <= float(value) <= self.bounds[1]:
            low, high = self.bounds
            raise InputError(f"{value} is outside {low:g} to {high:g}", f"option {self.name}")
        return value

    def as_json(self) -> dict[str, Any]:
        """The option as ``hccassist recipes --json`` prints it."""
        return {
            "name": self.name,
            "default": self.default,
            "choices": list(self.choices),
            "bounds": self.bounds,
            "variant": self.variant,
            "help": self.help,
        }


def training_options(
    *,
    epochs: int,
    patience: int,
    batch: int,
    learning_rate: float,
    optimiser: str = "adam",
    balance: str = "none",
    averaging: float = 0.0,
) -> tuple[Option, ...]:
    """The options that the training of every recipe has, with the values of one recipe.

    Args:
        epochs: at most.
        patience: epochs without a better one on the validation samples before training stops.
        batch: samples in a batch.
        learning_rate: of the optimiser.
        optimiser: ``"adam"``, or ``"sgd"`` with a momentum of 0.9.
        balance: ``"none"``; ``"weights"`` weighs the loss of a class by the inverse of its share; ``"sampler"`` draws
            every class equally often.
        averaging: share of the running average of the weights that a step keeps; 0 takes the last weights alone.
    """
    return (
        Option("epochs", epochs, "epochs at most", bounds=(1, 1000)),
        Option("patience", patience, "epochs without better validation scores before training stops", bounds=(1, 1000)),
        Option("batch", batch, "samples in a batch", bounds=(2, 4096)),
        Option("learning_rate", learning_rate, "of the optimiser", bounds=(1e-7, 1.0)),
        Option("optimiser", optimiser, "Adam, or gradient descent with a momentum of 0.9", choices=("adam", "sgd")),
        Option(
            "balance",
            balance,
            "classes of unequal size: as they are (none), loss weighed (weights), or drawn equally often (sampler)",
            choices=("none", "weights", "sampler"),
        ),
        Option(
            "averaging",
            averaging,
            "share of the running average of the weights that a step keeps, so that one bad epoch does not decide, at "
            "most (1 + n) / (10 + n) after n steps; 0 takes the last weights alone",
            bounds=(0.0, 0.9999),
        ),
        Option(
            "precision",
            "auto",
            "of the training: auto takes 16-bit floats (bfloat16) where a CUDA card has them, 32-bit ones elsewhere; "
            "weights, losses and validation are 32-bit in both",
            choices=("auto", "float32"),
        ),
        Option("permute_labels", False, "shuffle the labels: a check for leaks, never a model to use"),
    )


WIDTH = Option(
    "width",
    1.0,
    "share of the paper's channels that each layer has: 1 is the paper, less is a smaller network for demonstration",
    bounds=(0.05, 1.0),
)
