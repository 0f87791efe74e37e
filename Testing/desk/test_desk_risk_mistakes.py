"""Tests of the tests: mistakes planted into the module of the recurrence risk make a reader's work with it fail."""

from __future__ import annotations

from functools import partial

import made_up_risk
import pytest
from planting import noticed, plant_part, planted, some_of
from risk_reading import MODULE, work_through

pytestmark = pytest.mark.slow

PY, UI = "HCCRecurrenceRisk.py", "Resources/UI/HCCRecurrenceRisk.ui"

MISTAKES = {
    "section of the result misspelt in the .ui": (UI, 'name="resultsButton"', 'name="resultButton"'),
    "tumour not asked for": (PY, "inputs=self.recipe.inputs", "inputs=self.recipe.inputs[:1]"),
    "another recipe": (PY, 'RECIPE = "hepatectomy-recurrence"', 'RECIPE = "tace-response"'),
    "pictures of another method": (PY, "recipes.hepatectomy.seen", "recipes.tace.seen"),
    "note left out": (PY, "partial(ResultNote, text=note),", ""),
    "what decides has no words": (PY, "words={EARLY_RECURRENCE:", 'words={"risk":'),
    "another verb": (PY, '_("Predict")', '_("Detect")'),
}
"""File, what stands there, what is planted in its place."""


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", some_of(MISTAKES))
def test_a_planted_mistake_is_caught(desk, own_risk_model, tmp_path, mistake):
    path = planted(MODULE, MISTAKES[mistake], tmp_path)
    assert noticed(desk, lambda: work_through(desk, path)), f"nobody noticed: {mistake}"


PARTS = {
    "value of the wrong variable": ("clinical_form", "known.items() if value", "zip(known, [1.0] * 9) if value"),
    "unknown is zero": (
        "clinical_form",
        'f"{value:.10g}" for column, value in known.items() if value is not None',
        'f"{value or 0:.10g}" for column, value in known.items()',
    ),
    "clinical values not kept": ("clinical_form", "self._node.SetParameter(KEPT", "(lambda *_: None)(KEPT"),
    "faults not told": ("clinical_form", 'tell(self.ui.clinicalLabel, "\\n".join(self._faults()), "stop")', "pass"),
    "rows and columns swapped": ("role_grid", 'f"{time}/{phase}"', 'f"{phase}/{time}"'),
    "movement not told": ("role_grid", 'result.moved or _("confirmed")', '_("confirmed")'),
    "high is low": ("risk_result", 'if result.group == "high" else _("low', 'if result.group == "low" else _("low'),
    "contributions without their sign": ("risk_result", 'number = f"{value:', 'number = f"{abs(value):'),
    "base rate of another sum": ("risk_result", "result.probability - sum(", "1 - sum("),
    "group of the other curve": ("survival_part", "result.group, review", '"low", review'),
    "numbers at risk of nobody": ("survival_part", "fill(ui.atRiskTable", "(lambda *_, **__: None)(ui.atRiskTable"),
    "before and after at one place": ("phase_views", "boxes[t] for n, t", 'boxes["pre"] for n, t'),
    "changed values not told": ("risk_result", "if now.get(one.column) !=", "if now.get(one.column) is"),
    "quality of another phase": ("role_grid", "told.get(str(spec), Told())", 'told.get("pre/arterial", Told())'),
    "reason of the method not told": (
        "method_chooser",
        "tell(self.ui.methodLabel, reason",
        'tell(self.ui.methodLabel, ""',
    ),
}
"""Part, what stands there, what is planted in its place."""


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", some_of(PARTS))
def test_a_mistake_planted_into_a_part_is_caught(desk, made_up_risks, monkeypatch, mistake):
    plant_part(monkeypatch, *PARTS[mistake])
    work = partial(made_up_risk.work_through, desk, MODULE, made_up_risks)
    assert noticed(desk, work), f"nobody noticed: {mistake}"
