"""The threshold as a view on a result: nothing is searched again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from HCCAssistLib.panels.ui_files import load

STEP = 0.00005
"""The slider shows four decimals: a threshold is another one only when these change."""


class ThresholdBar:
    """A slider, and a button back to the model's cut-off.

    Args:
        place: layout to be added to.
        on_cutoff: the reader wants the model's cut-off.
    """

    def __init__(self, place: Any, *, on_cutoff: Callable[[], None]) -> None:
        self.ui = load("threshold_bar", place)
        self.ui.cutoffButton.connect("clicked(bool)", on_cutoff)

    def refresh(self, *, there: bool) -> None:
        """Whether there is a result to look at."""
        self.ui.thresholdSlider.enabled = self.ui.cutoffButton.enabled = there
