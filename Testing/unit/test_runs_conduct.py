"""Trainings that outlive whoever began them, from a cohort to an installed model."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hepatectomy_toy import TINY, write_toy_cohort
from jobs_scripts import is_gone
from runs_toy import Root, register, until

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.runs import conduct
from HCCAssistLib.jobs.runs.detached import pid_of
from HCCAssistLib.jobs.runs.status import TrainingStatus
from HCCAssistLib.jobs.runs.training_file import Training
from HCCAssistLib.jobs.runs.trainings import Trainings
from HCCAssistLib.models.package import read_package
from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.recipes.hepatectomy.recipe import HEPATECTOMY
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.run import train

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(sys.platform == "win32", reason="SKIPPED: signals between processes"),
]

OUTCOMES = [(6, 1), (40, 0), (10, 1), (50, 0), (8, 1), (45, 0), (12, 1), (60, 0), (7, 1), (44, 0)]
SETTINGS = {**TINY, "epochs": 6, "patience": 6, "copies": 2}
OPTIONS = HEPATECTOMY.resolve(SETTINGS)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_cohort(tmp_path_factory.mktemp("cohort") / "cohort", OUTCOMES)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HCCASSIST_TRAINING", str(tmp_path / "root"))
    return tmp_path / "root"


def begin(trainings: Trainings, cohort: Path, **more: object) -> str:
    asked = {"recipe": HEPATECTOMY.id, "name": "toy", "options": OPTIONS, "device": "cpu", **more}
    return trainings.begin(cohort, **asked)  # type: ignore[arg-type]


def ended(trainings: Trainings, training_id: str, seconds: float = 200) -> TrainingStatus:
    def look() -> TrainingStatus | None:
        status = trainings.refresh(training_id)
        return None if status.summary.state in ("waiting", "queued", "running") else status

    return until(look, seconds)


@pytest.mark.slow
def test_in_the_background_it_comes_to_the_weights_of_the_plain_command_through_two_kills(
    cohort: Path, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainings = Trainings()
    command = ["train", str(cohort), "--recipe", HEPATECTOMY.id, "--engine", "background", "--name", "toy"]
    assert main([*command, "--device", "cpu", *(f"--set={name}={value}" for name, value in SETTINGS.items())]) == 0
    training_id = capsys.readouterr().out.split()[0]
    assert begin(Trainings(root), cohort) == training_id, "one like it that is open is attached to"
    (checkpoint,) = until(lambda: list(root.glob("runs/*/final.safetensors")), 150)
    conductor, member = pid_of(trainings.folder(training_id)), pid_of(checkpoint.parent)
    assert conductor is not None
    assert member is not None
    os.kill(conductor, signal.SIGKILL)
    os.kill(member, signal.SIGKILL)
    until(lambda: is_gone(conductor) and is_gone(member))
    assert not (checkpoint.parent / "result.safetensors").exists()
    assert trainings.list()[0].state == "lost"
    assert main(["jobs", "resume", training_id[:4]]) == 0
    status = ended(trainings, training_id)
    assert status.summary.state == "done", status.summary.message
    assert status.members[0].run.attempts == 2
    assert [one["epoch"] for one in trainings.curves(training_id)["fold-0-repeat-0"]] == [1, 2, 3, 4, 5, 6]

    job = Job(HEPATECTOMY, OPTIONS, tmp_path / "plain" / "toy", "toy", workers=1)
    plain, problems = train(read_cohort(cohort, tolerant=True), job)
    assert status.package is not None
    package = read_package(status.package)
    assert package.weights_sha256 == plain.weights_sha256
    assert package.card.as_json() == plain.card.as_json()
    assert status.problems == tuple(map(str, problems))
    assert status.report is not None
    assert status.report.stat().st_size > 10_000

    capsys.readouterr()
    assert main(["jobs", "install", training_id, "--store", str(tmp_path / "models")]) == 0
    assert main(["jobs", "show", training_id, "--json"]) == 0
    assert main(["jobs", "log", training_id]) == 0
    assert ModelStore(tmp_path / "models").get("toy").weights_sha256 == plain.weights_sha256
    said = capsys.readouterr().out
    assert "epoch 6: loss" in said
    assert str(cohort.parent) not in (root / "runs").joinpath(status.members[0].key, "log").read_text()

    folder = trainings.folder(training_id)
    (folder / "outcome.json").unlink()  # killed while it evaluated, and the cohort is gone by now
    replace(Training.read(folder), cohort=str(tmp_path / "gone")).write(folder)
    assert conduct.main([str(root), training_id]) == 0
    (folder / "lease").unlink()  # this process lives on
    again = trainings.refresh(training_id)
    assert (again.summary.state, again.report) == ("done", None)
    assert "gone" in again.note
    assert main(["jobs", "remove", training_id]) == 0
    assert [path for path in root.rglob("*") if path.is_file()] == []


def test_a_cohort_with_faults_fails_with_all_of_them(cohort: Path, tmp_path: Path, root: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "cases").symlink_to(cohort / "cases")
    table = (cohort / "cohort.csv").read_text(encoding="utf-8-sig")
    (bad / "cohort.csv").write_text(table.replace("case-3,50", "case-3,soon").replace("case-5,45", "case-5,late"))
    trainings = Trainings()
    folder = trainings.folder("abc")
    folder.mkdir(parents=True)
    Training("abc", "toy", HEPATECTOMY.id, OPTIONS, str(bad), 1.0).write(folder)
    assert conduct.main([str(root), "abc"]) == 1
    (folder / "lease").unlink()  # this process lives on
    status = trainings.refresh("abc")
    assert status.summary.state == "failed"
    assert "case-3" in status.summary.message
    assert "case-5" in status.summary.message
    assert list(root.glob("packs/*")) == []
    with pytest.raises(InputError, match="not trained yet"):
        trainings.install("abc", ModelStore(tmp_path / "models"))


def test_a_dry_run_says_what_a_training_takes_and_keeps_nothing(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = tmp_path / "lost"  # too early to tell their outcome, so that nothing is learnt on them
    lost.mkdir()
    (lost / "cases").symlink_to(cohort / "cases")
    table = (cohort / "cohort.csv").read_text(encoding="utf-8-sig")
    (lost / "cohort.csv").write_text(table.replace("case-1,40", "case-1,4").replace("case-3,50", "case-3,5"))
    settings = [f"--set={name}={value}" for name, value in (("width", 0.05), ("epochs", 50), ("batch", 4))]
    before = sorted(tmp_path.rglob("*"))
    command = ["train", str(lost), "--recipe", HEPATECTOMY.id, "--dry-run", "--device", "cpu", "--repeats", "3"]
    assert main([*command, *settings]) == 0
    said = capsys.readouterr().out
    assert "for 10 cases" in said
    assert "an epoch: about" in said
    assert "at most 50 epochs of each of 3 networks: about" in said
    assert "memory: about" in said
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--engine", "background"], "the model has no name"),
        (["--engine", "background", "--name", "a", "--out", "b"], "kept with the training until it is installed"),
        (["--engine", "background", "--name", "a b"], "not a safe name"),
        (["--name", "a", "--out", "b"], "the model is named as its folder"),
        ([], "no folder for the model is named"),
    ],
)
def test_what_does_not_go_together_is_refused_before_the_cohort_is_read(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "nowhere", "--recipe", "ltp", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show"], "needs the id of a training"),
        (["show", "00"], "there is no training '00'"),
        (["cancel", "../x"], "there is no training"),
        (["list", "00"], "takes no training"),
    ],
)
def test_a_training_that_is_not_there_is_told(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_cancelled_training_leaves_no_process_also_where_its_conductor_is_gone(
    cohort: Path, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tmp_path, monkeypatch)
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    trainings = Trainings()
    training_id = begin(trainings, cohort)
    conductor = pid_of(trainings.folder(training_id))
    assert conductor is not None
    trainings.cancel(training_id)
    assert is_gone(conductor)
    assert trainings.list()[0].state == "cancelled"

    toy = Root(root)  # a member at work whose conductor was killed
    folder = trainings.folder("abc")
    folder.mkdir()
    Training("abc", "toy", "toy", {}, str(cohort), 1.0).write(folder)
    written = {"plans": [toy.plan], "digest": toy.digest, "problems": []}
    (folder / "prepared.json").write_text(json.dumps(written))
    toy.submit()
    member = pid_of(toy.run)
    assert member is not None
    trainings.cancel("abc")
    until(lambda: is_gone(member), 5)
    assert trainings.refresh("abc").members[0].run.state == "cancelled"
    assert trainings.refresh("abc").summary.state == "cancelled"


def test_two_hundred_trainings_are_listed_and_looked_at_in_no_time(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = [{"fold": fold, "repeat": 0, "options": OPTIONS, "seed": fold} for fold in range(5)]
    trainings = Trainings()
    for number in range(200):
        name = f"{number:010x}"
        folder = trainings.folder(name)
        (folder / "events").mkdir(parents=True)
        engine = "slurm" if number % 4 == 0 else "background"
        Training(name, "m", HEPATECTOMY.id, OPTIONS, "/c", float(number), engine).write(folder)  # type: ignore[arg-type]
        prepared = {"plans": plans, "digest": name, "problems": [], "record": {"image_fingerprints": [[0.5] * 8] * 200}}
        (folder / "prepared.json").write_text(json.dumps(prepared))
        lines = [{"kind": "started"}, *({"kind": "progress", "share": n / 300} for n in range(200))]
        last = ("done", "failed", "progress", "prepared")[number % 4]
        text = "".join(json.dumps({"v": 1, "t": 1.0, **line}) + "\n" for line in [*lines, {"kind": last}])
        (folder / "events" / "1.jsonl").write_text(text)
        (folder / "lease").write_text(
            json.dumps({"attempt": "1", "computer": os.uname().nodename, "pid": 1, "life": "x"})
        )
    began = time.process_time()
    found = trainings.list()
    listed = time.process_time() - began
    assert len(found) == 200
    assert {one.state for one in found} == {"done", "failed", "lost", "waiting"}
    began = time.process_time()
    for one in found:
        trainings.refresh(one.training.id)
    looked = time.process_time() - began
    with capsys.disabled():
        print(f"\n200 trainings: listed in {1000 * listed:.0f} ms, each looked at in {1000 * looked / 200:.1f} ms")
    assert listed < 1, "of the processor"
    assert looked < 4
