"""Settings that the C library, torch or a process of Python's own reads only once; they never change a result."""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KEEP_BYTES = 1 << 30


def silence_resource_tracker() -> None:
    """Let Python's own process that clears up after a pool do so without a word; call before there is a pool.

    Where a command with a pool is stopped or killed, that process removes what the pool had open, as it is there for,
    and writes warnings with lines of its source to the terminal. It takes filters from the environment alone.
    """
    rule = "ignore::UserWarning:multiprocessing.resource_tracker"
    given = os.environ.get("PYTHONWARNINGS", "")
    if rule not in given:
        os.environ["PYTHONWARNINGS"] = f"{given},{rule}".lstrip(",")


def tune() -> None:
    """Let waiting threads sleep, and keep freed memory for whoever is next; call before torch is imported.

    Threads that spin while they wait take the processor from everything else on a busy machine. Giving large blocks
    back after every batch, as glibc does by default, costs 10-30 % of a training on a CPU. Threads share what is kept:
    with a store for each, a scan of 300 slices takes a tenth more memory.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    if sys.platform == "linux":
        try:
            mallopt = ctypes.CDLL(None).mallopt
        except AttributeError:
            return  # another C library than glibc
        mallopt(M_MMAP_THRESHOLD, KEEP_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEEP_BYTES)
        mallopt(M_ARENA_MAX, 1)
