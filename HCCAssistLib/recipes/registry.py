"""The recipes there are: explicit, import-light, read by the command, the panels, the tests and the docs."""

from __future__ import annotations

from types import MappingProxyType

from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.ltp.recipe import LTP
from HCCAssistLib.recipes.spec import Recipe

RECIPES = MappingProxyType({recipe.id: recipe for recipe in (LTP,)})


def get_recipe(recipe_id: str) -> Recipe:
    """The recipe of that id.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    try:
        return RECIPES[recipe_id]
    except KeyError:
        raise InputError(f"there is no recipe {recipe_id!r}", remedy=f"choose from {', '.join(RECIPES)}") from None
