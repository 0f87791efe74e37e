"""Numbers and words as a reader sees them: rounded once, half up, from full precision."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_LARGE = 1e15
"""From here on (the limits of a hopeless hazard ratio) all digits would be noise."""


def rounded(value: float, digits: int, *, percent: bool = False) -> str:
    """A decimal number, half rounded away from zero.

    The shortest decimal that names the double is what gets rounded, so 0.125 gives 0.13 and 2.675 gives 2.68,
    as a reader with the printed number and a pencil would.

    >>> rounded(0.125, 2), rounded(2.675, 2), rounded(0.9688, 1, percent=True)
    ('0.13', '2.68', '96.9')
    """
    if abs(value) >= _LARGE:
        return f"{value:.2e}".replace("-", "\N{MINUS SIGN}")
    number = Decimal(repr(float(value))) * (100 if percent else 1)
    text = format(number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP), "f")
    if text.startswith("-") and not text.strip("-0."):
        return text[1:]
    return text.replace("-", "\N{MINUS SIGN}")


def plural(unit: str, n: int) -> str:
    """``1 patch``, ``2 patches``; also ``studies``, ``masses``, ``metastases``, ``regions of interest``.

    >>> plural("patch", 1), plural("patch", 2), plural("metastasis", 3)
    ('patch', 'patches', 'metastases')
    """
    if n == 1:
        return unit
    head, of, rest = unit.partition(" of ")
    if head.endswith(("series", "species")):
        many = head
    elif head.endswith("sis"):
        many = f"{head[:-2]}es"
    elif head.endswith("focus"):
        many = f"{head[:-2]}i"
    elif head.endswith("y") and head[-2:-1] not in "aeiou":
        many = f"{head[:-1]}ies"
    else:
        many = f"{head}es" if head.endswith(("ch", "s", "x", "sh", "z")) else f"{head}s"
    return f"{many}{of}{rest}"


def listed(values: Mapping[str, Any], between: str = "; ") -> str:
    """Settings in words: names with spaces, numbers without a needless ``.0``, yes and no.

    >>> listed({"epochs": 60, "hard_negatives": True, "cases": {"train": 24, "test": 6}})
    'epochs 60; hard negatives yes; cases (train 24; test 6)'
    """
    texts = (f"{str(name).replace('_', ' ')} {value_text(value)}" for name, value in values.items())
    return between.join(texts) or "not stated"


def value_text(value: Any) -> str:
    """One setting in words.

    >>> value_text(0.5), value_text(True), value_text([1.0, 2])
    ('0.5', 'yes', '1, 2')
    """
    if isinstance(value, Mapping):
        return f"({listed(value)})"
    if isinstance(value, list | tuple):
        return ", ".join(map(value_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """A time as a person says it.

    >>> duration(0.4), duration(48.6), duration(754), duration(12_000), duration(200_000)
    ('1 s', '49 s', '13 min', '3 h 20 min', '2 days 7 h')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} {plural('day', days)} {hours} h" if hours else f"{days} {plural('day', days)}"
