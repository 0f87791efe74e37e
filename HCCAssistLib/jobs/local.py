"""Predictions in a warm worker process on this computer; nothing here makes the caller wait."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from HCCAssistLib.inference.study import Study
from HCCAssistLib.jobs.events import DIED, NEVER_STARTED, NOT_WRITTEN, Event, OpenJobs, event_of
from HCCAssistLib.jobs.prediction import RESULT
from HCCAssistLib.jobs.process import Process, later
from HCCAssistLib.jobs.requests import Request, write_request
from HCCAssistLib.results.files import read_result

CANCEL_SECONDS = 0.35
"""How long a worker may take to stop by itself; then it is ended and another one started."""

IDLE_SECONDS = 900.0
"""A worker without a job for so long gives its memory back."""


class LocalExecutor:
    """Jobs one after the other in one worker, which is started at need, kept warm, and started anew when it dies.

    All methods return at once. ``close`` it at the end; if the caller crashes, the worker ends itself.

    >>> executor = LocalExecutor()
    >>> job = executor.submit(study, Request(Path("models/some-model")))  # doctest: +SKIP
    >>> executor.poll()  # doctest: +SKIP
    [Event(job=0, kind='ready', ...), Event(job=1, kind='started', ...)]
    >>> executor.close()

    Args:
        python: the Python to run the worker with; within Slicer its PythonSlicer.
        idle_seconds: without a job, after which the worker ends; the next job starts another one.
        recipe: whose code a worker loads before its first job; none where it is empty. A job can be of any recipe.
    """

    def __init__(self, *, python: str = sys.executable, idle_seconds: float = IDLE_SECONDS, recipe: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hccassist-jobs-"))
        self._python, self._idle_seconds, self._recipe = python, idle_seconds, recipe
        self._lock = threading.RLock()
        self._jobs = OpenJobs()
        self._waiting: list[int] = []  # whose requests are written
        self._current: int | None = None  # that the worker has
        self._worker: Process | None = None
        self._ready = self._closed = False
        self._devices: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """What a worker can compute on, empty until one was ready once."""
        return self._devices

    @property
    def pid(self) -> int | None:
        """Of the worker, None while there is none."""
        worker = self._worker
        return worker.pid if worker is not None else None

    def warm_up(self) -> None:
        """Start the worker, so that the first job need not wait for it."""
        with self._lock:
            if self.pid is None and not self._closed:
                self._start()

    def submit(self, study: Study | Callable[[], Study], request: Request) -> int:
        """Queue a prediction; its number.

        Args:
            study: or what makes it, in a thread of its own; an InputError of it becomes the job's failure.
            request: what to compute.
        """
        job = self._jobs.open()
        threading.Thread(target=self._write, args=(job, study, request), daemon=True).start()
        return job

    def cancel(self, job: int) -> None:
        """Stop a job, within half a second; nothing happens where it has ended."""
        with self._lock:
            if not self._jobs.cancel(job):
                return
            if job == self._current and self._worker is not None:
                self._worker.send({"cancel": job})
                later(CANCEL_SECONDS, self._end_by_force, job)
            else:
                self._end(Event(job, "cancelled"))

    def poll(self) -> list[Event]:
        """What happened since the last call."""
        return self._jobs.poll()

    def close(self) -> None:
        """End the worker and remove its files."""
        with self._lock:
            self._closed = True
            self._jobs.clear()
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
            worker.wait(0.2)  # until then it could still write into its folder
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        self._ready = False
        try:
            self._folder.mkdir(exist_ok=True)  # systems clean their temporary folders after some days
            self._worker = Process(
                self._folder, self._on_event, self._on_end, python=self._python, idle_seconds=self._idle_seconds
            )
        except OSError as error:
            self._not_started(str(error))
            return
        self._worker.send({"job": 0, "task": "devices", "arguments": {}})
        if self._recipe:
            self._worker.send({"job": 0, "task": "load_recipe", "arguments": {"recipe": self._recipe}})

    def _write(self, job: int, study: Study | Callable[[], Study], request: Request) -> None:
        """In a thread of its own: the voxels of a large scan take long to write."""
        try:
            made = study() if callable(study) else study
            with self._lock:
                if job not in self._jobs:
                    return
                self._folder.mkdir(exist_ok=True)
            write_request(made, request, self._job_folder(job))
        except OSError as error:
            self._end(Event(job, "failed", message=NOT_WRITTEN, details=str(error)))
        except Exception as error:
            self._end(event_of(job, error))
        with self._lock:
            self._waiting.append(job)
            self._next()

    def _next(self) -> None:
        """Send the worker the next job, where it has none."""
        while self._current is None and self._waiting:
            job = self._waiting.pop(0)
            if job not in self._jobs:  # it ended while it was being written
                self._remove_files(job)
                continue
            self._current = job
            self.warm_up()
            if self._worker is not None:
                folder = str(self._job_folder(job))
                self._worker.send({"job": job, "task": "predict", "arguments": {"folder": folder}})

    def _on_event(self, worker: Process, event: Event) -> None:
        with self._lock:
            if worker is not self._worker:
                return
            if event.job == 0:
                self._on_start(worker, event)
                return
            if event.is_last:
                self._current = None
                self._next()
        if event.kind == "done":
            try:
                event = Event(event.job, "done", 1.0, 0.0, result=read_result(self._job_folder(event.job) / RESULT))
            except Exception as error:
                event = event_of(event.job, error)
        if event.is_last:
            self._end(event)
        else:
            self._jobs.put(event)

    def _on_start(self, worker: Process, event: Event) -> None:
        if event.kind == "done" and not self._ready:
            self._ready, self._devices = True, tuple(event.result)
            self._jobs.put(Event(0, "ready"))
        elif event.kind == "failed" and self._ready:
            self._jobs.put(event)
        elif event.kind == "failed":
            worker.kill()

    def _on_end(self, worker: Process, status: int) -> None:
        with self._lock:
            if worker is not self._worker:
                return
            self._worker, job = None, self._current
            if not self._ready:
                self._not_started(worker.output_tail)
                return
            self._current = None
            if job is not None and status == 0:  # it had just ended after a long time without a job
                self._waiting.insert(0, job)
            elif job is not None:
                self._end(Event(job, "failed", message=DIED, details=worker.output_tail))
            self._next()

    def _not_started(self, details: str) -> None:
        jobs = [job for job in (self._current, *self._waiting) if job is not None]
        self._current, self._waiting = None, []
        for job in jobs:
            self._end(Event(job, "failed", message=NEVER_STARTED, details=details))
        self._jobs.put(Event(0, "failed", message=NEVER_STARTED, details=details))

    def _end_by_force(self, job: int) -> None:
        """End a worker that does not react to a cancel; another one does what waits."""
        with self._lock:
            if job != self._current or self._worker is None:
                return
            self._worker.kill()
            self._worker = self._current = None
            self._end(Event(job, "cancelled"))
            self.warm_up()
            self._next()

    def _end(self, event: Event) -> None:
        if self._jobs.end(event):
            self._remove_files(event.job)  # only now: that can take longer than a small prediction

    def _remove_files(self, job: int) -> None:
        shutil.rmtree(self._job_folder(job), ignore_errors=True)

    def _job_folder(self, job: int) -> Path:
        return self._folder / str(job)
