"""Packages that only some statistics need."""

from __future__ import annotations

import importlib
import importlib.util
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


def check_reports() -> None:
    """Refuse before hours of work whose report could not be written.

    Raises:
        HCCAssistError: matplotlib or Jinja2 is not installed.
    """
    missing = [name for name in ("matplotlib", "jinja2") if importlib.util.find_spec(name) is None]
    if missing:
        raise HCCAssistError(
            f"a report needs {' and '.join(missing)}: install it with pip install 'HCCAssistLib[reports]'"
        )
