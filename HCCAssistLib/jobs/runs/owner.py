"""One attempt at work in a folder: it owns the folder until a newer one does, and says how far it is."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import Cancelled, HCCAssistError
from HCCAssistLib.files import atomic_file, disk_is_full, parse_json, remove, remove_unfinished
from HCCAssistLib.jobs.events import event_of
from HCCAssistLib.jobs.runs.events import ENDING, EVENTS, Kind, RunEvent, new_attempt
from HCCAssistLib.jobs.runs.files import LocalFiles
from HCCAssistLib.jobs.runs.living import life_of
from HCCAssistLib.jobs.runs.runs import CANCEL, LEASE
from HCCAssistLib.training.manifest import BadPack

DONE, FAILED, BAD_PACK, DISK_FULL, FENCED, ENDED = 0, 1, 65, 74, 75, 143
"""Exit statuses."""

RESERVE = ".reserve"
RESERVED_BYTES = 65536
"""Given back to write the last words when the disk is full."""

LOOK_SECONDS = 0.5
"""Between two looks at files that tell to stop."""

PROGRESS_SECONDS = 1.0
"""Between two lines of progress; the end of an epoch is told always."""

GRACE_SECONDS = 5.0
"""For the work to stop by itself after a signal; in the middle of a long computation it does not notice it."""

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR2", "SIGBREAK") if hasattr(signal, name))


class Fenced(HCCAssistError):
    """A newer attempt owns the folder: nothing more is written into it."""


class Owner:
    """An attempt at the work of a folder.

    Args:
        folder: of a run or a training.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.attempt = new_attempt(LocalFiles(folder), ".")
        self._signalled = False
        self._looked = 0.0
        self._told = 0.0
        self._first: tuple[float, float] | None = None
        self._saying = threading.Lock()
        self._over = threading.Event()

    def run(self, work: Callable[[Owner], Kind], *, listen: bool = False) -> int:
        """Do the work and say what came of it; the exit status.

        Args:
            work: returns the kind of the last event; calls ``check`` or ``stop_wanted`` now and then, and ``may_write``
                before it writes a file.
            listen: to signals, of a process that does nothing else.
        """
        if listen:
            self._listen()
        try:
            self._begin()
            kind = work(self)
            self.may_write()
            self.say(kind, share=1.0)
            return DONE
        except BaseException as error:
            return self._end(error)
        finally:
            self._over.set()

    def say(self, kind: Kind, **told: Any) -> None:
        """Write an event.

        Args:
            kind: of the event.
            told: fields of ``RunEvent``.
        """
        self._write(RunEvent(kind, round(time.time(), 3), **told))

    def _write(self, event: RunEvent, before: str = "") -> None:
        line = f"{before}{json.dumps(event.as_json(), allow_nan=False)}\n".encode()
        with self._saying:
            if self._over.is_set():
                return
            with (self.folder / EVENTS / f"{self.attempt}{ENDING}").open("ab") as file:
                file.write(line)
            if event.is_last:
                self._over.set()

    def progress(self, what: str, share: float) -> None:
        """Say what is being done and how much of the whole is done, once in a while."""
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            self.say("progress", what=what, share=round(share, 4), remaining_s=self.remaining_s(share))

    def remaining_s(self, share: float) -> float | None:
        """Seconds to go, None while that is not known."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, share
        began, before = self._first
        done = share - before
        return round((now - began) * (1 - share) / done, 1) if done > 0.01 else None

    def stop_wanted(self) -> bool:
        """Whether the work is to stop.

        Raises:
            Fenced: a newer attempt owns the folder.
        """
        now = time.monotonic()
        if not self._signalled and now - self._looked > LOOK_SECONDS:
            self._looked = now
            self.may_write()
            self._signalled = (self.folder / CANCEL).exists()
        return self._signalled

    def check(self) -> None:
        """Between two pieces of work.

        Raises:
            Cancelled: the work is to stop.
            Fenced: a newer attempt owns the folder.
        """
        if self.stop_wanted():
            raise Cancelled

    def may_write(self) -> None:
        """Before a file is written.

        Raises:
            Fenced: a newer attempt owns the folder.
        """
        if lease_of(self.folder).get("attempt", self.attempt) != self.attempt:
            raise Fenced("a newer attempt owns this folder")

    def _begin(self) -> None:
        (self.folder / EVENTS).mkdir(parents=True, exist_ok=True)
        for part in self.folder.glob("*.part"):  # of an attempt that was killed
            remove(part)
        reserve = self.folder / RESERVE
        if not reserve.exists():
            with atomic_file(reserve) as part:
                part.write_bytes(os.urandom(RESERVED_BYTES))  # zeros would take no room on some disks
        pid = os.getpid()
        lease = {"attempt": self.attempt, "computer": platform.node(), "pid": pid, "life": life_of(pid)}
        with atomic_file(self.folder / LEASE) as part:
            part.write_text(json.dumps(lease), encoding="utf-8")
        self.say("started")

    def _end(self, error: BaseException) -> int:
        """Say what ended the work; the exit status."""
        remove_unfinished()
        if isinstance(error, Fenced):
            self._last_word("fenced")
            return FENCED
        if isinstance(error, Cancelled | KeyboardInterrupt):
            return self._stopped()
        event = event_of(0, error) if isinstance(error, Exception) else None
        message = event.message if event else f"The training ended ({type(error).__name__})."
        self._last_word("failed", message=message, details=event.details if event else "")
        if _is_full(error):
            return DISK_FULL
        if event is None or event.details:  # a mistake of the program
            traceback.print_exception(error)
        return BAD_PACK if isinstance(error, BadPack) else FAILED

    def _stopped(self) -> int:
        self._last_word("cancelled" if (self.folder / CANCEL).exists() else "preempted")
        return ENDED

    def _last_word(self, kind: Kind, **told: Any) -> None:
        event = RunEvent(kind, round(time.time(), 3), **told)
        try:
            self._write(event)
        except OSError:  # the disk is full, and may have taken the beginning of the line
            (self.folder / RESERVE).unlink(missing_ok=True)
            with suppress(OSError):
                self._write(event, before="\n")

    def _listen(self) -> None:
        """Note signals; where the work does not stop for one, end the process."""
        receiver, sender = socket.socketpair()
        sender.setblocking(False)

        def note(*_: object) -> None:
            self._signalled = True

        for number in SIGNALS:
            signal.signal(number, note)
        signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)  # also while Python is not running

        def watch() -> None:
            with receiver, sender:
                while receiver.recv(1)[0] not in SIGNALS:
                    pass
                if not self._over.wait(GRACE_SECONDS):
                    remove_unfinished()
                    self._stopped()
                    end_group()
                    os._exit(ENDED)

        threading.Thread(target=watch, daemon=True).start()


def lease_of(folder: Path) -> dict[str, Any]:
    """Which attempt owns a folder, and in which process of which computer; nothing where none ever did."""
    try:
        found = parse_json((folder / LEASE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and disk_is_full(error):
            return True
        error = error.__cause__
    return False


def end_group() -> None:
    """End the other processes of this one's group, where it is its own; this one must listen to signals."""
    if os.name == "posix" and os.getpgrp() == os.getpid():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(0, signal.SIGTERM)
