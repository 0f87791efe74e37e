"""The recipes there are: explicit, import-light, read by the command, the panels, the tests and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.errors import InputError
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.ablation.recipe import ABLATION
from HCCAssistLib.recipes.hepatectomy.recipe import HEPATECTOMY
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS
from HCCAssistLib.recipes.ltp.recipe import LTP
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.recipes.tace.recipe import TACE

RECIPES = MappingProxyType({recipe.id: recipe for recipe in (LTP, LIVER_MASS, TACE, ABLATION, HEPATECTOMY)})


def all_inputs() -> tuple[InputSpec, ...]:
    """What any recipe reads of a case, each once."""
    return tuple(dict.fromkeys(one for recipe in RECIPES.values() for one in recipe.inputs))


def all_columns() -> tuple[str, ...]:
    """The columns of a cohort's table that any recipe reads, each once."""
    return tuple(dict.fromkeys(column for recipe in RECIPES.values() for column in recipe.columns))


def all_marks() -> tuple[InputSpec, ...]:
    """The points, segments and boxes that any recipe reads of a case, each place and kind once."""
    marks = {(str(one), one.kind): one for one in reversed(all_inputs()) if one.kind != "volume"}
    return tuple(reversed(marks.values()))


def all_classes() -> dict[str, Classes]:
    """The classes that any recipe learns: by column of the table, or by the place of the findings that have them."""
    found: dict[str, Classes] = {}
    for recipe in RECIPES.values():
        label = recipe.label
        if isinstance(label, Classes):
            places = [str(one) for one in recipe.inputs if one.of_lesions] if label.of == "finding" else [label.column]
            found |= dict.fromkeys(places, label)
    return found


def cohort_spec(recipe: Recipe, options: Mapping[str, Value] | None = None, *, learning: bool = True) -> CohortSpec:
    """What a recipe asks of a cohort.

    >>> cohort_spec(get_recipe("ltp")).classes.codes
    ('0', '1')

    Args:
        recipe: the method.
        options: of its training or its model; its defaults where None is given.
        learning: whether the labels of the cases are needed: to train, or to evaluate.
    """
    chosen = recipe.resolve({}) if options is None else options
    return CohortSpec(
        inputs=recipe.inputs_with(chosen),
        label=recipe.label if learning else None,
        variables=recipe.variables,
        columns=tuple(dict.fromkeys((*recipe.columns, *all_columns()))),
        others=tuple(dict.fromkeys((*recipe.inputs, *all_inputs()))),
        split=recipe.split,
    )


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


def printed_model(recipe_id: str, model: str) -> str:
    """A model of a package as readers know it; as files have it where the recipe is not known here.

    >>> printed_model("ablation-recurrence", "dl_clinical"), printed_model("of a later version", "dl_clinical")
    ('DL_Clinical', 'dl_clinical')
    """
    return RECIPES[recipe_id].printed(model) if recipe_id in RECIPES else model
