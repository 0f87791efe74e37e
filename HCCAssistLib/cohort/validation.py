"""Everything that is wrong with a cohort, at once: the table, the folders, the labels, the files and leaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import CaseFiles, Check, check_files, how_to_add
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.fingerprints import Fingerprint
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.label_checks import balance_problems
from HCCAssistLib.cohort.leaks import find_copies
from HCCAssistLib.cohort.table_checks import check_table
from HCCAssistLib.cohort.unused_files import not_used
from HCCAssistLib.errors import HCCAssistError, InputError, Problem
from HCCAssistLib.files import size_on_disk
from HCCAssistLib.labels import Classes
from HCCAssistLib.parallel import side_by_side

WORTH_A_PROCESS = 20_000_000
"""Bytes of a cohort that one process reads before another has started."""

ALIKE = 4
"""So many cases with an unused file of one name make one line."""


def validate(
    cohort: Cohort,
    spec: CohortSpec,
    *,
    only: Collection[str] | None = None,
    check: Check | None = None,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> tuple[Problem, ...]:
    """List every problem of a cohort, those that stop the work first.

    Every image and annotation that the method needs is read. Where points mark the cases of the last class, these
    must have them, the others not.

    Args:
        cohort: read with ``tolerant=True``, so that faulty rows are listed too.
        spec: what the method asks of it.
        only: ids of the cases that are used; of the others only the volumes are read, to find scans that are there
            twice. None uses all.
        check: what a recipe asks of a case to train on, such as ``problems`` of its module ``checks``.
        workers: processes that read side by side.
        progress: called with how much is done, 0 to 1.
    """
    problems = check_table(cohort, spec, only=only)
    files = read_files(cohort, spec, only=only, check=check, workers=workers, progress=progress)
    return in_order([*problems, *files.problems()])


def in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Those that stop the work first."""
    return tuple(sorted(problems, key=lambda problem: problem.level != "STOP"))


@dataclass(frozen=True, slots=True)
class CohortFiles:
    """The files of a cohort's cases, as they were found.

    Attributes:
        spec: what was looked for.
        cohort: whose files they are.
        checked: the cases that have a folder, in the order of the table, with what was found of each.
        only: ids of the cases that are used.
    """

    spec: CohortSpec
    cohort: Cohort
    checked: tuple[tuple[Case, CaseFiles], ...]
    only: frozenset[str]

    @property
    def _used(self) -> list[tuple[Case, CaseFiles]]:
        return [(case, files) for case, files in self.checked if case.case_id in self.only]

    @property
    def fingerprints(self) -> Mapping[str, tuple[Fingerprint, ...]]:
        """Of the volumes of each case, by case id."""
        return {case.case_id: tuple(files.fingerprints.values()) for case, files in self.checked}

    @property
    def codes(self) -> Mapping[str, tuple[str, ...]]:
        """Classes of the findings of each case, by case id."""
        return {case.case_id: files.codes for case, files in self._used}

    def problems(self) -> list[Problem]:
        """What is wrong with the files, each case alone, against the table and against each other."""
        found = [replace(problem, case_id=case.case_id) for case, files in self.checked for problem in files.problems]
        found += find_copies(self.checked)
        if classes := self.spec.classes:
            found += self._marks(classes)
        if self.spec.finding_classes and not self.cohort.refused:
            found += self._balance(found)
        return [*found, *self._unused(found)]

    def _balance(self, found: Sequence[Problem]) -> list[Problem]:
        """Classes of findings that too few patients have; where labels cannot be read, that comes first."""
        faulty = {problem.case_id for problem in found if problem.level == "STOP"}
        used = tuple(case for case, _ in self._used)
        if any(case.case_id in faulty for case in used):
            return []
        return balance_problems(replace(self.cohort, cases=used), self.spec, self.codes)

    def _marks(self, classes: Classes) -> Iterator[Problem]:
        column, marked = classes.column, classes.codes[-1]
        for need in (need for need in self.spec.inputs if need.kind == "points" and need.name == classes.points):
            for case, files in self._used:
                text, where = case.values.get(column, ""), f"case {case.case_id}, {need}"
                value = classes.code_of(text)
                if value == marked and need not in files.paths:
                    what, remedy = f"{column} is {value}, but no point is marked", how_to_add(case, need)
                    yield Problem("STOP", what, where, remedy, case.case_id)
                elif value and value != marked and files.points.get(need):
                    what = f"{column} is {value}, but {files.points[need]} points are marked"
                    yield Problem("STOP", what, where, "correct the label or delete the points", case.case_id)

    def _unused(self, found: Sequence[Problem]) -> Iterator[Problem]:
        """Files that look like inputs and are not read; not those that a missing file's remedy names already."""
        remedies: dict[str, str] = defaultdict(str)
        for problem in found:
            remedies[problem.case_id] += f" {problem.remedy}"
        unused = [
            (case, [name for name in files.unused if name.split("/")[-1] not in remedies[case.case_id]])
            for case, files in self._used
        ]
        holders: dict[str, list[str]] = defaultdict(list)
        for case, names in unused:
            for name in names:
                holders[name].append(case.case_id)
        for name, ids in holders.items():
            if len(ids) >= ALIKE:
                more = f" and {len(ids) - ALIKE} more" if len(ids) > ALIKE else ""
                yield not_used([name], f"cases {', '.join(ids[:ALIKE])}{more}", self.spec.inputs)
        for case, names in unused:
            if alone := [name for name in names if len(holders[name]) < ALIKE]:
                yield not_used(alone, f"case {case.case_id}", self.spec.inputs, case.case_id)


def read_files(
    cohort: Cohort,
    spec: CohortSpec,
    *,
    only: Collection[str] | None = None,
    check: Check | None = None,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> CohortFiles:
    """Read every file of a cohort that a method needs or may use; arguments as for ``validate``.

    Cases without a folder are left out; ``check_table`` names them.
    """
    used = frozenset(case.case_id for case in cohort.cases if only is None or case.case_id in only)
    volumes = tuple(need for need in spec.inputs if need.kind == "volume")
    cases = [case for case in cohort.cases if case.folder.is_dir()]
    jobs = [
        _Job(case, spec.inputs, check, spec.others, spec.finding_classes)
        if case.case_id in used
        else _Job(case, volumes, None, (), None)
        for case in cases
    ]
    found: list[CaseFiles] = []
    few = sum(size_on_disk(case.folder) for case in cases) < WORTH_A_PROCESS
    with closing(side_by_side(_check, jobs, 1 if few else workers)) as done:
        for files in done:
            found.append(files)
            if progress:
                progress(len(found) / len(cases))
    return CohortFiles(spec, cohort, tuple(zip(cases, found, strict=True)), used)


class _Job(NamedTuple):
    case: Case
    needs: tuple[InputSpec, ...]
    check: Check | None
    others: tuple[InputSpec, ...]
    classes: Classes | None


def _check(job: _Job) -> CaseFiles:
    case = job.case
    try:
        return check_files(case, job.needs, check=job.check, others=job.others, classes=job.classes)
    except OSError as error:
        what = f"a file or folder cannot be read ({error.strerror})"
        return CaseFiles([Problem("STOP", what, f"case {case.case_id}", "check that you may read it")])
    except InputError as error:
        return CaseFiles([replace(problem, where=f"case {case.case_id}") for problem in error.problems])
    except HCCAssistError:  # such as a full disk, where the check writes: no fault of the case
        raise
    except Exception as error:  # whatever a file holds, the other cases are still looked at
        what = f"the case cannot be read: internal error ({type(error).__name__}: {error})"
        return CaseFiles([Problem("STOP", what, f"case {case.case_id}", "leave it out, and report this")])
