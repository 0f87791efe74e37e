"""HTML that is put together here and not by the template: its values are escaped all the same."""

from __future__ import annotations

import base64
from typing import Any

from HCCAssistLib.evaluation.report_blocks import PNG


class Footnotes:
    """Letters for what would not fit into a cell; the same note gets the same letter."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, *notes: str) -> str:
        """The letters of these notes, without those that are empty."""
        letters = []
        for note in filter(None, notes):
            number = len(self._letters)
            letters.append(self._letters.setdefault(note, chr(97 + number % 26) * (1 + number // 26)))
        return markup("<sup>{}</sup>", ",".join(letters)) if letters else ""

    def lines(self, *others: str) -> list[tuple[str, str]]:
        """Letter and note; the others have no letter."""
        return [(letter, f"{note}.") for note, letter in self._letters.items()] + [("", o) for o in others if o]


def markup(pattern: str, *values: Any) -> str:
    """HTML whose values are escaped."""
    from markupsafe import Markup

    return Markup(pattern).format(*values)  # noqa: S704 - patterns are literals of these modules


def literal(text: str) -> str:
    """Text of this software that stands in the page as it is."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - files of this package, and JSON without any "<"


def data_url(kind: str, content: bytes) -> str:
    """The address of a picture that lies in the page; PNG or JPEG where no kind is given."""
    kind = kind or ("image/png" if content.startswith(PNG) else "image/jpeg")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
