"""What the demos of early recurrence share: on which case they look, and what they tell of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import follow_up
from HCCAssistLib.labels import TimeToEvent


def choose(outcome: TimeToEvent, cohort: Cohort) -> Case:
    """The first case of which it is known whether the recurrence came early."""
    known = (case for case in cohort.cases if outcome.early(*follow_up(case, outcome)) is not None)
    return next(known, cohort.cases[0])


def describe(
    outcome: TimeToEvent, printed: Callable[[str], str], result: Any, study: Any
) -> tuple[str, Sequence[str], Sequence[Sequence[object]]]:
    """A sentence on the planted outcome; headings and a row of the risk.

    Args:
        outcome: that was planted.
        printed: the name of a model as readers know it.
        result: of the case.
        study: the case.
    """
    months, event = study.values.get(outcome.time, ""), study.values.get(outcome.event, "")
    ended = "a recurrence" if event == "1" else "no recurrence"
    cutoff = "" if result.cutoff is None else f"{result.cutoff.value:.2f}"
    row = (printed(result.decides), f"{result.probabilities[result.decides]:.2f}", cutoff)
    return f"followed for {months} months, {ended}", ("risk", "probability", "cut-off"), [row]
