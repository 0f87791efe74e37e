"""Ctrl-C and SIGTERM: the work unwinds at once; where it does not, the process cleans up and ends by itself."""

from __future__ import annotations

import _thread
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from HCCAssistLib.files import remove_unfinished

GRACE_SECONDS = 1.5
"""For the main thread to unwind. One that computes outside of Python gets no signal until it is back."""

AGAIN_SECONDS = 0.02

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))


@contextmanager
def stoppable(on_kill: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """A block that Ctrl-C and SIGTERM end with one KeyboardInterrupt, however often they come.

    What is given to the block tells whether they came. Some libraries make another error of the KeyboardInterrupt:
    where one comes in the middle of an import, VTK's says that a module is missing.

    Args:
        on_kill: called before the process is ended in the middle of whatever it computes.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one may ask for signals
        yield lambda: False
        return
    unwound = threading.Event()
    stopping = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if not stopping and not unwound.is_set():  # what is removed on the way out is not interrupted in its turn
            stopping = True
            raise KeyboardInterrupt

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        nonlocal stopping
        if lost.exc_type is not KeyboardInterrupt:
            report(lost)
        elif not unwound.is_set():  # raised where Python ignores it, as in callbacks of an import: once more, after it
            stopping = False
            threading.Timer(AGAIN_SECONDS, _interrupt_main).start()

    def watch() -> None:
        while (number := receiver.recv(1)[0]) not in SIGNALS:
            if number == 0:
                return
        if not unwound.wait(GRACE_SECONDS):
            _end_children()
            remove_unfinished()
            on_kill()
            os._exit(1)

    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    # written to while Python is not running
    previous = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    report, sys.unraisablehook = sys.unraisablehook, unraisable
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: stopping
    finally:
        unwound.set()
        sys.unraisablehook = report
        signal.set_wakeup_fd(previous)
        sender.send(b"\0")
        thread.join()
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if stopping else handler)  # it ends, and says so once
        receiver.close()
        sender.close()


def _interrupt_main() -> None:
    if hasattr(signal, "pthread_kill"):  # which ends a wait, too
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _end_children() -> None:
    if "multiprocessing" in sys.modules:
        from multiprocessing import active_children

        for child in active_children():
            child.kill()
