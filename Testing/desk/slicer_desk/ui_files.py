""".ui files: stand-ins by class name, and connections that are checked."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from slicer_desk.attributes import lenient
from slicer_desk.signals import connect

STAND_INS: dict[str, type] = {}
"""Widget classes that Qt itself does not know, by name."""


class QUiLoader(QtUiTools.QUiLoader):
    """Qt's loader for Slicer's files. What Slicer's own passes over with a warning is an error here."""

    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> Any:
        """A stand-in, or a widget of Qt."""
        if class_name in STAND_INS:
            widget = STAND_INS[class_name](parent)
            widget.setObjectName(name)
        else:
            widget = super().createWidget(class_name, parent, name)
            if widget is None or (type(widget) is QtWidgets.QWidget and class_name != "QWidget"):
                self._errors.append(f"unknown widget class {class_name} ({name})")
        self._keep.append(widget)
        return widget

    def load(self, source: Any, parent: Any = None) -> Any:
        """The top widget of a file, given as an open QIODevice or a path.

        Raises:
            RuntimeError: an unknown class, two widgets of one name, or a connection that cannot be made.
        """
        self._keep: list[Any] = []
        self._errors: list[str] = []
        raw = bytes(source.readAll().data()) if hasattr(source, "readAll") else Path(source).read_bytes()
        root = ET.fromstring(raw)  # noqa: S314 - the project's own file
        connections = root.find("connections")
        if connections is not None:
            root.remove(connections)
        buffer = QtCore.QBuffer()
        buffer.setData(ET.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        with lenient():
            top = super().load(buffer, parent)
        objects = {}
        for obj in [top, *top.findChildren(QtCore.QObject)]:
            name = QtCore.QObject.objectName(obj)
            if name and name in objects and not name.startswith("qt_"):
                self._errors.append(f"two objects named {name}")
            objects[name] = obj
        if self._errors:
            raise RuntimeError("; ".join(self._errors))
        for connection in connections if connections is not None else ():
            sender, signal, receiver, slot = (
                connection.findtext(tag) or "" for tag in ("sender", "signal", "receiver", "slot")
            )
            for name in (sender, receiver):
                if name not in objects:
                    raise RuntimeError(f".ui connection {sender}.{signal} -> {receiver}.{slot}: no object {name!r}")
            connect(objects[sender], signal, objects[receiver], slot)
        top._keep = self._keep  # PySide drops the Python half of widgets that only C++ refers to
        return top
