"""What of a result the views show: boxes, and the heat map when it is asked for."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.panels.ui_files import add_chord, load

HEAT_CHORD = "Ctrl+Shift+H"


class ViewBar:
    """Check boxes for boxes and heat map, which are parameters of the module; a chord shows and hides the heat.

    Args:
        place: layout to be added to.
        window: the window in which the chord works, wherever the focus is.
    """

    def __init__(self, place: Any, *, window: Any) -> None:
        self.ui = load("view_bar", place)
        self._about_heat = self.ui.heatCheck.toolTip
        self._chord = add_chord(window, HEAT_CHORD, lambda: self.ui.heatCheck.enabled and self.ui.heatCheck.toggle())

    def listen(self, on: bool) -> None:
        """Whether the chord works: only while the module is open."""
        self._chord.setEnabled(on)

    def close(self) -> None:
        """The panel goes: its chord would stay with the window and be in the way of the next panel's."""
        self._chord.deleteLater()

    def refresh(self, *, there: bool, heat: str) -> None:
        """Say what the heat map is of.

        Args:
            there: whether there is a result.
            heat: in a sentence; empty where the result has no heat map.
        """
        ui = self.ui
        ui.heatCheck.toolTip = self._about_heat if heat or not there else _("This result has no heat map")
        ui.heatCheck.enabled = ui.opacitySlider.enabled = bool(heat)
        ui.heatLabel.text = heat
        ui.heatLabel.visible = bool(heat) and ui.heatCheck.checked
