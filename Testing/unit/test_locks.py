"""One process at a time in a folder, and none locked out by one that was killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.locks import locked, refuse_if_held

HOLD = (
    "import sys, time; from pathlib import Path; from HCCAssistLib.locks import locked\n"
    "with locked(Path(sys.argv[1]), 'training'): print('held', flush=True); time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "lock"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_one_is_told_who_is_there_and_takes_over_from_the_dead(holder, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    for _ in range(2):
        said = rf"another training \(process {holder.pid}\) is working in this"
        with pytest.raises(HCCAssistError, match=said), locked(lock, "training"):
            pass
    holder.kill()
    holder.wait()
    assert lock.exists()
    with locked(lock, "training"):
        assert json.loads(lock.read_text())["process"] == os.getpid()
    assert not lock.exists()


def test_a_file_that_looks_like_a_lock_is_none(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text(json.dumps({"process": os.getpid(), "computer": "elsewhere"}))
    with locked(lock, "demo"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_goes_also_where_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path / "lock", "demo"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_who_came_second_does_not_hold_a_file_that_the_first_removed(tmp_path: Path, monkeypatch) -> None:
    """The first one removes its lock between the opening and the locking of the second one."""
    import HCCAssistLib.locks as locks

    if sys.platform == "win32":
        pytest.skip("what is open cannot be removed there")
    lock, times = tmp_path / "lock", []
    real = locks.fcntl.flock

    def flock(file, how):
        times.append(how)
        if len(times) == 1:
            lock.unlink()
        real(file, how)

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with locked(lock, "demo"):
        assert lock.exists()
        assert len(times) == 2


def test_a_lock_that_is_held_is_refused_and_one_that_is_not_leaves_nothing(holder, tmp_path: Path) -> None:
    with pytest.raises(HCCAssistError, match=f"process {holder.pid}"):
        refuse_if_held(tmp_path / "lock", "training")
    holder.kill()
    holder.wait()
    refuse_if_held(tmp_path / "lock", "training")
    refuse_if_held(tmp_path / "folder" / "lock", "training")
    assert list(tmp_path.iterdir()) == []
