import os
import time
from pathlib import Path

import pytest

from HCCAssistLib import files
from HCCAssistLib.files import (
    atomic_file,
    atomic_folder,
    keep_journal,
    remove_journalled,
    remove_leftovers,
    remove_unfinished,
    remove_whole,
    size_on_disk,
    temporary_folder,
)


def aged(path: Path, seconds: float) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_leftovers_of_the_dead_go_and_what_is_being_written_stays(tmp_path: Path) -> None:
    for name in ("dead.1.part", "alive.2.part", "model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(b"12345")
        aged(tmp_path / name / "weights", 7200)
        aged(tmp_path / name, 7200)
    (tmp_path / "alive.2.part" / "weights").write_bytes(b"123456")  # its folder is old, its file is not
    aged(tmp_path / "alive.2.part", 7200)
    (tmp_path / "table.3.part").write_text("dead too")
    aged(tmp_path / "table.3.part", 7200)
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alive.2.part", "model"]
    assert size_on_disk(tmp_path) == 11
    assert size_on_disk(tmp_path / "nothing") == 0


def test_a_link_counts_as_itself_and_not_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(100_000))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "big")
    assert size_on_disk(tmp_path / "folder") < 1000


def test_a_folder_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    try:
        with atomic_folder(tmp_path / "case") as part:
            (part / "file").write_text("half")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_between_the_two_renames_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "old").write_text("old")
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if target == tmp_path / "case" and path.name.endswith(f"{os.getpid()}.part") and "old" not in path.name:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "case") as part:
        (part / "new").write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["case", "old"]


def test_what_is_half_written_is_known_until_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_journal", [])
    keep_journal(tmp_path / "journal")
    with atomic_file(tmp_path / "table", ending=".csv") as file, temporary_folder(beside=file) as folder:
        file.write_text("half")
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("half")
        assert file.suffix == ".csv"
        remove_journalled(tmp_path / "journal")  # as a caller does when this process was killed
        assert [path.name for path in tmp_path.iterdir()] == ["journal"]
        file.write_text("half")
        remove_unfinished()  # as this process does when it has to end
        assert [path.name for path in tmp_path.iterdir()] == ["journal"]
        file.write_text("whole")
    assert (tmp_path / "table").read_text() == "whole"


def test_a_folder_is_removed_in_one_step_or_stays(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1")
    remove_whole(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="No such file"):
        remove_whole(tmp_path / "model")
