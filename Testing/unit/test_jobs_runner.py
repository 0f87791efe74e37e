"""Tasks in processes of their own: never a wait, cancelled clean, gone with their caller, their deaths reported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from dicom_samples import ct_series
from jobs_scripts import is_gone, script, until, wait_for

from HCCAssistLib.jobs.child import GRACE_SECONDS
from HCCAssistLib.jobs.events import DIED, NEVER_STARTED, NO_MEMORY
from HCCAssistLib.jobs.runner import CANCEL_SECONDS, TaskRunner

pytestmark = pytest.mark.heavy


@pytest.fixture
def out(tmp_path, monkeypatch):
    """A folder for what a task writes; the processes know the tasks of jobs_scripts."""
    script(tmp_path, monkeypatch)
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def runner(out):
    runner = TaskRunner()
    yield runner
    runner.close()


def temporary_files():
    return list(Path(tempfile.gettempdir()).iterdir())


def test_a_task_tells_its_result_and_leaves_no_files(runner):
    task = runner.start("computer")
    began = time.perf_counter()
    assert runner.poll() == []
    assert time.perf_counter() - began < 0.1
    last = until(runner, task)[-1]
    import torch

    assert (last.kind, last.share) == ("done", 1.0)
    assert last.result["torch"] == torch.__version__
    assert last.result["gpu"] is None or torch.cuda.is_available()
    assert temporary_files() == []


def test_tasks_run_side_by_side_and_know_their_own_events(runner, tmp_path):
    first = runner.start("remove", {"store": str(tmp_path), "name": "nothing"})
    second = runner.start("verify", {"store": str(tmp_path), "names": []})
    events = {}
    wait_for(lambda: events.update({e.job: e for e in runner.poll() if e.is_last}) or len(events) == 2, 30)
    assert (events[first].kind, events[first].message) == ("failed", "no model named 'nothing' is installed.")
    assert (events[second].kind, events[second].result) == ("done", {})


def test_a_cancelled_task_leaves_nothing_half_written(runner, out):
    task = runner.start("write", {"folder": str(out)})
    assert until(runner, task, "progress")[-1].share == 0.5
    assert [path.suffix for path in out.iterdir()] == [".part"]
    process = runner.pids[0]
    began = time.monotonic()
    runner.cancel(task)
    runner.cancel(task)
    assert time.monotonic() - began < 0.1
    assert [event.kind for event in until(runner, task)] == ["cancelled"]
    assert time.monotonic() - began < 1.0
    assert list(out.iterdir()) == temporary_files() == []
    assert not psutil.pid_exists(process)
    runner.cancel(task)
    assert runner.poll() == []


def test_a_task_that_does_not_react_is_ended(runner):
    task = runner.start("stubborn")
    until(runner, task, "progress")
    began = time.monotonic()
    runner.cancel(task)
    assert until(runner, task)[-1].kind == "cancelled"
    assert CANCEL_SECONDS <= time.monotonic() - began < CANCEL_SECONDS + 1


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX's")
@pytest.mark.parametrize("end", ["cancelled", "killed", "closed"])
def test_what_a_task_started_is_ended_with_it(runner, out, end):
    task = runner.start("parent", {"folder": str(out)})
    until(runner, task, "progress")
    grandchild = int((out / "pid").read_text())
    assert not is_gone(grandchild)
    if end == "cancelled":
        runner.cancel(task)
    elif end == "killed":
        psutil.Process(runner.pids[0]).kill()
    else:
        runner.close()
    wait_for(lambda: is_gone(grandchild))


def test_what_a_task_that_does_not_react_had_half_written_goes_too(runner, out):
    """As on a busy machine, where a task is ended before it came to clean up."""
    (out / "whole").write_text("whole")
    task = runner.start("busy", {"folder": str(out)})
    until(runner, task, "progress")
    assert len(list(out.glob("*.part"))) == 2
    runner.cancel(task)
    assert until(runner, task)[-1].kind == "cancelled"
    assert [path.name for path in out.iterdir()] == ["whole"]


def test_a_task_that_is_killed_is_said_to_have_died_and_leaves_nothing_half_written(runner, out):
    task = runner.start("write", {"folder": str(out)})
    until(runner, task, "progress")
    psutil.Process(runner.pids[0]).kill()
    last = until(runner, task)[-1]
    assert (last.kind, last.message) == ("failed", DIED)
    assert list(out.iterdir()) == temporary_files() == []


@pytest.mark.parametrize("name", ["write", "busy"])
def test_closing_ends_all_tasks_and_removes_their_files(out, name):
    runner = TaskRunner()
    runner.prepare()
    task = runner.start(name, {"folder": str(out)})
    until(runner, task, "progress")
    process = runner.pids[0]
    began = time.monotonic()
    runner.close()
    assert time.monotonic() - began < 0.1
    wait_for(lambda: is_gone(process), GRACE_SECONDS + 2)
    assert list(out.iterdir()) == temporary_files() == []


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_neither_a_task_nor_what_it_started_outlives_a_caller_that_crashed(out):
    code = (
        "import sys, tempfile, time\n"
        "from HCCAssistLib.jobs.runner import TaskRunner\n"
        f"tempfile.tempdir = {tempfile.gettempdir()!r}\n"
        "runner = TaskRunner()\n"
        f"tasks = [runner.start(name, {{'folder': {str(out)!r}}}) for name in ('write', 'parent')]\n"
        "begun = set()\n"
        "while len(begun) < 2: begun |= {event.job for event in runner.poll() if event.share}\n"
        "print(*runner.pids, flush=True)\n"
        "time.sleep(60)\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    processes = [*map(int, caller.stdout.readline().split()), int((out / "pid").read_text())]
    assert len(processes) == 3
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    caller.stdout.close()
    wait_for(lambda: all(map(is_gone, processes)))
    assert [path.name for path in out.iterdir()] == ["pid"]
    assert temporary_files() == []


@pytest.mark.parametrize(
    ("name", "message", "detail"),
    [
        ("broken", "This failed (ZeroDivisionError). Please report it.", "a mistake"),
        ("nan", "This failed (ValueError). Please report it.", "JSON"),  # no answer that a caller could read
        ("no such task", "This failed (KeyError). Please report it.", "no such task"),
        ("full", "The disk is full (model.json). Free some space", "No space left"),
        ("crowded", NO_MEMORY, ""),
    ],
)
def test_a_fault_is_one_sentence_and_where_it_is_ours_a_trace_for_the_log(runner, name, message, detail):
    last = until(runner, runner.start(name))[-1]
    assert last.kind == "failed"
    assert last.message.startswith(message)
    assert "Jane" not in last.message
    assert detail in last.details
    assert ("Traceback" in last.details) == bool(detail)


def test_what_a_library_prints_is_no_event(runner):
    assert [(event.kind, event.result) for event in until(runner, runner.start("noisy"))] == [("done", "quiet")]


@pytest.mark.parametrize(("python", "message"), [("no-such-python", NEVER_STARTED), ("false", DIED), ("echo", DIED)])
def test_a_python_that_cannot_work_is_said(out, python, message):
    runner = TaskRunner(python=python)
    last = until(runner, runner.start("computer"))[-1]
    assert (last.kind, last.message) == ("failed", message)
    if python == "echo":
        assert "HCCAssistLib.jobs.child" in last.details  # what it printed, for the log
    assert temporary_files() == []
    runner.close()


def test_a_computer_without_torch_says_so(runner, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.12: cannot open shared object file')\n")
    result = until(runner, runner.start("computer"))[-1].result
    assert result["torch"] is None
    assert result["reason"] == "ImportError: libcudart.so.12: cannot open shared object file"


def test_a_file_of_the_current_folder_is_not_taken_for_a_library(runner, tmp_path, monkeypatch):
    """Slicer may have been started anywhere."""
    (tmp_path / "sitecustomize.py").unlink()  # which imports the library before the current folder counts
    (tmp_path / "out" / "json.py").write_text("raise ImportError('not the library of that name')\n")
    monkeypatch.chdir(tmp_path / "out")
    assert until(runner, runner.start("verify", {"store": str(tmp_path), "names": []}))[-1].kind == "done"


def test_the_sample_case_is_made_by_the_phantoms_of_its_recipe(runner, out):
    last = until(runner, runner.start("remove_samples", {"recipe": "ltp", "folder": str(out)}))[-1]
    assert (last.kind, last.result) == ("done", str(out))
    last = until(runner, runner.start("sample", {"recipe": "of nobody", "folder": str(out)}))[-1]
    assert last.kind == "failed"
    assert "of nobody" in last.message


def test_the_phase_of_a_phantom_is_seen_by_its_voxels(runner):
    from HCCAssistLib.phantoms.ltp.cases import make_case

    image = make_case((0, 31), has_ltp=True).image
    folder = runner.prepare()
    np.save(folder / "voxels.npy", image.array)
    order = {"voxels": str(folder / "voxels.npy"), "geometry": image.geometry.as_json(), "header": ""}
    result = until(runner, runner.start("phase", order, folder=folder))[-1].result
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
    result = until(runner, runner.start("phase", order, folder=folder))[-1].result
    assert result["header"]["phase"] == "portal venous"
    assert result["voxels"]["phase"] == "unknown"
    assert result["voxels"]["liver_hu"] is None
