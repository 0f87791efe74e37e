"""The command from a cohort to a model by a cluster: closed in the middle, gone on with, and equal to the plain one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_site import until
from hepatectomy_toy import write_toy_cohort
from private_cluster import PrivateCluster

from HCCAssistLib.jobs.cluster.profile import Profile, keep_profile

pytestmark = pytest.mark.slow

OUTCOMES = [(6, 1), (40, 0), (10, 1), (50, 0), (8, 1), (45, 0), (12, 1), (60, 0), (7, 1), (44, 0)]
OPTIONS = [f"--set={one}" for one in ("width=0.05", "epochs=4", "patience=4", "copies=2")]

Command = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "HCCAssistLib.cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "HCCASSIST_TRAINING": str(tmp_path / "trainings"), "OMP_NUM_THREADS": "1"},
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def said(process: subprocess.Popen[str], status: int = 0) -> str:
    out, err = process.communicate(timeout=200)
    assert process.returncode == status, err
    return out


@pytest.mark.slow
def test_a_training_survives_the_command_that_began_it_and_is_the_plain_one(
    private_cluster: PrivateCluster, own_root: Profile, command: Command, tmp_path: Path
) -> None:
    cohort = write_toy_cohort(tmp_path / "cohort", OUTCOMES)
    profile = replace(own_root, root=str(private_cluster.folder / "root"))
    keep_profile("ward", profile)
    how = [str(cohort), "--recipe", "hepatectomy-recurrence", "--device", "cpu", *OPTIONS]
    first = command("train", *how, "--engine", "slurm", "--profile", "ward", "--name", "model")
    until(lambda: "hcc-" in private_cluster.slurm("squeue", "--noheader", "--format=%j"))
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 1
    training_id = out.split()[0]
    assert f"What the cluster has got goes on; later: hccassist jobs show {training_id}" in err
    plain = command("train", *how, "--out", str(tmp_path / "plain" / "model"))
    listed = json.loads(said(command("jobs", "list", "--json")))["trainings"]
    assert [one["training"]["profile"] for one in listed] == ["ward"]

    def package() -> Path | None:
        status = json.loads(said(command("jobs", "show", training_id, "--json")))
        assert status["summary"]["state"] in ("queued", "running", "waiting", "done"), status
        return Path(status["package"]) if status["summary"]["state"] == "done" else None

    found = until(package)
    said(plain)
    names = sorted(path.name for path in found.iterdir())
    assert "model.json" in names
    assert len(names) > 1
    for name in names:
        assert (found / name).read_bytes() == (tmp_path / "plain" / "model" / name).read_bytes(), name
    sent = b"".join(
        path.read_bytes() for path in (private_cluster.folder / "root" / "runs").rglob("*") if path.is_file()
    )
    assert str(cohort).encode() not in sent


@pytest.mark.slow
def test_a_training_in_the_queue_is_cancelled_and_gone_on_with_by_the_command(
    private_cluster: PrivateCluster, own_root: Profile, command: Command, tmp_path: Path
) -> None:
    cohort = write_toy_cohort(tmp_path / "cohort", OUTCOMES)
    keep_profile("ward", replace(own_root, root=str(private_cluster.folder / "root")))
    how = [str(cohort), "--recipe", "hepatectomy-recurrence", "--device", "cpu", "--seed", "3", *OPTIONS]
    urgent = private_cluster.slurm(
        "sbatch", "--parsable", "-p", "urgent", "-N2", "--exclusive", "--output=/dev/null", "--wrap=sleep 200"
    ).strip()

    def waiting() -> str:
        return private_cluster.slurm("squeue", "--noheader", "--states=PENDING", "--format=%j")

    first = command("train", *how, "--engine", "slurm", "--profile", "ward", "--name", "model")
    until(lambda: "hcc-" in waiting())
    first.send_signal(signal.SIGINT)
    training_id = first.communicate(timeout=60)[0].split()[0]
    assert ": queued" in said(command("jobs", "show", training_id))
    assert ": cancelled" in said(command("jobs", "cancel", training_id))
    assert "hcc-" not in waiting()
    assert ": cancelled" in said(command("jobs", "show", training_id))
    private_cluster.slurm("scancel", urgent)
    said(command("jobs", "resume", training_id))
    until(lambda: ": done" in said(command("jobs", "show", training_id)))
    assert "model in" in said(command("jobs", "show", training_id))
    said(command("jobs", "remove", training_id))
    runs = Path(private_cluster.folder, "root", "runs")
    assert not any(path.name == "member.json" and '"seed": 3' in path.read_text() for path in runs.rglob("*.json"))


def test_a_request_that_would_wait_for_ever_is_refused_before_anything_is_begun(
    own_root: Profile, command: Command, tmp_path: Path
) -> None:
    keep_profile("ward", replace(own_root, time_limit="02:00:00"))
    cohort = write_toy_cohort(tmp_path / "cohort", OUTCOMES)
    begun = command(
        "train",
        str(cohort),
        "--recipe",
        "hepatectomy-recurrence",
        "--engine",
        "slurm",
        "--profile",
        "ward",
        "--name",
        "m",
    )
    _, err = begun.communicate(timeout=100)
    assert begun.returncode == 2
    assert "02:00:00 is longer than the 01:00:00 of the partition normal: a job would wait" in err
    assert not (tmp_path / "trainings").exists()
