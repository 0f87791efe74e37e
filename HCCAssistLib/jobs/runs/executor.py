"""What runs members: a computer, or a cluster with a queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from HCCAssistLib.jobs.runs.files import Files

EngineState = Literal["queued", "running", "ended", "cancelled"] | None
"""What an engine says of a run; None where it does not know it (any more)."""


class Executor(Protocol):
    """Starts ``HCCAssistLib.jobs.runs.attempt ROOT KEY`` somewhere, knows whether it runs, and can end it.

    How a run went is told by its events alone (see ``runs.poll``); an engine only fills their gaps.
    """

    @property
    def files(self) -> Files:
        """Where it reads and writes."""

    def start(self, key: str) -> None:
        """Begin an attempt at a run whose folder is written.

        Raises:
            HCCAssistError: it cannot be started; says why and what to do.
        """

    def engine_states(self, keys: Sequence[str]) -> dict[str, EngineState]:
        """What the engine says of each run, in one question for all of them."""

    def kill(self, key: str) -> None:
        """End the attempts at a run with all that they started, or take them out of the queue."""

    def close(self) -> None:
        """Give back connections; what runs goes on."""
