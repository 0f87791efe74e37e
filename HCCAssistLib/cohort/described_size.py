"""The size that a reader wrote beside a finding: ``12 mm``, ``1,2 cm``, ``C-hyper, 32 mm``."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d+)?)\s*(mm|cm)\b")
_WITH_WORDS = re.compile(rf"[\s,;:(]*{_SIZE.pattern}(?:\s*\(?(?:by|line|measured|diameter)\b)*[\s,;:)]*")

BY_LINE = "by line"
"""Written behind a size that was measured with a line."""


def described_size(description: str) -> float:
    """Size in mm that a reader wrote beside a point: ``12 mm``, ``1,2 cm``; NaN where there is none or several.

    >>> described_size("nodule at the margin, 12 mm")
    12.0
    """
    found = _SIZE.findall(description)
    if len(found) != 1:
        return float("nan")
    number, unit = found[0]
    return float(number.replace(",", ".")) * (10.0 if unit == "cm" else 1.0)


def without_size(description: str) -> str:
    """What else a reader wrote: the label, where the size stands beside it.

    >>> without_size("C-hyper, 32 mm"), without_size("32 mm by line"), without_size("Category B")
    ('C-hyper', '', 'Category B')
    """
    return _WITH_WORDS.sub(" ", description).strip()
