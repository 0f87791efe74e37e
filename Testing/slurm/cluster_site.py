"""Runs of the toy method on a private cluster, as the tests of jobs see them, and what a fault cost them."""

from __future__ import annotations

import json
import os
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
from HCCAssistLib.training.member import Member, run_member
from HCCAssistLib.training.pack import Pack

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

    def until_started(self, attempts: int) -> None:
        until(lambda: len(self.events("started")) >= attempts)

    def jobs(self) -> list[str]:
        listed = self.cluster.slurm("squeue", "--noheader", f"--name={job_name(self.key)}", "--format=%i %T")
        return listed.splitlines()

    def job(self) -> str:
        return self.jobs()[0].split()[0]

    def weights(self, member: int = 0) -> bytes:
        """What the cluster came to."""
        fetch(self.slurm.files, self.keys[member], self.folder / self.keys[member])
        return (self.folder / self.keys[member] / RESULT).read_bytes()

    def plain(self, member: int = 0) -> bytes:
        """What the plain command comes to on this computer, never interrupted."""
        folder = self.folder / f"plain-{member}"
        folder.mkdir()
        self.plans[member].write(folder)
        run_member(Member(self.plans[member], folder, Pack(self.pack)))
        return (folder / RESULT).read_bytes()

    def went_on(self, fault: str, ended: str, since: float) -> None:
        """Check that the run came to the weights of the plain command, and note what the fault cost.

        Args:
            fault: in words.
            ended: what was ended, and how.
            since: time of the fault, or of its end where it lasts.
        """
        self.until("done")
        same = self.weights() == self.plain()
        epochs = [(event.stage, event.epoch) for event in self.events("epoch")]
        begun = [event.t for event in self.events("started") if event.t > since]
        if FIGURES in os.environ:
            line = {
                "fault": fault,
                "ended": ended,
                "again": len(epochs) - len(set(epochs)),
                "same": same,
                "seconds": round(begun[0] - since, 1) if begun else 0.0,
            }
            with Path(os.environ[FIGURES]).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        assert same
