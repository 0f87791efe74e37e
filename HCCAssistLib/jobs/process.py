"""A process that works on jobs, as seen by the one that started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

import HCCAssistLib
from HCCAssistLib.files import parse_json
from HCCAssistLib.jobs.events import Event

ENVIRONMENT = {
    "GOMP_SPINCOUNT": "0",
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_ARENA_MAX": "1",
}
"""Threads that wait let others work, and memory is kept between slabs of a scan, for all threads: 10 to 30 % of its
time. ``cli.process.tune`` says the same to a process that runs already."""

OUTPUT_LINES = 60


def environment() -> dict[str, str]:
    """Of a process of the library: it finds this copy of it, and computes as ``ENVIRONMENT`` says."""
    paths = [str(Path(HCCAssistLib.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(paths)}


class Process:
    """A Python process that takes commands and reports events, each a line of JSON.

    It ends when its standard input does, so that none outlives a caller that closed or crashed, also behind a launcher
    such as PythonSlicer.

    Args:
        folder: of its temporary files, which it removes when its caller is gone.
        on_event: called with each event, in a thread of the process.
        on_end: called once, in that thread, when it has ended, with the exit status, negative for a signal.
        python: the Python to run it with; within Slicer its PythonSlicer.
        idle_seconds: without a command, after which it ends with status 0; None for never.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        folder: Path,
        on_event: Callable[[Process, Event], None],
        on_end: Callable[[Process, int], None],
        *,
        python: str = sys.executable,
        idle_seconds: float | None = None,
    ) -> None:
        idle = [] if idle_seconds is None else [str(idle_seconds)]
        self._popen = subprocess.Popen(
            [python, "-P", "-m", "HCCAssistLib.jobs.child", str(folder), *idle],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment(),
            start_new_session=True,  # Ctrl-C is for its caller; and it can be ended with all that it started
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._stdin, stdout, stderr = cast(IO[str], self._popen.stdin), self._popen.stdout, self._popen.stderr
        self._on_event, self._on_end = on_event, on_end
        self._output: deque[str] = deque(maxlen=OUTPUT_LINES)
        self._stderr_reader = threading.Thread(target=self._output.extend, args=(stderr,), daemon=True)
        self._stderr_reader.start()
        threading.Thread(target=self._read_events, args=(stdout,), daemon=True).start()

    @property
    def pid(self) -> int | None:
        """None once it has ended."""
        return self._popen.pid if self._popen.poll() is None else None

    @property
    def output_tail(self) -> str:
        """The last lines it wrote beside its events, for a developer's log."""
        return "".join(self._output)

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command; where the process has ended, ``on_end`` reports it."""
        with suppress(OSError, ValueError):
            self._stdin.write(json.dumps(command) + "\n")
            self._stdin.flush()

    def close_stdin(self) -> None:
        """Ask it to stop what it does, remove what is half-written, and end: within seconds it is gone."""
        with suppress(OSError):
            self._stdin.close()

    def kill(self) -> None:
        """End it at once, with all that it started."""
        self.close_stdin()  # which reaches it where a launcher alone can be ended from here
        if self._popen.poll() is None:
            self._kill_all()

    def wait(self, seconds: float) -> None:
        """Return when it has ended, or after some time."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)

    def _kill_all(self) -> None:
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        else:
            self._popen.kill()

    def _read_events(self, stdout: IO[str]) -> None:
        for line in stdout:
            try:
                event = Event.from_json(parse_json(line))
            except (TypeError, ValueError):  # of a launcher, or of a library that prints
                self._output.append(line)
            else:
                self._on_event(self, event)
        status = self._popen.wait()
        self._kill_all()  # what it started does not outlive it, however it ended
        self._stderr_reader.join(1.0)
        self._on_end(self, status)


def later(seconds: float, function: Callable[..., None], *arguments: Any) -> None:
    """Call a function in a thread of its own, after some time."""
    timer = threading.Timer(seconds, function, arguments)
    timer.daemon = True
    timer.start()
