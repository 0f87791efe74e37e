"""Attributes of Qt objects as PythonQt gives them: properties are values, and a name that is not there is an error."""

from __future__ import annotations

import os
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QMetaProperty, QObject, SignalInstance

METHODS: dict[str, Callable[..., Any]] = {}
"""Methods that every object has in PythonQt and that differ from PySide's: connect and disconnect."""

_VIRTUAL = {"sizeHint", "minimumSizeHint"}
"""Properties whose getter Qt calls through Python: they stay methods, or asking for one would never return."""

_lookups: dict[type, Callable[..., Any]] = {QObject: QObject.__getattribute__}
_lookup_of: dict[type, Callable[..., Any]] = {}
"""The one that applies to a class or its bases, once it was asked for."""

_properties: dict[type, dict[str, QMetaProperty]] = {}
_strict = [True]


class lenient:
    """While it is entered, PySide's own loader may hang children onto widgets as attributes."""

    def __enter__(self) -> None:
        _strict.append(False)

    def __exit__(self, *_: object) -> None:
        _strict.pop()


def patch(qt_class: type) -> None:
    """Give a Qt class PythonQt's attributes; each PySide class carries its own ``__setattr__``."""
    qt_class.__setattr__ = _set  # type: ignore[method-assign]
    if "__getattribute__" in qt_class.__dict__ or qt_class is QObject:
        _lookups.setdefault(qt_class, qt_class.__getattribute__)
        _lookup_of.clear()
        qt_class.__getattribute__ = _get  # type: ignore[method-assign]


def plain(obj: QObject, name: str) -> Any:
    """PySide's own attribute: the method ``width`` where PythonQt has the property."""
    qt_class = type(obj)
    if qt_class not in _lookup_of:
        _lookup_of[qt_class] = next(_lookups[c] for c in qt_class.__mro__ if c in _lookups)
    return _lookup_of[qt_class](obj, name)


def meta_properties(qt_class: type) -> dict[str, QMetaProperty]:
    """The Qt properties of a class, its bases' included."""
    if qt_class not in _properties:
        meta = qt_class.staticMetaObject  # type: ignore[attr-defined]
        found = [meta.property(index) for index in range(meta.propertyCount())]
        _properties[qt_class] = {p.name(): p for p in found}
    return _properties[qt_class]


def is_cpp(qt_class: type) -> bool:
    """Whether a class stands for one written in C++: its objects take no new attributes."""
    return qt_class.__module__.startswith(("PySide6", "Shiboken", "shiboken6")) or "_cpp_" in qt_class.__dict__


def _get(self: QObject, name: str) -> Any:
    if name[:1] == "_":
        return plain(self, name)
    if name in METHODS:
        return types.MethodType(METHODS[name], self)
    if name in meta_properties(type(self)) and name not in _VIRTUAL:
        value = QObject.property(self, name)
        return tuple(value) if isinstance(value, list) else value  # a QStringList is a tuple in PythonQt
    if name == "name":
        return QObject.property(self, "objectName")
    try:
        return plain(self, name)
    except AttributeError:
        dynamic = QObject.property(self, name)
        if dynamic is not None:
            return dynamic
        for child in QObject.children(self):
            if QObject.objectName(child) == name:
                return child
        raise AttributeError(f"{type(self).__name__} has no attribute named {name!r}") from None


def _set(self: QObject, name: str, value: Any) -> None:
    if name[:1] == "_" or isinstance(value, SignalInstance):  # PySide caches bound signals on the object
        _set_plain(self, name, value)
        return
    qt_class = type(self)
    name = "objectName" if name == "name" else name
    declared = meta_properties(qt_class).get(name)
    if declared is not None:
        if not declared.isWritable():
            raise AttributeError(f"Property {name!r} of {qt_class.__name__} object is not writable")
        if value is None or not QObject.setProperty(self, name, _converted(declared.typeName(), value)):
            raise AttributeError(
                f"Property {name!r} of type {declared.typeName()!r} does not accept an object of type "
                f"{type(value).__name__} ({value!r})"
            )
        return
    try:
        dynamic = QObject.property(self, name) is not None
    except RuntimeError:  # a Python class sets attributes before super().__init__()
        dynamic = False
    if dynamic:
        QObject.setProperty(self, name, value)
    elif is_cpp(qt_class) and _strict[-1]:
        raise AttributeError(
            f"{name!r} does not exist on {qt_class.__name__} and creating new attributes on C++ objects is not allowed"
        )
    else:
        _set_plain(self, name, value)


def _set_plain(self: QObject, name: str, value: Any) -> None:
    declared = next((c.__dict__[name] for c in type(self).__mro__ if name in c.__dict__), None)
    if declared is not None and hasattr(type(declared), "__set__"):
        type(declared).__set__(declared, self, value)
    else:
        self.__dict__[name] = value


def _converted(type_name: str, value: Any) -> Any:
    """What PythonQt converts silently."""
    if isinstance(value, np.generic):
        value = value.item()
    if type_name == "QStringList" and isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    if type_name == "QString" and isinstance(value, os.PathLike):
        return str(value)
    if type_name in {"bool", "int", "double"} and isinstance(value, (bool, int, float)):
        return {"bool": bool, "int": int, "double": float}[type_name](value)
    return value
