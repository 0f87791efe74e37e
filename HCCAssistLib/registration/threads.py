"""Same input, same output: sums over several threads depend on their number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk

from HCCAssistLib.imaging.itk import quiet


@contextmanager
def one_thread() -> Iterator[None]:
    """SimpleITK on one thread and without warnings; the number of before comes back after the block."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        with quiet():
            yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
