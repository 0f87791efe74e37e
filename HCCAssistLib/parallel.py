"""Work on many items in several processes, none of which outlives the work."""

from __future__ import annotations

import multiprocessing.process
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

from HCCAssistLib.errors import HCCAssistError

Item = TypeVar("Item")
Done = TypeVar("Done")


def in_processes(function: Callable[[Item], Done], items: Iterable[Item], workers: int) -> Iterator[tuple[int, Done]]:
    """The number of each item and what a function makes of it, in the order in which they are done.

    However the loop over them ends, by Ctrl-C too, no process is left.

    Args:
        function: of a module, since it is found by its name in the processes.
        items: go to the processes and come back, so they are small.
        workers: processes; 1 works in this one.

    Raises:
        HCCAssistError: a process was ended from outside, mostly because the memory was full.
    """
    items = list(items)
    if workers <= 1 or len(items) <= 1:
        yield from ((number, function(item)) for number, item in enumerate(items))
        return
    context = _Context()
    pool = ProcessPoolExecutor(min(workers, len(items)), context, _begin)
    try:
        numbers = {pool.submit(function, item): number for number, item in enumerate(items)}
        for future in as_completed(numbers):
            yield numbers.pop(future), future.result()
    except BaseException as error:
        for process in context.processes:
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            what = "A process that read images was ended, probably for want of memory. Close other programs."
            raise HCCAssistError(what) from error
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Context(SpawnContext):
    """Remembers the processes, to end them and no others."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[multiprocessing.process.BaseProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> multiprocessing.process.BaseProcess:  # type: ignore[override]
        process = SpawnProcess(*args, **kwargs)
        self.processes.append(process)
        return process


def _begin() -> None:
    """In each process: the first one alone hears Ctrl-C, and none outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    first = multiprocessing.parent_process()

    def follow() -> None:
        if first is not None:
            first.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
