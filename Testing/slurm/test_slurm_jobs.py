"""Members trained by a real Slurm, and everything that can go wrong meanwhile: nothing is lost, and weights stay."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_person import Answers
from cluster_site import Site, until
from cluster_toy import Toy
from private_cluster import PrivateCluster

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.jobs.runs.runs import cancel, resume, retry

pytestmark = pytest.mark.slow

Make = Callable[..., Site]


@pytest.fixture
def make(private_cluster: PrivateCluster, own_root: Profile, toy: Toy, tmp_path: Path) -> Iterator[Make]:
    """Makes a ROOT; where it is to wait in its second epoch, the first member is submitted and has come that far."""
    made: list[Site] = []
    code = private_cluster.folder / "root" / "code"  # installed once for all tests
    code.mkdir(parents=True, exist_ok=True)

    def site(profile: Profile = own_root, *, waiting: bool = True) -> Site:
        Path(profile.root).mkdir(exist_ok=True)
        Path(profile.root, "code").symlink_to(code)
        new = Site(private_cluster, profile, Answers(), tmp_path / f"site-{len(made)}")
        made.append(new)
        if waiting:
            toy.hold()
            new.submit()
            new.until_epoch()
        return new

    yield site
    for one in made:
        for key in one.keys:
            one.slurm.kill(key)
        until(lambda one=one: not any(one.jobs()))
        one.slurm.close()


def test_two_members_train_side_by_side_and_have_the_weights_of_the_plain_command(make: Make) -> None:
    site = make(waiting=False)
    for member in range(2):
        site.submit(member)
    site.submit()  # once more: attached to, not begun again
    assert len(site.jobs()) == 1
    for member, key in enumerate(site.keys):
        site.until("done", key)
        assert site.weights(member) == site.plain(member)
    both = dict.fromkeys(site.keys, "ended")
    assert site.slurm.engine_states([*site.keys, "f" * 64]) == {**both, "f" * 64: None}
    site.submit()
    assert site.jobs() == []  # what is finished is not done again


@pytest.mark.slow
def test_a_job_asks_for_what_the_profile_says_loads_its_modules_and_has_the_graphics_card(
    make: Make, own_root: Profile, private_cluster: PrivateCluster
) -> None:
    home = private_cluster.folder / "home"
    (home / ".bash_profile").write_text(f'module() {{ echo "$* $CUDA_VISIBLE_DEVICES" > {home}/loaded; }}\n')
    asked = replace(own_root, gres="gpu:1", cpus=2, memory="3G", time_limit="00:05:00", modules=("python/3.11", "cuda"))
    try:
        site = make(asked, waiting=False)
        site.slurm.start(site.key)  # without a plan: it ends at once
        job = dict(part.split("=", 1) for part in site.cluster.slurm("scontrol", "show", "job").split() if "=" in part)
        assert job["JobName"] == f"hcc-{site.key[:16]}"
        assert (job["TimeLimit"], job["NumCPUs"], job["MinMemoryNode"], job["Requeue"]) == ("00:05:00", "2", "3G", "1")
        assert job["TresPerNode"] == "gres:gpu:1"
        assert job["StdOut"] == f"{site.run}/log"
        until(lambda: not site.jobs())
        assert (home / "loaded").read_text() == "load python/3.11 cuda 0\n"
        assert "cannot be read" in site.state().message
    finally:
        (home / ".bash_profile").unlink()


@pytest.mark.slow
def test_a_job_that_is_requeued_goes_on_at_once_and_comes_to_the_same_weights(make: Make, toy: Toy) -> None:
    site = make()
    began = time.time()
    site.cluster.slurm("scontrol", "requeue", site.job())
    until(lambda: site.state() and len(site.events("started")) == 2)  # whoever asks lets it begin at once
    toy.go_on()
    found = site.until("done")
    assert site.events("started")[1].t - began < 60  # Slurm itself waits two minutes
    assert found.attempts == 2
    assert [entry["epoch"] for entry in found.history] == [1, 2, 3, 4]
    site.went_on("requeued by hand", "the job, by scontrol requeue", began)


@pytest.mark.slow
def test_a_job_that_is_preempted_goes_on_when_the_urgent_one_is_through(make: Make, toy: Toy) -> None:
    site = make()
    site.cluster.slurm("sbatch", "-p", "urgent", "-N2", "--exclusive", "--output=/dev/null", "--wrap=sleep 3")
    until(lambda: site.state() and len(site.events("started")) == 2)
    toy.go_on()
    assert site.until("done").attempts == 2
    (preempted,) = site.events("preempted")
    site.went_on("preempted for 3 s", "the job, by a partition of higher priority", preempted.t)


@pytest.mark.slow
def test_of_two_live_attempts_after_a_lost_node_the_newer_one_owns_the_run(make: Make, toy: Toy) -> None:
    site = make()
    node = site.cluster.slurm("squeue", "--noheader", f"--job={site.job()}", "--format=%N").strip()
    site.cluster.order("kill", f"slurmd.{node}")  # the training on it lives on
    began = time.time()
    try:
        site.cluster.slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost")
        until(lambda: site.state() and len(site.events("started")) == 2)
        toy.go_on()  # both
        assert site.until("done").attempts == 2
    finally:
        site.cluster.order("start", f"slurmd.{node}")
        site.cluster.slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")
    until(lambda: site.events("fenced"))
    site.went_on("node lost, its trainer lives on", "slurmd, by SIGKILL; the older trainer ends itself", began)
    until(lambda: site.cluster.slurm("sinfo", "-h", "-N", "-p", "normal", "-o", "%T").split() == ["idle", "idle"])


@pytest.mark.slow
def test_while_the_controller_is_gone_a_job_goes_on_and_nothing_counts_as_lost(make: Make, toy: Toy) -> None:
    site = make()
    began = time.time()
    site.cluster.order("kill", "slurmctld")
    try:
        with pytest.raises(HCCAssistError, match="Slurm does not answer at the moment"):
            site.state()
        toy.go_on()
        until(lambda: site.events("done"))
    finally:
        site.cluster.order("start", "slurmctld")
    until(lambda: "hcc-" in site.cluster.slurm("squeue", "--states=all"))
    assert site.until("done").attempts == 1
    site.went_on("controller lost", "slurmctld, by SIGKILL, and started again", began)


@pytest.mark.slow
def test_of_two_submissions_of_one_run_one_at_a_time_runs_and_the_second_finds_it_done(make: Make, toy: Toy) -> None:
    site = make()
    site.slurm.start(site.key)  # as by a second computer that asked in the same moment
    assert sorted(line.split()[1] for line in site.jobs()) == ["PENDING", "RUNNING"]
    toy.go_on()
    until(lambda: not site.jobs())
    assert [event.kind for event in site.events("done", "already_done", "failed")] == ["done", "already_done"]
    assert site.state().state == "done"


@pytest.mark.slow
def test_cancelling_ends_what_runs_and_what_waits_and_both_can_go_on(make: Make, own_root: Profile, toy: Toy) -> None:
    site = make(replace(own_root, cpus=2))
    cancel(site.slurm, site.key)
    until(lambda: not site.jobs(), 20)
    toy.go_on()
    assert site.until("cancelled").history
    site.cluster.slurm("scontrol", "update", "PartitionName=normal", "State=DOWN")
    try:
        assert resume(site.slurm, site.key)
        site.until("queued")
        cancel(site.slurm, site.key)
        site.until("cancelled")
    finally:
        site.cluster.slurm("scontrol", "update", "PartitionName=normal", "State=UP")
    began = time.time()
    assert resume(site.slurm, site.key)
    assert site.until("done").attempts == 2
    site.went_on("cancelled twice, and gone on with", "the job, by scancel", began)


@pytest.mark.slow
def test_a_job_that_is_killed_is_lost_and_goes_on_when_it_is_tried_again(make: Make, toy: Toy) -> None:
    site = make()
    began = time.time()
    for line in site.cluster.slurm("scontrol", "listpids", site.job()).splitlines()[1:]:
        os.kill(int(line.split()[0]), signal.SIGKILL)
    assert "without a word" in site.until("lost").message
    toy.go_on()
    assert retry(site.slurm, site.key)
    assert site.until("done").attempts == 2
    site.went_on("killed without a word", "trainer and script, by SIGKILL", began)


@pytest.mark.slow
@pytest.mark.timeout(600)  # Slurm counts in minutes, and looks each half
def test_before_the_time_limit_a_job_queues_itself_again_and_goes_on(make: Make, own_root: Profile, toy: Toy) -> None:
    toy.batches_take(2.0)
    site = make(replace(own_root, time_limit="00:02:00", warning_s=20), waiting=False)
    site.submit()
    until(lambda: site.state().state == "done", 500)
    assert site.state().attempts >= 2
    site.went_on("time limit", "the job, by itself when Slurm warned it", site.events("preempted")[0].t)


@pytest.mark.slow
def test_a_time_limit_that_is_too_short_for_an_epoch_is_said_instead_of_trying_for_ever(
    make: Make, own_root: Profile, toy: Toy
) -> None:
    toy.batches_take(30.0)
    site = make(replace(own_root, time_limit="00:01:00", warning_s=30), waiting=False)
    site.submit()
    assert "shorter than an epoch takes" in site.until("failed").message
    assert site.jobs() == []


@pytest.mark.slow
def test_on_a_full_disk_a_member_says_so_and_goes_on_when_there_is_room(
    make: Make, own_root: Profile, toy: Toy, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        site = make(replace(own_root, root=str(disk / "root")))
        filling = disk / "filling"
        with pytest.raises(OSError, match="No space left"):
            filling.write_bytes(bytes(4 << 20))
        toy.go_on()
        assert "disk is full" in site.until("failed").message
        until(lambda: not site.jobs())
        filling.unlink()
        began = time.time()
        assert resume(site.slurm, site.key)
        assert site.until("done").attempts == 2
        site.went_on("disk full", "the trainer, by itself with its last words", began)
        site.slurm.close()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
