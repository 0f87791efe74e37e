import os
import time
from pathlib import Path

from HCCAssistLib.files import folder_written_whole, remove_leftovers, size_on_disk


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
        with folder_written_whole(tmp_path / "case") as part:
            (part / "file").write_text("half")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert list(tmp_path.iterdir()) == []
