"""Processes that work side by side end with the work, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import psutil
import pytest

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.parallel import side_by_side

pytestmark = pytest.mark.heavy

CODE = """
import signal
import time
from contextlib import closing
from HCCAssistLib.parallel import side_by_side
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell put into the background
    with closing(side_by_side(time.sleep, [0.01, 60, 60, 60], 2)) as made:
        for done in made:
            print("one is done", flush=True)
"""


BEFORE: set[psutil.Process] = set()


@pytest.fixture(autouse=True)
def _processes_of_other_tests() -> None:
    """Some end only some seconds after their test."""
    BEFORE.clear()
    BEFORE.update(psutil.Process().children())


def children() -> list[psutil.Process]:
    """Those that work and were started by the test; Python's own keeper of shared resources stays."""
    started = [process for process in psutil.Process().children() if process not in BEFORE]
    alive = [process for process in started if process.status() != psutil.STATUS_ZOMBIE]
    return [process for process in alive if "resource_tracker" not in " ".join(process.cmdline())]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_is_done_once_in_its_order(workers: int) -> None:
    assert list(side_by_side(abs, [-3, 4, -5, 6], workers)) == [3, 4, 5, 6]
    assert list(side_by_side(abs, [], workers)) == []
    assert children() == []


def test_a_loop_that_is_left_early_leaves_no_process() -> None:
    began = time.monotonic()
    with closing(side_by_side(time.sleep, [0.01, 30, 30], 2)) as done:
        next(done)
    assert children() == [] and time.monotonic() - began < 25


def test_a_fault_in_a_process_is_raised_here() -> None:
    with pytest.raises(TypeError):
        list(side_by_side(abs, [1, "x", 3], 2))
    assert children() == []


def test_a_process_that_is_ended_from_outside_is_told() -> None:
    with pytest.raises(HCCAssistError, match="memory"):
        list(side_by_side(os._exit, [1, 1], 2))
    assert children() == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_one_that_was_stopped(number: signal.Signals, tmp_path) -> None:
    script = tmp_path / "work.py"
    script.write_text(CODE, encoding="utf-8")
    first = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert first.stdout and first.stdout.readline() == "one is done\n"
    started = psutil.Process(first.pid).children(recursive=True)
    assert len(started) >= 2
    first.send_signal(number)
    first.wait(timeout=20)
    _, alive = psutil.wait_procs(started, timeout=20)
    assert alive == []
    first.communicate()
