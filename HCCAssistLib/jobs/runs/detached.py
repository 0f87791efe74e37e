"""Processes that outlive whoever started them, known again by the lease of the folder that they work in."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.files import disk_fault
from HCCAssistLib.jobs.events import NEVER_STARTED
from HCCAssistLib.jobs.process import environment
from HCCAssistLib.jobs.runs.living import life_of
from HCCAssistLib.jobs.runs.owner import DISK_FULL, GRACE_SECONDS, lease_of

LOG = "log"
START_SECONDS = 30.0
"""For a process to take the lease of its folder."""

WAIT_SECONDS = 0.02

_started: list[subprocess.Popen[bytes]] = []
"""Of this process: whoever started a process must ask how it ended, or it stays in the list of the system."""


def start(module: str, arguments: Sequence[str], folder: Path, *, python: str = sys.executable) -> None:
    """Begin a process that takes the lease of a folder, and return when it has it or has ended.

    Args:
        module: of the library, run as a program.
        arguments: of the program.
        folder: that it works in.
        python: the Python to run it with; within Slicer its PythonSlicer.

    Raises:
        HCCAssistError: it cannot be started.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    before = lease_of(folder).get("attempt")
    try:
        with (folder / LOG).open("ab") as log:
            process = subprocess.Popen(
                [python, "-P", "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=environment(),
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
                | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
    except OSError as error:
        full = disk_fault(error)
        raise HCCAssistError(full if "full" in full else NEVER_STARTED) from error
    _started.append(process)
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and lease_of(folder).get("attempt") == before and time.monotonic() < end:
        time.sleep(WAIT_SECONDS)
    if process.poll() not in (None, DISK_FULL) and lease_of(folder).get("attempt") == before:
        raise HCCAssistError(NEVER_STARTED)  # why stands in its log; what a full disk did to it, it says itself


def pid_of(folder: Path) -> int | None:
    """The process that works in a folder on this computer, None where none does any more."""
    lease = lease_of(folder)
    pid, life = lease.get("pid"), lease.get("life")
    if not isinstance(pid, int) or not life or lease.get("computer") != platform.node():
        return None
    for process in _started:
        process.poll()
    return pid if life_of(pid) == life else None


def end(folder: Path) -> None:
    """End the process that works in a folder, with all that it started; one that does not stop by itself is killed."""
    pid = pid_of(folder)
    if pid in (None, os.getpid()):
        return
    _signal(pid, signal.SIGTERM if os.name == "posix" else None)
    until = time.monotonic() + GRACE_SECONDS + 2.0
    while pid_of(folder) == pid:
        if time.monotonic() > until:
            _signal(pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)  # on Windows it ends at once
            until = time.monotonic() + 5.0
        time.sleep(WAIT_SECONDS)


def _signal(pid: int, number: int | None) -> None:
    if number is None:  # Windows: the word in the folder is all there is
        return
    with suppress(ProcessLookupError, PermissionError):
        if os.name != "posix":
            os.kill(pid, number)
            return
        group = os.getpgid(pid)
        if group in (os.getpgrp(), 0):
            os.kill(pid, number)
        else:
            os.killpg(group, number)
