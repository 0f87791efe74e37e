"""Versions of what computed a result."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from HCCAssistLib import __version__

PACKAGES = ("torch", "numpy", "scipy", "SimpleITK", "scikit-learn", "statsmodels")


def software_versions() -> dict[str, str]:
    """Name to version of this library, Python and the packages that decide a number."""
    return {"HCCAssist": __version__, "python": platform.python_version()} | {one: _version(one) for one in PACKAGES}


@cache  # 4 ms each, and asked for every case of a cohort
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
