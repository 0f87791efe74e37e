"""Mistakes planted into a module: what the tests of the tests share."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

Mistake = tuple[str, str, str]
"""File within the module's folder, what stands there, what is planted in its place."""


def some_of(mistakes: Mapping[str, Any]) -> list[str]:
    """Every twentieth mistake, and all of them for ``make mistakes``: each replays a reader's whole work."""
    return list(mistakes)[:: 1 if os.environ.get("HCCASSIST_ALL_MISTAKES") else 20]


def planted(module: Path, mistake: Mistake, folder: Path) -> Path:
    """A copy of a module with a mistake in it; the path of its .py file."""
    file, right, wrong = mistake
    shutil.copytree(module.parent, folder / module.parent.name)
    path = folder / module.parent.name / file
    text = path.read_text(encoding="utf-8")
    assert right in text, "the module changed: adapt this mistake"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    return folder / module.parent.name / module.name


def plant_part(monkeypatch: Any, part: str, right: str, wrong: str) -> None:
    """Put a part of the panels with a mistake in it into the place of the right one, for one test."""
    name = f"HCCAssistLib.panels.{part}"
    file = Path(str(importlib.import_module(name).__file__))
    text = file.read_text(encoding="utf-8")
    assert right in text, "the part changed: adapt this mistake"
    module = ModuleType(name)
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(text.replace(right, wrong), str(file), "exec"), vars(module))  # noqa: S102 - the project's own source


def noticed(desk: Any, work: Callable[[], Any]) -> list[str]:
    """What goes wrong where somebody works with a module: what the work meets, and what is heard when it is closed.

    Args:
        desk: to be tidied afterwards.
        work: opens the module, uses it and gives its Python widget.
    """
    import slicer
    from slicer_desk import faults

    caught: list[str] = []
    widget, before, no_bytecode = None, sys.path.copy(), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        widget = work()
    except Exception as error:
        caught.append(repr(error))
        widget = desk.panel and desk.panel.self()  # it may have been opened before
    desk.tidy()
    slicer.mrmlScene.Clear(False)  # what still listens is heard now
    caught += faults.take()
    if widget is not None:
        widget.removeObservers()
    sys.path[:], sys.dont_write_bytecode = before, no_bytecode
    return caught
