"""Warnings without what people typed or named files: of known words and numbers alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from HCCAssistLib.errors import Problem

_WORD = re.compile(r"[^\W\d_]{2,}")
_REVEALING = re.compile(
    r"[\\^]|\w/\w*/"  # a path, or names of a patient as DICOM writes them
    r"|\d+(\.\d+){2,}"  # a UID or a date
    r"|\d{5,}"  # a date or a number of a patient
    r"|\b\d{1,4}[-/]\d{1,2}[-/]\d{1,4}\b"
)
_INPUT = re.compile(r"(baseline|pre|post)/\w+")
_LIBRARY = Path(__file__).parents[1]
_SPEAKING = ("cohort", "dicom", "explain", "imaging", "models", "recipes", "registration", "inference")
"""Rooms whose warnings a result can carry."""


def anonymous_warnings(problems: Iterable[Problem], labels: Mapping[str, str]) -> tuple[list[str], int]:
    """The warnings of a result in which only words of this software stand, and how many others there are.

    A list of what is allowed fails safely: what nobody thought of is left out.

    Args:
        problems: of a result; where they are from is told if that is the name of an input.
        labels: what people call the findings, each with what stands for it.
    """
    shown, withheld = list[str](), 0
    for problem in problems:
        parts = (labels.get(part, part) for part in problem.where.split(", "))
        where = ", ".join(part for part in parts if part in labels.values() or _INPUT.fullmatch(part))
        what, remedy = (_relabelled(text, labels) for text in (problem.what, problem.remedy))
        is_column = "_" in what.partition(" ")[0]  # whose name is written as it is
        text = str(Problem("WARN", what if where or is_column else what[:1].upper() + what[1:], where, remedy))
        if _REVEALING.search(text) or not {word.lower() for word in _WORD.findall(text)} <= known_words():
            withheld += 1
        elif text not in shown:
            shown.append(text)
    return shown, withheld


def _relabelled(text: str, labels: Mapping[str, str]) -> str:
    """The text with other names for findings, the longest first: one label may begin another."""
    for label in sorted(filter(str.strip, labels), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(label)}(?!\w)", labels[label], text)
    return text


@lru_cache(maxsize=1)
def known_words() -> frozenset[str]:
    """The words of all texts in the code from which warnings come, in small letters."""
    files = (path for room in _SPEAKING for path in sorted((_LIBRARY / room).rglob("*.py")))
    texts = (text for path in files for text in _texts(ast.parse(path.read_text(encoding="utf-8"))))
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))


def _texts(node: ast.AST) -> Iterator[str]:
    """All texts but docstrings and what is cited: its authors are called as patients are."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and not isinstance(node, ast.Expr):
            yield child.value
        elif not (isinstance(child, ast.keyword) and child.arg == "paper"):
            yield from _texts(child)
