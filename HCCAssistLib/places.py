"""Where this person's data of HCCAssist lies on this computer."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_folder(name: str) -> Path:
    """The folder of one kind of data: the one that ``HCCASSIST_<NAME>`` names, or the platform's place for data.

    Args:
        name: ``models``, ``backbones``, ``samples``, ``scans``, ``scored`` or ``patients``.
    """
    if chosen := os.environ.get(f"HCCASSIST_{name.upper()}"):
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "HCCAssist" / name


def cache_folder() -> Path:
    """Where files lie that can be fetched again: ``HCCASSIST_CACHE``, or the platform's place for caches."""
    if chosen := os.environ.get("HCCASSIST_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "Cache"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "HCCAssist"
