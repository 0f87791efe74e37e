"""What the demo of the command shows of a method: how much it trains, on which case it looks, and what it tells.

``HCCAssistLib.phantoms.<package>.demo`` has ``DEMO``, an object of the class ``Demo`` here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort

Row = tuple[str, Any]
"""Level and figure (an ``Estimate``) of the short table."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo of one method.

    Attributes:
        cases: phantoms of the cohort.
        least_cases: with fewer, training, validation or test would lack patients of a class.
        title: of the report.
        training: options of the training that are not the recipe's defaults; ``epochs`` among them.
        run: options of the run on the unseen case.
        folds: of the training.
        unseen: phantoms among which that case is chosen.
        choose: that case.
        evidence: adds to the report what only known truth can show, and gives rows for the short table:
            ``evidence(pages, cohort, model, found)``.
        describe: lines about the result of the unseen case: ``describe(result, study)``.
    """

    cases: int
    least_cases: int
    title: str
    training: Mapping[str, bool | int | float | str]
    run: Mapping[str, bool | int | float | str]
    unseen: int
    choose: Callable[[Cohort], Case]
    evidence: Callable[[Any, Cohort, Any, Any], Sequence[Row]]
    describe: Callable[[Any, Any], tuple[str, Sequence[str], Sequence[Sequence[object]]]]
    folds: int = 1


def demo_of(package: str) -> Demo:
    """The demo of a recipe, by its package ``"HCCAssistLib.recipes.<package>"``."""
    found: Demo = importlib.import_module(f"HCCAssistLib.phantoms.{package.rpartition('.')[2]}.demo").DEMO
    return found
