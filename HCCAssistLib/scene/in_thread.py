"""Work that takes longer than the window may wait, in a thread, one at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from HCCAssistLib.errors import HCCAssistError, InputError

Done = TypeVar("Done")


class InThread(Generic[Done]):
    """A thread for the work of one part of a panel; what the work needs of the scene is taken up before it begins."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._working: Future[Done] | None = None

    @property
    def busy(self) -> bool:
        """Whether something goes on."""
        return self._working is not None

    def begin(self, work: Callable[[], Done]) -> None:
        """Begin it.

        Raises:
            InputError: something goes on already.
        """
        if self._working is not None:
            raise InputError("the last step goes on still", remedy="wait for it")
        self._working = self._thread.submit(work)

    def take(self) -> Done | None:
        """What became of it, once; None while that is not known.

        Raises:
            HCCAssistError: it failed.
        """
        if self._working is None or not self._working.done():
            return None
        working, self._working = self._working, None
        try:
            return working.result()
        except HCCAssistError:
            raise
        except Exception as error:
            logging.exception("What a panel began failed")
            raise HCCAssistError(f"This failed ({type(error).__name__}). Please report it.") from error

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False)
