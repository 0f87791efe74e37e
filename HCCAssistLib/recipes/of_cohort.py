"""Whether a cohort is one of a method: its table has the label, and its cases hold what the method asks for."""

from __future__ import annotations

from collections.abc import Sequence

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.registry import RECIPES
from HCCAssistLib.recipes.spec import Recipe

LOOKED_AT = 5
"""Cases whose files are looked for; the others of a cohort are alike."""


def objection(cases: Sequence[Case], recipe: Recipe) -> str:
    """Why a cohort is not one of a method, in words; empty where it may be, or holds no case yet.

    Args:
        cases: of the cohort.
        recipe: of the method.
    """
    if not cases:
        return ""
    others = [one for one in RECIPES.values() if one is not recipe and _fits(cases, one)]
    of = f"is one of {others[0].title!r}" if others else f"is none of {recipe.title!r}"
    absent = [column for column in recipe.label.columns if column not in cases[0].values]
    if absent:
        return f"the cohort {of}: its table has no column {' and '.join(absent)}"
    if not _fits(cases, recipe):
        return f"the cohort {of}: its cases hold no {_volumes(recipe)[0]}"
    return ""


def recipe_of(cases: Sequence[Case]) -> Recipe | None:
    """The only method that a cohort can be of; None where several can, or none."""
    fitting = [recipe for recipe in RECIPES.values() if cases and not objection(cases, recipe)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(cases: Sequence[Case], recipe: Recipe) -> bool:
    columns = {*recipe.label.columns} <= {*cases[0].values}
    return columns and any(_holds(case, place) for case in cases[:LOOKED_AT] for place in _volumes(recipe))


def _holds(case: Case, place: str) -> bool:
    try:
        return case.volume_path(*place.split("/")) is not None
    except InputError:  # in several forms
        return True


def _volumes(recipe: Recipe) -> list[str]:
    return [str(need) for need in recipe.volumes() if need.required]
