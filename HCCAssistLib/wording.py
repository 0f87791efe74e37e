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
    """``1 patch``, ``2 patches``; also ``studies``, ``masses``, ``metastases``, ``epochs``, ``regions of interest``.

    >>> plural("patch", 1), plural("patch", 2), plural("metastasis", 3), plural("epoch", 6)
    ('patch', 'patches', 'metastases', 'epochs')
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
        hisses = head.endswith(("ch", "s", "x", "sh", "z")) and not head.endswith("och")
        many = f"{head}es" if hisses else f"{head}s"
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
    """A time as one would say it.

    >>> duration(0.42), duration(75), duration(600), duration(9000)
    ('0.4 s', '75 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def megabytes(size: float) -> str:
    """Bytes as one would say them.

    >>> megabytes(250_000), megabytes(42_000_000), megabytes(1_540_000_000)
    ('0.3 MB', '42 MB', '1.5 GB')
    """
    if size >= 1e9:
        return f"{rounded(size / 1e9, 1)} GB"
    return f"{rounded(size / 1e6, 0 if size >= 1e7 else 1)} MB"
