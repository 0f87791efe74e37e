"""The .ui files of the parts: loaded, joined, and notes in them painted."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import qt
import slicer

Level = Literal["stop", "warn", "ok", "note"]

_PAINT: dict[Level, tuple[str, str]] = {
    "stop": ("#f8d7da", "#58151c"),
    "warn": ("#fff3cd", "#4d3b00"),
    "ok": ("#d1e7dd", "#0a3622"),
    "note": ("#e9f2fb", "#10324f"),
}
"""Ground and text of a note; both are set, so that a dark theme changes neither."""


def load(part: str, place: Any) -> SimpleNamespace:
    """Load ``<part>.ui`` from this folder and add it to a layout.

    Args:
        part: name of the file.
        place: the QLayout that it is added to.

    Returns:
        The widgets that the file names, its top widget included. Keep it: it holds the Python side of the widgets.
    """
    path = Path(__file__).with_name(f"{part}.ui")
    top = slicer.util.loadUI(str(path))
    top.setMRMLScene(slicer.mrmlScene)
    place.addWidget(top)
    found = vars(slicer.util.childWidgetVariables(top))
    named = {widget.get("name", "") for widget in ET.parse(path).iter("widget")}  # noqa: S314 - the project's own file
    return SimpleNamespace(**{name: found[name] for name in named if name in found} | {top.objectName: top})


def merged(*parts: Any) -> SimpleNamespace:
    """The widgets of several parts in one namespace.

    Raises:
        ValueError: two parts use one name.
    """
    names = [name for part in parts for name in vars(part)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two parts use the name {', '.join(twice)}")
    return SimpleNamespace(**{name: widget for part in parts for name, widget in vars(part).items()})


def tell(label: Any, text: str, level: Level = "note") -> None:
    """Show a text on a painted ground; without a text the label is not there."""
    label.text = text
    label.visible = bool(text)
    if text:
        ground, ink = _PAINT[level]
        palette = label.palette
        palette.setColor(qt.QPalette.Window, qt.QColor(ground))
        palette.setColor(qt.QPalette.WindowText, qt.QColor(ink))
        label.palette = palette
        label.setBackgroundRole(qt.QPalette.Window)  # within a collapsible button it would be that of a button
        label.setForegroundRole(qt.QPalette.WindowText)
        label.autoFillBackground = True


def add_chord(window: Any, keys: str, slot: Any) -> Any:
    """A key chord that works wherever the focus is in a window, the views included; it is off to begin with."""
    shortcut = qt.QShortcut(qt.QKeySequence(keys), window)
    shortcut.setContext(qt.Qt.WindowShortcut)
    shortcut.setEnabled(False)
    shortcut.connect("activated()", slot)
    return shortcut
