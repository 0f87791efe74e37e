"""What ``hccassist predict`` prints of warnings: one cause, one line, with every place and every other case."""

from __future__ import annotations

import pytest

from HCCAssistLib.cli.predict import _Run
from HCCAssistLib.errors import Problem


def test_a_warning_of_two_places_in_one_case_names_both_and_no_other_case(capsys: pytest.CaptureFixture[str]) -> None:
    printer = _Run.__new__(_Run)
    printer.warned_of = {}
    two = [Problem("WARN", "the liver is not segmented", place, "segment it") for place in ("pre/liver", "post/liver")]
    printer._warn("a", two)
    printer._warn_of_others()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "warning: pre/liver and post/liver: the liver is not segmented. Segment it."
    printer._warn("b", two)
    printer._warn_of_others()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "warning: also cases b: the liver is not segmented."
