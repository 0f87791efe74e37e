"""A person who answers what a connection asks."""

from __future__ import annotations

from collections.abc import Sequence

from HCCAssistLib.errors import Cancelled
from HCCAssistLib.jobs.cluster.prompts import UnknownHost


class Answers:
    """A person with prepared answers, who gives up when they are used up."""

    def __init__(self, *answers: str, trusts: bool = False) -> None:
        self.answers_left = list(answers)
        self.trusts = trusts
        self.asked: list[str] = []

    def confirm_host(self, host: UnknownHost) -> bool:
        self.asked.append(str(host))
        return self.trusts

    def secret(self, question: str) -> str:
        self.asked.append(question)
        if not self.answers_left:
            raise Cancelled("given up.")
        return self.answers_left.pop(0)

    def answers(self, title: str, instructions: str, questions: Sequence[tuple[str, bool]]) -> list[str]:
        return [self.secret(question) for question, _ in questions]
