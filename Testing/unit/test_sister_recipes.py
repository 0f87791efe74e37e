"""Every recipe has the same functions with the same parameters: what command, demo and panels call by name."""

from inspect import signature

import pytest

from HCCAssistLib.phantoms.cohort import phantoms_of
from HCCAssistLib.phantoms.demo import demo_of
from HCCAssistLib.recipes.registry import RECIPES
from HCCAssistLib.recipes.spec import Recipe

CALLED = {
    ("checks", "problems"): {"options"},
    ("sampling", "sample_case"): {"study", "case", "options", "rng"},
    ("sampling", "batch_maker"): {"options"},
    ("sampling", "input_spec"): {"options"},
    ("network", "loss"): {"targets"},
    ("training", "fit_member"): {"member"},
    ("training", "assemble"): {"results", "chosen_on"},
    ("training", "studies_kept"): {"options"},
    ("prediction", "predict"): {"study", "model", "run_options", "progress", "cancelled"},
    ("evaluation", "evaluate"): {"cohort", "model", "run_options", "held_out", "folder", "progress"},
    ("report", "report"): {"found", "model", "title", "external"},
    ("review", "training_annotations"): {"result", "missed"},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_can_be_called_as_every_other_one(recipe: Recipe) -> None:
    lacking = [
        f"{module}.{function}({', '.join(sorted(names - set(found)))})"
        for (module, function), names in CALLED.items()
        if names - set(found := signature(getattr(recipe.module(module), function)).parameters)
    ]
    assert not lacking
    assert callable(recipe.module("comparison").compare)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_demo_of_a_recipe_trains_with_options_that_it_has(recipe: Recipe) -> None:
    demo, phantoms = demo_of(recipe.package), phantoms_of(recipe.package)
    assert recipe.resolve(demo.training)["epochs"] == demo.training["epochs"]
    assert recipe.resolve(demo.run, run=True) and demo.least_cases <= demo.cases and phantoms.prefix
