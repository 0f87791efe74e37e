"""The members of a training on an engine that is elsewhere: sent, submitted, watched, brought back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.jobs.runs.events import ENDING, EVENTS
from HCCAssistLib.jobs.runs.executor import EngineState, Executor
from HCCAssistLib.jobs.runs.files import Files, LocalFiles
from HCCAssistLib.jobs.runs.runs import (
    CANCEL,
    MANIFEST,
    PACKS,
    PLAN,
    RESULT,
    RunSettings,
    fetch,
    poll,
    retry,
    run_folder,
    send_pack,
    submit,
)
from HCCAssistLib.jobs.runs.state import RunState, run_state
from HCCAssistLib.jobs.runs.training_file import Training
from HCCAssistLib.jobs.runs.training_folder import SEEN, TrainingFolder
from HCCAssistLib.locks import locked

SENDING = "sending the data"
ATTENDED = ".attended"


def attend(
    training: Training,
    folder: TrainingFolder,
    local: LocalFiles,
    executor: Executor,
    progress: Callable[[str, float], None] | None = None,
) -> None:
    """Do what is due for a training whose cohort has been prepared: send, submit, look, go on with, bring back.

    What was seen is kept in the folder, so that it can be shown without a connection. Where another process of this
    computer is at it, which may be sending the same data, nothing is done.

    Args:
        training: what was asked for.
        folder: of it.
        local: the ROOT on this computer.
        executor: of the engine.
        progress: called with what is being done, and how much of it, 0 to 1.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder.path / ATTENDED, "training"))
        except HCCAssistError:  # held
            return
        _attend(training, folder, local, executor, progress)


def _attend(
    training: Training,
    folder: TrainingFolder,
    local: LocalFiles,
    executor: Executor,
    progress: Callable[[str, float], None] | None,
) -> None:
    digest, members = folder.digest, folder.members
    open_ = [one for one in members if not local.exists(f"{run_folder(one.key)}/{RESULT}")]
    if not open_ or local.exists(f"{folder.below_root}/{CANCEL}"):
        return
    if not executor.files.exists(f"{PACKS}/{digest}/{MANIFEST}"):
        source = local.path(f"{PACKS}/{digest}")
        send_pack(executor.files, source, lambda sent, all_: progress and progress(SENDING, sent / max(all_, 1)))
    settings = RunSettings(training.device, training.threads)
    for member in open_:
        if not executor.files.exists(f"{run_folder(member.key)}/{PLAN}"):
            submit(executor, member.plan, digest, settings)
    engine = executor.engine_states([member.key for member in open_])
    for member in open_:
        mirror_events(executor.files, local, member.key)
        state = run_state(poll(local, member.key)[0], engine[member.key]).state
        if state == "done":
            fetch(executor.files, member.key, local.path(run_folder(member.key)))
        elif state == "waiting":  # its folder was written, and the connection broke before it was submitted
            submit(executor, member.plan, digest, settings)
        elif state == "lost" and retry(executor, member.key):
            engine[member.key] = "queued"
    folder.write(SEEN, {"engine": {**folder.seen.get("engine", {}), **engine}})


def mirror_events(there: Files, local: LocalFiles, key: str) -> None:
    """Add what a run has said since the last look to the copy of its events on this computer."""
    events = f"{run_folder(key)}/{EVENTS}"
    for name in there.names(events):
        path = f"{events}/{name}"
        known = local.size(path) or 0
        if name.endswith(ENDING) and (there.size(path) or 0) > known:
            data = there.read(path, known)
            target = local.path(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab") as file:
                file.write(data[: data.rfind(b"\n") + 1])


def member_state(local: LocalFiles, key: str, engine: EngineState) -> RunState:
    """How a member stands by its events on this computer and the last word of its engine."""
    return run_state(poll(local, key)[0], engine)
