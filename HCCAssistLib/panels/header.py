"""The chosen scan: which phase it shows and whether a person confirmed that, its grey values; whose it is when asked.

Screens are photographed and shown to others, so that the patient's name stands there only while a person wants it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.panels.ui_files import Level, load, tell
from HCCAssistLib.panels.words import recipe_words
from HCCAssistLib.recipes.roles import contradicts, guess_role
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.patients import patient_text, scan_label
from HCCAssistLib.scene.roles import SYNTHETIC, is_settled, role_of
from HCCAssistLib.scene.windows import apply_window, has_automatic_window

LIVER_WINDOW = Window(level=70, width=150)
"""Narrow enough to see a nodule; Slicer's automatic window of a CT shows none."""

AIR_SEEN = -200
"""Hounsfield units: a scan with values below holds air, so it is a CT and no MR."""


def show_tissue(volume: Any, window: Window = LIVER_WINDOW) -> bool:
    """Show a CT in a window for tissue, unless a person chose its grey values; whether it was changed."""
    image = volume.GetImageData()
    if image is None or not has_automatic_window(volume) or image.GetScalarRange()[0] > AIR_SEEN:
        return False
    apply_window(volume, window)
    return True


class Header:
    """A few lines about the chosen scan, and a box with windows.

    Args:
        place: layout to be added to.
        recipe: its windows are offered, besides one for the liver.
    """

    def __init__(self, place: Any, *, recipe: Recipe) -> None:
        self._recipe = recipe
        self._volume: Any = None
        self._others: tuple[Any, ...] = ()
        named = {_("Narrow liver"): LIVER_WINDOW, **recipe.windows}
        self._windows = [Window(level=0, width=1), *named.values()]
        self.ui = load("header", place)
        texts = [f"{_(name)} ({_number(w.width)}/{_number(w.level)})" for name, w in named.items()]
        self.ui.windowBox.addItems([_("Choose ..."), *texts])
        self.ui.windowBox.connect("activated(int)", self._window)
        self.ui.patientButton.connect("toggled(bool)", lambda _checked: self._show_patient())
        self.show(None)

    def show(self, volume: Any, others: Sequence[Any] = ()) -> None:
        """Show a scan, and set its window where nobody did.

        Args:
            volume: the main one; None where none is chosen.
            others: of the same run, which are looked at in the same window.
        """
        ui, self._volume, self._others = self.ui, volume, tuple(others)
        for widget in (ui.headerLabel, ui.patientButton):
            widget.visible = volume is not None
        for widget in (ui.windowBox, ui.windowLabel):  # the windows are of Hounsfield units, which an MR has not
            widget.visible = volume is not None and self._recipe.volumes()[0].modality == "CT"
        self.hide_patient()
        if volume is None:
            tell(ui.phaseLabel, "")
            return
        for one in (volume, *self._others):
            show_tissue(one)
        ui.headerLabel.text = " \N{MIDDLE DOT} ".join(filter(None, [scan_label(volume), _synthetic(volume)]))
        tell(ui.phaseLabel, *_phase(self._recipe, volume))
        self._show_window()

    def hide_patient(self) -> None:
        """The patient's name goes: another scan is shown, or another module."""
        self.ui.patientButton.checked = False
        self._show_patient()

    def _show_patient(self) -> None:
        asked = self._volume is not None and bool(self.ui.patientButton.checked)
        text = patient_text(self._volume) if asked else ""
        unknown = _("Slicer's list of data tells no patient of this scan.")
        tell(self.ui.patientLabel, (text or unknown) if asked else "")

    def _show_window(self) -> None:
        display = self._volume.GetDisplayNode()
        shown = (display.GetLevel(), display.GetWindow()) if display is not None else None
        index = next((n for n, w in enumerate(self._windows) if n and (w.level, w.width) == shown), 0)
        self.ui.windowBox.setCurrentIndex(index)

    def _window(self, index: int) -> None:
        for one in (self._volume, *self._others) if index else ():
            if one is not None and one.GetScene() is not None:
                apply_window(one, self._windows[index])


def _synthetic(volume: Any) -> str:
    return str(_("synthetic")) if volume.GetAttribute(SYNTHETIC) and "synthetic" not in volume.GetName() else ""


def _phase(recipe: Recipe, volume: Any) -> tuple[str, Level]:
    """What is known of its phase, and how sure that is."""
    role, guess = role_of(volume), guess_role(volume.GetName() or "")
    if role is not None and contradicts(guess, role):
        text = _("Confirmed as {phase}, but: {reason}").format(phase=recipe_words(recipe, role), reason=guess.reason)
        return text, "warn"
    if role is not None:
        return _("Confirmed: {phase}").format(phase=recipe_words(recipe, role)), "ok"
    if is_settled(volume):
        return _("Marked as not used. Its phase can be confirmed in HCC Study."), "warn"
    return "", "note"  # what is wanted and guessed stands with what speaks against a run


def _number(value: float) -> str:
    return f"{value:g}"
