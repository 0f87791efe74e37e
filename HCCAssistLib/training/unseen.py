"""The cases of a cohort that a model was not trained on."""

from __future__ import annotations

from functools import partial

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.evaluation.held_out import HeldOut, hold_out
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.recipes.registry import cohort_spec


def unseen(cohort: Cohort, package: ModelPackage) -> HeldOut:
    """The cases to evaluate a model on, with their files and labels checked; as ``hold_out``.

    Raises:
        InputError: no case is to be evaluated or none of them can be.
    """
    recipe, card = package.recipe, package.card
    check = partial(recipe.module("checks").problems, options=card.options)
    return hold_out(cohort, cohort_spec(recipe, card.options), card.training, check=check)
