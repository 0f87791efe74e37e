"""Tests of the tests: mistakes planted into the module of the liver masses make a reader's work with it fail."""

from __future__ import annotations

import pytest
from mass_reading import MODULE, work_through
from planting import noticed, planted, some_of

pytestmark = pytest.mark.slow

PY, UI = "HCCMassClassification.py", "Resources/UI/HCCMassClassification.ui"

MISTAKES = {
    "section misspelt in the .ui": (UI, 'name="resultsButton"', 'name="resultButton"'),
    "masses not asked for": (PY, "inputs=self.recipe.inputs", "inputs=self.recipe.inputs[:3]"),
    "another recipe": (PY, 'RECIPE = "liver-mass"', 'RECIPE = "ltp"'),
    "columns of another method": (PY, "classification_columns", "detection_columns"),
    "groups of categories forgotten": (PY, '{"malignant": MALIGNANT}', "{}"),
    "phases not shown side by side": (PY, "added=(PhaseViews, ", "added=("),
    "sets not shown": (PY, "sets=True,", ""),
    "another verb": (PY, '_("Classify")', '_("Detect")'),
}
"""File, what stands there, what is planted in its place."""


def test_the_module_without_a_mistake_passes(desk, own_model):
    work_through(desk, MODULE)


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", some_of(MISTAKES))
def test_a_planted_mistake_is_caught(desk, own_model, tmp_path, mistake):
    path = planted(MODULE, MISTAKES[mistake], tmp_path)
    assert noticed(desk, lambda: work_through(desk, path)), f"nobody noticed: {mistake}"
