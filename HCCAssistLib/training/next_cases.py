"""What to annotate next: the cases without a label, ranked by how far the members of a model disagree about them.

Beside each finding stand the confirmed findings of other patients that look most alike to the model. A case counts with
the finding that the members disagree about most; where a method pools its findings into one answer of the case (the
response to TACE), with that answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.ensemble_spread import mutual_information, ranked
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.scored import Scored, ScoredCase
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.training.confirmed_cases import Confirmed, Scorer, beside, confirmed_in
from HCCAssistLib.training.unlabelled import labels_in, unlabelled

Progress = Callable[[str, float], None]

Known = dict[str, ScoredCase]
"""By case id."""


@dataclass(frozen=True, eq=False, slots=True)
class NextCase:
    """An unlabelled case.

    Attributes:
        rank: 1 for the widest spread; equal spreads have equal ranks.
        tied: whether another case has the same rank.
        case_id: pseudonym.
        spread: in bits.
        finding: that the spread is of; None where nothing was found in the case.
        unlabelled: findings without a label.
        pooled: whether the spread is that of all findings together.
        nearest: confirmed findings beside it.
    """

    rank: int
    tied: bool
    case_id: str
    spread: float
    finding: Scored | None
    unlabelled: int
    pooled: bool
    nearest: tuple[Confirmed, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class NextCases:
    """The ranking.

    Attributes:
        cases: the widest spread first.
        failed: unlabelled cases that could not be scored, with what is wrong.
        members: of the model.
        classes: as many as the members tell apart.
        confirmed: findings that neighbours are looked for among; None where none were wanted.
        problems: what is doubtful.
    """

    cases: tuple[NextCase, ...]
    failed: Mapping[str, tuple[Problem, ...]]
    members: int
    classes: int
    confirmed: int | None
    problems: tuple[Problem, ...] = field(default=())


def check_members(package: ModelPackage) -> None:
    """Refuse a model of one member, before anything of it is loaded.

    Raises:
        InputError: it has no spread.
    """
    if len(package.card.members) < 2:
        what = "the model has one member, so that there is no spread of members to rank cases by"
        raise InputError(what, f"model {package.card.name}", "train it with --folds 3 or --repeats 3")


def next_cases(
    cohort: Cohort,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    neighbours: bool = True,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> NextCases:
    """Rank the unlabelled cases of a cohort.

    Args:
        cohort: read with ``tolerant=True``.
        model: with two members or more.
        run_options: of a prediction.
        neighbours: whether confirmed findings are looked for, for which all labelled cases are read.
        folder: where scored cases are kept, so that an interrupted ranking goes on.
        progress: of the whole.

    Raises:
        InputError: no case is without a label, none of them can be scored, or the model has one member.
    """
    check_members(model.package)
    options = model.package.recipe.resolve({**run_options, "heatmap": False}, run=True)
    labels, spec = labels_in(cohort, model.package), cohort_spec(model.package.recipe, model.package.card.options)
    chosen, problems = unlabelled(cohort, labels)
    names = {case.case_id for case in chosen}
    labelled = [case for case in cohort.cases if any(labels[case.case_id])] if neighbours else []
    report, total, at = progress or (lambda what, done: None), len(chosen) + len(labelled), 0
    failed: dict[str, tuple[Problem, ...]] = {}

    score = Scorer(model.package, model.device, lambda: model, options, neighbours, folder)

    def scored(cases: Sequence[Case], lost: dict[str, tuple[Problem, ...]], *, confirmed: bool) -> Known:
        nonlocal at
        found = {}
        for case in cases:
            report(f"case {case.case_id}", at / total)
            at += 1
            try:
                found[case.case_id] = score(case, confirmed=confirmed)
            except InputError as error:
                lost[case.case_id] = error.problems
        return found

    open_cases = scored(chosen, failed, confirmed=False)
    if not open_cases:
        none = Problem("STOP", "none of the unlabelled cases can be used with this model", TABLE)
        raise InputError([*(one for of_case in failed.values() for one in of_case), none])
    unread: dict[str, tuple[Problem, ...]] = {}
    again = model.package.recipe.task == "detection"  # what readers marked is not what a model finds
    of_known = [case for case in labelled if again or case.case_id not in names]
    known = scored(of_known, unread, confirmed=True)
    known |= (
        {} if again else {case.case_id: open_cases[case.case_id] for case in labelled if case.case_id in open_cases}
    )
    if unread:
        what = f"labelled cases that cannot be used stand beside none: {len(unread)}"
        problems = (*problems, Problem("WARN", what, ", ".join(unread), "hccassist check lists the faults"))
    patients = {case.case_id: case.patient_id for case in cohort.cases}
    rows = [
        (name, one, label) for name, found in known.items() for one, label in confirmed_in(found, labels[name], spec)
    ]
    widest = {name: _widest(found, labels[name]) for name, found in open_cases.items()}
    cases = []
    for rank, name, tied in ranked({name: spread for name, (spread, _, _) in widest.items()}):
        spread, finding, count = widest[name]
        near = beside(finding, patients[name], rows, patients) if finding is not None else ()
        cases.append(NextCase(rank, tied, name, spread, finding, count, open_cases[name].pooled, near))
    some = next((one for found in open_cases.values() for one in found.findings), None)
    classes = some.probabilities.shape[1] if some is not None else 2
    return NextCases(
        tuple(cases), failed, len(model.members), classes, len(rows) if neighbours else None, tuple(problems)
    )


def _widest(found: ScoredCase, labels: Sequence[str]) -> tuple[float, Scored | None, int]:
    """The spread of a case, the finding that it is of, and how many findings have no label."""
    if not found.findings:
        return 0.0, None, 0
    if found.pooled:
        targets = [one for one in found.findings if one.target]
        spread = mutual_information(np.mean([one.probabilities for one in targets], axis=0))
        return spread, max(targets, key=lambda one: mutual_information(one.probabilities)), len(targets)
    several = len(labels) == len(found.findings)
    without = [one for n, one in enumerate(found.findings) if not several or not labels[n]]
    spreads = [mutual_information(one.probabilities) for one in without]
    widest = int(np.argmax(spreads))
    return spreads[widest], without[widest], len(without)
