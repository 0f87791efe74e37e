"""When two spellings of an id or a heading are one to a person, or to the spreadsheet that changed one of them."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("jan january januar ene", "feb february februar fev fév", "mar march mrz mär märz mars", "apr april avr"),
            *("may mai", "jun june juni juin", "jul july juli juil", "aug august aou aoû ago", "sep sept september"),
            *("oct october okt oktober", "nov november", "dec december dez dezember dic déc"),
        ),
        start=1,
    )
    for name in names.split()
}
"""Of the languages whose spreadsheets make dates of ids."""

_LOOK_ALIKE = str.maketrans(
    # Cyrillic and Greek letters, small, that are drawn like Latin ones
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u04bb"
    "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03b3",
    "abekmhopctyxijsdqwhabezhikmnoptyxy",
)
_WORD = re.compile(r"\d+|[^\W\d_]+")
_ZERO_DECIMALS = re.compile(r"(\d+)[.,]0+")
_THOUSANDS = re.compile(r"\d{1,3}([,.' ])\d{3}(\1\d{3})*")
_SCIENTIFIC = re.compile(r"(\d)(?:[.,](\d+))?e\+?(\d{1,2})")
_DATE = re.compile(
    r"(?:(?P<a>\d{1,2})(?P<s>[-./ ])(?P<b>\d{1,2})(?P=s)(?:19|20)\d\d"
    r"|(?:19|20)\d\d(?P<t>[-./ ])(?P<c>\d{1,2})(?P=t)(?P<d>\d{1,2}))(?:[ t]0?0:00(?::00(?:\.0+)?)?)?"
)
EXACT_DIGITS = 15
"""Digits of a number that a spreadsheet keeps."""


def plain(text: str) -> str:
    """What a person reads: no invisible characters, one form of every letter, small, single spaces."""
    if text.isascii() and text.isprintable():  # as nearly all are; what follows would leave them alone
        return " ".join(text.lower().split())
    text = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFKC", text) if not _is_invisible(c))
    return " ".join(text.casefold().translate(_LOOK_ALIKE).split())


def heading_key(text: str) -> str:
    """Equal for headings that mean the same column: ``Patient ID``, ``patient-id``, ``PatientID``."""
    return re.sub(r"[\s_\-\u2010-\u2015\u2212.]", "", plain(text))


def id_key(text: str) -> str:
    """Equal for two ids that a person reads as one: ``P-01``, ``p 1`` and ``P1``, but neither ``P10`` nor ``P-0-1``."""
    text = plain(text).removeprefix("=").strip("'\"")
    if whole := _ZERO_DECIMALS.fullmatch(text):
        text = whole[1]
    elif _THOUSANDS.fullmatch(text):
        text = re.sub(r"\D", "", text)
    elif found := _SCIENTIFIC.fullmatch(text):
        mantissa, exponent = found[1] + (found[2] or ""), int(found[3]) - len(found[2] or "")
        text = mantissa + "0" * exponent if 0 <= exponent <= EXACT_DIGITS else text
    words = [word.lstrip("0") or "0" if word.isdigit() else word for word in _WORD.findall(text)]
    if date := _month(words):
        words = [f"month{date[0]}x", str(date[1])]  # MAR1 becomes 1-Mar
    key = ""
    for word in words:
        # what parts two numbers or two words tells ids apart, what parts a word and a number does not
        key += ("-" if key and key[-1].isdigit() == word[0].isdigit() else "") + word
    return key or text


def same_ids(names: Iterable[str]) -> list[tuple[str, str, str]]:
    """Pairs of different ids that are one to a person or to a spreadsheet, and how they differ."""
    by_key: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        by_key[id_key(name)].append(name)
    pairs = [pair for spelt in by_key.values() for pair in pairwise(spelt)]
    for key, (name, *_) in by_key.items():
        pairs += [(name, by_key[was][0]) for was in _before(name) & set(by_key) - {key}]
        if len(name) > EXACT_DIGITS or _SCIENTIFIC.fullmatch(plain(name)):
            pairs += [(name, spelt[0]) for was, spelt in by_key.items() if was != key and _is_rounded(name, was)]
    return [(a, b, _difference(a, b)) for a, b in dict.fromkeys(pairs)]


def shown(name: str) -> str:
    """The id for a message: what cannot be seen or is easily taken for another letter is written as its code."""
    return name if name.isascii() and name.isprintable() else ascii(name)


def is_of_a_spreadsheet(name: str) -> bool:
    """Whether an id looks like what a spreadsheet makes of another: ``1-Mar``, ``2024-02-01``, ``1.23E+05``."""
    return bool(_before(name) or ("e+" in plain(name) and _SCIENTIFIC.fullmatch(plain(name))))


def _before(name: str) -> set[str]:
    """Keys of the ids that a spreadsheet may have made this date of: ``1-2`` becomes ``2-Jan`` or ``2024-02-01``."""
    text = plain(name)
    if found := _DATE.fullmatch(text):
        a, b = (int(number) for number in (found["a"] or found["c"], found["b"] or found["d"]))
    elif (date := _month(_WORD.findall(text))) and re.search(r"[\s./-]", text):
        a, b = date
    else:
        return set()
    return {f"{a}-{b}", f"{b}-{a}"}


def _month(words: list[str]) -> tuple[int, int] | None:
    """The number of the month, and the other number, of an id that is nothing else."""
    if len(words) != 2 or not any(word.isdigit() for word in words):
        return None
    name, number = sorted(words, key=str.isdigit)
    return (MONTHS[name], int(number)) if name in MONTHS else None


def _is_rounded(name: str, key: str) -> bool:
    """Whether a spreadsheet may have made the id of this number: ``1.23457E+11``, or zeros after 15 digits."""
    if not key.isdigit():
        return False
    if found := _SCIENTIFIC.fullmatch(plain(name)):
        digits = found[2] or ""
        return f"{int(key):.{len(digits)}e}" == f"{found[1]}{'.' if digits else ''}{digits}e+{int(found[3]):02}"
    cut = name[EXACT_DIGITS:]
    return bool(cut) and name == key[:EXACT_DIGITS] + "0" * len(cut) and len(name) == len(key)


def _difference(a: str, b: str) -> str:
    if a.lower() == b.lower():
        return "differ only in upper and lower case"
    if any(_is_invisible(c) or (c.isspace() and c != " ") for c in a + b):
        return "differ only in a character that cannot be seen"
    if plain(a) == plain(b):
        return "differ only in characters that look alike"
    if re.sub(r"[\W_]", "", plain(a)) == re.sub(r"[\W_]", "", plain(b)):
        return "differ only in spaces, hyphens or the like"
    return "may be one: spreadsheets drop leading zeros, and make dates and rounded numbers of ids"


def _is_invisible(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Cf", "Cc", "Mn") and not unicodedata.combining(character) and not character.isspace()
