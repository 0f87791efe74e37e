"""Tasks of seconds, each in a process of its own: no waiting; whoever started them polls."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from HCCAssistLib.files import remove_journalled
from HCCAssistLib.jobs.events import DIED, NEVER_STARTED, Event, OpenJobs
from HCCAssistLib.jobs.process import Process, later

CANCEL_SECONDS = 1.0
"""How long a cancelled task may take to clean up; then it is ended."""

JOURNAL = "unfinished.jsonl"


class TaskRunner:
    """Starts tasks and reports them. All methods return at once; ``close`` it at the end.

    A task ends when its standard input does, so that none outlives a caller that closed or crashed.

    >>> import time
    >>> runner = TaskRunner()
    >>> task = runner.start("verify", {"store": "models", "names": []})
    >>> while not (events := runner.poll()):
    ...     time.sleep(0.01)
    >>> events[-1].kind, events[-1].result
    ('done', {})
    >>> runner.close()

    Args:
        python: the Python to run them with; within Slicer its PythonSlicer.
    """

    def __init__(self, *, python: str = sys.executable) -> None:
        self._python = python
        self._jobs = OpenJobs()
        self._folders: list[Path] = []
        self._processes: dict[int, Process] = {}

    @property
    def pids(self) -> list[int]:
        """Of the processes that run."""
        return [pid for process in list(self._processes.values()) if (pid := process.pid) is not None]

    @property
    def folders(self) -> list[Path]:
        """Of temporary files, as far as they are still there."""
        return [folder for folder in self._folders if folder.exists()]

    def prepare(self) -> Path:
        """A folder for files of the next task; it goes with the task."""
        folder = Path(tempfile.mkdtemp(prefix="hccassist-task-"))
        self._folders.append(folder)
        return folder

    def start(self, name: str, arguments: Mapping[str, Any] | None = None, *, folder: Path | None = None) -> int:
        """Begin a task of ``HCCAssistLib.jobs.tasks``; its number.

        Args:
            name: of the task.
            arguments: of its function, as JSON can write them.
            folder: from ``prepare``, where the task has files.
        """
        task = self._jobs.open()
        try:
            folder = folder or self.prepare()
            on_event, on_end = partial(self._on_event, folder), partial(self._on_end, folder, task)
            process = Process(folder, on_event, on_end, python=self._python)
        except OSError as error:
            self._end(Event(task, "failed", message=NEVER_STARTED, details=str(error)), folder)
            return task
        self._processes[task] = process
        journal = str(folder / JOURNAL)
        process.send({"job": task, "task": name, "arguments": dict(arguments or {}), "journal": journal})
        return task

    def cancel(self, task: int) -> None:
        """Stop a task; what it had half written goes. Nothing happens where it has ended."""
        process = self._processes.get(task)
        if process is not None and self._jobs.cancel(task):
            process.close_stdin()
            later(CANCEL_SECONDS, process.kill)

    def poll(self) -> list[Event]:
        """What happened since the last call: progress, and the last event of each task."""
        return self._jobs.poll()

    def close(self) -> None:
        """End all tasks; each cleans up behind itself within seconds."""
        self._jobs.clear()
        for process in list(self._processes.values()):
            process.close_stdin()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _on_event(self, folder: Path, process: Process, event: Event) -> None:
        if event.is_last:
            process.close_stdin()
            self._end(event, folder)
        elif event.kind == "progress":
            self._jobs.put(event)

    def _on_end(self, folder: Path, task: int, process: Process, _status: int) -> None:
        self._processes.pop(task, None)
        self._end(Event(task, "failed", message=DIED, details=process.output_tail), folder)

    def _end(self, event: Event, folder: Path | None) -> None:
        self._jobs.end(event, lambda: self._remove(folder))

    def _remove(self, folder: Path | None) -> None:
        if folder is not None:
            remove_journalled(folder / JOURNAL)  # of a process that was killed before it had cleaned up
            shutil.rmtree(folder, ignore_errors=True)
