"""Packages that only some statistics need."""

from __future__ import annotations

import importlib
from types import ModuleType

from HCCAssistLib.errors import HCCAssistError


def statsmodels(module: str, purpose: str) -> ModuleType:
    """A module of statsmodels.

    Raises:
        HCCAssistError: it is not installed.
    """
    try:
        return importlib.import_module(f"statsmodels.{module}")
    except ImportError as error:
        raise HCCAssistError(
            f"{purpose} needs statsmodels: install it with pip install 'HCCAssistLib[reports]'"
        ) from error
