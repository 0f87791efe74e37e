"""Work side by side in processes that go with whoever started them, however that ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, connection, get_context, parent_process
from typing import TypeVar

from HCCAssistLib.errors import HCCAssistError

Item = TypeVar("Item")
Made = TypeVar("Made")

DIED = "a process ended unexpectedly, most likely because the memory of this computer was full"


def side_by_side(work: Callable[[Item], Made], items: Sequence[Item], workers: int) -> Generator[Made, None, None]:
    """What ``work`` makes of each item, in their order; close it (``contextlib.closing``) to end the processes.

    Args:
        work: a function of a module, which each process imports.
        items: that can be sent to a process.
        workers: processes; with one, the work is done in this one.

    Raises:
        HCCAssistError: a process died; whatever else ``work`` raises comes through.
    """
    if workers <= 1:
        yield from map(work, items)
        return
    others = set(active_children())
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin) as pool:
        try:
            yield from pool.map(work, items)
        except BrokenProcessPool as error:
            raise HCCAssistError(f"{DIED}. Close other programs, and run the same command again.") from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children = set(active_children()) - others
            for child in children:
                child.kill()
            for child in children:  # only then does nobody write any more
                child.join(1.0)
            raise


def _begin() -> None:
    """In a new process: Ctrl-C is for the one that started it, and it ends when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
