"""Tests of the tests: mistakes planted into the module of the response to TACE make a reader's work with it fail."""

from __future__ import annotations

import pytest
from planting import noticed, plant_part, planted, some_of
from tace_reading import MODULE, work_through

pytestmark = pytest.mark.slow

PY, UI = "HCCTACEResponse.py", "Resources/UI/HCCTACEResponse.ui"

MISTAKES = {
    "section of the follow-up misspelt in the .ui": (UI, 'name="followUpButton"', 'name="followButton"'),
    "tumours not asked for": (PY, "inputs=self.recipe.inputs", "inputs=self.recipe.inputs[:1]"),
    "another recipe": (PY, 'RECIPE = "tace-response"', 'RECIPE = "ltp"'),
    "objective response forgotten": (PY, "groups=GROUPS", "groups={}"),
    "pictures of another method": (PY, "recipes.tace.seen", "recipes.liver_mass.seen"),
    "note left out": (PY, "partial(ResultNote, text=note),", ""),
    "another verb": (PY, '_("Predict")', '_("Detect")'),
}
"""File, what stands there, what is planted in its place."""


def test_the_module_without_a_mistake_passes(desk, own_tace_model):
    work_through(desk, MODULE)


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", some_of(MISTAKES))
def test_a_planted_mistake_is_caught(desk, own_tace_model, tmp_path, mistake):
    path = planted(MODULE, MISTAKES[mistake], tmp_path)
    assert noticed(desk, lambda: work_through(desk, path)), f"nobody noticed: {mistake}"


PARTS = {
    "length of the wrong lesion": ("follow_up", "lesion, edit = now.lesions[n]", "lesion, edit = now.lesions[0]"),
    "before and after swapped": (
        "follow_up",
        "lesion.lines[when] = self._line(n, when).currentNode()",
        "lesion.lines[when] = self._line(n, POST if when == PRE else PRE).currentNode()",
    ),
    "moved line not heard": ("follow_up", "lambda *_: self.refresh()", "lambda *_: None"),
    "change of the objective response not told": ("follow_up", "if found.is_objective", "if not found.is_objective"),
    "pictures of the finding before": ("seen_strip", "self._maker.ask(review, number)", "pass"),
    "a picture too few": ("seen_strip", "button.visible = index < number", "button.visible = index < number - 1"),
    "the note without a result too": ("result_note", "is not None else", "is None else"),
    "targets not tagged": ("target_segments", "set_target(node, one, target=target)", "pass"),
    "all are targets": ("target_segments", "is_target(node, one))", "True)"),
}
"""Part, what stands there, what is planted in its place."""


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", some_of(PARTS))
def test_a_mistake_planted_into_a_part_is_caught(desk, own_tace_model, monkeypatch, mistake):
    plant_part(monkeypatch, *PARTS[mistake])
    assert noticed(desk, lambda: work_through(desk, MODULE)), f"nobody noticed: {mistake}"
