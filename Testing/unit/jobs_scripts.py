"""Processes of jobs that do what a test tells them to: tasks beside the library's own, without PyTorch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from HCCAssistLib.jobs.events import Event

TASKS = '''
import os, subprocess, sys, time
from pathlib import Path

def write(progress, folder):
    from HCCAssistLib.files import atomic_folder
    with atomic_folder(Path(folder) / "case") as part:
        (part / "half").write_text("half")
        progress(0.5)
        time.sleep(60)

def stubborn(progress):
    while True:
        try:
            progress(0.1)
            time.sleep(60)
        except KeyboardInterrupt:
            pass

def busy(progress, folder):
    """Like a long computation outside of Python."""
    from HCCAssistLib.files import atomic_folder, atomic_file
    with atomic_folder(Path(folder) / "case") as part, atomic_file(Path(folder) / "table") as file:
        (part / "half").write_text("half")
        file.write_text("half")
        for _ in range(600):
            try:
                progress(0.5)
                time.sleep(0.1)
                (part / "more").mkdir(exist_ok=True)
            except (KeyboardInterrupt, OSError):
                pass

def broken(progress):
    raise ZeroDivisionError("a mistake")

def full(progress):
    raise OSError(28, "No space left on device", "/home/Jane Doe/model.json")

def crowded(progress):
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")

def nan(progress):
    return float("nan")

def noisy(progress):
    """What a library prints, also past Python, is no event."""
    print('{"job": 1, "kind": "done"}')
    os.system("echo from below")
    return "quiet"

def parent(progress, folder):
    """Work side by side, as a training does."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (Path(folder) / "pid").write_text(str(child.pid))
    progress(0.5)
    time.sleep(60)

def devices(progress):
    return ["cpu"]

def predict(progress, folder):
    """What the option "do" of the request says; the answer tells who it was."""
    from HCCAssistLib.errors import Cancelled
    from HCCAssistLib.jobs.requests import read_request
    study, request = read_request(Path(folder))
    do = request.options["do"]
    progress(0.5)
    if do == "wait":
        while not progress.cancelled():
            time.sleep(0.01)
        raise Cancelled
    if do == "sleep":
        time.sleep(60)
    if do == "die":
        print("a word for the log", file=sys.stderr, flush=True)
        os._exit(9)
    if do == "break":
        broken(progress)
    (Path(folder) / "result").mkdir()
    (Path(folder) / "result" / "answer").write_text(f"{study.case_id} {os.getpid()}")

if any("HCCAssistLib.jobs.child" in argument for argument in sys.orig_argv):
    from HCCAssistLib.jobs import tasks
    own = (write, stubborn, busy, broken, full, crowded, nan, noisy, parent, devices, predict)
    tasks.TASKS.update({task.__name__: task for task in own})
'''


def script(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Let processes of jobs know the tasks above from now on; temporary files lie in ``folder/temporary``."""
    (folder / "sitecustomize.py").write_text(TASKS, encoding="utf-8")
    (folder / "temporary").mkdir()
    patch.setenv("PYTHONPATH", str(folder))
    patch.setattr("tempfile.tempdir", str(folder / "temporary"))


def until(runner: Any, job: int, kind: str = "", seconds: float = 60.0) -> list[Event]:
    """Events of a job up to one of that kind, or to its last; asking never takes long."""
    events: list[Event] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        found = runner.poll()
        assert time.perf_counter() - began < 0.1
        events += [event for event in found if event.job == job]
        if events and (events[-1].is_last or any(event.kind == kind for event in events)):
            return events
        time.sleep(0.005)
    raise TimeoutError(events)


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it may go between two questions
        return True
