"""The cases of a cohort, each read once: checked, recognised, sampled and packed while its voxels are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.splits import split_patients
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.cohort.synthetic import unclear
from HCCAssistLib.cohort.table_checks import check_table
from HCCAssistLib.cohort.validation import CohortFiles, in_order, read_files
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import remove, stored
from HCCAssistLib.inference.study import study_of
from HCCAssistLib.inference.study_files import write_study
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import cohort_spec, get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.training.exclusions import Excluded, exclude
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.pseudonyms import Pseudonyms
from HCCAssistLib.training.samples import Samples, joined


@dataclass(frozen=True, slots=True)
class PackedCohort:
    """A cohort that can be trained on.

    Attributes:
        cohort: with a split for every case.
        files: what was found of its files.
        samples: of the cases that are not for testing, by their own ids, in the order of the pack.
        pseudonyms: of these cases in the pack.
        problems: what is doubtful.
        excluded: why a case is left out of the training, by case id.
    """

    cohort: Cohort
    files: CohortFiles
    samples: Samples
    pseudonyms: Pseudonyms
    problems: tuple[Problem, ...]
    excluded: Excluded


def read_and_pack(
    cohort: Cohort,
    recipe: Recipe,
    options: Mapping[str, Value],
    pack: Pack,
    *,
    seed: int,
    folds: int,
    workers: int,
    progress: Callable[[float], None] | None = None,
) -> PackedCohort:
    """Read every case once, side by side; write the pack of those that are not for testing.

    Args:
        cohort: read with ``tolerant=True``, so that faulty rows are listed too.
        recipe: which method.
        options: resolved.
        pack: where the samples go, and the studies that the recipe's ``training.studies_kept(options)`` names.
        seed: of splits and sampling.
        folds: 1 where the splits tell who validates; otherwise everybody does in turn.
        workers: processes.
        progress: called with how much is done, 0 to 1.

    Raises:
        InputError: the cohort has faults that stop it; all of them are listed.
        HCCAssistError: the disk does not take the pack.
    """
    spec = cohort_spec(recipe, options)
    of_table = [*check_table(cohort, spec), *unclear(cohort.cases)]
    splits: dict[str, str] = {}
    if not any(problem.level == "STOP" for problem in of_table):
        splits = split_patients(cohort, strata(cohort, spec), fractions=spec.split, seed=seed)
        cohort = replace(cohort, cases=tuple(replace(case, split=splits[case.case_id]) for case in cohort.cases))
    wanted = recipe.module("training").studies_kept(options)
    kept = {name for name, split in splits.items() if split in wanted or (wanted and folds > 1 and split != "test")}
    remove(pack.folder)  # of a training that was interrupted
    read_cases = pack.folder / READING
    with stored("the samples of the training"):
        read_cases.mkdir(parents=True)
    try:
        files = read_files(
            cohort,
            spec,
            check=_Sampler(recipe.id, dict(options), seed, read_cases if splits else None, frozenset(kept)),
            workers=workers,
            progress=progress,
        )
        found: Sequence[Problem] = [*of_table, *files.problems()]
        excluded: Excluded = {}
        if splits:
            found, excluded = exclude(found, cohort, strata(cohort, spec), folds=folds)
        problems = in_order(found)
        if stops := [problem for problem in problems if problem.level == "STOP"]:
            raise InputError(stops)
        used = [case.case_id for case in cohort.cases if _used(case, excluded)]
        parts = [Samples.load(_samples_path(read_cases, case_id)) for case_id in used]
        pseudonyms = Pseudonyms.of(parts)
        samples = joined(sorted(parts, key=lambda part: pseudonyms.cases[part.origins[0].case_id]))
        if options.get("permute_labels"):
            samples = samples.permuted(seed)
        with stored("the samples of the training"):
            pseudonyms.samples(samples).save(pack.samples_path)
            pack.study_path("any").parent.mkdir()
            for case_id in kept.intersection(used):
                _study_path(read_cases, case_id).replace(pack.study_path(pseudonyms.cases[case_id]))
    finally:
        remove(read_cases)
    return PackedCohort(cohort, files, samples, pseudonyms, problems, excluded)


def sample_one(cohort: Cohort, case: Case, recipe: Recipe, options: Mapping[str, Value], folder: Path) -> Samples:
    """The samples of one case, as a training would take them, and its study where one would be kept.

    Args:
        cohort: that it is of.
        case: to read.
        recipe: which method.
        options: resolved.
        folder: for both files.

    Raises:
        InputError: the case has faults.
    """
    case = replace(case, split="train")
    kept = frozenset({case.case_id} if recipe.module("training").studies_kept(options) else ())
    alone = replace(cohort, cases=(case,))
    check = _Sampler(recipe.id, dict(options), 0, folder, kept)
    files = read_files(alone, cohort_spec(recipe, options), check=check)
    if stops := [one for one in files.problems() if one.level == "STOP" and one.case_id]:  # not: too few patients
        raise InputError(stops)
    return Samples.load(_samples_path(folder, case.case_id))


def _used(case: Case, excluded: Excluded) -> bool:
    return case.split != "test" and case.case_id not in excluded


READING = "reading"
"""Folder within a pack, while the cohort is read: each case by its own id."""


def _samples_path(folder: Path, case_id: str) -> Path:
    return folder / f"{case_id}.samples.safetensors"


def _study_path(folder: Path, case_id: str) -> Path:
    return folder / f"{case_id}.study.safetensors"


@dataclass(frozen=True, slots=True)
class _Sampler:
    """Checks a case as the recipe asks and, where there is a folder for that, samples it; sent to other processes."""

    recipe: str
    options: dict[str, Value]
    seed: int
    folder: Path | None
    kept: frozenset[str]

    def __call__(self, read: CaseContents) -> Iterator[Problem]:
        recipe, case = get_recipe(self.recipe), read.case
        found = list(recipe.module("checks").problems(read, options=self.options))
        yield from found
        stopped = any(problem.level == "STOP" for problem in (*read.problems, *found))
        if self.folder is None or stopped or case.split == "test":
            return
        study = study_of(read)
        # by the name of the case, not its place in the table: another case must not change its samples
        rng = np.random.default_rng([self.seed, *case.case_id.encode()])
        try:
            samples: Samples = recipe.module("sampling").sample_case(study, case, self.options, rng)
        except InputError as error:
            yield from (replace(p, where="" if case.case_id in p.where else p.where) for p in error.problems)
            return
        with stored("the samples of the training"):
            samples.save(_samples_path(self.folder, case.case_id))
            if case.case_id in self.kept:
                write_study(study, _study_path(self.folder, case.case_id), recipe.columns)
