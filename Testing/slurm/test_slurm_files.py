"""Files of a ROOT over a real SFTP: what LocalFiles promises, and connections and disks that fail on the way."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_person import Answers
from private_cluster import PrivateCluster

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.jobs.cluster import sftp_files
from HCCAssistLib.jobs.cluster.check import check
from HCCAssistLib.jobs.cluster.connection import Connection
from HCCAssistLib.jobs.cluster.install import Source, check_python, install
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.jobs.cluster.sftp_files import SftpFiles
from HCCAssistLib.jobs.cluster.slurm import Slurm
from HCCAssistLib.jobs.runs.files import Files, LocalFiles

pytestmark = pytest.mark.slow

DATA = os.urandom(3_000_000)


@pytest.fixture
def files(connection: Connection) -> SftpFiles:
    return SftpFiles(connection)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return path


def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp_files, "AT_ONCE", 500_000)


@pytest.mark.parametrize("where", ["cluster", "here"])
def test_both_kinds_of_files_do_the_same(where: str, connection: Connection, tmp_path: Path, source: Path) -> None:
    files: Files = SftpFiles(connection) if where == "cluster" else LocalFiles(tmp_path / "root")
    root = tmp_path / "root"
    assert files.root == str(root)
    assert (files.names("runs"), files.size("runs/a"), files.exists("runs")) == ([], None, False)
    with pytest.raises(FileNotFoundError):
        files.read("runs/a/text")
    with pytest.raises(FileNotFoundError):
        files.get("runs/a/text", tmp_path / "got")
    assert not (tmp_path / "got").exists()
    files.remove("runs/a")
    files.write("runs/a/text", b"first")
    files.write("runs/a/text", b"second")
    assert (root / "runs" / "a" / "text").read_bytes() == b"second"
    assert files.read("runs/a/text", 3) == b"ond"
    assert files.read("runs/a/text", 99) == b""
    assert (files.size("runs/a/text"), files.exists("runs/a")) == (6, True)
    told: list[int] = []
    files.put(source, "packs/b/data", told.append)
    files.put(source, "packs/b/data")  # onto an existing one
    assert told[-1] == len(DATA)
    assert files.names("packs/b") == ["data"]
    files.get("packs/b/data", tmp_path / "new" / "got")
    assert (tmp_path / "new" / "got").read_bytes() == DATA
    files.remove("packs")
    assert not (root / "packs").exists()


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".", "a\0b"])
def test_nothing_outside_of_the_folder_is_touched(files: SftpFiles, path: str) -> None:
    for work in (files.read, files.remove, files.exists, files.names, lambda p: files.write(p, b"")):
        with pytest.raises(ValueError, match="not a path below"):
            work(path)


def test_an_upload_goes_on_where_the_connection_broke(
    files: SftpFiles, source: Path, private_cluster: PrivateCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch)
    told: list[int] = []

    def progress(done: int) -> None:
        told.append(done)
        if len(told) == 3:
            private_cluster.order("drop", "sshd")

    files.put(source, "packs/data", progress)
    assert files.read("packs/data") == DATA
    assert told == [500_000 * n for n in range(1, 7)]  # nothing was sent twice


def test_an_upload_that_was_stopped_goes_on_another_day(
    files: SftpFiles, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch)

    class Stopped(Exception):
        pass

    def stop(done: int) -> None:
        if done >= 1_000_000:
            raise Stopped

    with pytest.raises(Stopped):
        files.put(source, "packs/data", stop)
    assert files.names("packs") == ["data.part"]
    told: list[int] = []
    files.put(source, "packs/data", told.append)
    assert told[0] == 1_500_000
    assert files.names("packs") == ["data"]


@pytest.mark.parametrize("left", [DATA[:1000] + b"x" * 1000, DATA + b"more", b"y" * len(DATA)])
def test_what_another_upload_left_is_found_out_and_sent_anew(files: SftpFiles, source: Path, left: bytes) -> None:
    files.write("packs/data.part", left)
    files.put(source, "packs/data")
    assert hashlib.sha256(files.read("packs/data")).digest() == hashlib.sha256(DATA).digest()


@pytest.fixture
def tiny_disk(profile: Profile, tmp_path: Path) -> Iterator[SftpFiles]:
    """A disk of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        with Connection(replace(profile, root=str(disk / "root")), Answers()) as connection:
            yield SftpFiles(connection)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_and_the_upload_goes_on_when_there_is_room(tiny_disk: SftpFiles, source: Path) -> None:
    with pytest.raises(HCCAssistError, match=r"packs/data cannot be written on the cluster: the disk is full \(0 MB"):
        tiny_disk.put(source, "packs/data")
    with pytest.raises(HCCAssistError, match="the disk is full"):
        tiny_disk.write("runs/a/text", b"x" * 500_000)
    assert tiny_disk.names("runs/a") == []
    subprocess.run(["mount", "-o", "remount,size=8m", str(Path(tiny_disk.root).parent)], check=True)
    told: list[int] = []
    tiny_disk.put(source, "packs/data", told.append)
    assert tiny_disk.read("packs/data") == DATA


def test_a_folder_that_may_not_be_written(profile: Profile, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        Connection(replace(profile, root=str(tmp_path / "file")), Answers()) as connection,
        pytest.raises(HCCAssistError, match="a file is where a folder should be"),
    ):
        SftpFiles(connection).write("a", b"x")


def test_the_library_is_installed_once_by_its_content_and_damage_is_found(
    connection: Connection, files: SftpFiles, tmp_path: Path
) -> None:
    place = Path(install(connection, files))
    source = Source.of_this_library()
    assert place == tmp_path / "root" / source.folder
    found = {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert found == source.files
    assert "HCCAssistLib/jobs/runs/attempt.py" in found
    assert not any("panels" in name for name in found)
    assert files.names("code") == [place.name]
    before = place.stat().st_mtime_ns
    assert install(connection, files) == str(place)
    assert place.stat().st_mtime_ns == before
    assert [one.what for one in check(connection) if one.problems] == []
    (place / "HCCAssistLib" / "errors.py").write_text("")
    damaged = {one.what: one for one in check(connection)}["library"]
    assert "is damaged" in str(damaged.problems[0])


def test_a_shell_that_greets_does_no_harm(
    connection: Connection, files: SftpFiles, source: Path, private_cluster: PrivateCluster
) -> None:
    greeting = private_cluster.folder / "home" / ".bashrc"
    greeting.write_text("echo Welcome to the cluster; echo Mind the gap >&2\n")
    try:
        assert connection.run(["true"]).out == "Welcome to the cluster\n"
        files.put(source, "packs/data")
        slurm = Slurm(connection)
        assert slurm.engine_states(["a" * 64]) == {"a" * 64: None}
        assert [problem for one in check(connection) for problem in one.problems] == []
    finally:
        greeting.unlink()


def test_what_is_sent_is_its_owners_alone(files: SftpFiles) -> None:
    files.write("packs/a", b"x")
    assert {path.stat().st_mode & 0o077 for path in (Path(files.root), Path(files.root, "packs"))} == {0}


def test_a_python_without_torch_is_told_with_the_line_to_type(connection: Connection, tmp_path: Path) -> None:
    subprocess.run(["python3", "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    connection.profile = replace(connection.profile, venv=str(tmp_path / "venv"))
    with pytest.raises(
        InputError, match=rf"Run there: {tmp_path}/venv/bin/python -m pip install torch safetensors numpy"
    ):
        check_python(connection)
    connection.profile = replace(connection.profile, venv="/nowhere")
    with pytest.raises(InputError, match=r"no Python that runs.*python3 -m venv /nowhere"):
        check_python(connection)
    connection.profile = replace(connection.profile, modules=("nothing/1",))
    with pytest.raises(InputError, match="no Python that runs"):
        check_python(connection)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"partition": "closed"}, "the partition closed is closed (down): a job would wait"),
        ({"time_limit": "02:00:00"}, "02:00:00 is longer than the 01:00:00 of the partition normal: a job would wait"),
        ({"cpus": 3}, "no node of normal has 3 cores (at most 2): a job would wait"),
        ({"partition": "moon"}, "there is no partition moon. Known are normal, urgent, closed"),
        ({"memory": "9G"}, "no node of normal has 9G of memory"),
        ({"gres": "gpu:2"}, "no node of normal has gpu:2 (there: gpu:1)"),
        ({"gres": "abacus:1"}, "no node of normal has abacus:1"),
        ({"constraint": "moonlight"}, "No node has such a feature"),
    ],
)
def test_requests_that_would_never_start_are_found(connection: Connection, change: dict, says: str) -> None:
    connection.profile = replace(connection.profile, **change)
    found = [str(problem) for one in check(connection) if one.what == "request" for problem in one.problems]
    assert len(found) == 1
    assert says in found[0]
