"""Tasks in processes of their own: never a wait, cancelled clean, gone with their caller, their deaths reported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from dicom_samples import ct_series

from HCCAssistLib.jobs.runner import CANCEL_SECONDS, DIED, NEVER_STARTED, TaskRunner
from HCCAssistLib.jobs.task_process import GRACE_SECONDS


@pytest.fixture
def runner():
    runner = TaskRunner()
    yield runner
    runner.close()


def until_end(runner, task, seconds=30):
    """All events of a task up to its last; asking never takes long."""
    events, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        events += [event for event in runner.poll() if event.task == task]
        assert time.perf_counter() - began < 0.1
        if events and events[-1].kind != "progress":
            return events
        time.sleep(0.01)
    raise TimeoutError(events)


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def slow_task(tmp_path, monkeypatch):
    """A module that adds the task ``write``: half of a folder, then nothing for a long time."""
    (tmp_path / "sitecustomize.py").write_text(
        "import time\n"
        "def write(progress, folder):\n"
        "    from pathlib import Path\n"
        "    from HCCAssistLib.files import folder_written_whole\n"
        "    with folder_written_whole(Path(folder) / 'case') as part:\n"
        "        (part / 'half').write_text('half')\n"
        "        progress(0.5)\n"
        "        time.sleep(60)\n"
        "def stubborn(progress):\n"
        "    progress(0.1)\n"
        "    while True:\n"
        "        try:\n"
        "            time.sleep(60)\n"
        "        except KeyboardInterrupt:\n"
        "            pass\n"
        "def deaf(progress, folder):\n"
        "    from pathlib import Path\n"
        "    from HCCAssistLib.files import folder_written_whole, written_whole\n"
        "    with folder_written_whole(Path(folder) / 'case') as part, written_whole(Path(folder) / 'table') as file:\n"
        "        (part / 'half').write_text('half')\n"
        "        file.write_text('half')\n"
        "        progress(0.5)\n"
        "        for _ in range(600):\n"  # like a long computation outside of Python
        "            try:\n"
        "                time.sleep(0.1)\n"
        "                (part / 'more').mkdir(exist_ok=True)\n"
        "            except (KeyboardInterrupt, OSError):\n"
        "                pass\n"
        "def broken(progress):\n"
        "    raise ZeroDivisionError('a mistake')\n"
        "import sys\n"
        "if any('HCCAssistLib.jobs.task_process' in a for a in sys.orig_argv):\n"
        "    from HCCAssistLib.jobs import tasks\n"
        "    tasks.TASKS.update(write=write, deaf=deaf, stubborn=stubborn, broken=broken)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    out = tmp_path / "out"
    out.mkdir()
    return out


def test_a_task_tells_its_result_and_leaves_no_files(runner):
    task = runner.start("computer")
    began = time.perf_counter()
    assert runner.poll() == []
    assert time.perf_counter() - began < 0.1
    last = until_end(runner, task)[-1]
    import torch

    assert (last.kind, last.share) == ("done", 1.0)
    assert last.result["torch"] == torch.__version__
    assert last.result["gpu"] is None or torch.cuda.is_available()
    assert list(runner._folder.iterdir()) == []


def test_tasks_run_side_by_side_and_know_their_own_events(runner, tmp_path):
    first = runner.start("remove", {"store": str(tmp_path), "name": "nothing"})
    second = runner.start("verify", {"store": str(tmp_path), "names": []})
    events = {}
    end = time.monotonic() + 30
    while len(events) < 2 and time.monotonic() < end:
        events |= {event.task: event for event in runner.poll() if event.kind != "progress"}
        time.sleep(0.01)
    assert (events[first].kind, events[first].message) == ("failed", "no model named 'nothing' is installed.")
    assert (events[second].kind, events[second].result) == ("done", {})


def test_a_cancelled_task_leaves_nothing_half_written(runner, slow_task):
    task = runner.start("write", {"folder": str(slow_task)})
    wait_for(lambda: [e for e in runner.poll() if e.share == 0.5])
    assert [path.suffix for path in slow_task.iterdir()] == [".part"]
    pid = runner._running[task].process.pid
    began = time.monotonic()
    runner.cancel(task)
    assert time.monotonic() - began < 0.1
    assert [event.kind for event in until_end(runner, task)] == ["cancelled"]
    assert time.monotonic() - began < 1.0
    assert list(slow_task.iterdir()) == []
    assert not psutil.pid_exists(pid)


def test_a_task_that_does_not_listen_is_ended(runner, slow_task):
    task = runner.start("stubborn")
    wait_for(lambda: any(event.share for event in runner.poll()))
    began = time.monotonic()
    runner.cancel(task)
    assert until_end(runner, task)[-1].kind == "cancelled"
    assert CANCEL_SECONDS <= time.monotonic() - began < CANCEL_SECONDS + 1


def test_what_a_task_that_does_not_listen_had_half_written_goes_too(runner, slow_task):
    """As on a busy machine, where a task is ended before it came to clean up."""
    (slow_task / "whole").write_text("whole")
    task = runner.start("deaf", {"folder": str(slow_task)})
    wait_for(lambda: any(event.share for event in runner.poll()))
    assert len(list(slow_task.glob("*.part"))) == 2
    runner.cancel(task)
    assert until_end(runner, task)[-1].kind == "cancelled"
    assert [path.name for path in slow_task.iterdir()] == ["whole"]


def test_a_task_that_is_killed_leaves_nothing_half_written(runner, slow_task):
    task = runner.start("write", {"folder": str(slow_task)})
    wait_for(lambda: any(event.share for event in runner.poll()))
    runner._running[task].process.kill()
    assert until_end(runner, task)[-1].kind == "failed"
    assert list(slow_task.iterdir()) == []


@pytest.mark.parametrize("name", ["write", "deaf"])
def test_closing_ends_all_tasks_and_removes_their_files(slow_task, name):
    runner = TaskRunner()
    task = runner.start(name, {"folder": str(slow_task)})
    wait_for(lambda: any(event.share for event in runner.poll()))
    process, folder = runner._running[task].process, runner._folder
    began = time.monotonic()
    runner.close()
    assert time.monotonic() - began < 0.1
    wait_for(lambda: process.poll() is not None, GRACE_SECONDS + 2)
    assert list(slow_task.iterdir()) == []
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_task_does_not_outlive_a_caller_that_crashed(slow_task):
    code = (
        "import sys, time\n"
        "from HCCAssistLib.jobs.runner import TaskRunner\n"
        "runner = TaskRunner()\n"
        f"task = runner.start('write', {{'folder': {str(slow_task)!r}}})\n"
        "while not any(event.share for event in runner.poll()): time.sleep(0.01)\n"
        "print(runner._running[task].process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(caller.stdout.readline())
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert list(slow_task.iterdir()) == []


def test_a_task_that_dies_is_said_to_have_died(runner, slow_task):
    task = runner.start("write", {"folder": str(slow_task)})
    wait_for(lambda: any(event.share for event in runner.poll()))
    runner._running[task].process.kill()
    last = until_end(runner, task)[-1]
    assert (last.kind, last.message) == ("failed", DIED)


def test_a_mistake_of_the_program_is_one_sentence_and_a_trace_for_the_log(runner, slow_task):
    last = until_end(runner, runner.start("broken"))[-1]
    assert last.message == "This failed (ZeroDivisionError). Please report it."
    assert "a mistake" in last.details
    assert "Traceback" in last.details


def test_a_python_that_is_not_there_is_said(tmp_path):
    runner = TaskRunner(python=str(tmp_path / "no-python"))
    events = until_end(runner, runner.start("computer"))
    assert [(event.kind, event.message) for event in events] == [("failed", NEVER_STARTED)]
    runner.close()


def test_a_computer_without_torch_says_so(runner, tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.12: cannot open shared object file')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = until_end(runner, runner.start("computer"))[-1].result
    assert result["torch"] is None
    assert result["reason"] == "ImportError: libcudart.so.12: cannot open shared object file"


def test_the_phase_of_a_phantom_is_seen_by_its_voxels(runner):
    from HCCAssistLib.phantoms.ltp.cases import make_case

    image = make_case((0, 31), has_ltp=True).image
    folder = runner.prepare()
    np.save(folder / "voxels.npy", image.array)
    order = {"voxels": str(folder / "voxels.npy"), "geometry": image.geometry.as_json(), "header": ""}
    result = until_end(runner, runner.start("phase", order, folder=folder))[-1].result
    assert result["header"] is None
    assert result["voxels"]["phase"] == "arterial"
    assert not folder.exists()


def test_the_phase_by_a_header_and_what_cannot_be_told(runner, tmp_path):
    from HCCAssistLib.imaging.geometry import Geometry

    header = ct_series(1)[0]
    header.SeriesDescription = "ABD portal venous"
    header.save_as(tmp_path / "slice.dcm")
    folder = runner.prepare()
    np.save(folder / "voxels.npy", np.zeros((4, 8, 8), np.int16))
    grid = Geometry.from_parts((4, 8, 8), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0))
    order = {"voxels": str(folder / "voxels.npy"), "geometry": grid.as_json(), "header": str(tmp_path / "slice.dcm")}
    result = until_end(runner, runner.start("phase", order, folder=folder))[-1].result
    assert result["header"]["phase"] == "portal venous"
    assert result["voxels"]["phase"] == "unknown"
    assert result["voxels"]["liver_hu"] is None
