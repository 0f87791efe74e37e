"""Members on an engine that has files of its own: sent, submitted once, gone on with where lost, brought back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from runs_toy import ONE_THREAD, register, write_pack

from HCCAssistLib.jobs.runs import attempt
from HCCAssistLib.jobs.runs.executor import EngineState
from HCCAssistLib.jobs.runs.files import LocalFiles
from HCCAssistLib.jobs.runs.local import LocalExecutor
from HCCAssistLib.jobs.runs.runs import run_folder, send_pack
from HCCAssistLib.jobs.runs.training_file import Training
from HCCAssistLib.jobs.runs.training_folder import TrainingFolder
from HCCAssistLib.jobs.runs.trainings import Trainings


class Elsewhere(LocalExecutor):
    """Another disk, where a run is trained at once, in this process; ``lost`` ones only begin."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.started: list[str] = []
        self.lost: set[str] = set()

    def start(self, key: str) -> None:
        self.started.append(key)
        if key in self.lost:
            event = '{"v": 1, "kind": "started", "t": 1.0}\n{"v": 1, "kind": "epoch", "epo'
            self.files.write(f"{run_folder(key)}/events/{len(self.started)}.jsonl", event.encode())
        else:
            assert attempt.main([self.files.root, key]) == 0

    def engine_states(self, keys: Sequence[str]) -> dict[str, EngineState]:
        return {key: "ended" if key in self.started else None for key in keys}


@pytest.fixture
def trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    """One, of two members, whose cohort has been read."""
    register(tmp_path, monkeypatch)
    found = Trainings(tmp_path / "here")
    digest, plans = write_pack(tmp_path / "made")
    send_pack(found.files, tmp_path / "made")
    folder = found.folder("abc")
    folder.mkdir(parents=True)
    training = Training(
        "abc", "toy", "toy", {}, "/c", 1.0, "slurm", device="cpu", threads=ONE_THREAD.threads, profile="lab"
    )
    training.write(folder)
    prepared = {"plans": [plan.as_json() for plan in plans], "digest": digest, "problems": []}
    (folder / "prepared.json").write_text(json.dumps(prepared))
    (folder / "events").mkdir()
    (folder / "events" / "1.jsonl").write_text('{"v": 1, "kind": "started"}\n{"v": 1, "kind": "prepared", "t": 2.0}\n')
    return found


def test_members_are_sent_submitted_once_and_brought_back(
    trainings: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conducted: list[str] = []
    monkeypatch.setattr(trainings, "_conduct", lambda training: conducted.append(training.id))
    engine = Elsewhere(tmp_path / "there")
    first, second = (member.key for member in TrainingFolder(trainings.folder("abc")).members)
    engine.lost.add(second)
    assert trainings.refresh("abc").summary.state == "waiting", "without a connection nothing is done"

    told: list[tuple[str, float]] = []
    status = trainings.refresh("abc", engine, lambda what, share: told.append((what, share)))
    assert told[-1] == ("sending the data", 1.0)
    assert (tmp_path / "there" / "packs").exists()
    assert [one.run.state for one in status.members] == ["done", "queued"]
    assert (trainings.root / run_folder(first) / "result.safetensors").exists()
    assert engine.started == [first, second, second], "what is lost is begun again"
    assert trainings.refresh("abc").summary.state == "queued", "as it was last seen"

    trainings.refresh("abc", engine)
    trainings.refresh("abc", engine)
    assert engine.started.count(second) == 3, "and then somebody has to look"
    assert conducted == []
    engine.lost.clear()
    trainings.resume("abc", engine)
    conducted.clear()
    status = trainings.refresh("abc", engine)
    assert [one.run.state for one in status.members] == ["done", "done"]
    assert conducted == ["abc"], "the package is assembled here"
    assert engine.started.count(first) == 1
    assert [one["epoch"] for one in trainings.curves("abc")["fold-0-repeat-1"]] == [1, 2, 3, 4]
    there, here = (LocalFiles(root).path(run_folder(second)) for root in (tmp_path / "there", trainings.root))
    assert (there / "result.safetensors").read_bytes() == (here / "result.safetensors").read_bytes()


def test_to_try_again_begins_anew_what_failed_and_reads_the_cohort_again_where_the_pack_is_damaged(
    trainings: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainings, "_conduct", lambda training: None)
    engine = Elsewhere(tmp_path / "there")
    folder = TrainingFolder(trainings.folder("abc"))
    first, second = (engine.files.path(run_folder(member.key)) for member in folder.members)
    for run, kind in ((first, "failed"), (second, "done")):
        (run / "events").mkdir(parents=True)
        (run / "events" / "1.jsonl").write_text(f'{{"v": 1, "kind": "{kind}", "t": 1.0}}\n')
        (run / "final.safetensors").write_bytes(b"checkpoint")
    trainings.retry("abc", engine)
    assert not (first / "final.safetensors").exists()
    assert (second / "final.safetensors").exists()
    assert (folder.path / "prepared.json").exists()
    (trainings.root / "packs" / folder.digest / "samples.safetensors").write_bytes(b"damaged")
    trainings.retry("abc", engine)
    assert not (folder.path / "prepared.json").exists()


def test_what_is_cancelled_is_not_submitted_and_needs_a_connection(trainings: Trainings, tmp_path: Path) -> None:
    engine = Elsewhere(tmp_path / "there")
    trainings.cancel("abc", engine)
    status = trainings.refresh("abc", engine)
    assert status.summary.state == "cancelled"
    assert engine.started == []
