"""Numbers and words as a reader sees them: rounded once, half up, from full precision."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

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
