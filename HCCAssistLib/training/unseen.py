"""The cases of a cohort that a model was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.held_out import HeldOut, hold_out, refuse_seen
from HCCAssistLib.inference.study import read_study
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


def refuse_trained_on(
    cases: Sequence[Case], packages: Mapping[str, ModelPackage], *, progress: Callable[[float], None] | None = None
) -> None:
    """Stop on cases with an image that one of several models was trained on, before any of them is run.

    A case that cannot be read is passed over: the evaluation names it.

    Args:
        cases: to be evaluated.
        packages: the models by name, all of one recipe.
        progress: called with how much is done, 0 to 1.

    Raises:
        InputError: all such cases, each with the model.
    """
    seen: list[Problem] = []
    alike: dict[str, dict[str, ModelPackage]] = {}  # models that see the same images, which are read once for them
    for name, package in packages.items():
        needs = ", ".join(map(str, package.recipe.inputs_with(package.card.options)))
        alike.setdefault(needs, {})[name] = package
    for number, case in enumerate(cases):
        if progress:
            progress(number / len(cases))
        for models in alike.values():
            one = next(iter(models.values()))
            try:
                volumes = read_study(case, one.recipe, options=one.card.options).volumes.values()
            except InputError:
                continue
            for name, package in models.items():
                try:
                    refuse_seen(case.case_id, volumes, package.card.training)
                except InputError as error:
                    seen += [replace(p, where=f"model {name}, {p.where}") for p in error.problems]
    if seen:
        raise InputError(seen)
