"""A computer on which packages are missing, and pip works or does not: what a set-up meets on its first day.

Nothing is ever installed or removed: the packages are there all the time, and only said to be missing.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import slicer
import slicer.packaging
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
_LIGHT = ("light_the_torch", "light_the_torch._patch")


class Machine:
    """What is missing, what pip was asked for, and whether it reaches the internet.

    Attributes:
        missing: packages that are not there.
        online: whether pip can download.
        broken: packages that pip says it installed, and did not.
        calls: modules that were run, with their arguments.
    """

    def __init__(self, *missing: str, online: bool = True) -> None:
        self.missing = set(missing)
        self.online = online
        self.broken: set[str] = set()
        self.calls: list[tuple[str, tuple[str, ...]]] = []

    def run(
        self,
        module: str,
        args: list[str],
        blocking: bool = True,
        logCallback: Callable[[str], None] | None = None,
        completedCallback: Callable[[int], None] | None = None,
    ) -> None:
        """In place of ``slicer.util.executePythonModule``.

        Raises:
            CalledProcessError: without internet, as pip fails; to who does not wait for it, it is told.
        """
        assert module in ("pip", "light_the_torch")
        assert args[0] == "install"
        assert all(isinstance(arg, str) for arg in args)
        self.calls.append((module, tuple(args)))
        if not self.online:
            if not blocking and completedCallback is not None:
                completedCallback(1)
                return
            raise CalledProcessError(1, ["PythonSlicer", "-m", module, *args])
        names = {canonicalize_name(Requirement(arg).name) for arg in args[1:] if not arg.startswith("-")}
        if "light-the-torch" in names:  # which the PyTorch extension imports next
            sys.modules.update({name: types.ModuleType(name) for name in _LIGHT})
            sys.modules[_LIGHT[0]]._patch = sys.modules[_LIGHT[1]]  # type: ignore[attr-defined]
        self.missing -= names - self.broken
        if completedCallback is not None:
            completedCallback(0)


@contextmanager
def sitting_at(machine: Machine, *, has_extension: bool = True) -> Iterator[Machine]:
    """Work at a machine, with the PyTorch extension or without it."""
    real = {name: getattr(importlib.metadata, name) for name in ("version", "files", "distribution")}

    def guarded(name: str) -> Callable[[str], Any]:
        def look_up(package: str) -> Any:
            if canonicalize_name(package) in machine.missing:
                raise importlib.metadata.PackageNotFoundError(package)
            return real[name](package)

        return look_up

    patched: list[tuple[Any, str, Any]] = [(importlib.metadata, name, guarded(name)) for name in real]
    patched.append((slicer.util, "executePythonModule", machine.run))
    patched.append((slicer.util, "_executePythonModule", machine.run))
    if hasattr(slicer.packaging, "_scrub_metadata"):  # it would write into packages that are really there
        patched.append((slicer.packaging, "_scrub_metadata", lambda *_: None))
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in patched]
    path = str(_extension_folder())
    for owner, name, value in patched:
        setattr(owner, name, value)
    sys.modules.pop("PyTorchUtils", None)
    if has_extension:
        sys.path.append(path)
    try:
        yield machine
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
        for name in (*_LIGHT, "PyTorchUtils"):
            sys.modules.pop(name, None)
        if has_extension:
            sys.path.remove(path)


def _extension_folder() -> Path:
    named = os.environ.get("PYTORCH_EXTENSION_SOURCE_DIR")
    return Path(named) / "PyTorchUtils" if named else HERE / "extensions"


def sample_data_folder() -> Path:
    """Where Slicer's module Sample Data is: in its source tree where one is named, or the desk's own."""
    named = os.environ.get("SLICER_SOURCE_DIR")
    return Path(named) / "Modules" / "Scripted" / "SampleData" if named else HERE / "slicer_modules"
