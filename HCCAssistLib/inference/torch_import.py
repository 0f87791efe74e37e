"""The import of PyTorch, which is most of what a process waits for at its start."""

from __future__ import annotations

import gc
import sys


def import_torch() -> None:
    """Import torch without a search for garbage meanwhile or, later, among what it made: all of that stays.

    A search takes a sixth of the import, and looks at all of it again and again once it is on.
    """
    if "torch" in sys.modules:
        return
    was_on = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
