"""One reader's reading of the response of one case, immutable, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import parse_json, write_json
from HCCAssistLib.response.diameter import Diameter
from HCCAssistLib.response.mrecist import MOST_TARGETS, Response, response

FORMAT = "hccassist-response/1"

SMALLEST_MM = 10.0
"""A target lesion before treatment has at least this diameter, or its change is lost in the error of measuring."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target lesion at both times.

    Attributes:
        name: of the lesion, without anything that tells the patient.
        pre: longest viable diameter before treatment.
        post: the same at follow-up.
    """

    name: str
    pre: Diameter
    post: Diameter

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is doubtful about its diameters."""
        found = []
        if self.pre.mm < SMALLEST_MM:
            what = f"it measures {self.pre.mm:.1f} mm before treatment, below {SMALLEST_MM:g} mm"
            found.append(Problem("WARN", what, self.name, "choose a larger lesion as target"))
        for when, diameter in (("before treatment", self.pre), ("at follow-up", self.post)):
            found += [replace(problem, where=f"{self.name}, {when}") for problem in diameter.warnings]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader measured in one case; the response follows from it.

    >>> left = Target("left lobe", Diameter.typed(40.0), Diameter.typed(25.0))
    >>> Reading("R1", (left,), interval_days=42).response.category
    'PR'

    Attributes:
        reader: pseudonym or initials.
        targets: one or two.
        new_lesion: whether one appeared.
        interval_days: from the scan before treatment to the follow-up; None where it is not known. A date is never
            kept.

    Raises:
        InputError: no reader, an interval that is none, two targets of one name, or what ``mrecist.response`` raises.
    """

    reader: str
    targets: tuple[Target, ...]
    new_lesion: bool = False
    interval_days: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(self.targets))
        if not isinstance(self.reader, str) or not self.reader.strip():
            raise InputError("a reading needs its reader", "reading", "enter initials or a pseudonym")
        if not isinstance(self.new_lesion, bool):
            raise InputError("a new lesion appeared or it did not", "reading", "answer with yes or no")
        days = self.interval_days
        if days is not None and (type(days) is not int or days < 1):
            what = f"the follow-up lies {days!r} days after the scan before treatment"
            raise InputError(what, "reading", "exchange the scans, or give whole days from 1 on")
        names = [target.name for target in self.targets]
        if not all(isinstance(name, str) and name.strip() for name in names) or len(set(names)) < len(names):
            raise InputError("each target lesion needs a name of its own", "targets", "rename one")
        _ = self.response  # whatever has none is refused here

    @property
    def response(self) -> Response:
        """By mRECIST."""
        pre, post = ([getattr(target, when).mm for target in self.targets] for when in ("pre", "post"))
        return response(pre, post, new_lesion=self.new_lesion)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What a person must know before the reading counts."""
        return tuple(problem for target in self.targets for problem in target.warnings)

    def as_json(self) -> dict[str, Any]:
        """The content of its file; the response stands there for other programs."""
        found = self.response
        return {
            "format": FORMAT,
            "reader": self.reader,
            "targets": [
                {"name": target.name, "pre": target.pre.as_json(), "post": target.post.as_json()}
                for target in self.targets
            ],
            "new_lesion": self.new_lesion,
            "interval_days": self.interval_days,
            "response": found.category,
            "objective_response": found.is_objective,
            "percent_change": found.percent_change,
        }

    @classmethod
    def from_json(cls, data: Any) -> Reading:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: another format, damaged, or a response that its diameters do not give.
        """
        found = data.get("format") if isinstance(data, dict) else None
        if found != FORMAT:
            raise InputError(
                f"not a reading of a known format: {found!r}", "reading", "update HCCAssist, or read again"
            )
        try:
            targets = tuple(
                Target(one["name"], Diameter.from_json(one["pre"]), Diameter.from_json(one["post"]))
                for one in data["targets"]
            )
            reading = cls(data["reader"], targets, data["new_lesion"], data["interval_days"])
            stated = data["response"]
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            raise InputError(f"the reading is damaged: {error}", "reading") from error
        if stated != reading.response.category:
            what = f"the response {stated!r} is not what the diameters give ({reading.response.category})"
            raise InputError(what, "reading", "correct the diameters in HCCAssist, and never the file")
        return reading


def write_reading(reading: Reading, path: Path) -> None:
    """Write a reading as JSON, whole or not at all."""
    write_json(path, reading.as_json())


def read_reading(path: Path) -> Reading:
    """Read what ``write_reading`` wrote.

    Raises:
        InputError: no such file, not a reading, or a damaged one.
    """
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("there is no readable reading", path.name, "choose the file of a reading") from error
    return Reading.from_json(data)


def target_of(name: str, pre: Diameter | None, post: Diameter | None) -> Target:
    """A target lesion whose two diameters come one after the other.

    Raises:
        InputError: one is missing.
    """
    missing = [when for when, mm in (("before treatment", pre), ("at follow-up", post)) if mm is None]
    if pre is None or post is None:
        remedy = "measure it, say that no viable tissue is left, or leave the lesion out"
        raise InputError(f"it was not measured {' and '.join(missing)}", name, remedy)
    return Target(name, pre, post)


def cohort_values(reading: Reading) -> Mapping[str, str]:
    """The columns of a case's row in ``cohort.csv`` by a reading: the label, and what it rests on.

    >>> lobe = Target("left lobe", Diameter.typed(40.0), Diameter.typed(25.0))
    >>> values = cohort_values(Reading("R1", (lobe,), interval_days=42))
    >>> values["response"], values["response_reader"], values["target_1_post_mm"], values["interval_days"]
    ('PR', 'R1', '25', '42')
    """
    values = {
        "response": reading.response.category,
        "response_reader": reading.reader,
        "interval_days": "" if reading.interval_days is None else str(reading.interval_days),
        "new_lesion": "yes" if reading.new_lesion else "no",
    }
    for number in range(MOST_TARGETS):  # a second target of an older reading must not stay
        target = reading.targets[number] if number < len(reading.targets) else None
        for when in ("pre", "post"):
            values[f"target_{number + 1}_{when}_mm"] = f"{getattr(target, when).mm:.6g}" if target else ""
    return values
