"""The import of PyTorch, which is most of what a process waits for at its start."""

from __future__ import annotations

import gc


def import_torch() -> None:
    """Import torch without a search for garbage meanwhile, which takes a sixth more: all that it makes stays."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401
    finally:
        if was_on:
            gc.enable()
