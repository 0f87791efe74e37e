"""Each module's own test, which Slicer runs by "Reload and Test" and CTest in a build, run on the desk in both ways."""

from __future__ import annotations

import importlib
import io
import unittest
from pathlib import Path

import pytest

MODULES = sorted((Path(__file__).parents[2] / "HCCAssist").glob("*/HCC*.py"))


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    """No test sees the models of the person who runs it."""
    monkeypatch.setenv("HCCASSIST_MODELS", str(tmp_path / "models"))


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem == "HCCTraining" else pytest.mark.slow) for path in MODULES],
    ids=lambda path: path.stem,
)
def test_a_module_passes_its_own_test_as_in_a_build(desk, path):
    desk.open(path)
    suite = unittest.TestLoader().loadTestsFromName(path.stem)  # all tests that the file names, imported ones too
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    assert result.testsRun >= 1
    assert result.wasSuccessful(), "\n".join(text for _, text in result.failures + result.errors)


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem == "HCCStudy" else pytest.mark.slow) for path in MODULES],
    ids=lambda path: path.stem,
)
def test_a_module_passes_its_own_test_by_button(desk, path):
    import slicer

    desk.open(path)
    getattr(slicer.modules, f"{path.stem}Instance").runTest(msec=0)
    assert hasattr(importlib.import_module(path.stem), f"{path.stem}Test")
