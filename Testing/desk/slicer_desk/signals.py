"""``object.connect("signal(arguments)", slot)``: wrong signals and slots that ask for too much are errors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QMetaObject, QObject, SignalInstance

from slicer_desk.attributes import METHODS, plain

_NATIVE = {"QString": str, "int": int, "double": float, "bool": bool}
_connected: dict[tuple[int, str, Callable[..., Any]], list[tuple[SignalInstance, Callable[..., Any]]]] = {}


def connect(self: QObject, *arguments: Any) -> bool:
    """``sender.connect(signal, slot)``, ``(signal, receiver, "slot()")``, or the same with the sender as argument."""
    if any(isinstance(a, str) and a[:1] == "2" for a in arguments):  # PySide's own, with its mark of a signal
        return bool(QObject.connect(*(arguments if isinstance(arguments[0], QObject) else (self, *arguments))))
    if isinstance(arguments[0], QObject):
        return connect(*arguments)
    signature, slot = arguments[0], _slot(*arguments[1:])
    signal, kinds = _find(self, signature)
    count = _accepted(slot, signature, len(kinds))
    signal, to_bool = _overload(self, signal, signature, kinds)

    def call(*values: Any) -> None:
        slot(*([bool(value) for value in values] if to_bool else values)[:count])

    signal.connect(call)
    _connected.setdefault((id(self), _name(signature), slot), []).append((signal, call))
    return True


def disconnect(self: QObject, *arguments: Any) -> bool:
    """Undo ``connect`` with the same arguments; False where there was no such connection."""
    if len(arguments) < 2:
        return False
    found = _connected.pop((id(self), _name(arguments[0]), _slot(*arguments[1:])), [])
    for signal, call in found:
        signal.disconnect(call)
    return bool(found)


METHODS.update(connect=connect, disconnect=disconnect)


def _slot(receiver: Any, slot: str | None = None) -> Callable[..., Any]:
    found = receiver if slot is None else getattr(receiver, _name(slot))
    if not callable(found):
        raise ValueError(f"a slot must be callable, not {found!r}")
    return found  # type: ignore[no-any-return]


def _name(signature: str) -> str:
    return signature.split("(")[0].strip()


def _find(sender: QObject, signature: str) -> tuple[SignalInstance, list[str]]:
    """A signal by its signature, and the types of its arguments.

    Raises:
        ValueError: the sender has no such signal, or it has other arguments.
    """
    missing = ValueError(f"QObject::connect: no such signal {type(sender).__name__}::{signature}")
    if "(" not in signature:
        raise missing
    normal = bytes(QMetaObject.normalizedSignature(signature).data()).decode()
    arguments = normal[normal.index("(") + 1 : normal.rindex(")")]
    declared = getattr(type(sender), "_signals_", {}).get(_name(signature))
    if declared is not None:
        if arguments not in declared:
            raise missing
    elif plain(sender, "metaObject")().indexOfSignal(normal) < 0:
        raise missing
    return plain(sender, _name(signature)), [kind for kind in arguments.split(",") if kind]


def _overload(sender: QObject, signal: SignalInstance, signature: str, kinds: list[str]) -> tuple[SignalInstance, bool]:
    """The overload to connect; a stand-in's ``(bool)`` beside an ``(object)`` is told from whether there is one."""
    declared = getattr(type(sender), "_signals_", {}).get(_name(signature))
    if declared is not None:
        return signal, kinds == ["bool"] and len(declared) > 1
    if len(kinds) == 1 and kinds[0] in _NATIVE:
        try:
            return signal[_NATIVE[kinds[0]]], False
        except (KeyError, TypeError, IndexError):  # not overloaded
            pass
    return signal, False


def _accepted(slot: Callable[..., Any], signature: str, given: int) -> int:
    """How many of the signal's arguments a slot takes.

    Raises:
        TypeError: the slot needs more.
    """
    try:
        parameters = inspect.signature(slot).parameters.values()
    except (ValueError, TypeError):  # written in C++
        return given
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return given
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in positional)
    if needed > given:
        name = re.sub(r" at 0x\w+", "", repr(slot))
        raise TypeError(f"the slot {name} needs {needed} arguments, the signal {signature} gives {given}")
    return min(given, len(positional))
