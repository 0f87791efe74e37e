"""Attempts in processes of their own: killed, cancelled, fenced, without room; what they leave, and how they go on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs_scripts import is_gone
from runs_toy import ONE_THREAD, Root, register, root, until  # noqa: F401  a fixture

from HCCAssistLib.jobs.process import environment
from HCCAssistLib.jobs.runs import attempt
from HCCAssistLib.jobs.runs.detached import pid_of
from HCCAssistLib.jobs.runs.local import LocalExecutor
from HCCAssistLib.jobs.runs.owner import lease_of
from HCCAssistLib.jobs.runs.runs import cancel, poll, resume, retry, send_pack, submit
from HCCAssistLib.jobs.runs.state import RunState, run_state
from HCCAssistLib.training.member import Member, run_member
from HCCAssistLib.training.members import MemberPlan
from HCCAssistLib.training.pack import Pack

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(sys.platform == "win32", reason="SKIPPED: signals between processes"),
]


def state(root: Root) -> RunState:  # noqa: F811
    engine = LocalExecutor(root.folder).engine_states([root.key])[root.key]  # as another process would ask
    return run_state(poll(root.executor.files, root.key)[0], engine)


def ended(root: Root) -> RunState:  # noqa: F811
    return until(lambda: (found := state(root)) and not found.is_open and found)


def trained_here(root: Root, folder: Path) -> bytes:  # noqa: F811
    """The result of the same member in this process, as the plain command trains it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder.mkdir()
    root_pack = Pack(root.folder / "packs" / root.digest)
    run_member(Member(MemberPlan.from_json(root.plan), folder, root_pack))
    torch.set_num_threads(before)
    return (folder / "result.safetensors").read_bytes()


def test_killed_and_gone_on_with_it_comes_to_the_same_bytes_and_a_finished_one_does_nothing(
    root: Root,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    root.submit()
    assert root.submit() == root.key
    assert len(list(root.run.glob("events/*"))) == 1, "the second attached"
    until((root.run / "final.safetensors").exists)
    pid = pid_of(root.run)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid_of(root.run) is None)
    assert state(root).state == "lost"
    assert not (root.run / "result.safetensors").exists()

    monkeypatch.setenv("TOY_SECONDS", "0")
    assert retry(root.executor, root.key)
    found = ended(root)
    assert (found.state, found.attempts) == ("done", 2)
    assert [one["epoch"] for one in found.history] == [1, 2, 3, 4]
    assert set(found.history[0]) == {"stage", "epoch", "train_loss", "validation_loss"}
    assert (root.run / "result.safetensors").read_bytes() == trained_here(root, tmp_path / "here")

    before = {path: path.stat().st_mtime_ns for path in root.run.rglob("*")}
    assert root.submit() == root.key
    assert not resume(root.executor, root.key)
    assert {path: path.stat().st_mtime_ns for path in root.run.rglob("*")} == before


def test_a_cancelled_one_leaves_no_process_and_goes_on(
    root: Root,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    monkeypatch.setenv("TOY_CHILD", str(tmp_path / "child"))
    root.submit()
    until((root.run / "final.safetensors").exists)
    pid, child = pid_of(root.run), int((tmp_path / "child").read_text())
    checkpoint = (root.run / "final.safetensors").read_bytes()
    cancel(LocalExecutor(root.folder), root.key)
    assert pid is not None
    until(lambda: is_gone(pid) and is_gone(child), 5)
    assert state(root).state == "cancelled"
    assert list(root.run.glob("*.part")) == []
    assert len(checkpoint) == (root.run / "final.safetensors").stat().st_size
    assert resume(Nobody(root.folder), root.key)
    assert not (root.run / "cancel").exists(), "the next attempt is not stopped at once"


class Nobody(LocalExecutor):
    """Writes the folder of a run, and no process begins."""

    def start(self, key: str) -> None:
        pass


def prepare(root: Root) -> None:  # noqa: F811
    submit(Nobody(root.folder), root.plan, root.digest, ONE_THREAD)


def begin(root: Root) -> subprocess.Popen[bytes]:  # noqa: F811
    command = [sys.executable, "-P", "-m", "HCCAssistLib.jobs.runs.attempt", str(root.folder), root.key]
    return subprocess.Popen(command, start_new_session=True, env=environment())


@pytest.mark.slow
def test_of_two_that_live_the_older_one_writes_nothing_and_the_newer_one_stops_when_it_has_to_make_room(
    root: Root,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    prepare(root)
    older = begin(root)
    until((root.run / "final.safetensors").exists)
    os.kill(older.pid, signal.SIGSTOP)
    try:
        newer = begin(root)
        first = (root.run / "final.safetensors").read_bytes()
        until(lambda: (root.run / "final.safetensors").read_bytes() != first)
        assert lease_of(root.run)["pid"] == newer.pid
        newer.send_signal(signal.SIGTERM)
        assert newer.wait(5) == 143
        written = {path: path.read_bytes() for path in root.run.iterdir() if path.is_file()}
    finally:
        os.kill(older.pid, signal.SIGCONT)
    assert older.wait(10) == 75
    assert {path: path.read_bytes() for path in root.run.iterdir() if path.is_file()} == written
    kinds = [event.kind for event in poll(root.executor.files, root.key)[0]]
    assert kinds.count("fenced") == 1
    assert kinds[-1] == "preempted"
    assert state(root).state == "lost", "whoever finds it so goes on with it"


@pytest.mark.parametrize("damage", ["changed", "missing", "too many", "unknown key"])
def test_a_pack_that_is_not_as_it_was_is_refused_before_the_training(
    root: Root,  # noqa: F811
    damage: str,
) -> None:
    prepare(root)
    pack = root.folder / "packs" / root.digest
    if damage == "changed":
        content = bytearray((pack / "samples.safetensors").read_bytes())
        content[-1] ^= 1
        (pack / "samples.safetensors").write_bytes(content)
    elif damage == "missing":
        (pack / "samples.safetensors").unlink()
    elif damage == "too many":
        (pack / "studies").mkdir()
        shutil.copyfile(pack / "samples.safetensors", pack / "studies" / "C0001.safetensors")
    else:
        manifest = json.loads((pack / "manifest.json").read_text())
        (pack / "manifest.json").write_text(json.dumps({**manifest, "patient": "x"}))
    assert attempt.main([str(root.folder), root.key]) == 65
    found = run_state(poll(root.executor.files, root.key)[0], "ended")
    assert found.state == "failed"
    assert "the data of the training" in found.message
    assert "Send them again" in found.message
    assert found.epoch == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if not sys.platform.startswith("linux") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("SKIPPED: no small disk can be mounted here (Linux and root are needed)")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)  # a process that has just ended may still be there


@pytest.mark.slow
def test_on_a_full_disk_the_last_words_are_written_and_the_checkpoint_stays(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tmp_path, monkeypatch)
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    root = Root(tmp_path / "root")  # noqa: F811
    executor = LocalExecutor(small_disk)
    send_pack(executor.files, tmp_path / "root" / "made")
    key = submit(executor, root.plan, root.digest, ONE_THREAD)
    run = small_disk / "runs" / key
    until((run / "final.safetensors").exists)
    with (small_disk / "other").open("wb", buffering=0) as other, pytest.raises(OSError, match="No space"):
        while True:
            other.write(bytes(4096))
    until(lambda: pid_of(run) is None)
    found = run_state(poll(executor.files, key)[0], "ended")
    assert found.state == "failed"
    assert "disk is full" in found.message
    assert (run / "final.safetensors").stat().st_size > 20_000
    assert list(run.glob("*.part")) == []


def test_a_process_that_was_given_the_number_of_an_attempt_is_none(root: Root) -> None:  # noqa: F811
    prepare(root)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        lease = {"attempt": "1", "computer": os.uname().nodename, "pid": stranger.pid, "life": "another boot 17"}
        (root.run / "lease").write_text(json.dumps(lease))
        assert root.executor.engine_states([root.key]) == {root.key: "ended"}
        root.executor.kill(root.key)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_after_three_attempts_that_were_lost_somebody_has_to_look(root: Root) -> None:  # noqa: F811
    prepare(root)
    (root.run / "events").mkdir()
    for number in range(3):
        (root.run / "events" / f"{number}.jsonl").write_text('{"v": 1, "kind": "started", "t": 1.0}\n')
    assert not retry(root.executor, root.key)
    assert pid_of(root.run) is None
