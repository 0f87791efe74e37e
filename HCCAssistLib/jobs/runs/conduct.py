"""A training from its cohort to its package, in a process of its own that outlives whoever began it.

    python -m HCCAssistLib.jobs.runs.conduct ROOT ID

It reads and packs the cohort, trains the members one after the other where the engine is this computer, assembles the
package and writes a report on the test cases. Whatever is done already is not done again, so that one that was killed
goes on when the same line is run again. Where members are trained elsewhere it prepares, and once their results have
been brought here, it assembles.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.errors import Cancelled, HCCAssistError, InputError
from HCCAssistLib.files import remove, stored
from HCCAssistLib.jobs.events import event_of
from HCCAssistLib.jobs.runs.events import Kind, RunEvent
from HCCAssistLib.jobs.runs.local import LocalExecutor
from HCCAssistLib.jobs.runs.owner import Fenced, Owner, end_group
from HCCAssistLib.jobs.runs.runs import CANCEL, PACKS, RESULT, RunSettings, cancel, poll, retry, run_folder, submit
from HCCAssistLib.jobs.runs.state import run_state
from HCCAssistLib.jobs.runs.training_file import TRAININGS, Training
from HCCAssistLib.jobs.runs.training_folder import OUTCOME, PREPARED, REPORT, PlannedMember, TrainingFolder

if TYPE_CHECKING:
    from HCCAssistLib.training.job import Job

LOOK_SECONDS = 0.1
ASSEMBLED = 0.97
"""Share of the whole that is done when the package is there, and the test cases are left."""


def main(arguments: list[str], *, listen: bool = False) -> int:
    """Conduct a training; the exit status is that of ``attempt``."""
    root, training_id = Path(arguments[0]), arguments[1]
    return Owner(root / TRAININGS / training_id).run(partial(_conduct, root), listen=listen)


def _conduct(root: Path, owner: Owner) -> Kind:
    folder = TrainingFolder(owner.folder)
    training = Training.read(folder.path)
    if folder.outcome is not None:
        return "already_done"
    if folder.prepared is None:
        _prepare(root, training, folder, owner)
        folder = TrainingFolder(owner.folder)
    members = folder.members
    if training.engine == "background":
        _train_all(LocalExecutor(root), training, folder, owner)
    if not all((root / run_folder(member.key) / RESULT).exists() for member in members):
        return "prepared"
    _assemble(root, training, folder, owner)
    return "done"


def _prepare(root: Path, training: Training, folder: TrainingFolder, owner: Owner) -> None:
    """Read and pack the cohort."""
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.recipes.registry import all_columns
    from HCCAssistLib.training.manifest import BadPack, verified
    from HCCAssistLib.training.pack import Pack
    from HCCAssistLib.training.preparing import prepare
    from HCCAssistLib.training.run import READ

    def progress(done: float) -> None:
        owner.check()
        owner.progress("reading the cohort", READ * done)

    owner.say("progress", what="reading the cohort")
    cohort = read_cohort(Path(training.cohort), tolerant=True, known=all_columns())
    job = _job(training, folder).checked(cohort)
    pack = Pack(folder.path / "pack")
    try:
        prepared = prepare(cohort, job, pack, progress)
        owner.may_write()
        with stored("the samples of the training"):
            there = root / PACKS / prepared.digest
            there.parent.mkdir(parents=True, exist_ok=True)
            try:
                verified(there, prepared.digest)
            except BadPack:  # none of another training, or a damaged one
                remove(there)
                pack.folder.rename(there)
            folder.write(PREPARED, prepared.as_json())
    finally:
        remove(pack.folder)


def _train_all(executor: LocalExecutor, training: Training, folder: TrainingFolder, owner: Owner) -> None:
    from HCCAssistLib.training.run import READ, TRAINED

    members = folder.members
    share = (TRAINED - READ) / len(members)
    settings = RunSettings(training.device, training.threads)
    for number, member in enumerate(members):
        submit(executor, member.plan, folder.digest, settings)
        try:
            _wait_for(executor, member, number, len(members), share, READ, owner)
        except Cancelled:
            if (folder.path / CANCEL).exists():
                cancel(executor, member.key)
            raise


def _wait_for(
    executor: LocalExecutor, member: PlannedMember, number: int, members: int, share: float, start: float, owner: Owner
) -> None:
    """Relay what a member says until it is done.

    Raises:
        HCCAssistError: it failed, or is lost again and again.
    """
    from HCCAssistLib.training.run import member_words

    events: list[RunEvent] = []
    cursor: dict[str, int] = {}
    while True:
        owner.check()
        engine = executor.engine_states([member.key])[member.key]  # before the events: then none comes behind it
        more, cursor = poll(executor.files, member.key, cursor)
        events += more
        state = run_state(events, engine)
        if state.state == "done":
            return
        if state.state == "failed":
            raise HCCAssistError(state.message)
        if state.state == "cancelled":
            raise Cancelled
        if state.state == "lost" and not retry(executor, member.key):
            raise HCCAssistError(state.message)
        if more:
            owner.progress(member_words(number, members, state.what), start + share * (number + state.share))
        time.sleep(LOOK_SECONDS)


def _assemble(root: Path, training: Training, folder: TrainingFolder, owner: Owner) -> None:
    from HCCAssistLib.models.package import read_package
    from HCCAssistLib.training.member_result import MemberResult
    from HCCAssistLib.training.preparing import Prepared
    from HCCAssistLib.training.run import TRAINED, assemble

    prepared = Prepared.from_json(folder.prepared or {})
    job = _job(training, folder)
    owner.say("progress", what="choosing the cut-off", share=TRAINED)
    if not folder.package.exists():
        results = []
        for plan, member in zip(prepared.plans, folder.members, strict=True):
            result = MemberResult.load(root / run_folder(member.key) / RESULT, plan.key(plan.options))
            if result is None:
                raise InputError("the result belongs to another member", member.name, "train again")
            results.append(result)
        owner.may_write()
        assemble(prepared, job, results)
    owner.check()
    page, note = "", ""
    if prepared.record["cases"]["test"]:
        try:
            page = _report(training, folder, owner).relative_to(folder.path).as_posix()
        except (Cancelled, Fenced, OSError):
            raise
        except Exception as error:  # the model is there all the same
            event = event_of(0, error)
            note = event.message
            sys.stderr.write(event.details)
    else:
        note = "The cohort has no test cases."
    owner.may_write()
    folder.write(OUTCOME, {"report": page, "note": note, "model": read_package(folder.package).card.seal})


def _report(training: Training, folder: TrainingFolder, owner: Owner) -> Path:
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.models.package import read_package
    from HCCAssistLib.recipes.registry import all_columns
    from HCCAssistLib.training.on_test_cases import report_on_test_cases

    def progress(what: str, done: float) -> None:
        owner.check()
        owner.progress(f"test cases: {what}", ASSEMBLED + (1 - ASSEMBLED) * done)

    owner.say("progress", what="evaluating on the test cases", share=ASSEMBLED)
    cohort = read_cohort(Path(training.cohort), tolerant=True, known=all_columns())
    package = read_package(folder.package)
    device = training.device if training.engine == "background" else "auto"  # the other one is of another computer
    return report_on_test_cases(cohort, package, folder.path / REPORT, device=device, progress=progress)


def _job(training: Training, folder: TrainingFolder) -> Job:
    from HCCAssistLib.recipes.registry import get_recipe
    from HCCAssistLib.training.job import Job

    return Job(
        recipe=get_recipe(training.recipe),
        options=training.options,
        out=folder.package,
        name=training.name,
        seed=training.seed,
        folds=training.folds,
        repeats=training.repeats,
        preset=training.preset,
        device=training.device,
        workers=os.cpu_count() or 1,
    )


if __name__ == "__main__":
    status = main(sys.argv[1:], listen=True)
    end_group()
    os._exit(status)  # to take PyTorch down can last seconds
