"""Tasks of seconds, each in a process of its own: no thread, no waiting; whoever started them asks how they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import HCCAssistLib
from HCCAssistLib.files import remove_journalled, write_json
from HCCAssistLib.jobs.task_process import ERRORS, EVENTS, JOURNAL, TASK

CANCEL_SECONDS = 1.0
"""How long a cancelled task may take to clean up; then it is ended."""

DIED = "The process that worked on it ended unexpectedly. Close other programs in case memory is short, and try again."
NEVER_STARTED = "No process could be started to work on it. Restart the application and try again."


@dataclass(frozen=True, eq=False, slots=True)
class TaskEvent:
    """What became of a task.

    Attributes:
        task: its number.
        kind: ``done``, ``cancelled`` and ``failed`` are the last of a task.
        share: done so far, 0 to 1.
        message: why it failed, in one sentence or two.
        details: for a developer's log where the failure is a mistake of the program.
        result: of a task that is done; see the functions in ``HCCAssistLib.jobs.tasks``.
    """

    task: int
    kind: Literal["progress", "done", "cancelled", "failed"]
    share: float = 0.0
    message: str = ""
    details: str = ""
    result: Any = None


class TaskRunner:
    """Starts tasks and hears of them. All methods return at once; ``close`` it at the end.

    A task ends when its standard input does, so that none outlives a caller that closed or crashed.

    Args:
        python: the Python to run them with; within Slicer its PythonSlicer.
    """

    def __init__(self, *, python: str = sys.executable) -> None:
        self._python = python
        self._temporary = tempfile.TemporaryDirectory(prefix="hccassist-tasks-", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name)
        self._running: dict[int, _Running] = {}
        self._unsaid: list[TaskEvent] = []
        self._last = 0

    def prepare(self) -> Path:
        """A folder for files of the next task; it goes with the task."""
        self._folder.mkdir(parents=True, exist_ok=True)  # systems clean their temporary folders after some days
        return Path(tempfile.mkdtemp(dir=self._folder))

    def start(self, name: str, arguments: Mapping[str, Any] | None = None, *, folder: Path | None = None) -> int:
        """Begin a task of ``HCCAssistLib.jobs.tasks``; its number.

        Args:
            name: of the task.
            arguments: of its function, as JSON can write them.
            folder: from ``prepare``, where the task has files.
        """
        self._last += 1
        folder = folder or self.prepare()
        try:
            self._running[self._last] = _Running(folder, self._process(folder, name, arguments or {}))
        except OSError:
            self._unsaid.append(TaskEvent(self._last, "failed", message=NEVER_STARTED))
        return self._last

    def cancel(self, task: int) -> None:
        """Stop a task; what it had half written goes. Nothing happens where it has ended."""
        running = self._running.get(task)
        if running is not None and running.kill_at is None:
            running.kill_at = time.monotonic() + CANCEL_SECONDS
            running.let_go()

    def poll(self) -> list[TaskEvent]:
        """What happened since the last call."""
        events, self._unsaid = self._unsaid, []
        for task, running in list(self._running.items()):
            events += running.news(task)
            if events and events[-1].task == task and events[-1].kind != "progress":
                del self._running[task]
                remove_journalled(running.folder / JOURNAL)  # of a process that was killed before it was through
                shutil.rmtree(running.folder, ignore_errors=True)
        return events

    def close(self) -> None:
        """End all tasks; each cleans up behind itself within seconds."""
        for running in self._running.values():
            running.let_go()
            if os.name == "posix":  # a launcher that keeps the end of its input from the task
                running.process.terminate()
        self._running.clear()
        self._unsaid.clear()
        self._temporary.cleanup()

    def _process(self, folder: Path, name: str, arguments: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        write_json(folder / TASK, {"task": name, "arguments": dict(arguments)})
        paths = [str(Path(HCCAssistLib.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        with (folder / ERRORS).open("wb") as errors:
            return subprocess.Popen(
                [self._python, "-m", "HCCAssistLib.jobs.task_process", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )


@dataclass(slots=True)
class _Running:
    """A task that has not ended.

    Attributes:
        folder: of its files.
        process: that works on it.
        read: bytes of its events that were read.
        kill_at: on the monotonic clock, where it was cancelled.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    read: int = 0
    kill_at: float | None = None

    def let_go(self) -> None:
        """Close its standard input: it ends itself, which reaches it behind any launcher."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def news(self, task: int) -> list[TaskEvent]:
        ended = self.process.poll() is not None
        said = self._heard()
        if self.kill_at is not None:  # what was cancelled ends as cancelled, whatever came of it
            if not ended and time.monotonic() >= self.kill_at:
                self.process.kill()
            return [TaskEvent(task, "cancelled")] if ended else []
        events = [
            TaskEvent(
                task,
                entry["event"],
                entry.get("share", 0.0),
                entry.get("message", ""),
                entry.get("details", ""),
                entry.get("result"),
            )
            for entry in said
        ]
        if ended and not (events and events[-1].kind != "progress"):
            events.append(TaskEvent(task, "failed", message=DIED, details=self._last_words()))
        return events

    def _heard(self) -> list[dict[str, Any]]:
        """Whole lines that were written since the last time."""
        try:
            with (self.folder / EVENTS).open("rb") as file:
                file.seek(self.read)
                text = file.read()
        except FileNotFoundError:  # it has only just begun
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self.read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def _last_words(self) -> str:
        try:
            return (self.folder / ERRORS).read_text(encoding="utf-8", errors="replace")[-4000:]
        except OSError:
            return ""
