"""The recipes there are: explicit, import-light, read by the command, the panels, the tests and the docs."""

from __future__ import annotations

from types import MappingProxyType

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.ltp.recipe import LTP
from HCCAssistLib.recipes.spec import Recipe

RECIPES = MappingProxyType({recipe.id: recipe for recipe in (LTP,)})


def all_inputs() -> tuple[InputSpec, ...]:
    """What any recipe reads of a case, each once."""
    return tuple(dict.fromkeys(one for recipe in RECIPES.values() for one in recipe.inputs))


def get_recipe(recipe_id: str) -> Recipe:
    """The recipe of that id.

    >>> get_recipe("ltp").title
    'Local tumour progression after ablation'

    Raises:
        InputError: there is none; the message lists those there are.
    """
    try:
        return RECIPES[recipe_id]
    except KeyError:
        raise InputError(f"there is no recipe {recipe_id!r}", remedy=f"choose from {', '.join(RECIPES)}") from None
