"""One training to be done, whatever trains it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.models.package import check_name
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.training.parts import check_parts


@dataclass(frozen=True, slots=True)
class Job:
    """One training to be done.

    Attributes:
        recipe: which method.
        options: all of the recipe's options, resolved.
        out: folder of the model package; all that ``run.train`` takes lies in ``<out>.training`` until it is done.
        name: of the model.
        seed: of splits, sampling, weights and order.
        folds: 1 trains on the split of the cohort; more trains a member per fold of its training cases.
        repeats: members per fold, each with its own seed.
        device: to train on; ``"auto"`` takes a CUDA card where there is one.
        workers: processes that read the cohort side by side.
        preset: that the options came from, ``""`` where none.
    """

    recipe: Recipe
    options: dict[str, Value]
    out: Path
    name: str
    seed: int = 0
    folds: int = 1
    repeats: int = 1
    device: str = "cpu"
    workers: int = 1
    preset: str = ""

    @property
    def chosen_on(self) -> str:
        """What cut-offs are chosen on, in words."""
        return "validation set" if self.folds == 1 else f"held-out parts of {self.folds} folds"

    def checked(self, cohort: Cohort) -> Job:
        """The same with its options settled for this computer, unless the table alone refuses it.

        What stands for something that this computer holds is settled by the recipe's own ``training.settled``, where it
        has one, so that the model card says what it was.

        Raises:
            InputError: a name that no model can have, a part without patients of a class, or something that is asked
                for by name and not there.
        """
        check_name(self.name)
        settle = getattr(self.recipe.module("training"), "settled", None)
        options = self.options if settle is None else dict(settle(self.options))
        check_parts(cohort, cohort_spec(self.recipe, options), folds=self.folds, seed=self.seed)
        return replace(self, options=options)
