"""The demonstration models are made again by the command that their cards name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from HCCAssistLib.cli import demo_case
from HCCAssistLib.cli.main import main
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.models.package import ModelPackage, read_package
from HCCAssistLib.models.store import DEMONSTRATION, SHIPPED
from HCCAssistLib.phantoms.demo import demo_of
from HCCAssistLib.recipes.registry import RECIPES, cohort_spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

TOLERANCE = 0.01


@pytest.mark.parametrize("recipe", [r for r in RECIPES if (SHIPPED / DEMONSTRATION.format(recipe=r)).is_dir()])
def test_the_command_makes_the_same_model_again(recipe: str, tmp_path: Path) -> None:
    shipped = read_package(SHIPPED / DEMONSTRATION.format(recipe=recipe))
    assert main(["demo-model", recipe, "--out", str(tmp_path / "model")]) == 0
    again = read_package(tmp_path / "model")
    assert (again.card.name, again.card.options) == (shipped.card.name, shipped.card.options)
    assert again.card.training["cohort_digest"] == shipped.card.training["cohort_digest"]
    if again.weights_sha256 != shipped.weights_sha256:  # another kind of processor adds in another order
        np.testing.assert_allclose(scores(again, tmp_path), scores(shipped, tmp_path), atol=TOLERANCE)


def scores(package: ModelPackage, folder: Path) -> list[float]:
    """What a model says of the unseen case of the demo."""
    recipe = package.recipe
    demo, options = demo_of(recipe.package), package.card.options
    case = demo_case.unseen_case(recipe, demo, folder / "unseen")
    study = read_study(case, recipe, options=options, classes=cohort_spec(recipe, options).finding_classes)
    result = recipe.module("prediction").predict(study, load_model(package), {"heatmap": False})
    if result.kind == "detection":
        return [candidate.probability for candidate in result.shown]
    if result.kind == "risk":
        return list(result.probabilities.values())
    return [value for finding in result.findings for value in finding.probabilities.values()]
