"""Runs of the toy method on a private cluster, as the tests of jobs see them, and what a fault cost them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from private_cluster import PrivateCluster
from runs_toy import ONE_THREAD, write_pack

from HCCAssistLib.jobs.cluster.connection import Connection
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.jobs.cluster.prompts import Prompts
from HCCAssistLib.jobs.cluster.slurm import Slurm, job_name
from HCCAssistLib.jobs.runs.events import RunEvent
from HCCAssistLib.jobs.runs.runs import RESULT, fetch, poll, run_key, send_pack, submit
from HCCAssistLib.jobs.runs.state import RunState, run_state

FIGURES = "HCCASSIST_CLUSTER_FIGURES"
"""Names a file that a line is added to for each fault; see ``benchmarks/cluster_faults.py``."""


def until(happened: Callable[[], Any], seconds: float = 150.0) -> Any:
    """What a condition gives as soon as it gives something; each look asks the cluster."""
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)
    return found


class Site:
    """A ROOT on the cluster with a pack of the toy and two planned members."""

    def __init__(
        self, cluster: PrivateCluster, profile: Profile, prompts: Prompts, folder: Path, **options: Any
    ) -> None:
        self.cluster, self.folder = cluster, folder
        self.pack = folder / "pack"
        self.digest, self.plans = write_pack(self.pack, **options)
        self.keys = [run_key(plan.as_json(), self.digest) for plan in self.plans]
        self.key = self.keys[0]
        self.slurm = Slurm(Connection(profile, prompts))
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
