"""``hccassist jobs``: trainings that go on without a terminal."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import Progress, say, say_json, table, warn
from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.runs.executor import Executor
from HCCAssistLib.jobs.runs.state import RunState
from HCCAssistLib.jobs.runs.status import TrainingStatus, TrainingSummary
from HCCAssistLib.jobs.runs.trainings import Trainings
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.models.store import ModelStore, default_store
from HCCAssistLib.wording import duration

ACTIONS = {
    "list": "all trainings",
    "show": "how one stands",
    "log": "what it said last",
    "cancel": "end it; it can go on later",
    "resume": "go on with one that was cancelled, failed or is lost",
    "retry": "the same, and begin anew what failed",
    "install": "the trained model among the installed ones",
    "remove": "delete it, but not the installed model",
}

LOG_LINES = 40


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "jobs", help="trainings in the background: list, show, log, cancel, resume, retry, install or remove"
    )
    parser.add_argument("action", choices=tuple(ACTIONS), help="; ".join(f"{n}: {w}" for n, w in ACTIONS.items()))
    parser.add_argument("training", nargs="?", metavar="ID", help="of the training; its first letters will do")
    parser.add_argument("--store", type=Path, help="folder of the installed models, for install")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Look at trainings, or do one thing with one of them."""
    trainings = Trainings()
    if args.action == "list":
        if args.training:
            raise InputError("jobs list takes no training", remedy=f"write jobs show {args.training}")
        _list(trainings, as_json=args.json)
        return
    if not args.training:
        raise InputError(f"jobs {args.action} needs the id of a training", remedy="see: hccassist jobs list")
    training_id = _whole_id(trainings, args.training)
    if args.action == "log":
        lines = trainings.log_tail(training_id, LOG_LINES)
        say_json({"log": list(lines)}) if args.json else say("\n".join(lines))
    elif args.action == "install":
        package = trainings.install(training_id, ModelStore(args.store or default_store()))
        if args.json:
            say_json({"model": package.card.as_json(), "folder": str(package.folder)})
        else:
            say(f"installed {package.card.name}")
            warn(model_warnings(package.card))
    elif args.action == "remove":
        trainings.remove(training_id, executor_of(trainings, training_id))
        say_json({"removed": training_id}) if args.json else say(f"removed {training_id}")
    else:
        _steer(args, trainings, training_id)


def executor_of(trainings: Trainings, training_id: str) -> Executor | None:
    """The engine of a training that is trained elsewhere, None for this computer."""
    training = trainings.get(training_id)
    if training.engine == "background":
        return None
    from HCCAssistLib.jobs.cluster.prompts import ConsolePrompts
    from HCCAssistLib.jobs.cluster.slurm import connected

    return connected(training.profile, ConsolePrompts())


def _whole_id(trainings: Trainings, begins: str) -> str:
    """The id that begins so.

    Raises:
        InputError: none does, or several.
    """
    found = [one.training.id for one in trainings.list() if one.training.id.startswith(begins)]
    if len(found) > 1:
        raise InputError(f"several trainings begin with {begins!r}", remedy=f"write one of {', '.join(found)}")
    return found[0] if found else trainings.get(begins).id


def _steer(args: argparse.Namespace, trainings: Trainings, training_id: str) -> None:
    """Cancel, go on or nothing, and then how it stands."""
    executor = executor_of(trainings, training_id)
    try:
        if args.action == "cancel":
            trainings.cancel(training_id, executor)
        elif args.action == "resume":
            trainings.resume(training_id, executor)
        elif args.action == "retry":
            trainings.retry(training_id, executor)
        status = trainings.refresh(training_id, executor, Progress("jobs"))
    finally:
        if executor:
            executor.close()
    if args.json:
        say_json(_status_json(status))
    else:
        say(_shown(status))


def _list(trainings: Trainings, *, as_json: bool) -> None:
    found = trainings.list()
    if as_json:
        say_json({"trainings": [asdict(one) for one in found]})
        return
    rows = [
        (
            one.training.id,
            one.training.name,
            one.training.recipe,
            one.training.profile or one.training.engine,
            _state(one),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(one.training.created)),
        )
        for one in found
    ]
    say(table(("id", "model", "recipe", "where", "state", "begun"), rows) if rows else "there are no trainings")


def _state(summary: TrainingSummary) -> str:
    """``running, 45 %, about 3 min left``."""
    share = f"{100 * summary.share:.0f} %" if summary.state in ("running", "queued") else ""
    left = "" if summary.remaining_s is None else f"about {duration(summary.remaining_s)} left"
    return ", ".join(filter(None, (summary.state, share, left)))


def _shown(status: TrainingStatus) -> str:
    summary = status.summary
    training = summary.training
    lines = [
        f"{training.id}  {training.name}, {training.recipe}: {_state(summary)}",
        *filter(None, (summary.what if summary.state == "running" else "", summary.message)),
    ]
    if status.members:
        rows = [(one.name, one.run.state, _epochs(one.run), _losses(one.run)) for one in status.members]
        lines.append(table(("network", "state", "epoch", "loss, validation"), rows))
    lines += [f"warning: {problem}" for problem in status.problems]
    if status.package:
        lines.append(f"model in {status.package}")
        lines.append(f"hccassist jobs install {training.id}")
    lines += filter(None, (f"report in {status.report}" if status.report else "", status.note))
    return "\n".join(lines)


def _epochs(run: RunState) -> str:
    return f"{run.epoch} of {run.epochs}" if run.epochs else ""


def _losses(run: RunState) -> str:
    if not run.history:
        return ""
    last = run.history[-1]
    return f"{last['train_loss']:.4f}, {last['validation_loss']:.4f}"


def _status_json(status: TrainingStatus) -> dict[str, Any]:
    return {
        **asdict(status),
        "package": str(status.package) if status.package else None,
        "report": str(status.report) if status.report else None,
    }
