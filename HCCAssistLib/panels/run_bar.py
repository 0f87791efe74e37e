"""The button that starts a run, how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.panels.ui_files import load

AUTO = "auto"


class RunBar:
    """Start, cancel, progress with the time left, and the last word of a run.

    Args:
        place: layout to be added to.
        verb: text of the button.
        on_run: the button was pressed.
        on_cancel: the run is to stop.
    """

    def __init__(self, place: Any, *, verb: str, on_run: Callable[[], None], on_cancel: Callable[[], None]) -> None:
        self.ui = load("run_bar", place)
        self._verb, self._running = verb, False
        self._ended = ""
        self.ui.runButton.text = verb
        self.ui.runButton.connect("clicked(bool)", on_run)
        self.ui.cancelButton.connect("clicked(bool)", on_cancel)
        self.offer((AUTO, "cpu"))

    def offer(self, devices: Sequence[str]) -> None:
        """Offer what can compute; the choice stays where it is still there."""
        box = self.ui.deviceBox
        if list(devices) != [box.itemText(n) for n in range(box.count)]:
            chosen = box.currentText
            box.clear()
            box.addItems(list(devices))
            box.setCurrentIndex(max(0, box.findText(chosen)))

    @property
    def device(self) -> str:
        """What the reader wants to compute on."""
        return str(self.ui.deviceBox.currentText or AUTO)

    def refresh(self, *, running: bool, missing: str) -> None:
        """Show whether a run can start; what is missing stands beside the button."""
        ui = self.ui
        ui.runButton.enabled = not (missing or running)
        ui.runButton.toolTip = missing or _("The scan is searched in a process of its own; go on reading meanwhile")
        ui.cancelButton.enabled = ui.cancelButton.visible = ui.progressBar.visible = running
        if running and not self._running:
            ui.progressBar.value = 0
            ui.statusLabel.text = _("Handing the scan over ...")
            self._ended = ""
        elif not running:
            ui.statusLabel.text = missing or self._ended or _("Ready: press {verb}.").format(verb=self._verb)
        self._running = running

    def show_progress(self, share: float, remaining_s: float | None) -> None:
        """How far the run is.

        Args:
            share: done so far, 0 to 1.
            remaining_s: seconds to go, None while that is not known.
        """
        self.ui.progressBar.value = round(100 * share)
        left = None if remaining_s is None else max(1, round(remaining_s))
        self.ui.statusLabel.text = _("Searching ...") if left is None else _("Searching, {s} s left").format(s=left)

    def show_end(self, text: str) -> None:
        """How the run ended, or why it did not begin."""
        self._ended = text
        self.ui.statusLabel.text = text
