"""For all tests: one thread each, since small tensors gain nothing from more and waiting threads cost much."""

from __future__ import annotations

import os
from typing import Any

import pytest

for _name in ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(_name, "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Side by side file by file; the desk's files in one process and in order: they share one window."""
    from xdist.scheduler import LoadFileScheduling

    class OneDesk(LoadFileScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            return "desk" if nodeid.startswith("Testing/desk/") else str(super()._split_scope(nodeid))

    return OneDesk(config, log)
