"""A reader's verdicts by buttons and by keys that work in the views too; the reader's name goes with each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.panels.result_words import VerdictWords
from HCCAssistLib.panels.ui_files import add_chord, load
from HCCAssistLib.results.review import Verdict

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
        words: what the verdicts are called.
        categories: code to name, where a finding is put into one of several; empty elsewhere. A reader then chooses
            another one by name, or one by the number of its place in the list.
        on_verdict: a verdict was given, with the category that goes with it or ``""``.
        on_undo: the last verdict or comment is to be taken back.
        on_step: -1 for the finding before, 1 for the next one to review.
    """

    def __init__(
        self,
        place: Any,
        *,
        window: Any,
        settings: Any,
        words: VerdictWords,
        categories: Mapping[str, str],
        on_verdict: Callable[[str, str], None],
        on_undo: Callable[[], None],
        on_step: Callable[[int], None],
    ) -> None:
        self.ui = load("verdict_bar", place)
        self._settings, self._on_verdict = settings, on_verdict
        self._categories, self._predicted = dict(categories), ""
        ui = self.ui
        for button, verdict in (
            (ui.acceptButton, Verdict.ACCEPTED),
            (ui.rejectButton, words.no),
            (ui.otherButton, Verdict.OTHER),
        ):
            button.text, button.toolTip = (_(text) for text in words.buttons[verdict])
        ui.otherButton.visible, ui.categoryBox.visible = not categories, bool(categories)
        ui.categoryBox.toolTip = ui.otherButton.toolTip
        ui.categoryBox.addItem(ui.otherButton.text + " ...", "")
        for code, name in categories.items():
            ui.categoryBox.addItem(f"{code}: {name}", code)
        ui.categoryBox.connect("activated(int)", self._picked)
        slots = {
            "accept": (ui.acceptButton, lambda: on_verdict("accepted", "")),
            "reject": (ui.rejectButton, lambda: on_verdict(words.no.value, "")),
            "other": (ui.otherButton, lambda: self._other()),
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
        for place, code in enumerate(categories, 1):
            self._chords.append(add_chord(window, CHORD.format(place), lambda code=code: self._category(code)))
        numbers = [f"1-{len(categories)} " + _("(category)")] if categories else []
        ui.keysLabel.text = _("Keys, in the views too: Ctrl+Shift with ") + ", ".join([*KEYS.values(), *numbers])
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

    def refresh(self, *, there: bool, chosen: bool, can_undo: bool, counts: str, predicted: str = "") -> None:
        """Show what can be done.

        Args:
            there: there is a finding.
            chosen: one is chosen.
            can_undo: a verdict or comment can be taken back.
            counts: how far the review is.
            predicted: category of the chosen one, where it has one.
        """
        ui = self.ui
        for button in (ui.acceptButton, ui.rejectButton, ui.otherButton, ui.categoryBox):
            button.enabled = chosen
        self._predicted = predicted
        ui.categoryBox.setCurrentIndex(0)
        ui.previousButton.enabled = ui.nextButton.enabled = there
        ui.undoButton.enabled = can_undo
        ui.countsLabel.text = counts

    def _other(self) -> None:
        """Another tumour; of several categories, the reader chooses which."""
        if self._categories:
            self.ui.categoryBox.setFocus()
            self.ui.categoryBox.showPopup()
        else:
            self._on_verdict("other", "")

    def _picked(self, index: int) -> None:
        code = str(self.ui.categoryBox.itemData(index) or "")
        if code:
            self._category(code)

    def _category(self, code: str) -> None:
        """The reader's category: agreement where it is the predicted one."""
        if not self.ui.categoryBox.enabled:
            return
        if code == self._predicted:
            self._on_verdict("accepted", "")
        else:
            self._on_verdict("other", code)

    def _keep_reader(self) -> None:
        self._settings.setValue(READER, self.reader)
