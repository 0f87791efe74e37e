"""What a method asks of a cohort: the files of a case, the label, clinical values and the names of columns."""

from __future__ import annotations

from dataclasses import dataclass, field

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.errors import InputError
from HCCAssistLib.labels import Classes, Label, TimeToEvent, Variable

CENSORED = "censored"
"""Of a case that was lost before anybody could tell whether the event came early."""

EVENTS = {"1": True, "1.0": True, "0": False, "0.0": False}


@dataclass(frozen=True, slots=True)
class CohortSpec:
    """Plain data of one method; ``recipes.registry.cohort_spec`` makes it.

    Attributes:
        inputs: files of a case.
        label: the truth to learn from or to be measured against; None where the cases are only to be predicted.
        variables: clinical values.
        columns: of the table that any method reads: they describe no patient, and their headings are known however
            they are written.
        others: files that other methods read, which are no stray ones.
        split: patients to train, to validate and to test; only their ratio counts.
    """

    inputs: tuple[InputSpec, ...]
    label: Label | None = None
    variables: tuple[Variable, ...] = ()
    columns: tuple[str, ...] = ()
    others: tuple[InputSpec, ...] = field(default=())
    split: tuple[float, float, float] = (1, 1, 1)

    @property
    def classes(self) -> Classes | None:
        """The label of each case, where it is one of classes."""
        return self.label if isinstance(self.label, Classes) and self.label.of == "case" else None

    @property
    def finding_classes(self) -> Classes | None:
        """The label of each finding of a case."""
        return self.label if isinstance(self.label, Classes) and self.label.of == "finding" else None

    @property
    def outcome(self) -> TimeToEvent | None:
        """The time to an event, where that is the label."""
        return self.label if isinstance(self.label, TimeToEvent) else None

    def stratum(self, case: Case) -> str:
        """The class of a case: a code; of a time to an event ``"1"`` (early), ``"0"`` or ``"censored"``.

        Raises:
            InputError: the table does not say it, or holds something that is no label.
        """
        if outcome := self.outcome:
            early = outcome.early(*follow_up(case, outcome))
            return CENSORED if early is None else str(int(early))
        if not self.classes:
            return ""
        text = case.values.get(self.classes.column, "")
        if is_missing(text):
            what = f"the case has no label in the column {self.classes.column!r}"
            raise InputError(what, f"case {case.case_id}", "fill it in")
        return self.classes.code_of(text) or text


def follow_up(case: Case, outcome: TimeToEvent) -> tuple[float, bool]:
    """Months of follow-up, and whether they ended with the event.

    Raises:
        InputError: one of them is missing or no such value.
    """
    where = f"case {case.case_id}"
    months = case.number(outcome.time)
    if months is None:
        raise InputError(f"the case has no {outcome.time}", where, "fill in the months of follow-up")
    text = case.values.get(outcome.event, "")
    if text not in EVENTS:
        what = f"{outcome.event} is {'empty' if is_missing(text) else ascii(text)}"
        raise InputError(what, where, "write 1 where the event ended the follow-up, and 0 where it did not")
    return months, EVENTS[text]
