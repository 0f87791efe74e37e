"""What a recipe learns to tell: classes, or the time to an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Literal

LIKE = 0.6
"""How much of two spellings must agree for one to be proposed for the other."""


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


@dataclass(frozen=True, slots=True)
class Classes:
    """A label that is one of several classes.

    >>> mass = Classes("category", {"A": "classic HCC", "E": "cyst"}, of="finding", positive=("A",))
    >>> mass.codes
    ('A', 'E')

    Attributes:
        column: of cohort.csv; for a label of findings, what the description of each point or segment names.
        names: code to name, in the order of the network's outputs.
        of: whether a case or each of its findings has a label.
        ordinal: the order of the codes is one of rank.
        positive: the codes that count as positive where two groups are compared.
        subclasses: finer codes that a reader may write, each with the code it belongs to.
        points: of a label of cases: name of the annotation that marks the cases of the last class, ``""`` where none
            does.
    """

    column: str
    names: Mapping[str, str]
    of: Literal["case", "finding"] = "case"
    ordinal: bool = False
    positive: tuple[str, ...] = ()
    subclasses: Mapping[str, str] = field(default_factory=dict)
    points: str = ""

    def __post_init__(self) -> None:
        if len(self.names) < 2:
            raise ValueError(f"a label has two classes or more, not {len(self.names)}")
        unknown = {*self.positive, *self.subclasses.values()} - set(self.names)
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} is none of the classes {', '.join(self.names)}")

    def __reduce__(self) -> tuple[type[Classes], tuple[object, ...]]:
        """To go to another process: views of dictionaries do not."""
        names, subclasses = dict(self.names), dict(self.subclasses)
        return Classes, (self.column, names, self.of, self.ordinal, self.positive, subclasses, self.points)

    @property
    def codes(self) -> tuple[str, ...]:
        """As written in the table, in the order of the network's outputs."""
        return tuple(self.names)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of cohort.csv that hold it."""
        return (self.column,) if self.of == "case" else ()

    def code_of(self, text: str) -> str:
        """The code that a text is, or the one that its subclass belongs to; ``""`` where it is neither.

        >>> mass = Classes("category", {"A": "HCC", "C": "indeterminate"}, subclasses={"C-hyper": "C"})
        >>> mass.code_of("C-hyper"), mass.code_of("B")
        ('C', '')
        """
        return text if text in self.names else self.subclasses.get(text, "")

    def nearest(self, text: str) -> str:
        """The code or subclass that a text may mean, ``""`` where none is like it, or several are.

        >>> response = Classes("response", {"SD": "stable disease", "PD": "progressive disease"})
        >>> response.nearest("Progressive"), response.nearest("sd"), response.nearest("disease")
        ('PD', 'SD', '')
        """
        given = text.strip().casefold()
        likeness = {code: _likeness(given, code.casefold()) for code in (*self.names, *self.subclasses)}
        if max(likeness.values()) >= LIKE:
            best = [code for code, like in likeness.items() if like == max(likeness.values())]
        else:
            names = {code: name.casefold() for code, name in self.names.items()}
            best = [code for code, name in names.items() if given and (given in name or _likeness(given, name) >= LIKE)]
        return best[0] if len(best) == 1 else ""

    @property
    def to_write(self) -> str:
        """What may be written, in words: ``A, B or C``."""
        texts = (*self.names, *self.subclasses)
        return f"{', '.join(texts[:-1])} or {texts[-1]}"

    def as_json(self) -> dict[str, Any]:
        """The label as ``hccassist recipes --json`` prints it."""
        return {
            "kind": "classes",
            "column": self.column,
            "classes": dict(self.names),
            "of": self.of,
            "ordinal": self.ordinal,
            "positive": list(self.positive),
            "subclasses": dict(self.subclasses),
        }


@dataclass(frozen=True, slots=True)
class TimeToEvent:
    """Months of follow-up and whether they ended with the event.

    Attributes:
        time: column with the months.
        event: column that says 1 where the event ended them, and 0 where the follow-up ended without it.
        horizon_months: early is an event within so many months. A case that was followed for longer without one is no
            early event; one that was lost before is neither, and stays out of training and AUC.
    """

    time: str = "follow_up_months"
    event: str = "event"
    horizon_months: float = 24.0

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of cohort.csv that hold it."""
        return (self.time, self.event)

    def early(self, months: float, event: bool) -> bool | None:
        """Whether the event came early; None where the follow-up ended before anybody could tell.

        >>> TimeToEvent().early(12, True), TimeToEvent().early(30, False), TimeToEvent().early(12, False)
        (True, False, None)
        >>> TimeToEvent().early(24, True), TimeToEvent().early(24, False), TimeToEvent().early(30, True)
        (True, None, False)
        """
        if months > self.horizon_months:
            return False
        return True if event else None

    def as_json(self) -> dict[str, Any]:
        """The label as ``hccassist recipes --json`` prints it."""
        return {"kind": "time to event", "time": self.time, "event": self.event, "horizon_months": self.horizon_months}


Label = Classes | TimeToEvent


@dataclass(frozen=True, slots=True)
class Variable:
    """A clinical value that a recipe reads from the table or from a form.

    Attributes:
        column: of cohort.csv; the unit is part of its name where there is one.
        title: for people.
        unit: as printed behind the number, ``""`` where it has none.
        bounds: lowest and highest value that is no slip of the pen.
        missing: what is done where it is not known: ``"refuse"`` the case, take the ``"median"`` of the training
            cases, or let the trees decide (``"tree"``). The result always says so.
        choices: the values allowed where it is no measurement, each with its name.
        whole: whether it counts something, so that nothing lies between whole numbers.
    """

    column: str
    title: str
    unit: str
    bounds: tuple[float, float]
    missing: Literal["refuse", "median", "tree"]
    choices: Mapping[float, str] = field(default_factory=dict)
    whole: bool = False

    def as_json(self) -> dict[str, Any]:
        """The variable as ``hccassist recipes --json`` prints it."""
        return {
            "column": self.column,
            "title": self.title,
            "unit": self.unit,
            "bounds": list(self.bounds),
            "missing": self.missing,
            "choices": {f"{value:g}": name for value, name in self.choices.items()},
        }
