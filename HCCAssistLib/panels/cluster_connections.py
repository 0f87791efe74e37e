"""Connections to clusters, made when a person asks for it and kept while the panel is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from HCCAssistLib.jobs.cluster.profile import Profile, read_profile
from HCCAssistLib.jobs.runs.executor import Executor
from HCCAssistLib.panels.cluster_prompts import ClusterPrompts
from HCCAssistLib.panels.lane import Lane, Told


class ClusterConnections:
    """One connection for each profile; whoever waits for one waits in a thread.

    Args:
        prompts: asks the person.
    """

    def __init__(self, prompts: ClusterPrompts) -> None:
        self._prompts = prompts
        self._lane = Lane()
        self._executors: dict[str, Any] = {}

    @property
    def busy(self) -> bool:
        """Whether something is being done with a cluster."""
        return self._lane.busy

    def executor(self, profile: str) -> Executor | None:
        """The executor of a profile; None where nobody is connected to its cluster."""
        found: Executor | None = self._executors.get(profile)
        return found

    def connect(self, name: str, told: Told) -> None:
        """Log in to a cluster, with its runner brought up to date; told nothing more where that is done."""

        def work() -> Any:
            from HCCAssistLib.jobs.cluster.connection import Connection
            from HCCAssistLib.jobs.cluster.slurm import Slurm

            connection = Connection(read_profile(name), self._prompts)
            try:
                return Slurm(connection)
            except BaseException:
                connection.close()
                raise

        def connected(found: Any, problem: str) -> None:
            if found is not None:
                self.disconnect(name)
                self._executors[name] = found
            told(None, problem)

        self._lane.do(work, connected)

    def with_connection(self, profile: Profile, work: Callable[[Any], Any], told: Told) -> None:
        """Do something with a connection of its own, by a profile that need not be kept."""

        def done() -> Any:
            from HCCAssistLib.jobs.cluster.connection import Connection

            with Connection(profile, self._prompts) as connection:
                return work(connection)

        self._lane.do(done, told)

    def disconnect(self, name: str) -> None:
        """Log out; what runs there goes on."""
        executor = self._executors.pop(name, None)
        if executor is not None:
            executor.close()

    def poll(self) -> None:
        """Tell what came of what is done."""
        self._lane.poll()

    def close(self) -> None:
        """The panel goes: so do its connections."""
        self._lane.close()
        for name in list(self._executors):
            self.disconnect(name)
