"""How far a review is, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from HCCAssistLib.results.result import Reviewable
from HCCAssistLib.results.review import Verdict


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a review is.

    Attributes:
        accepted, rejected, other: verdicts given, whatever the threshold.
        unsure: looked at without a category.
        pending: findings at the threshold without a verdict.
        hidden: findings below the threshold with one.
    """

    accepted: int
    rejected: int
    other: int
    pending: int
    hidden: int
    unsure: int = 0

    @classmethod
    def of(cls, findings: Sequence[Reviewable], shown: Sequence[Reviewable]) -> Counts:
        """Count the verdicts on all findings, of which some are shown."""
        given = [finding.review.verdict for finding in findings]
        here = {finding.number for finding in shown}
        judged = {finding.number for finding in findings if finding.review.verdict is not Verdict.PENDING}
        return cls(
            accepted=given.count(Verdict.ACCEPTED),
            rejected=given.count(Verdict.REJECTED),
            other=given.count(Verdict.OTHER),
            pending=len(here - judged),
            hidden=len(judged - here),
            unsure=given.count(Verdict.UNSURE),
        )
