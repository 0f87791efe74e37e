"""Whether a process is still the one that it was: its number alone is given to another one sooner or later."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path


def life_of(pid: int) -> str:
    """When a process was started, in words that no other process of that number has; ``""`` where none runs.

    >>> import os
    >>> life_of(os.getpid()) == life_of(os.getpid()) != ""
    True
    """
    if sys.platform == "win32":
        return _of_windows(pid)
    if sys.platform == "linux":
        return _of_linux(pid)
    return _of_ps(pid)


def _of_linux(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        state, *rest = text.rpartition(")")[2].split()  # the name, in brackets, may hold anything
    except (OSError, ValueError):
        return ""
    if state in "ZX":  # it has ended, and nobody has asked how
        return ""
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {rest[18]}"  # ticks since the system was started


def _of_ps(pid: int) -> str:
    done = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return "" if not done or done[0].startswith("Z") else " ".join(done[1:])


def _of_windows(pid: int) -> str:
    if sys.platform != "win32":
        return ""
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.windll.kernel32
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return ""
    try:
        code, times = wintypes.DWORD(), [wintypes.FILETIME() for _ in range(4)]
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        if code.value != 259 or not kernel.GetProcessTimes(handle, *map(ctypes.byref, times)):  # STILL_ACTIVE
            return ""
        return f"{times[0].dwHighDateTime} {times[0].dwLowDateTime}"
    finally:
        kernel.CloseHandle(handle)
