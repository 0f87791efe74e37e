"""Versions of what computed a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from HCCAssistLib import __version__

PACKAGES = ("torch", "numpy", "scipy", "SimpleITK", "scikit-learn", "statsmodels")


def software_versions() -> dict[str, str]:
    """Name to version of this library, Python and the packages that decide a number."""
    versions = {"HCCAssist": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
