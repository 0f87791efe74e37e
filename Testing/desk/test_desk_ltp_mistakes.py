"""Tests of the tests: mistakes planted into the LTP module itself make a reader's work with it fail on the desk."""

from __future__ import annotations

import pytest
from ltp_reading import MODULE, work_through
from planting import noticed, planted

PY, UI = "HCCLTPDetection.py", "Resources/UI/HCCLTPDetection.ui"

MISTAKES = {
    "section misspelt in the .ui": (UI, 'name="resultsButton"', 'name="resultButton"'),
    "option without words": (PY, '"stride": _("Search:"), ', ""),
    "input forgotten": (PY, '("arterial", "liver", "ablation")', '("arterial", "liver")'),
}
"""File, what stands there, what is planted in its place."""


@pytest.mark.filterwarnings("ignore:does not have observer")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_caught(desk, small_view, at_once, tmp_path, mistake):
    path = planted(MODULE, MISTAKES[mistake], tmp_path)
    assert noticed(desk, lambda: work_through(desk, lambda: at_once(desk, path=path))), f"nobody noticed: {mistake}"
