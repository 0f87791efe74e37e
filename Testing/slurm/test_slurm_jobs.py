"""Members trained by a real Slurm, and everything that can go wrong meanwhile: nothing is lost, and weights stay."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Answers
from private_cluster import PrivateCluster
from runs_toy import ONE_THREAD, write_pack

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.jobs.cluster.connection import Connection
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.jobs.cluster.slurm import Slurm, job_name
from HCCAssistLib.jobs.runs.events import RunEvent
from HCCAssistLib.jobs.runs.runs import RESULT, cancel, fetch, poll, resume, retry, run_key, send_pack, submit
from HCCAssistLib.jobs.runs.state import RunState, run_state
from HCCAssistLib.training.member import Member, run_member
from HCCAssistLib.training.pack import Pack

pytestmark = pytest.mark.heavy

SLOWLY = 0.05
"""Seconds of a batch, where something is to happen in the middle of a training."""


def until(happened: Callable[[], Any], seconds: float = 150.0) -> Any:
    """What a condition gives as soon as it gives something; each look asks the cluster."""
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)
    return found


class Site:
    """A ROOT on the cluster with a pack of the toy and two planned members."""

    def __init__(self, cluster: PrivateCluster, profile: Profile, folder: Path, **options: Any) -> None:
        self.cluster = cluster
        self.pack = folder / "pack"
        self.digest, self.plans = write_pack(self.pack, **options)
        self.keys = [run_key(plan.as_json(), self.digest) for plan in self.plans]
        self.key = self.keys[0]
        self.slurm = Slurm(Connection(profile, Answers()))
        send_pack(self.slurm.files, self.pack)

    @property
    def run(self) -> Path:
        return Path(self.slurm.files.root) / "runs" / self.key

    def submit(self, member: int = 0) -> str:
        return submit(self.slurm, self.plans[member].as_json(), self.digest, ONE_THREAD)

    def state(self, key: str = "") -> RunState:
        key = key or self.key
        engine = self.slurm.engine_states([key])[key]  # before the events: then none comes behind it
        return run_state(poll(self.slurm.files, key)[0], engine)

    def events(self, *kinds: str) -> list[RunEvent]:
        return [event for event in poll(self.slurm.files, self.key)[0] if event.kind in kinds]

    def until(self, state: str, key: str = "") -> RunState:
        found = until(lambda: one if (one := self.state(key)).state == state else None)
        assert isinstance(found, RunState)
        return found

    def until_epoch(self, epoch: int = 1) -> None:
        until(lambda: any(event.epoch >= epoch for event in self.events("epoch")))

    def jobs(self) -> list[str]:
        listed = self.cluster.slurm("squeue", "--noheader", f"--name={job_name(self.key)}", "--format=%i %T")
        return listed.splitlines()

    def job(self) -> str:
        return self.jobs()[0].split()[0]

    def weights(self, folder: Path) -> bytes:
        fetch(self.slurm.files, self.key, folder)
        return (folder / RESULT).read_bytes()


@pytest.fixture
def make(
    private_cluster: PrivateCluster, own_root: Profile, toy: Callable[[float], None], tmp_path: Path
) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []
    code = private_cluster.folder / "root" / "code"  # installed once for all tests
    code.mkdir(parents=True, exist_ok=True)

    def site(seconds: float = 0.0, profile: Profile = own_root, **options: Any) -> Site:
        toy(seconds)
        Path(profile.root).mkdir(exist_ok=True)
        Path(profile.root, "code").symlink_to(code)
        made.append(Site(private_cluster, profile, tmp_path / f"site-{len(made)}", **options))
        return made[-1]

    yield site
    for one in made:
        for key in one.keys:
            one.slurm.kill(key)
        until(lambda one=one: not any(one.jobs()))
        one.slurm.close()


@pytest.fixture
def plain(tmp_path: Path) -> Callable[[Site], bytes]:
    """The weights of the plain command on this computer, never interrupted."""

    def train(site: Site, member: int = 0) -> bytes:
        folder = tmp_path / f"plain-{member}"
        folder.mkdir()
        site.plans[member].write(folder)
        run_member(Member(site.plans[member], folder, Pack(site.pack)))
        return (folder / RESULT).read_bytes()

    return train


def test_two_members_train_side_by_side_and_have_the_weights_of_the_plain_command(
    make: Callable[..., Site], plain: Callable[..., bytes], tmp_path: Path
) -> None:
    site = make()
    for member in range(2):
        site.submit(member)
    site.submit()  # once more: attached to, not begun again
    assert len(site.jobs()) == 1
    for member, key in enumerate(site.keys):
        site.until("done", key)
        fetch(site.slurm.files, key, tmp_path / key)
        assert (tmp_path / key / RESULT).read_bytes() == plain(site, member)
    both = dict.fromkeys(site.keys, "ended")
    assert site.slurm.engine_states([*site.keys, "f" * 64]) == {**both, "f" * 64: None}
    site.submit()
    assert site.jobs() == []  # what is finished is not done again


def test_a_job_that_is_requeued_goes_on_at_once_and_comes_to_the_same_weights(
    make: Callable[..., Site], plain: Callable[..., bytes], tmp_path: Path
) -> None:
    site = make(SLOWLY)
    site.submit()
    site.until_epoch()
    site.cluster.slurm("scontrol", "requeue", site.job())
    began = time.time()
    found = site.until("done")
    assert site.events("started")[1].t - began < 60  # Slurm itself waits two minutes
    assert found.attempts == 2
    assert [entry["epoch"] for entry in found.history] == [1, 2, 3, 4]
    assert site.weights(tmp_path) == plain(site)


@pytest.mark.slow
def test_a_job_that_is_preempted_goes_on_when_the_urgent_one_is_through(
    make: Callable[..., Site], plain: Callable[..., bytes], tmp_path: Path
) -> None:
    site = make(0.3)
    site.submit()
    site.until_epoch()
    site.cluster.slurm("sbatch", "-p", "urgent", "-N2", "--exclusive", "--output=/dev/null", "--wrap=sleep 3")
    found = site.until("done")
    assert found.attempts == 2
    assert site.events("preempted")
    assert site.weights(tmp_path) == plain(site)


def test_of_two_live_attempts_after_a_lost_node_the_newer_one_owns_the_run(
    make: Callable[..., Site], plain: Callable[..., bytes], tmp_path: Path
) -> None:
    site = make(SLOWLY)
    site.submit()
    site.until_epoch()
    node = site.cluster.slurm("squeue", "--noheader", f"--job={site.job()}", "--format=%N").strip()
    site.cluster.order("kill", f"slurmd.{node}")  # the training on it lives on
    try:
        site.cluster.slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost")
        found = site.until("done")
    finally:
        site.cluster.order("start", f"slurmd.{node}")
        site.cluster.slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")
    until(lambda: site.events("fenced"))
    assert found.attempts == 2
    assert site.weights(tmp_path) == plain(site)
    until(lambda: site.cluster.slurm("sinfo", "-h", "-N", "-p", "normal", "-o", "%T").split() == ["idle", "idle"])


def test_while_the_controller_is_gone_a_job_goes_on_and_nothing_counts_as_lost(
    make: Callable[..., Site], plain: Callable[..., bytes], tmp_path: Path
) -> None:
    site = make(SLOWLY)
    site.submit()
    site.until_epoch()
    site.cluster.order("kill", "slurmctld")
    try:
        with pytest.raises(HCCAssistError, match="Slurm does not answer at the moment"):
            site.state()
        site.until_epoch(3)
    finally:
        site.cluster.order("start", "slurmctld")
    until(lambda: "hcc-" in site.cluster.slurm("squeue", "--states=all"))
    found = site.until("done")
    assert found.attempts == 1
    assert site.weights(tmp_path) == plain(site)


@pytest.mark.slow
def test_of_two_submissions_of_one_run_one_at_a_time_runs_and_the_second_finds_it_done(
    make: Callable[..., Site],
) -> None:
    site = make(SLOWLY)
    site.submit()
    site.slurm.start(site.key)  # as by a second computer that asked in the same moment
    site.until("running")
    assert sorted(line.split()[1] for line in site.jobs()) == ["PENDING", "RUNNING"]
    until(lambda: not site.jobs())
    assert [event.kind for event in site.events("done", "already_done", "failed")] == ["done", "already_done"]
    assert site.state().state == "done"


@pytest.mark.slow
def test_cancelling_ends_what_runs_and_what_waits_and_both_can_go_on(
    make: Callable[..., Site], own_root: Profile
) -> None:
    site = make(SLOWLY, replace(own_root, cpus=2))
    site.submit()
    site.until_epoch()
    began = time.monotonic()
    cancel(site.slurm, site.key)
    until(lambda: not site.jobs())
    assert time.monotonic() - began < 15
    assert site.until("cancelled").history
    site.cluster.slurm("scontrol", "update", "PartitionName=normal", "State=DOWN")
    try:
        assert resume(site.slurm, site.key)
        site.until("queued")
        cancel(site.slurm, site.key)
        site.until("cancelled")
    finally:
        site.cluster.slurm("scontrol", "update", "PartitionName=normal", "State=UP")
    assert resume(site.slurm, site.key)
    assert site.until("done").attempts == 2


@pytest.mark.slow
def test_a_job_that_is_killed_is_lost_and_goes_on_when_it_is_tried_again(
    make: Callable[..., Site], plain: Callable[..., bytes], tmp_path: Path
) -> None:
    site = make(SLOWLY)
    site.submit()
    site.until_epoch()
    listed = site.cluster.slurm("scontrol", "listpids", site.job()).splitlines()[1:]
    for line in listed:
        os.kill(int(line.split()[0]), signal.SIGKILL)
    assert "without a word" in site.until("lost").message
    assert retry(site.slurm, site.key)
    assert site.until("done").attempts == 2
    assert site.weights(tmp_path) == plain(site)


@pytest.mark.slow
def test_before_the_time_limit_a_job_queues_itself_again_and_goes_on(
    make: Callable[..., Site], own_root: Profile, plain: Callable[..., bytes], tmp_path: Path
) -> None:
    site = make(0.6, replace(own_root, time_limit="00:01:00", warning_s=55))
    site.submit()
    found = site.until("done")
    assert found.attempts >= 2
    assert site.events("preempted")
    assert site.weights(tmp_path) == plain(site)
