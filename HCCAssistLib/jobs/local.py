"""Running predictions in a worker process on this computer; nothing here makes the caller wait."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import HCCAssistLib
from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.inference.study import Study
from HCCAssistLib.jobs.requests import Request, write_request
from HCCAssistLib.jobs.worker import IDLE_SECONDS, NO_MEMORY
from HCCAssistLib.results.files import read_result
from HCCAssistLib.results.result import Result

CANCEL_SECONDS = 0.35
"""How long a worker may take to stop by itself; then it is ended and another one started."""

DIED = (
    "The computing process ended unexpectedly, most likely because the memory of this computer was full. "
    "Close other programs or scan a smaller region, and run again."
)
NOT_HANDED_OVER = (
    "The scan could not be handed over to the computing process: the disk for temporary files is full or not writable. "
    "Free some space, and run again."
)
NEVER_STARTED = (
    "The computing process could not be started. PyTorch may not be installed: see the set-up in the module HCC Study."
)

ENVIRONMENT = {"GOMP_SPINCOUNT": "0", "MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "1073741824"}
"""Threads that wait let others work, and memory is kept between slabs of a scan: 10 to 30 % of its time."""


@dataclass(frozen=True, eq=False, slots=True)
class Event:
    """What became of a job.

    Attributes:
        job: its number; 0 where it is about the worker itself, which is ``ready`` or has ``failed`` to start.
        kind: ``done``, ``cancelled`` and ``failed`` are the last of a job.
        share: done so far, 0 to 1.
        remaining_s: seconds to go, None while that is not known.
        message: why it failed, in one sentence or two.
        details: for a developer's log where the failure is a mistake of the program.
        result: of a job that is done.
    """

    job: int
    kind: Literal["ready", "started", "progress", "done", "cancelled", "failed"]
    share: float = 0.0
    remaining_s: float | None = None
    message: str = ""
    details: str = ""
    result: Result | None = None


@dataclass(slots=True)
class _Job:
    """One that has not ended: whether it is to be cancelled, and whether the worker knows of it."""

    cancelled: bool = False
    told: bool = False


class LocalExecutor:
    """Jobs one after the other in one worker, which is started at need, kept warm, and started anew when it dies.

    All methods return at once. ``close`` it at the end; if the caller crashes, the worker ends itself.

    Args:
        python: the Python to run the worker with; within Slicer its PythonSlicer.
        idle_seconds: without a job, after which the worker ends; the next job starts another one.
        recipe: whose code a worker loads before its first job.
    """

    def __init__(
        self, *, python: str = sys.executable, idle_seconds: float = IDLE_SECONDS, recipe: str = "ltp"
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hccassist-jobs-"))
        self._command = [python, "-m", "HCCAssistLib.jobs.worker", str(self._folder), str(idle_seconds), recipe]
        self._lock = threading.RLock()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._jobs: dict[int, _Job] = {}
        self._last = 0
        self._process: subprocess.Popen[str] | None = None
        self._closed = False
        self._devices: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """What a worker can compute on, empty until one was ready once."""
        return self._devices

    @property
    def pid(self) -> int | None:
        """Of the worker, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def warm_up(self) -> None:
        """Start the worker, so that the first job need not wait for it."""
        with self._lock:
            if self.pid is None and not self._closed:
                self._start()

    def submit(self, study: Study | Callable[[], Study], request: Request) -> int:
        """Hand in a prediction; its number.

        Args:
            study: or what makes it, in a thread of its own; an InputError of it becomes the job's failure.
            request: what to compute.
        """
        with self._lock:
            self._last += 1
            job = self._last
            self._jobs[job] = _Job()
        threading.Thread(target=self._send, args=(job, study, request), daemon=True).start()
        return job

    def cancel(self, job: int) -> None:
        """Stop a job, within half a second; nothing happens where it has ended."""
        with self._lock:
            if job not in self._jobs or self._jobs[job].cancelled:
                return
            self._jobs[job].cancelled = True
            if not self._jobs[job].told:
                del self._jobs[job]
                self._events.put(Event(job, "cancelled"))
                return
            self._tell({"command": "cancel", "job": job})
        timer = threading.Timer(CANCEL_SECONDS, self._end_by_force, args=(job,))
        timer.daemon = True
        timer.start()

    def poll(self) -> list[Event]:
        """What happened since the last call."""
        events = []
        while True:
            try:
                events.append(self._events.get_nowait())
            except queue.Empty:
                return events

    def close(self) -> None:
        """End the worker and remove its files."""
        with self._lock:
            self._closed = True
            self._jobs.clear()
            if self._process is not None:
                self._process.kill()
                with suppress(subprocess.TimeoutExpired):  # until then it could still write into its folder
                    self._process.wait(0.2)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        paths = [str(Path(HCCAssistLib.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env={**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(paths)},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:
            self._fail_all(NEVER_STARTED)
            self._events.put(Event(0, "failed", message=NEVER_STARTED))
            return
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _send(self, job: int, study: Study | Callable[[], Study], request: Request) -> None:
        """In a thread of its own: the voxels of a large scan take longer to write than a person's hand may wait."""
        folder = self._job_folder(job)
        try:
            write_request(study() if callable(study) else study, request, folder)
        except HCCAssistError as error:
            self._finish(Event(job, "failed", message=str(error)))
        except OSError as error:
            self._finish(Event(job, "failed", message=NOT_HANDED_OVER, details=str(error)))
        except MemoryError:
            self._finish(Event(job, "failed", message=NO_MEMORY))
        except Exception as error:
            message = f"The scan could not be handed over ({type(error).__name__}). Please report this."
            self._finish(Event(job, "failed", message=message, details=traceback.format_exc()))
        with self._lock:
            if job in self._jobs:
                self._jobs[job].told = True
                self.warm_up()
                self._tell({"command": "predict", "job": job, "folder": str(folder)})
                return
        shutil.rmtree(folder, ignore_errors=True)  # it ended while it was being written

    def _tell(self, command: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            process.stdin.write(json.dumps(command) + "\n")
            process.stdin.flush()
        except OSError:  # it died, which its listener reports
            pass

    def _listen(self, process: subprocess.Popen[str]) -> None:
        """In a thread of its own: pass on what a worker says, until it ends."""
        ready = False
        for line in process.stdout or ():
            said = json.loads(line)
            if said["event"] == "ready":
                ready = True
                self._devices = tuple(said["devices"])
                self._events.put(Event(0, "ready"))
            else:
                self._hear(said)
        process.wait()
        with self._lock:
            if self._process is not process:
                return
            self._process = None
            if self._closed:
                return
            if not ready:
                self._fail_all(NEVER_STARTED)
                self._events.put(Event(0, "failed", message=NEVER_STARTED))
            elif self._jobs:
                if process.returncode != 0:
                    self._fail_all(DIED)
                self._start_again()

    def _hear(self, said: dict[str, Any]) -> None:
        job, kind = int(said["job"]), said["event"]
        if kind in ("started", "progress"):
            with self._lock:
                if job in self._jobs and not self._jobs[job].cancelled:
                    self._events.put(Event(job, kind, said.get("share", 0.0), said.get("remaining")))
            return
        event = Event(job, kind, message=said.get("message", ""), details=said.get("details", ""))
        if kind == "done":
            try:
                event = Event(job, "done", 1.0, 0.0, result=read_result(self._job_folder(job) / "result"))
            except HCCAssistError as error:
                event = Event(job, "failed", message=str(error))
        self._finish(event)

    def _finish(self, event: Event) -> None:
        """Say the last word of a job, once; what was cancelled ends as cancelled, whatever came of it."""
        with self._lock:
            if event.job not in self._jobs:
                return
            if self._jobs.pop(event.job).cancelled:
                event = Event(event.job, "cancelled")
            self._events.put(event)
        shutil.rmtree(self._job_folder(event.job), ignore_errors=True)

    def _fail_all(self, message: str) -> None:
        """The jobs that a worker had; those still being written go to the next one."""
        for job in [job for job, state in self._jobs.items() if state.told]:
            self._finish(Event(job, "failed", message=message))

    def _end_by_force(self, job: int) -> None:
        """End a worker that does not listen; other jobs that waited in it are handed to the next one."""
        with self._lock:
            if job not in self._jobs or self._closed:
                return
            process, self._process = self._process, None
            if process is not None:
                process.kill()
            self._finish(Event(job, "cancelled"))
            self._start_again()

    def _start_again(self) -> None:
        """Start another worker, and hand it what the last one did not come to."""
        self.warm_up()
        for job, state in self._jobs.items():
            if state.told:
                self._tell({"command": "predict", "job": job, "folder": str(self._job_folder(job))})

    def _job_folder(self, job: int) -> Path:
        return self._folder / str(job)
