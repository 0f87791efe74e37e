"""What the demos of early recurrence share: which case they show, and what they tell of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from HCCAssistLib.labels import TimeToEvent


def is_known(outcome: TimeToEvent, row: Mapping[str, object]) -> bool:
    """Whether it is known of a phantom, by its row of the table, if the recurrence came early."""
    return outcome.early(float(str(row[outcome.time])), row[outcome.event] == 1) is not None


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
