"""Memory that runs out is told as that, by whichever library it is met."""

from __future__ import annotations

import argparse
import errno
from collections.abc import Callable

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from HCCAssistLib.cli.main import _fail
from HCCAssistLib.cli.predict import _problems
from HCCAssistLib.errors import is_out_of_memory
from HCCAssistLib.jobs.events import NO_MEMORY, event_of


def error_of(work: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:
        work()
    return caught.value


ERRORS = {
    "Python": MemoryError(),
    "numpy": error_of(lambda: np.empty(1 << 60, np.uint8)),
    "PyTorch": error_of(lambda: torch.empty(1 << 60, dtype=torch.uint8)),  # a RuntimeError like any other
    "PyTorch on a graphics card": torch.OutOfMemoryError("CUDA out of memory"),
    "ITK": error_of(lambda: sitk.Image([100_000, 100_000, 100_000], sitk.sitkFloat64)),
    "the system": OSError(errno.ENOMEM, "Cannot allocate memory"),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_memory_that_runs_out_is_told_as_that_by_command_and_job(error, capsys):
    assert is_out_of_memory(error)
    assert _fail(argparse.Namespace(command="train", debug=False), error) == 1
    assert capsys.readouterr().err.startswith("hccassist train: there is not enough memory.")
    assert [problem.what for problem in _problems(error)] == ["there is not enough memory"]
    assert event_of(1, error).message == NO_MEMORY


@pytest.mark.parametrize(
    "error", [RuntimeError("sizes do not match"), OSError(errno.ENOSPC, "full"), KeyError("memory")]
)
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)
