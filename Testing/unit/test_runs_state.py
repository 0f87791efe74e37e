"""How a run stands: the newest attempt's last word decides, and the engine fills the gaps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from HCCAssistLib.jobs.runs.events import RunEvent, new_attempt, read_events
from HCCAssistLib.jobs.runs.files import LocalFiles
from HCCAssistLib.jobs.runs.state import run_state


def said(*kinds: str, attempt: str = "1") -> list[RunEvent]:
    return [RunEvent(kind, attempt=attempt) for kind in kinds]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("events", "engine", "state"),
    [
        ([], None, "waiting"),
        ([], "queued", "queued"),
        ([], "running", "running"),
        ([], "ended", "lost"),
        ([], "cancelled", "cancelled"),
        (said("started"), "running", "running"),
        (said("started"), "queued", "queued"),
        (said("started"), "ended", "lost"),
        (said("started"), None, "lost"),
        (said("started", "preempted"), "queued", "queued"),
        (said("started", "preempted"), "ended", "lost"),
        (said("started", "failed"), "ended", "failed"),
        (said("started", "cancelled"), None, "cancelled"),
        (said("started", "cancelled"), "queued", "queued"),
        (said("started", "done"), "running", "done"),
        (said("started", "prepared"), "ended", "waiting"),
        (said("started", "fenced") + said("started", attempt="2"), "running", "running"),
        (said("started", "failed") + said("started", attempt="2"), "ended", "lost"),
        (said("started", "done") + said("cancelled", attempt="2"), "ended", "done"),
    ],
)
def test_events_and_engine_together(events: list[RunEvent], engine: str | None, state: str) -> None:
    assert run_state(events, engine).state == state  # type: ignore[arg-type]


def test_the_word_of_an_older_attempt_that_comes_late_changes_nothing() -> None:
    newer = said("started", "epoch", attempt="2")
    assert run_state([*newer, *said("started", "fenced", attempt="1")], "running").state == "running"


def test_attempts_that_ended_without_a_word_are_counted_from_the_end() -> None:
    events = said("started", "failed") + [event for n in "234" for event in said("started", attempt=n)]
    found = run_state(events, "ended")
    assert (found.attempts, found.unfinished) == (4, 3)
    assert "without a word" in found.message


def test_an_epoch_that_was_trained_again_is_in_the_course_once() -> None:
    def epoch(number: int, attempt: str) -> RunEvent:
        return RunEvent(
            "epoch", stage="final", epoch=number, epochs=9, losses={"train_loss": 1 / number}, attempt=attempt
        )

    found = run_state([epoch(1, "1"), epoch(2, "1"), epoch(2, "2"), epoch(3, "2")], "running")
    assert [one["epoch"] for one in found.history] == [1, 2, 3]
    assert (found.epoch, found.epochs) == (3, 9)


def test_whole_lines_are_read_once_each_and_a_line_that_is_no_event_is_passed_over(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    attempt = new_attempt(files, "run")
    path = tmp_path / "run" / "events" / f"{attempt}.jsonl"
    path.parent.mkdir(parents=True)
    lines = [json.dumps(RunEvent(kind, 1.0).as_json()) + "\n" for kind in ("started", "epoch")]
    path.write_text(lines[0] + lines[1][:10])
    events, cursor = read_events(files, "run")
    assert [event.kind for event in events] == ["started"]
    assert events[0].attempt == attempt
    assert read_events(files, "run", cursor)[0] == []
    path.write_text(
        "".join([*lines, '{"v": 2, "kind": "new"}\n', '{"kind":\n', '{"v": 2, "kind": "done", "more": 1}\n'])
    )
    assert [event.kind for event in read_events(files, "run", cursor)[0]] == ["epoch", "done"]


def test_a_later_attempt_sorts_behind_one_of_a_machine_whose_clock_is_ahead(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    ahead = "9999999999990-abcdef"
    files.write(f"run/events/{ahead}.jsonl", b"")
    assert new_attempt(files, "run") > ahead


def test_an_upload_goes_on_where_it_stopped(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 5000)
    files = LocalFiles(tmp_path / "root")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "copy.part").write_bytes(source.read_bytes()[:1000])
    told: list[int] = []
    files.put(source, "copy", told.append)
    assert (tmp_path / "root" / "copy").read_bytes() == source.read_bytes()
    assert files.names("") == ["copy"]
    assert told[-1] == source.stat().st_size
