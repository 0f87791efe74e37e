"""Problems in plain words: what is wrong, where, and what to do about it."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of an input.

    Attributes:
        level: ``"STOP"`` refuses the input, ``"WARN"`` is written into the result.
        what: the fault in plain words.
        where: the file, case, series or point it was found in.
        remedy: what the person can do.
        case_id: the one case of a cohort that it concerns; empty where it concerns the whole input.
        leaves_out: where a STOP is nobody's fault, why a training may go on without the case: ``"registration"``; empty
            where it is to be mended.
    """

    level: Literal["STOP", "WARN"]
    what: str
    where: str = ""
    remedy: str = ""
    case_id: str = ""
    leaves_out: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return " ".join(_ended(part) for part in (text, self.remedy[:1].upper() + self.remedy[1:]) if part)


def _ended(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


class HCCAssistError(Exception):
    """The work failed for a reason that a person can act on (exit status 1 of the command)."""


class Cancelled(HCCAssistError):
    """The person asked to stop; nothing half-written is left behind."""


class InputError(HCCAssistError, ValueError):
    """The input cannot be used (exit status 2 of the command).

    Args:
        what: the fault in plain words, or the list of problems found.
        where: the file, case, series or point.
        remedy: what the person can do.
    """

    def __init__(self, what: str | Iterable[Problem], where: str = "", remedy: str = "") -> None:
        if isinstance(what, str):
            self.problems: tuple[Problem, ...] = (Problem("STOP", what, where, remedy),)
        else:
            self.problems = tuple(what)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@contextmanager
def naming(which: str) -> Iterator[None]:
    """Say of what is refused, which of several things it belongs to; nothing where ``which`` is empty."""
    try:
        yield
    except InputError as error:
        raise InputError(named(error.problems, which)) from error


def named(problems: Iterable[Problem], which: str) -> list[Problem]:
    """Problems that say which of several things they belong to."""
    return [replace(one, where=", ".join(filter(None, (which, one.where)))) for one in problems]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was not enough memory, as Python, PyTorch, ITK or the system say it.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))
    True
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, of a graphics card
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error)
    return isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY)


_NO_MEMORY = ("can't allocate memory", "DefaultCPUAllocator: not enough memory", "Failed to allocate memory")
