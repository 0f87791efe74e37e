"""Files written in a thread, one thing after the other; what is unclear comes back as a question first."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from HCCAssistLib.errors import HCCAssistError, InputError

Question = Literal["create", "duplicate", "replace", "overwrite", "changed", "patient", "revise", "scan", "unfit"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the writing.

    Attributes:
        kind: ``question`` where nothing was written and the reader is to be asked.
        text: in a sentence or two.
        question: which one; with its name in ``confirmed``, it is not asked again.
    """

    kind: Literal["done", "failed", "question"]
    text: str
    question: Question | Literal[""] = ""


class Asked(Exception):  # no error: the reader decides
    """Something that a reader is to be asked before anything is written."""

    def __init__(self, question: Question, text: str) -> None:
        super().__init__(text)
        self.question = question


class Writer:
    """Writes in a thread; what it began to write is written, even when Slicer closes."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._writing: Future[str] | None = None

    @property
    def writing(self) -> bool:
        """Whether files are being written, or what became of them was not asked yet."""
        return self._writing is not None

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False)

    def outcome(self) -> Outcome | None:
        """What became of it, once; None while that is not known."""
        if self._writing is None or not self._writing.done():
            return None
        writing, self._writing = self._writing, None
        try:
            return Outcome("done", writing.result())
        except Asked as asked:
            return Outcome("question", str(asked), asked.question)
        except OSError as error:
            return Outcome("failed", f"The files could not be written: {error.strerror or 'the disk is full'}.")
        except HCCAssistError as error:
            return Outcome("failed", str(error))
        except Exception as error:
            logging.exception("The files could not be written")
            return Outcome("failed", f"The export failed ({type(error).__name__}). Please report this.")

    def begin(self, write: Callable[[], str]) -> None:
        """Begin to write.

        Args:
            write: what is to be told when it is done; raises ``Asked`` before anything is written.

        Raises:
            InputError: something is being written already.
        """
        if self._writing is not None:
            raise InputError("an export goes on already", remedy="wait for it")
        self._writing = self._thread.submit(write)
