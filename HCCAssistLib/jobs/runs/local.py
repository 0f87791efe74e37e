"""This computer as an engine: runs go on when whoever started them has ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from HCCAssistLib.jobs.runs import detached
from HCCAssistLib.jobs.runs.executor import EngineState
from HCCAssistLib.jobs.runs.files import LocalFiles
from HCCAssistLib.jobs.runs.owner import lease_of
from HCCAssistLib.jobs.runs.runs import run_folder


class LocalExecutor:
    """Runs that are trained on this computer, each in a process of its own.

    It knows them by their leases, so that another one, in another process, knows them as well; after the computer was
    switched off they have ended.

    Args:
        root: of runs and packs.
        python: the Python to run them with; within Slicer its PythonSlicer.
    """

    def __init__(self, root: Path, *, python: str = sys.executable) -> None:
        self.files = LocalFiles(root.absolute())
        self._python = python

    def start(self, key: str) -> None:
        """Begin an attempt at a run whose folder is written."""
        arguments = [self.files.root, key]
        detached.start("HCCAssistLib.jobs.runs.attempt", arguments, self._folder(key), python=self._python)

    def engine_states(self, keys: Sequence[str]) -> dict[str, EngineState]:
        """Whether each runs."""
        return {key: self._state(key) for key in keys}

    def kill(self, key: str) -> None:
        """End a run with all that it started."""
        detached.end(self._folder(key))

    def close(self) -> None:
        """Nothing is to be given back."""

    def _folder(self, key: str) -> Path:
        return self.files.path(run_folder(key))

    def _state(self, key: str) -> EngineState:
        folder = self._folder(key)
        if detached.pid_of(folder) is not None:
            return "running"
        return "ended" if lease_of(folder) else None
