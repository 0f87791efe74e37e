"""The examples in docstrings are true: each is run as it stands."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

LIBRARY = Path(__file__).parents[2] / "HCCAssistLib"
MODULES = sorted(
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts)
    for path in LIBRARY.rglob("*.py")
    if "    >>> " in path.read_text(encoding="utf-8") and path.parent.name != "panels"  # which Slicer alone can load
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def test_thirty_functions_and_classes_that_a_newcomer_meets_have_an_example() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = {test.name for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples}
    assert len(examples) >= 30
