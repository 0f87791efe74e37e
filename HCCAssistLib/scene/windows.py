"""The grey values in which a volume is shown."""

from __future__ import annotations

from typing import Any

from HCCAssistLib.imaging.windows import Window


def has_automatic_window(volume: Any) -> bool:
    """Whether nobody chose the grey values of a volume yet."""
    display = volume.GetDisplayNode()
    return display is None or bool(display.GetAutoWindowLevel())


def apply_window(volume: Any, window: Window) -> None:
    """Show a volume in a window."""
    if volume.GetDisplayNode() is None:
        volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevel(window.width, window.level)
