"""The program of a process that works on jobs: commands come as lines of JSON by stdin, events go out by stdout.

Commands: ``{"job": 1, "task": "verify", "arguments": {...}}``, with ``"journal"`` for a task that writes outside of its
folder, and ``{"cancel": 1}``. When stdin ends, because the caller closed it or crashed, the task is interrupted, what
it had half written is removed, and the process is gone.
"""

from __future__ import annotations

import _thread
import json
import os
import queue
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from HCCAssistLib.errors import Cancelled
from HCCAssistLib.files import keep_journal, remove_unfinished
from HCCAssistLib.jobs.events import Event, event_of
from HCCAssistLib.jobs.tasks import TASKS

GRACE_SECONDS = 2.0
"""For a task to stop by itself. In the middle of a long computation it does not notice that it should; then what it had
half written is removed all the same, and the process is ended."""

PROGRESS_SECONDS = 0.1
SIGNALS = (signal.SIGINT, signal.SIGTERM)

Send = Callable[[Event], None]


class Progress:
    """Reports how far a job is, at most ten times a second, and tells whether it was cancelled."""

    def __init__(self, job: int, send: Send, cancelled: set[int]) -> None:
        self._job, self._send, self._cancelled = job, send, cancelled
        self._first: tuple[float, float] | None = None
        self._sent = -PROGRESS_SECONDS

    def __call__(self, share: float) -> None:
        """Report the share that is done, 0 to 1."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, share
        if now - self._sent < PROGRESS_SECONDS:
            return
        self._sent = now
        began, before = self._first
        done = share - before
        remaining = (now - began) * (1 - share) / done if done > 0.02 else None
        self._send(Event(self._job, "progress", share, remaining))

    def cancelled(self) -> bool:
        """Whether the job is to stop."""
        return self._job in self._cancelled


def main(folder: Path, idle_seconds: float | None = None) -> int:
    """Work on commands until stdin ends, or none has come for a long time.

    Args:
        folder: of temporary files, removed when stdin ends.
        idle_seconds: without a command, after which it ends; None for never.
    """
    for number in SIGNALS:  # a caller in the background had the first ignored
        signal.signal(number, _interrupt)
    send = _event_writer()
    commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    cancelled: set[int] = set()
    threading.Thread(target=_read_commands, args=(commands, cancelled, folder), daemon=True).start()
    try:
        while True:
            _run(commands.get(timeout=idle_seconds), send, cancelled)
    except queue.Empty:
        return 0
    except KeyboardInterrupt:
        _end(folder)


def _run(command: dict[str, Any], send: Send, cancelled: set[int]) -> None:
    job = int(command["job"])
    progress = Progress(job, send, cancelled)
    try:
        if progress.cancelled():
            raise Cancelled
        if "journal" in command:  # for the caller, in case this process is killed before it has cleaned up
            keep_journal(Path(command["journal"]))
        send(Event(job, "started"))
        send(Event(job, "done", 1.0, result=TASKS[command["task"]](progress, **command["arguments"])))
    except Exception as error:
        traceback.print_exc()
        send(event_of(job, error))


def _event_writer() -> Send:
    """Write events to what was stdout; what a library prints goes to stderr from now on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(event: Event) -> None:
        line = json.dumps(event.as_json(), allow_nan=False) + "\n"
        with suppress(OSError):  # the caller is gone: the end of stdin ends this process
            out.write(line)
            out.flush()

    return send


def _read_commands(commands: queue.SimpleQueue[dict[str, Any]], cancelled: set[int], folder: Path) -> None:
    for line in _stdin_lines():
        command = json.loads(line)
        if "cancel" in command:
            cancelled.add(int(command["cancel"]))
        else:
            commands.put(command)
    if hasattr(signal, "pthread_kill"):  # as Ctrl-C does, so that half-written folders are removed on the way out
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # ends a wait, too
    else:
        _thread.interrupt_main()
    time.sleep(GRACE_SECONDS)
    _end(folder)


def _stdin_lines() -> Iterator[bytes]:
    rest = b""
    while data := os.read(0, 65536):  # sys.stdin would keep its lock when the process ends
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _interrupt(*_: object) -> None:
    """Once: what is removed on the way out must not be interrupted in its turn."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end(folder: Path) -> NoReturn:
    remove_unfinished()
    shutil.rmtree(folder, ignore_errors=True)
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with all that it started
    os._exit(1)


if __name__ == "__main__":
    os._exit(main(Path(sys.argv[1]), *map(float, sys.argv[2:])))  # to take PyTorch down can last seconds
