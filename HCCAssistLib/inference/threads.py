"""Work on several threads, each item on one of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_threads(
    work: Callable[[Item], Made], items: Iterable[Item], device: str | torch.device = "cpu"
) -> Generator[Made, None, None]:
    """What ``work`` makes of each item, in their order; close it (``contextlib.closing``) to leave out the rest.

    A small network's layers gain little from several threads, items that need nothing of each other much. Each is
    computed by one thread, so that its sums end in the same last bits however many there are.

    Args:
        work: what torch computes in it, or other code that lets go of the interpreter, runs side by side.
        items: taken one by one, a few more than are being worked on.
        device: where ``work`` computes; on a graphics card its items follow each other.
    """
    threads = torch.get_num_threads()
    if threads == 1 or torch.device(device).type != "cpu":
        yield from map(work, items)
        return
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)  # a thread's number becomes that of all threads that begin later
