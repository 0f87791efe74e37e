"""Stand-in classes with exactly the properties, signals and slots that the real headers declare (manifest.json)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

MANIFEST: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "manifest.json").read_text(encoding="utf-8"))

_TYPES: dict[str, tuple[Any, Any]] = {
    "bool": (bool, False),
    "int": (int, 0),
    "double": (float, 0.0),
    "QString": (str, ""),
    "QStringList": ("QStringList", []),
    "QColor": (QtGui.QColor, QtGui.QColor()),
    "QIcon": (QtGui.QIcon, QtGui.QIcon()),
}
_made: dict[str, type] = {}


def stand_in(name: str) -> type:
    """The class of that name; made from the manifest where nobody gave it behaviour."""
    if name not in _made:
        _made[name] = _surface(name)
    return _made[name]


def behaves(
    name: str, *, defaults: Mapping[str, Any] | None = None, also: tuple[str, ...] = ()
) -> Callable[[type], type]:
    """Class decorator: lay behaviour over the declared surface.

    ``_on_<property>`` is called after a property changed, in place of emitting ``<property>Changed``.

    Args:
        name: of the C++ class.
        defaults: of its properties, where they are not the type's own.
        also: Q_INVOKABLE methods of the real class that the manifest does not list.

    Raises:
        TypeError: the behaviour has a public name that the real class does not offer.
    """

    def lay(behaviour: type) -> type:
        base = _surface(name, defaults or {})
        members = {k: v for part in reversed(behaviour.__mro__[:-1]) for k, v in vars(part).items()}
        for own in ("__dict__", "__weakref__", "__module__"):
            members.pop(own, None)
        unknown = [k for k in members if k[:1] != "_" and k not in also and k not in _offered(name)]
        unknown = [k for k in unknown if not hasattr(_qt_base(name), k)]
        if unknown:
            raise TypeError(f"the real {name} does not offer {', '.join(unknown)}")
        _made[name] = type(base)(name, (base,), {**members, "_cpp_": True, "__module__": "slicer"})
        return _made[name]

    return lay


def _offered(name: str) -> set[str]:
    entry = MANIFEST.get(name)
    if entry is None:
        return set()
    signals = {signal.split("(")[0] for signal in entry["signals"]}
    return {*entry["properties"], *signals, *entry["slots"], *_offered(entry["base"])}


def _qt_base(name: str) -> type:
    while name in MANIFEST:
        name = MANIFEST[name]["base"]
    found: type = next(getattr(m, name) for m in (QtWidgets, QtGui, QtCore) if hasattr(m, name))
    return found


def _surface(name: str, defaults: Mapping[str, Any] | None = None) -> type:
    entry = MANIFEST[name]
    base = stand_in(entry["base"]) if entry["base"] in MANIFEST else _qt_base(name)
    members: dict[str, Any] = {"_cpp_": True, "__module__": "slicer", **entry.get("enums", {})}
    for prop, kind in entry["properties"].items():
        members[prop] = _property(prop, kind, (defaults or {}).get(prop))
    declared: dict[str, list[str]] = {}
    for signal in entry["signals"]:
        signal_name, arguments = signal[:-1].split("(", 1)
        declared.setdefault(signal_name, []).append(arguments)
    for signal_name, overloads in declared.items():
        count = len(overloads[0].split(",")) if overloads[0] else 0
        members[signal_name] = QtCore.Signal(*[object] * count)
    members["_signals_"] = {**getattr(base, "_signals_", {}), **declared}
    for slot in entry["slots"]:
        if slot not in members and not hasattr(_qt_base(name), slot):
            prop = slot[3:4].lower() + slot[4:] if slot.startswith("set") else ""
            members[slot] = _setter(prop) if prop in entry["properties"] else _without_behaviour(name, slot)
    return type(base)(name, (base,), members)


def _property(name: str, kind: str, default: Any) -> Any:
    qt_type, own_default = _TYPES.get(kind, ("QVariant", None))
    default = own_default if default is None else default

    def read(self: Any) -> Any:
        value = self.__dict__.setdefault("_values", {}).get(name, default)
        return list(value) if isinstance(value, list) else value

    def write(self: Any, value: Any) -> None:
        if read(self) == value:
            return
        self.__dict__["_values"][name] = value
        hook = getattr(type(self), f"_on_{name}", None)
        if hook is not None:
            hook(self, value)
        elif f"{name}Changed" in type(self)._signals_:
            getattr(self, f"{name}Changed").emit(value)

    return QtCore.Property(qt_type, read, write)


def _setter(prop: str) -> Callable[[Any, Any], None]:
    def set_property(self: Any, value: Any) -> None:
        setattr(self, prop, value)

    return set_property


def _without_behaviour(class_name: str, slot: str) -> Callable[..., Any]:
    def call(self: Any, *_arguments: Any) -> Any:
        raise NotImplementedError(f"{class_name}.{slot} exists in Slicer, but the desk has no behaviour for it yet")

    return call
