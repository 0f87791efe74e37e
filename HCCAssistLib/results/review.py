"""What a reader says of a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """A reader's verdict on a finding."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OTHER = "other"
    """Another tumour, not what was asked for: neither a positive nor a negative. Of a finding that was put into a
    category: it belongs to another one."""
    UNSURE = "unsure"
    """The reader looked and cannot put the finding into a category; of a classification alone."""


@dataclass(frozen=True, slots=True)
class Review:
    """A verdict and a comment, and whose they are.

    >>> Review(Verdict.REJECTED, "R1", "a vessel").as_json()
    {'verdict': 'rejected', 'reader': 'R1', 'comment': 'a vessel'}

    Attributes:
        verdict: pending where there is none yet.
        reader: who gave the verdict or wrote the comment, as a pseudonym or initials.
        comment: free text.
        category: which category it belongs to instead of the predicted one; with the verdict ``OTHER`` alone.
    """

    verdict: Verdict = Verdict.PENDING
    reader: str = ""
    comment: str = ""
    category: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", Verdict(self.verdict))
        if not all(isinstance(text, str) for text in (self.reader, self.comment, self.category)):
            raise ValueError("reader, comment and category of a review are texts")
        if (self.verdict is not Verdict.PENDING or self.comment) and not self.reader.strip():
            raise ValueError("a verdict or a comment needs the name of its reader")
        if self.category and self.verdict is not Verdict.OTHER:
            raise ValueError(f"another category goes with the verdict 'other', not with {self.verdict.value!r}")

    def as_json(self) -> dict[str, Any]:
        """The entries of a finding in result.json that are the reader's."""
        content = {"verdict": self.verdict.value, "reader": self.reader, "comment": self.comment}
        return {**content, "category": self.category} if self.category else content

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Review:
        """Read what ``as_json`` wrote among other entries."""
        return cls(Verdict(data["verdict"]), data["reader"], data["comment"], data.get("category", ""))


PENDING = Review()
"""Nobody has looked at it yet."""
