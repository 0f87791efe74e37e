"""What is known of a cohort before a training on it is begun: by its table and folders, without reading any image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.counts import counts
from HCCAssistLib.cohort.synthetic import unclear
from HCCAssistLib.cohort.table_checks import check_table
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import all_columns, cohort_spec
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.training.parts import check_parts


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What ``hccassist check`` says of a table, and whether its patients fill the folds.

    Attributes:
        counts: see ``cohort.counts``; empty where there is no table. The classes of findings are not counted: they
            stand in the files of the cases.
        problems: the STOPs first.
    """

    counts: Mapping[str, Any]
    problems: tuple[Problem, ...]

    @property
    def stops(self) -> int:
        """Faults that stop a training."""
        return sum(problem.level == "STOP" for problem in self.problems)


def table_facts(folder: Path, recipe: Recipe, options: Mapping[str, Value], *, folds: int, seed: int) -> TableFacts:
    """Look at the table of a cohort.

    Args:
        folder: of the cohort.
        recipe: to be trained.
        options: of the training, resolved.
        folds: 1 for the split of the table.
        seed: of the training.
    """
    spec = cohort_spec(recipe, options)
    try:
        cohort = read_cohort(folder, tolerant=True, known=all_columns())
    except InputError as error:
        return TableFacts({}, error.problems)
    found = counts(cohort, spec)
    if spec.finding_classes:
        found["labels"] = {}
    problems = [*check_table(cohort, spec), *unclear(cohort.cases)]
    try:
        check_parts(cohort, spec, folds=folds, seed=seed)
    except InputError as error:
        problems += error.problems
    return TableFacts(found, tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.level != "STOP")))
