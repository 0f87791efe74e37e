"""What a reader of a method's results must know, whichever result it is."""

from __future__ import annotations

from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.ui_files import load, tell


class ResultNote(Part):
    """A sentence or two below the table, while there is a result.

    Args:
        shared: of the panel.
        text: the sentences.
    """

    def __init__(self, shared: Shared, text: str) -> None:
        self._session, self._text = shared.session, text
        self.ui = load("result_note", shared.sections.resultsButton.layout())

    def refresh(self) -> None:
        """Show it where a result is shown."""
        tell(self.ui.noteLabel, self._text if self._session.current is not None else "")
