"""Predictions in a worker: warm, cancelled in time, gone with its owner, started again when it dies."""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from ltp_blob import BLOBS, blob_image, blob_model, straight_grid

from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.jobs.local import DIED, NOT_HANDED_OVER, LocalExecutor
from HCCAssistLib.jobs.requests import Request, read_request, write_request
from HCCAssistLib.recipes.ltp.prediction import predict

OPTIONS = {"stride": "standard", "heatmap": False}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return blob_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def study():
    image = blob_image(straight_grid())
    mask = image.with_array((image.array > 100).astype(np.uint8), "mask")
    points = PointList("ablation", (Point("zone", (40.0, -20.0, 30.0)),))
    warning = Problem("WARN", "thick slices", "case-1")
    return Study(
        "case-1",
        {"post/arterial": image},
        {"post/ablation": points},
        {"post/ablation": mask},
        {"age": "61"},
        (warning,),
    )


@pytest.fixture(scope="module")
def large_study():
    """Some seconds of work for a fine scan."""
    grid = Geometry.from_parts((120, 320, 320), (0.75, 0.75, 3.0), (-120.0, -120.0, -180.0))
    array = np.full(grid.shape, 60, np.int16)
    array[0, 0, 0] = 61  # a scan whose voxels are all equal is refused
    return Study("large", {"post/arterial": Image(array, grid)})


@pytest.fixture(scope="module")
def executor():
    made = LocalExecutor()
    yield made
    made.close()


def last_event(executor, job, seconds=60.0, events=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for event in executor.poll():
            if events is not None:
                events.append(event)
            if event.job == job and event.kind in ("done", "cancelled", "failed"):
                return event
        time.sleep(0.005)
    raise TimeoutError


def wait_for(executor, job, kind, seconds=30.0):
    end = time.monotonic() + seconds
    while not any(e.job == job and e.kind == kind for e in executor.poll()):
        assert time.monotonic() < end
        time.sleep(0.005)


def gone(pid, seconds=5.0):
    end = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def is_mapped(array):
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return isinstance(array, mmap.mmap)


def test_a_request_holds_all_of_a_study_with_its_voxels_mapped_from_disk(study, tmp_path):
    write_request(study, Request(Path("model"), OPTIONS, "cpu"), tmp_path / "1")
    again, request = read_request(tmp_path / "1")
    image = again.volumes["post/arterial"]
    assert is_mapped(image.array)
    assert image.digest() == study.volumes["post/arterial"].digest()
    assert again.masks["post/ablation"].digest() == study.masks["post/ablation"].digest()
    assert again.points == study.points
    assert (again.case_id, again.values, again.warnings) == (study.case_id, study.values, study.warnings)
    assert request == Request(Path("model"), OPTIONS, "cpu")


@pytest.mark.parametrize("damage", ["{}", "not JSON", '{"format": "hccassist-request/2"}'])
def test_a_damaged_request_is_refused(study, tmp_path, damage):
    write_request(study, Request(Path("model")), tmp_path / "1")
    (tmp_path / "1" / "request.json").write_text(damage)
    with pytest.raises(InputError):
        read_request(tmp_path / "1")


def test_the_worker_finds_what_this_process_finds_and_tells_how_far_it_is(executor, study, model):
    events = []
    job = executor.submit(study, Request(model.package.folder, OPTIONS, "cpu"))
    event = last_event(executor, job, events=events)
    assert event.kind == "done", event.message
    events = [e for e in events if e.job == job]
    assert events[0].kind == "started"
    shares = [e.share for e in events if e.kind == "progress"]
    assert shares == sorted(shares)
    here = predict(study, model, OPTIONS)
    assert [c.as_json() for c in event.result.candidates] == [c.as_json() for c in here.candidates]
    assert event.result.run.inputs == here.run.inputs
    for center, _radius in BLOBS:
        assert min(np.linalg.norm(np.subtract(c.box.center, center)) for c in event.result.candidates[:3]) < 6


def test_a_warm_worker_is_the_same_process_and_leaves_no_files_of_a_job(executor, study, model):
    executor.warm_up()
    before = executor.pid
    job = executor.submit(study, Request(model.package.folder, {**OPTIONS, "stride": "fast"}, "cpu"))
    assert last_event(executor, job).kind == "done"
    assert executor.pid == before
    deadline = time.monotonic() + 10
    while list(executor._folder.iterdir()) and time.monotonic() < deadline:  # swept right after the last event
        executor.poll()
        time.sleep(0.02)
    assert not list(executor._folder.iterdir())


def test_submitting_a_large_scan_does_not_make_the_caller_wait(executor, large_study, model):
    began = time.perf_counter()
    job = executor.submit(large_study, Request(model.package.folder, OPTIONS, "cpu"))
    assert time.perf_counter() - began < 0.05
    executor.cancel(job)
    assert last_event(executor, job).kind == "cancelled"


def test_bad_input_is_reported_in_the_words_of_the_library(executor, study, model):
    job = executor.submit(study, Request(model.package.folder, {**OPTIONS, "region": "liver"}, "cpu"))
    event = last_event(executor, job)
    assert event.kind == "failed"
    assert "there is no liver segment" in event.message
    job = executor.submit(study, Request(model.package.folder / "missing", OPTIONS, "cpu"))
    assert last_event(executor, job).kind == "failed"


def test_a_running_job_is_cancelled_within_half_a_second_and_the_next_one_runs(executor, study, large_study, model):
    job = executor.submit(large_study, Request(model.package.folder, {**OPTIONS, "stride": "fine"}, "cpu"))
    wait_for(executor, job, "started")
    time.sleep(0.3)
    began = time.monotonic()
    executor.cancel(job)
    assert last_event(executor, job).kind == "cancelled"
    assert time.monotonic() - began < 0.5
    executor.cancel(job)
    after = executor.submit(study, Request(model.package.folder, {**OPTIONS, "stride": "fast"}, "cpu"))
    assert last_event(executor, after).kind == "done"


@pytest.mark.skipif(sys.platform == "win32", reason="stops a process by a signal")
def test_a_worker_that_does_not_listen_is_ended_and_what_waited_runs_in_another_one(executor, study, model):
    executor.warm_up()
    stuck = executor.pid
    job = executor.submit(study, Request(model.package.folder, OPTIONS, "cpu"))
    wait_for(executor, job, "started")
    os.kill(stuck, signal.SIGSTOP)
    waiting = executor.submit(study, Request(model.package.folder, {**OPTIONS, "stride": "fast"}, "cpu"))
    time.sleep(0.1)
    began = time.monotonic()
    executor.cancel(job)
    assert last_event(executor, job).kind in ("cancelled", "done")
    assert time.monotonic() - began < 0.5
    assert last_event(executor, waiting).kind == "done"
    assert executor.pid != stuck
    assert gone(stuck)


def test_a_worker_that_dies_is_reported_in_a_sentence_and_started_again(executor, study, large_study, model):
    job = executor.submit(large_study, Request(model.package.folder, {**OPTIONS, "stride": "fine"}, "cpu"))
    wait_for(executor, job, "started")
    died = executor.pid
    psutil.Process(died).kill()
    event = last_event(executor, job)
    assert (event.kind, event.message) == ("failed", DIED)
    after = executor.submit(study, Request(model.package.folder, {**OPTIONS, "stride": "fast"}, "cpu"))
    assert last_event(executor, after).kind == "done"
    assert executor.pid != died


def test_a_mistake_of_the_program_is_told_with_its_details_and_the_worker_goes_on(study, model, tmp_path):
    (tmp_path / "jobs").mkdir()
    for job in (1, 2):
        options = {**OPTIONS, "stride": "fast"}
        write_request(study, Request(model.package.folder, options, "cpu"), tmp_path / "jobs" / str(job))
    (tmp_path / "jobs" / "1" / "result").write_text("in the way of the folder")
    command = [sys.executable, "-m", "HCCAssistLib.jobs.worker", str(tmp_path / "jobs"), "60"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        said = []
        for job in (1, 2):
            folder = str(tmp_path / "jobs" / str(job))
            worker.stdin.write(json.dumps({"command": "predict", "job": job, "folder": folder}) + "\n")
            worker.stdin.flush()
        while not said or (said[-1]["event"], said[-1].get("job")) != ("done", 2):
            said.append(json.loads(worker.stdout.readline()))
        worker.stdin.close()
    failed = next(event for event in said if event["event"] == "failed")
    assert "FileExistsError" in failed["message"]
    assert "Traceback" in failed["details"]
    assert said[0]["event"] == "ready"
    assert said[0]["devices"][0] == "cpu"
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize("python", ["no-such-python", "false"])
def test_a_python_that_cannot_work_is_reported_before_and_in_a_job(study, model, python):
    executor = LocalExecutor(python=python)
    try:
        executor.warm_up()
        assert "HCC Study" in last_event(executor, 0).message
        job = executor.submit(study, Request(model.package.folder))
        assert "could not be started" in last_event(executor, job).message
    finally:
        executor.close()


def test_a_worker_that_is_ready_says_what_it_can_compute_on(executor):
    executor.warm_up()
    deadline = time.monotonic() + 30
    while not executor.devices:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert executor.devices[0] == "cpu"


def test_a_study_is_made_while_the_caller_goes_on(executor, study, model):
    wait = threading.Event()

    def gather():
        wait.wait(10)
        return study

    job = executor.submit(gather, Request(model.package.folder, {**OPTIONS, "stride": "fast"}, "cpu"))
    wait.set()
    assert last_event(executor, job).kind == "done"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("7 voxels are NaN", "CT"), "CT: 7 voxels are NaN."),
        (MemoryError(), "not enough memory"),
        (RuntimeError("x"), "RuntimeError"),
    ],
)
def test_a_study_that_cannot_be_made_is_the_failure_of_its_job(executor, model, error, said):
    def gather():
        raise error

    event = last_event(executor, executor.submit(gather, Request(model.package.folder)))
    assert event.kind == "failed"
    assert said in event.message
    assert ("Traceback" in event.details) == isinstance(error, RuntimeError)


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_full_disk_is_said_and_nothing_is_left_of_the_request(executor, study, model):
    import resource

    executor.warm_up()
    before, limits = executor.pid, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        job = executor.submit(study, Request(model.package.folder, OPTIONS, "cpu"))
        event = last_event(executor, job)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (event.kind, event.message) == ("failed", NOT_HANDED_OVER)
    after = executor.submit(study, Request(model.package.folder, {**OPTIONS, "stride": "fast"}, "cpu"))
    assert last_event(executor, after).kind == "done"
    assert executor.pid == before
    assert not (executor._folder / str(job)).exists()


def test_a_job_cancelled_while_it_is_handed_over_costs_no_worker(executor, study, model):
    executor.warm_up()
    before, wait = executor.pid, threading.Event()

    def gather():
        wait.wait(10)
        return study

    job = executor.submit(gather, Request(model.package.folder, OPTIONS, "cpu"))
    began = time.monotonic()
    executor.cancel(job)
    assert last_event(executor, job).kind == "cancelled"
    assert time.monotonic() - began < 0.1
    wait.set()
    after = executor.submit(study, Request(model.package.folder, {**OPTIONS, "stride": "fast"}, "cpu"))
    assert last_event(executor, after).kind == "done"
    assert executor.pid == before
    assert not (executor._folder / str(job)).exists()


def test_an_idle_worker_gives_its_memory_back_and_the_next_job_starts_another(study, model):
    executor = LocalExecutor(idle_seconds=0.2)
    try:
        executor.warm_up()
        first = executor.pid
        assert gone(first, 30)
        job = executor.submit(study, Request(model.package.folder, {**OPTIONS, "stride": "fast"}, "cpu"))
        assert last_event(executor, job).kind == "done"
    finally:
        executor.close()


def test_closing_ends_the_worker_and_removes_its_files(large_study, model):
    executor = LocalExecutor()
    job = executor.submit(large_study, Request(model.package.folder, {**OPTIONS, "stride": "fine"}, "cpu"))
    wait_for(executor, job, "started")
    pid = executor.pid
    executor.close()
    assert gone(pid)
    assert not executor._folder.exists()
    assert executor.poll() == []


OWNER = """
import sys, time
from HCCAssistLib.jobs.local import LocalExecutor
executor = LocalExecutor()
executor.warm_up()
print(executor.pid, executor._folder, flush=True)
time.sleep(60)
"""


def test_no_orphan_and_no_file_is_left_when_the_owner_is_killed():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    pid, folder = owner.stdout.readline().split()
    time.sleep(0.3)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert gone(int(pid))
    assert not Path(folder).exists()
