"""What the demos of the command show of a method: how much they train, on which case they look, what they tell.

``HCCAssistLib.phantoms.<package>.demo`` has ``DEMO``, an object of the class ``Demo`` here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from HCCAssistLib.cohort.cohort import Cohort

Row = tuple[str, Any]
"""Level and figure (an ``Estimate``) of the short table."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo of one method.

    Attributes:
        cases: phantoms of the cohort that the demonstration model is trained and tested on.
        least_cases: with fewer, training, validation or test would lack patients of a class.
        title: of the report.
        training: options of that training that are not the recipe's defaults; ``epochs`` among them.
        shipped: further options of the demonstration model that comes along: it rests on nothing that is downloaded.
        short: phantoms and epochs of a training that a person waits for, where the whole one takes too long.
        run: options of the run on the unseen case.
        folds: of the training.
        split: shares of training, validation and test; those of the paper's patients where None is given.
        shows: whether a phantom is one to show, by its row of the table: the first unseen one of which it holds.
        evidence: adds to the report what only known truth can show, and gives rows for the short table:
            ``evidence(pages, cohort, model, found)``.
        describe: lines about the result of the unseen case: ``describe(result, study)``.
    """

    cases: int
    least_cases: int
    title: str
    training: Mapping[str, bool | int | float | str]
    run: Mapping[str, bool | int | float | str]
    shows: Callable[[Mapping[str, object]], bool]
    evidence: Callable[[Any, Cohort, Any, Any], Sequence[Row]]
    describe: Callable[[Any, Any], tuple[str, Sequence[str], Sequence[Sequence[object]]]]
    folds: int = 1
    split: tuple[int, int, int] | None = None
    shipped: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    short: tuple[int, int] | None = None

    @property
    def epochs(self) -> int:
        """Of the training of the demonstration model, at most."""
        return int(self.training["epochs"])


def demo_of(package: str) -> Demo:
    """The demo of a recipe, by its package ``"HCCAssistLib.recipes.<package>"``."""
    found: Demo = importlib.import_module(f"HCCAssistLib.phantoms.{package.rpartition('.')[2]}.demo").DEMO
    return found
