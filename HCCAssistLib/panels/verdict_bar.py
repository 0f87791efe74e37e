"""A reader's verdicts by buttons and by keys that work in the views too; the reader's name goes with each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.panels.ui_files import add_chord, load

READER = "HCCAssist/Reader"
"""The setting that keeps the reader's name."""

CHORD = "Ctrl+Shift+{}"
KEYS = {"accept": "A", "reject": "R", "other": "O", "undo": "U", "next": "N", "previous": "P"}


class VerdictBar:
    """Buttons and key chords for the chosen finding.

    Args:
        place: layout to be added to.
        window: the window in which the chords work, wherever the focus is.
        settings: keeps the reader's name.
        on_verdict: ``"accepted"``, ``"rejected"`` or ``"other"`` was given.
        on_undo: the last verdict or comment is to be taken back.
        on_step: -1 for the finding before, 1 for the next one to review.
    """

    def __init__(
        self,
        place: Any,
        *,
        window: Any,
        settings: Any,
        on_verdict: Callable[[str], None],
        on_undo: Callable[[], None],
        on_step: Callable[[int], None],
    ) -> None:
        self.ui = load("verdict_bar", place)
        self._settings = settings
        ui = self.ui
        slots = {
            "accept": (ui.acceptButton, lambda: on_verdict("accepted")),
            "reject": (ui.rejectButton, lambda: on_verdict("rejected")),
            "other": (ui.otherButton, lambda: on_verdict("other")),
            "undo": (ui.undoButton, on_undo),
            "next": (ui.nextButton, lambda: on_step(1)),
            "previous": (ui.previousButton, lambda: on_step(-1)),
        }
        self._chords = []
        for what, (button, slot) in slots.items():
            chord = CHORD.format(KEYS[what])
            button.toolTip = f"{button.toolTip} ({chord})"
            button.connect("clicked(bool)", lambda _checked=False, slot=slot: slot())
            self._chords.append(add_chord(window, chord, lambda button=button, slot=slot: button.enabled and slot()))
        ui.keysLabel.text = _("Keys, in the views too: Ctrl+Shift with ") + ", ".join(KEYS.values())
        ui.readerEdit.text = settings.value(READER, "") or ""
        ui.readerEdit.connect("editingFinished()", self._keep_reader)

    @property
    def reader(self) -> str:
        """The name or initials that go with a verdict."""
        return str(self.ui.readerEdit.text.strip())

    def listen(self, on: bool) -> None:
        """Whether the chords work: only while the module is open."""
        for chord in self._chords:
            chord.setEnabled(on)

    def close(self) -> None:
        """The panel goes: its chords would stay with the window and be in the way of the next panel's."""
        for chord in self._chords:
            chord.deleteLater()
        self._chords.clear()

    def refresh(self, *, there: bool, chosen: bool, can_undo: bool, counts: str) -> None:
        """Show what can be done.

        Args:
            there: there is a finding.
            chosen: one is chosen.
            can_undo: a verdict or comment can be taken back.
            counts: how far the review is.
        """
        ui = self.ui
        for button in (ui.acceptButton, ui.rejectButton, ui.otherButton):
            button.enabled = chosen
        ui.previousButton.enabled = ui.nextButton.enabled = there
        ui.undoButton.enabled = can_undo
        ui.countsLabel.text = counts

    def _keep_reader(self) -> None:
        self._settings.setValue(READER, self.reader)
