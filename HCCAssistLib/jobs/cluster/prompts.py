"""What only the person can answer while a connection is made: whether a host is the right one, and secrets."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from HCCAssistLib.errors import Cancelled, InputError


@dataclass(frozen=True, slots=True)
class UnknownHost:
    """A host that was never connected to.

    Attributes:
        host: as in a file of known hosts.
        kind: of its key, such as ``ssh-ed25519``.
        fingerprint: ``SHA256:...`` as ``ssh-keygen -l`` writes it.
    """

    host: str
    kind: str
    fingerprint: str

    def __str__(self) -> str:
        return (
            f"The host {self.host} is not known yet. The fingerprint of its key ({self.kind}) is {self.fingerprint}. "
            "Compare it with the one that your computing centre publishes."
        )


class Prompts(Protocol):
    """Asks the person; called in whatever thread connects, while the connection waits.

    Each raises Cancelled where the person gives up. Answers are neither kept nor logged.
    """

    def confirm_host(self, host: UnknownHost) -> bool:
        """Whether this is the right host; its key is kept from then on."""
        ...

    def secret(self, question: str) -> str:
        """A password or passphrase."""
        ...

    def answers(self, title: str, instructions: str, questions: Sequence[tuple[str, bool]]) -> list[str]:
        """Answers to the questions of a server, such as the code of a second factor.

        Args:
            title: of the server, often empty.
            instructions: of the server, often empty.
            questions: each with whether the answer may be seen while it is typed.
        """
        ...


class ConsolePrompts:
    """Asks on the terminal; refuses where there is none, instead of waiting for ever."""

    def confirm_host(self, host: UnknownHost) -> bool:
        """Ask for yes or no."""
        self._terminal(
            f"{host} There is no terminal to confirm it", "run hccassist clusters test in a terminal once, and confirm"
        )
        sys.stderr.write(f"{host}\nIs it the same? Write yes to go on: ")
        sys.stderr.flush()
        return self._line().lower() == "yes"

    def secret(self, question: str) -> str:
        """Ask without showing what is typed."""
        self._terminal(
            f"the cluster asks for a secret ({question.strip(' :')}), and there is no terminal to type it",
            "run the command in a terminal, or use a key",
        )
        return self._hidden(f"{question.strip()} ")

    def answers(self, title: str, instructions: str, questions: Sequence[tuple[str, bool]]) -> list[str]:
        """Ask one after the other."""
        if questions:
            self._terminal(
                "the cluster asks for a second factor or a password, and there is no terminal to type it",
                "run the command in a terminal",
            )
        for text in filter(None, (title, instructions)):
            sys.stderr.write(f"{text}\n")
        found = []
        for question, shown in questions:
            if shown:
                sys.stderr.write(f"{question.strip()} ")
                sys.stderr.flush()
                found.append(self._line())
            else:
                found.append(self._hidden(f"{question.strip()} "))
        return found

    def _terminal(self, what: str, remedy: str) -> None:
        if not sys.stdin.isatty():
            raise InputError(what, remedy=remedy)

    def _line(self) -> str:
        line = sys.stdin.readline()
        if not line:
            raise Cancelled("nothing was answered")
        return line.strip()

    def _hidden(self, question: str) -> str:
        try:
            return getpass.getpass(question, sys.stderr)
        except EOFError as error:
            raise Cancelled("nothing was answered") from error
