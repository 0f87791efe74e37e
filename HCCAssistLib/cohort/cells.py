"""What a cell of a table says: a number, a missing value, or neither. Cells stay as text; they are never rewritten."""

from __future__ import annotations

import math
import re

from HCCAssistLib.cohort.spelling import plain
from HCCAssistLib.errors import InputError

MAY_BE_A_TEXT = frozenset({"none", "-", "--", "---", "\N{EN DASH}", "\N{EM DASH}"})
"""No value in a column of numbers or ids; in a column of texts a person may mean it: "none" of ascites, "-" beside
"+"."""

MISSING = MAY_BE_A_TEXT | {
    *("", ".", "..", "...", "?", "??", "???", "./.", "na", "n/a", "n.a.", "n.a", "n. a.", "not available"),
    *("not applicable", "not known", "unknown", "missing", "k.a.", "k. a.", "unbekannt", "inconnu", "desconocido"),
    *(
        "nan",
        "null",
        "<na>",
        "nat",
        "#na",
        "#n/a",
        "#n/a n/a",
        "#null!",
        "#div/0!",
        "#ref!",
        "#name?",
        "#num!",
        "#value!",
    ),
    *("#getting_data", "#spill!", "#calc!", "#nv", "#bezug!", "#wert!", "#zahl!", "#nom?", "#valeur!", "#nombre!"),
    *(
        "#nombre?",
        "#nul!",
        "#nulo!",
        "#¿nombre?",
        "#¡valor!",
        "#¡ref!",
        "#¡num!",
        "#¡div/0!",
        "#¡nulo!",
        "#n/d",
        "#nome?",
    ),
}
"""Cells without a value, for every reader of a table: as people write them, and programs and spreadsheets (in English,
German, French, Spanish and Italian); small, without spaces around."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_GROUPED = re.compile(
    r"[+-]?\d{1,3}(?:(?:,\d{3})+(?:\.\d+)?|(?:\.\d{3}){2,}(?:,\d+)?|\.\d{3},\d+|(?:[ '\u2019]\d{3})+(?:[.,]\d+)?)"
)
_BOUND = re.compile(r"(?:[<>≤≥~≈]|<=|>=|ca\.?|over|under|above|below)\s*[\d.,]+.*")
_UNIT = re.compile(
    r"[+-]?\d+(?:[.,]\d+)?(?:\s+[^\W\d_].*|\s*(?:%|[mc]?m|[mud]?l|[nmkuµμ]?g|i?u|hu|h|min|s|d|y|"
    r"(?:day|week|month|mo|yr|year)s?|tage|monate|jahre)(?:\s*/.*)?)"
)
"""Not 3a or 1b, which are categories."""

_INFINITE = frozenset({"inf", "+inf", "-inf", "infinity", "-infinity", "+infinity", "\N{INFINITY}", "-\N{INFINITY}"})


def is_missing(cell: str) -> bool:
    """Whether a cell holds no value."""
    return plain(cell) in MISSING


def number(cell: str, where: str, *, decimal_comma: bool = False) -> float | None:
    """The number in a cell; None where it is empty, ``NA`` or the like.

    Args:
        cell: as it stands in the table.
        where: the cell, for messages.
        decimal_comma: whether ``5,8`` is a number, as in tables whose cells are not separated by commas.

    Raises:
        InputError: the cell holds something else; the message says what.
    """
    if is_missing(cell):
        return None
    text = cell.strip().replace("\N{MINUS SIGN}", "-")
    if decimal_comma and _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if math.isfinite(value):
        return value
    kind, remedy = number_fault(text)
    raise InputError(f"{cell!r} is not a number{kind}", where, remedy)


def is_almost_a_number(cell: str) -> bool:
    """Whether a cell that is no number was meant to be one: ``>1000``, ``12 mm``, ``1,234.5``, infinite."""
    return bool(number_fault(cell.strip())[0])


def number_fault(text: str) -> tuple[str, str]:
    """What a cell is that is no number (`` but a bound``; empty where it was not meant to be one), and what to do."""
    read = plain(text)
    if read in _INFINITE or _NUMBER.fullmatch(text):
        return " but infinite", "write the value, or leave the cell empty"
    if _BOUND.fullmatch(read):
        return " but a bound", "write the value to calculate with, or leave the cell empty"
    if _GROUPED.fullmatch(read):
        return " but one with marks between thousands", "write it without them, as in 1234.5"
    if _COMMA.fullmatch(read):
        return " but one with a decimal comma", "write it with a point, as in 55.2"
    if _UNIT.fullmatch(read):
        return " but one with text after it", "write the number alone, and its unit into the heading"
    return "", "write a number or leave the cell empty"
