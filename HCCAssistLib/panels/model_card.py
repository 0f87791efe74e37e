"""The card of a model as a page of a panel."""

from __future__ import annotations

import html
from collections.abc import Iterable

from slicer.i18n import tr as _

from HCCAssistLib.models.card import card_rows
from HCCAssistLib.models.model_card import ModelCard


def card_page(name: str, card: ModelCard | None, rows: Iterable[tuple[str, str]] = ()) -> str:
    """All that a model says of itself, as HTML.

    Args:
        name: of the model.
        card: None where it cannot be read.
        rows: headings and texts that come first.
    """
    listed = "".join(
        f"<p><b>{html.escape(heading)}</b><br>{html.escape(text).replace(chr(10), '<br>')}</p>"
        for heading, text in (*rows, *(card_rows(card, full=True) if card is not None else ()))
    )
    return f"<h3>{html.escape(name)}</h3><p><b>{html.escape(_('Research use only'))}</b></p>{listed}"
