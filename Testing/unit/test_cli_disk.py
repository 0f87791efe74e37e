"""A disk that is full or may not be written to: one sentence, nothing half-written, and what was there stays."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from ltp_blob import blob_image, blob_model, straight_grid

from HCCAssistLib import files
from HCCAssistLib.cli.main import main
from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.files import disk_fault
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.parallel import side_by_side

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    blob_model(place)
    write_image(blob_image(straight_grid()), place / "scan.nrrd")
    return place


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if not sys.platform.startswith("linux") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("SKIPPED: no small disk can be mounted here (Linux and root are needed)")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def commands(place: Path, disk: Path) -> dict[str, list[str]]:
    predict = ["predict", str(place / "scan.nrrd"), "--model", str(place / "blobs"), "--out", str(disk / "out")]
    return {
        "predict": [*predict, "--no-pictures", "--set", "stride=fast"],
        "phantom": ["phantom", "ltp", str(disk / "out"), "--cases", "2"],
        "models": ["models", "install", str(place / "blobs"), "--store", str(disk)],
    }


def said_once(err: str) -> str:
    (line,) = [line for line in err.splitlines() if "%" not in line and not line.startswith("warning")]
    return line


@pytest.mark.parametrize("name", ["predict", "phantom", "models"])
def test_a_disk_that_fills_up_is_one_sentence_and_exit_status_1(
    place: Path, small_disk: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (small_disk / "other").write_bytes(bytes(220_000 if name == "predict" else 100_000))
    assert main(commands(place, small_disk)[name]) == 1
    line = said_once(capsys.readouterr().err)
    assert "the disk is full" in line
    assert "Free some space" in line
    assert str(small_disk) not in line
    assert [path.name for path in small_disk.rglob("*")] == ["other"]


def test_a_disk_that_is_full_when_a_file_is_closed_is_told_in_the_same_way(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For machines on which the test above cannot run."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert main(commands(place, tmp_path)["predict"]) == 1
    assert "the disk is full. Free some space, and run the same command again." in said_once(capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".nrrd", ".nii", ".mha"])
def test_a_disk_that_is_too_small_by_less_than_a_header_is_noticed(small_disk: Path, ending: str) -> None:
    array = np.random.default_rng(0).integers(0, 255, (8, 25, 1310)).astype(np.uint8)
    assert 256 * 1024 - 200 < array.nbytes < 256 * 1024
    image = Image(array, Geometry.from_parts(array.shape, (0.4, 5, 5), (0, 0, 0)), "noise")
    with pytest.raises(HCCAssistError, match="cannot be written: the disk is full"):
        write_image(image, small_disk / f"volume{ending}", packed=False)
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
@pytest.mark.parametrize("ending", [".nrrd", ".nii", ".nii.gz", ".mha"])
def test_no_volume_is_cut_short_in_silence(small_disk: Path, ending: str, packed: bool) -> None:
    """SimpleITK says nothing of a NIfTI file that did not fit."""
    array = np.random.default_rng(0).integers(-1000, 1000, (20, 100, 100)).astype(np.int16)
    image = Image(array, Geometry.from_parts(array.shape, (1, 1, 1), (0, 0, 0)), "noise")
    with pytest.raises(HCCAssistError, match="cannot be written: the disk is full"):
        write_image(image, small_disk / f"volume{ending}", packed=packed)
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_in_a_process_of_a_pool_comes_through_as_such(small_disk: Path) -> None:
    work = partial(Path.write_bytes, data=bytes(300_000))
    made = side_by_side(work, [small_disk / str(n) for n in range(4)], 2)
    with closing(made), pytest.raises(OSError, match="No space left") as caught:
        list(made)
    assert disk_fault(caught.value).startswith("the disk is full")


def test_a_read_only_place_is_refused_before_the_work(
    place: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for name in ("predict", "phantom"):
        assert main(commands(place, small_disk)[name]) == 2
        assert "nothing can be written there" in said_once(capsys.readouterr().err)
    assert main(commands(place, small_disk)["models"]) == 1
    assert "may not be read or written" in said_once(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/home/anna/out/table.csv.123.part"), "full (table.csv). "),
        (OSError("4096 requested and 0 written"), "the disk is full. "),
        (PermissionError(errno.EACCES, "Permission denied", "/data/Miller^Anna/x.csv"), "written (x.csv). "),
        (OSError(errno.EFBIG, "File too large"), "larger than this system allows"),
        (OSError(errno.EIO, "Input/output error"), "failed: input/output error. Check both"),
    ],
)
def test_a_fault_of_the_disk_is_told_without_a_path(error: OSError, words: str) -> None:
    said = disk_fault(error)
    assert words in said
    assert "anna" not in said.lower()


def test_numpy_on_a_full_disk_is_known_as_such(small_disk: Path) -> None:
    with pytest.raises(OSError, match="requested") as caught:
        np.save(small_disk / "voxels.npy", np.ones(100_000))
    assert files.disk_is_full(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_standard_output_on_a_full_disk_is_told_too() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123  a device
        command = [sys.executable, "-m", "HCCAssistLib.cli.main", "recipes", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
