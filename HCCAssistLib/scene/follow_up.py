"""What a reader measures before a treatment and at the follow-up, kept in a node of the scene."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from HCCAssistLib.cohort.cells import number
from HCCAssistLib.errors import InputError
from HCCAssistLib.response.cohort_readings import put_reading
from HCCAssistLib.response.diameter import Diameter
from HCCAssistLib.response.mrecist import MOST_TARGETS
from HCCAssistLib.response.reading import Reading, target_of
from HCCAssistLib.scene.diameters import diameter_of_line

KEPT = "HCCAssist.followUp"
"""Parameter of the node that keeps what is typed, and the beginning of its references to lines."""

PRE, POST = "pre", "post"


@dataclass(slots=True)
class Lesion:
    """One target lesion as it stands in the panel.

    Attributes:
        name: of the lesion.
        lines: line node by time, PRE and POST.
        typed: millimetres by time, as text; a line goes before it.
        gone: whether no viable tissue is left at the follow-up.
    """

    name: str
    lines: dict[str, Any] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    gone: bool = False

    def diameter(self, when: str) -> Diameter | None:
        """What is measured at a time; None where nothing is.

        Raises:
            InputError: a line without two ends, or what is typed is no diameter.
        """
        if when == POST and self.gone:
            return Diameter.typed(0.0)
        if self.lines.get(when) is not None:
            return diameter_of_line(self.lines[when])
        mm = number(self.typed.get(when, ""), self.name, decimal_comma=True)
        if mm == 0:  # said by its own box: an empty field and a zero are slips of the same kind
            raise InputError("0 mm is no diameter", self.name, "tick that nothing viable is left, or measure it")
        return None if mm is None else Diameter.typed(mm)


@dataclass(slots=True)
class FollowUp:
    """All that is measured in one case.

    Attributes:
        lesions: the target lesions.
        new_lesion: whether one appeared.
        days: between the scans; 0 where that is not known.
    """

    lesions: tuple[Lesion, ...] = field(
        default_factory=lambda: tuple(Lesion(f"target {n}") for n in range(1, MOST_TARGETS + 1))
    )
    new_lesion: bool = False
    days: int = 0

    def reading(self, reader: str) -> Reading | None:
        """The reading so far; None where nothing is measured yet.

        Raises:
            InputError: it is not complete, or what ``Reading`` raises.
        """
        measured = [(one.name, one.diameter(PRE), one.diameter(POST)) for one in self.lesions]
        begun = [one for one in measured if one[1] is not None or one[2] is not None]
        if not begun:
            return None
        return Reading(reader or "?", tuple(target_of(*one) for one in begun), self.new_lesion, self.days or None)

    def keep_in(self, node: Any) -> None:
        """Let a node of the scene hold it."""
        for place, one in enumerate(self.lesions):
            for when in (PRE, POST):
                line = one.lines.get(when)
                node.SetNodeReferenceID(_key(place, when), line.GetID() if line is not None else None)
        texts = [{"name": one.name, "typed": dict(one.typed), "gone": one.gone} for one in self.lesions]
        node.SetParameter(KEPT, json.dumps({"lesions": texts, "new_lesion": self.new_lesion, "days": self.days}))

    @classmethod
    def of(cls, node: Any) -> FollowUp:
        """What a node holds; an empty one where it holds none, or a damaged one."""
        found = cls()
        try:
            kept = json.loads(node.GetParameter(KEPT) or "{}")
            for one, text in zip(found.lesions, kept.get("lesions", ()), strict=False):
                one.name, one.gone = str(text["name"]) or one.name, bool(text["gone"])
                one.typed = {when: str(text["typed"].get(when, "")) for when in (PRE, POST)}
            found.new_lesion, found.days = bool(kept.get("new_lesion", False)), int(kept.get("days", 0))
        except (AttributeError, KeyError, TypeError, ValueError):
            found = cls()
        for place, one in enumerate(found.lesions):
            for when in (PRE, POST):
                one.lines[when] = node.GetNodeReference(_key(place, when))
        return found


def _key(place: int, when: str) -> str:
    return f"{KEPT}.{place}.{when}"


def written(cohort: Path, case_id: str, reading: Reading, *, replace: bool) -> str:
    """Write a reading into a cohort, and tell it in a sentence.

    Raises:
        AlreadyThere: the reader's earlier one stands there, and it may not be replaced.
        InputError: the cohort cannot be read or written.
    """
    counts = put_reading(cohort, case_id, reading, replace=replace)
    text = f"{reading.response.category} by {reading.reader} is in the cohort {cohort.name}, case {case_id}."
    return text if counts else f"{text} The label by another reader stays."
