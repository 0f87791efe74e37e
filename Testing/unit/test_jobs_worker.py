"""Predictions in a worker: warm, cancelled in time, gone with its owner, started again when it dies."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from jobs_scripts import is_gone, script, until, wait_for
from ltp_blob import BLOBS, blob_image, blob_model, straight_grid

from HCCAssistLib.cohort.finding_labels import Finding
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.jobs import local
from HCCAssistLib.jobs.events import DIED, NEVER_STARTED, NO_MEMORY, NOT_WRITTEN
from HCCAssistLib.jobs.local import LocalExecutor
from HCCAssistLib.jobs.requests import Request, read_request, write_request
from HCCAssistLib.recipes.ltp.prediction import predict

pytestmark = pytest.mark.heavy

OPTIONS = {"stride": "fast", "heatmap": False}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return blob_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def study():
    image = blob_image(straight_grid())
    mask = image.with_array((image.array > 100).astype(np.uint8), "mask")
    portal = image.with_array((image.array / 7).astype(np.float32), "portal")
    points = PointList("ablation", (Point("zone", (40.0, -20.0, 30.0)),))
    warning = Problem("WARN", "thick slices", "case-1")
    return Study(
        "case-1",
        {"post/arterial": image, "post/portal": portal},
        {"post/ablation": points},
        {"post/ablation": mask},
        {"age": "61"},
        (warning,),
        {"post/tumour": (LabelledBox("R-1", Box((1.0, -2.0, 3.0), (10.0, 11.0, 12.0))),)},
        {
            "post/ltp": (Finding("F-1", (4.0, -5.0, 6.0), "A", "A-1"),),
            "post/tumour": (
                Finding("T", (7.0, -8.0, 9.0), mask=mask, target=False),
                Finding("U", (1.0, 2.0, 3.0), box=Box((1.0, 2.0, 3.0), (10.0, 20.0, 30.0))),
                Finding("V", (4.0, 5.0, 6.0), size_mm=32.5, measured=True),
            ),
        },
        {"post/portal": np.array([[1, 0, 0, 4.5], [0, 1, 0, -3], [0, 0, 1, 1 / 3], [0, 0, 0, 1]])},
    )


@pytest.fixture(scope="module")
def executor():
    """Predicts in earnest."""
    made = LocalExecutor(recipe="ltp")
    yield made
    made.close()


def is_mapped(array):
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return isinstance(array, mmap.mmap)


def test_a_request_holds_all_of_a_study_with_its_voxels_mapped_from_disk(study, tmp_path):
    write_request(study, Request(Path("model"), OPTIONS, "cpu"), tmp_path / "1")
    again, request = read_request(tmp_path / "1")
    assert all(is_mapped(image.array) for image in again.volumes.values())
    assert again.digests() == study.digests()
    assert again.points == study.points
    assert (again.case_id, again.values, again.warnings) == (study.case_id, study.values, study.warnings)
    assert again.boxes == study.boxes
    for key, findings in study.findings.items():
        assert [str(replace(f, mask=None)) for f in again.findings[key]] == [
            str(replace(f, mask=None)) for f in findings
        ]
    assert request == Request(Path("model"), OPTIONS, "cpu")


def test_no_part_of_a_study_is_forgotten_by_a_request(study, tmp_path):
    """Also none that a study gets one day."""
    write_request(study, Request(Path("model")), tmp_path / "1")
    assert {field.name for field in fields(Study)} <= set(json.loads((tmp_path / "1" / "request.json").read_text()))


@pytest.mark.parametrize("damage", ["{}", "not JSON", "[]", '{"format": "hccassist-request/2"}'])
def test_a_damaged_request_is_refused(study, tmp_path, damage):
    write_request(study, Request(Path("model")), tmp_path / "1")
    (tmp_path / "1" / "request.json").write_text(damage)
    with pytest.raises(InputError):
        read_request(tmp_path / "1")


def test_the_worker_finds_what_this_process_finds_and_tells_how_far_it_is(executor, study, model):
    options = {**OPTIONS, "stride": "standard"}
    *events, last = until(executor, executor.submit(study, Request(model.package.folder, options, "cpu")))
    assert last.kind == "done", last.message
    assert events[0].kind == "started"
    shares = [event.share for event in events[1:]]
    assert shares == sorted(shares)
    here = predict(study, model, options)
    assert [c.as_json() for c in last.result.candidates] == [c.as_json() for c in here.candidates]
    assert last.result.run.inputs == here.run.inputs
    for center, _radius in BLOBS:
        assert min(np.linalg.norm(np.subtract(c.box.center, center)) for c in last.result.candidates[:3]) < 6


def test_bad_input_is_reported_in_the_words_of_the_library(executor, study, model):
    last = until(executor, executor.submit(study, Request(model.package.folder, {"region": "liver"}, "cpu")))[-1]
    assert last.kind == "failed"
    assert "there is no liver segment" in last.message
    assert until(executor, executor.submit(study, Request(model.package.folder / "x", {}, "cpu")))[-1].kind == "failed"


def test_a_prediction_is_cancelled_within_half_a_second_and_the_next_one_runs(executor, study, model):
    grid = Geometry.from_parts((120, 320, 320), (0.75, 0.75, 3.0), (-120.0, -120.0, -180.0))
    array = np.full(grid.shape, 60, np.int16)
    array[0, 0, 0] = 61  # a scan whose voxels are all equal is refused
    large = Study("large", {"post/arterial": Image(array, grid)})  # some seconds of work for a fine scan
    began = time.perf_counter()
    job = executor.submit(large, Request(model.package.folder, {**OPTIONS, "stride": "fine"}, "cpu"))
    assert time.perf_counter() - began < 0.05
    until(executor, job, "progress")
    began = time.monotonic()
    executor.cancel(job)
    assert until(executor, job)[-1].kind == "cancelled"
    assert time.monotonic() - began < 0.5
    assert until(executor, executor.submit(study, Request(model.package.folder, OPTIONS, "cpu")))[-1].kind == "done"
    wait_for(lambda: not list(executor._folder.iterdir()))  # removed right after the last event


# From here on the worker does what the option "do" says and answers with the case and its own number.

GRID = Geometry.from_parts((2, 2, 2), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
SMALL = Study("small", {"post/arterial": Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), GRID)})


def request(do="answer"):
    return Request(Path("model"), {"do": do})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("jobs")
        script(folder, patch)
        patch.setattr(local, "read_result", lambda result: (result / "answer").read_text())
        yield folder


@pytest.fixture(scope="module")
def scripted(place):
    """An executor of such a worker."""
    made = LocalExecutor()
    yield made
    made.close()


def answer(executor, study=SMALL):
    """The number of the process that answers."""
    last = until(executor, executor.submit(study, request()))[-1]
    assert last.kind == "done", last.message
    case, pid = last.result.split()
    assert case == "small"
    wait_for(lambda: not list(executor._folder.iterdir()))  # removed right after the last event
    return int(pid)


def test_a_warm_worker_is_the_same_process_and_leaves_no_files_of_a_job(scripted):
    scripted.warm_up()
    wait_for(lambda: scripted.devices == ("cpu",))
    before = scripted.pid
    assert answer(scripted) == answer(scripted) == scripted.pid == before


def test_jobs_are_done_one_after_the_other_in_their_order(scripted):
    jobs = [scripted.submit(SMALL, request()) for _ in range(4)]
    events = []
    wait_for(lambda: events.extend(scripted.poll()) or sum(event.is_last for event in events) == 4)
    assert sorted(event.job for event in events if event.kind == "done") == jobs
    begun = [event.job for event in events if event.kind in ("started", "done")]
    assert all(begun[n] == begun[n + 1] for n in range(0, 8, 2))


@pytest.mark.skipif(sys.platform == "win32", reason="stops a process by a signal")
def test_a_worker_that_does_not_react_is_ended_and_what_waited_runs_in_another_one(scripted):
    stuck = answer(scripted)
    job = scripted.submit(SMALL, request("wait"))
    until(scripted, job, "progress")
    os.kill(stuck, signal.SIGSTOP)
    waiting = [scripted.submit(SMALL, request()) for _ in range(2)]
    wait_for(lambda: len(scripted._waiting) == 2)
    began = time.monotonic()
    scripted.cancel(job)
    assert until(scripted, job)[-1].kind == "cancelled"
    assert time.monotonic() - began < 0.5
    events = []
    wait_for(lambda: events.extend(scripted.poll()) or sum(event.is_last for event in events) == 2)
    assert {event.job: event.kind for event in events if event.is_last} == dict.fromkeys(waiting, "done")
    assert scripted.pid != stuck
    wait_for(lambda: is_gone(stuck))


def test_cancelling_a_job_that_waits_disturbs_neither_the_worker_nor_the_running_job(scripted):
    worker = answer(scripted)
    running = scripted.submit(SMALL, request("sleep"))
    until(scripted, running, "progress")
    waiting = scripted.submit(SMALL, request())
    wait_for(lambda: scripted._waiting == [waiting])
    scripted.cancel(waiting)
    assert [event.kind for event in until(scripted, waiting)] == ["cancelled"]
    time.sleep(local.CANCEL_SECONDS + 0.1)
    assert scripted.pid == worker
    assert running in scripted._jobs
    scripted.cancel(running)
    assert until(scripted, running)[-1].kind == "cancelled"


def test_a_worker_that_dies_fails_the_job_it_had_and_the_others_go_to_the_next_one(scripted):
    died = answer(scripted)
    job, *others = [scripted.submit(SMALL, request(do)) for do in ("die", "answer", "answer")]
    events = []
    wait_for(lambda: events.extend(scripted.poll()) or sum(event.is_last for event in events) == 3)
    ends = {event.job: event for event in events if event.is_last}
    assert (ends[job].kind, ends[job].message) == ("failed", DIED)
    assert "a word for the log" in ends[job].details
    assert [ends[other].kind for other in others] == ["done", "done"]
    assert scripted.pid != died
    wait_for(lambda: is_gone(died))


def test_a_mistake_of_the_program_is_told_with_its_details_and_the_worker_goes_on(scripted):
    worker = answer(scripted)
    last = until(scripted, scripted.submit(SMALL, request("break")))[-1]
    assert (last.kind, last.message) == ("failed", "This failed (ZeroDivisionError). Please report it.")
    assert "Traceback" in last.details
    assert answer(scripted) == worker


def test_a_result_that_cannot_be_read_is_the_failure_of_its_job(scripted, monkeypatch):
    def unreadable(_folder):
        raise InputError("there is no readable result.json", "result")

    with monkeypatch.context() as patch:
        patch.setattr(local, "read_result", unreadable)
        last = until(scripted, scripted.submit(SMALL, request()))[-1]
    assert (last.kind, last.message) == ("failed", "result: there is no readable result.json.")
    answer(scripted)


@pytest.mark.parametrize("python", ["no-such-python", "false", "echo"])
def test_a_python_that_cannot_work_is_reported_before_and_in_a_job(place, python):
    executor = LocalExecutor(python=python)
    try:
        executor.warm_up()
        assert "HCC Study" in until(executor, 0)[-1].message
        last = until(executor, executor.submit(SMALL, request()))[-1]
        assert (last.kind, last.message) == ("failed", NEVER_STARTED)
    finally:
        executor.close()


def test_a_worker_without_torch_says_so_and_gives_the_reason_to_the_log(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.12: cannot open shared object file')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    executor = LocalExecutor()
    try:
        job = executor.submit(SMALL, request())
        last = until(executor, job)[-1]
        assert (last.kind, last.message) == ("failed", NEVER_STARTED)
        assert "libcudart.so.12" in last.details
        assert executor.pid is None
    finally:
        executor.close()


def test_code_that_cannot_be_loaded_before_the_first_job_is_told_and_jobs_run(place):
    executor = LocalExecutor(recipe="of nobody")
    try:
        executor.warm_up()
        events = []
        wait_for(lambda: events.extend(executor.poll()) or len(events) == 2)
        assert [event.kind for event in events] == ["ready", "failed"]
        assert "of nobody" in events[1].message
        answer(executor)
    finally:
        executor.close()


def test_a_study_is_made_while_the_caller_goes_on(scripted):
    wait = threading.Event()

    def gather():
        wait.wait(10)
        return SMALL

    job = scripted.submit(gather, request())
    wait.set()
    assert until(scripted, job)[-1].kind == "done"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("7 voxels are NaN", "CT"), "CT: 7 voxels are NaN."),
        (MemoryError(), NO_MEMORY),
        (RuntimeError("x"), "RuntimeError"),
    ],
)
def test_a_study_that_cannot_be_made_is_the_failure_of_its_job(scripted, error, said):
    def gather():
        raise error

    last = until(scripted, scripted.submit(gather, request()))[-1]
    assert last.kind == "failed"
    assert said in last.message
    assert ("Traceback" in last.details) == isinstance(error, RuntimeError)


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_full_disk_is_said_and_nothing_is_left_of_the_request(scripted, study):
    import resource

    worker, limits = answer(scripted), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        last = until(scripted, scripted.submit(study, request()))[-1]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (last.kind, last.message) == ("failed", NOT_WRITTEN)
    wait_for(lambda: not list(scripted._folder.iterdir()))
    assert answer(scripted) == worker


def test_a_folder_that_the_system_has_cleaned_away_is_made_again(scripted):
    worker = answer(scripted)
    shutil.rmtree(scripted._folder)
    assert answer(scripted) == worker


def test_a_job_cancelled_while_it_is_written_costs_no_worker(scripted):
    worker, wait = answer(scripted), threading.Event()

    def gather():
        wait.wait(10)
        return SMALL

    job = scripted.submit(gather, request())
    began = time.monotonic()
    scripted.cancel(job)
    assert until(scripted, job)[-1].kind == "cancelled"
    assert time.monotonic() - began < 0.1
    wait.set()
    assert answer(scripted) == worker


def test_an_idle_worker_gives_its_memory_back_and_the_next_job_starts_another(place):
    executor = LocalExecutor(idle_seconds=0.2)
    try:
        executor.warm_up()
        first = executor.pid
        wait_for(lambda: is_gone(first))
        assert answer(executor) != first
    finally:
        executor.close()


def test_closing_ends_the_worker_and_removes_its_files(place):
    executor = LocalExecutor()
    until(executor, executor.submit(SMALL, request("sleep")), "progress")
    worker = executor.pid
    executor.submit(SMALL, request())
    executor.close()
    wait_for(lambda: is_gone(worker), 1.0)
    assert not executor._folder.exists()
    assert executor.poll() == []
    executor.cancel(1)
    executor.warm_up()
    assert executor.pid is None


OWNER = """
import sys, time
from HCCAssistLib.jobs.local import LocalExecutor
executor = LocalExecutor()
executor.warm_up()
while not executor.devices:
    time.sleep(0.01)
print(executor.pid, executor._folder, flush=True)
time.sleep(60)
"""


def test_no_orphan_and_no_file_is_left_when_the_owner_is_killed(place):
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    worker, folder = owner.stdout.readline().split()
    assert psutil.pid_exists(int(worker))
    owner.kill()
    owner.wait()
    owner.stdout.close()
    wait_for(lambda: is_gone(int(worker)))
    assert not Path(folder).exists()
