"""``hccassist train --engine slurm``: begins a training on a cluster and follows it to its model."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from HCCAssistLib.cli.console import Progress, complain, say, warn
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.jobs.cluster.check import waits_for_ever
from HCCAssistLib.jobs.cluster.connection import Connection, ConnectionLost
from HCCAssistLib.jobs.cluster.install import check_python
from HCCAssistLib.jobs.cluster.profile import read_profile
from HCCAssistLib.jobs.cluster.prompts import ConsolePrompts
from HCCAssistLib.jobs.cluster.slurm import Slurm
from HCCAssistLib.jobs.runs.status import TrainingStatus
from HCCAssistLib.jobs.runs.trainings import Trainings

PREPARING_SECONDS, LOOK_SECONDS, LOST_SECONDS = 1.0, 5.0, 60.0
"""Between two looks: while the cohort is read here, while the cluster works, while it cannot be reached."""


def train_on_cluster(args: argparse.Namespace, begin: Callable[..., str]) -> None:
    """Train on a cluster; when this is stopped, the training goes on there, and ``jobs`` brings its model.

    Args:
        args: of the command.
        begin: begins a training and gives its id.

    Raises:
        InputError: the profile or the cluster cannot be used for this.
        HCCAssistError: the training failed.
    """
    profile = read_profile(args.profile)
    with Connection(profile, ConsolePrompts()) as connection:
        check_python(connection)
        problems = waits_for_ever(connection)
        warn(problem for problem in problems if problem.level == "WARN")
        if stops := [problem for problem in problems if problem.level == "STOP"]:
            raise InputError(stops)
        engine = Slurm(connection)
        named = str(Path(args.profile).absolute()) if Path(args.profile).is_file() else args.profile
        training_id = begin(profile=named, threads=profile.cpus)
        args.stopped = f"What the cluster has got goes on; later: hccassist jobs show {training_id}"
        status = _follow(Trainings(), training_id, engine)
    if status.summary.state != "done":
        raise HCCAssistError(status.summary.message or f"the training is {status.summary.state}.")
    say(f"model in {status.package}")
    say(f"hccassist jobs install {training_id}")


def _follow(trainings: Trainings, training_id: str, engine: Slurm) -> TrainingStatus:
    """Look again and again until nothing more is to come."""
    progress, sending = Progress("train"), Progress("train")
    told = ""
    while True:
        try:
            status = trainings.refresh(training_id, engine, sending)
            told = ""
        except ConnectionLost as error:
            if str(error) != told:
                told = str(error)
                complain(told)
            time.sleep(LOST_SECONDS)
            continue
        summary = status.summary
        at_work = any(member.run.is_open for member in status.members)
        if summary.state in ("done", "failed", "cancelled") or (summary.state == "lost" and not at_work):
            if summary.state == "done":
                progress("done", 1.0)
            return status
        progress(summary.what or summary.state, summary.share)
        time.sleep(LOOK_SECONDS if status.members else PREPARING_SECONDS)
