"""The first step of a training: its cohort is read, checked and packed, and its members are planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.splits import own_table
from HCCAssistLib.errors import Problem
from HCCAssistLib.files import stored
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.manifest import Manifest
from HCCAssistLib.training.members import MemberPlan, members
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.reading import read_and_pack
from HCCAssistLib.training.record import cohort_record


@dataclass(frozen=True, slots=True)
class Prepared:
    """A training whose members can be trained anywhere: the pack and the plans go there, the rest stays here.

    Attributes:
        plans: of all members, with pseudonyms.
        digest: of the pack.
        record: what the model card will say of the cohort.
        problems: what is doubtful about it.
        pseudonyms: of ``Pseudonyms.as_json``: who is who.
    """

    plans: tuple[MemberPlan, ...]
    digest: str
    record: Mapping[str, Any]
    problems: tuple[Problem, ...]
    pseudonyms: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For a file that stays here."""
        return {**asdict(self), "plans": [plan.as_json() for plan in self.plans]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Prepared:
        """What ``as_json`` gave.

        Raises:
            KeyError, TypeError, ValueError: it is not.
        """
        plans = tuple(map(MemberPlan.from_json, data["plans"]))
        problems = tuple(Problem(**one) for one in data["problems"])
        return cls(**{**data, "plans": plans, "problems": problems})


def prepare(cohort: Cohort, job: Job, pack: Pack, progress: Callable[[float], None] | None = None) -> Prepared:
    """Read a cohort once, write its pack and plan the members.

    Args:
        cohort: read with ``tolerant=True``, so that faulty rows are listed too.
        job: checked (``Job.checked``).
        pack: to write; what lies there is replaced.
        progress: called with how much is done, 0 to 1.

    Raises:
        InputError: the cohort has faults that stop it; all of them are listed.
        HCCAssistError: the disk does not take the pack.
    """
    recipe, options = job.recipe, job.options
    packed = read_and_pack(
        cohort, recipe, options, pack, seed=job.seed, folds=job.folds, workers=job.workers, progress=progress
    )
    used = replace(packed.cohort, cases=tuple(case for case in packed.cohort.cases if case.split != "test"))
    plans = members(
        used,
        packed.samples,
        recipe,
        options,
        seed=job.seed,
        folds=job.folds,
        repeats=job.repeats,
        software=software_versions(),
    )
    names = packed.pseudonyms
    samples = names.samples(packed.samples).digest()
    with stored("the samples of the training"):
        manifest = Manifest.of(pack.folder, recipe.id)
        manifest.write(pack.folder)
    return Prepared(
        tuple(names.plan(plan, samples) for plan in plans),
        manifest.digest,
        cohort_record(packed, recipe, plans, table=own_table(cohort)),
        packed.problems,
        names.as_json(),
    )
