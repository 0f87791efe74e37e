"""The PyTorch extension's module, as far as other extensions use it: its names, arguments, questions and failures.

A test compares the names with the real source where PYTORCH_EXTENSION_SOURCE_DIR names it.
"""

from __future__ import annotations

import importlib.metadata
import logging
from typing import Any

import slicer


class PyTorchUtilsLogic:
    def __init__(self) -> None:
        self._torch: Any = None

    @staticmethod
    def torchInstalled() -> bool:
        try:
            importlib.metadata.files("torch")
        except importlib.metadata.PackageNotFoundError:
            return False
        try:
            import torch  # noqa: F401
        except ModuleNotFoundError:
            return False
        return True

    def installTorch(
        self,
        askConfirmation: bool = False,
        forceComputationBackend: str | None = None,
        torchVersionRequirement: str | None = None,
        torchvisionVersionRequirement: str | None = None,
    ) -> Any:
        args = [
            "install",
            f"torch{torchVersionRequirement or ''}",
            f"torchvision{torchvisionVersionRequirement or ''}",
        ]
        if forceComputationBackend is not None:
            args.append(f"--pytorch-computation-backend={forceComputationBackend}")
        if askConfirmation and not slicer.app.commandOptions().testingEnabled:
            question = f"PyTorch will be downloaded and installed using light-the-torch (ltt {' '.join(args)})."
            if not slicer.util.confirmOkCancelDisplay(question):
                logging.info("Installation of PyTorch aborted by user")
                return None
        slicer.util.pip_install("light-the-torch>=0.5")
        slicer.util.executePythonModule("light_the_torch", args)
        import torch

        return torch
