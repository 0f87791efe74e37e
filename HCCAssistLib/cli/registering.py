"""What ``hccassist check`` says of registrations: they are computed as a training computes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.recipes.spec import Recipe

if TYPE_CHECKING:
    from HCCAssistLib.cohort.case_files import CaseContents

BY_PERSON, REGISTERED, FAILED, NOT_TRIED = "a person's transform", "registered", "failed", "not tried"
"""Outcomes of a case; one that has other faults is not registered."""


def registers(recipe: Recipe) -> bool:
    """Whether a recipe lays volumes on each other."""
    return any(need.registered_to for need in recipe.inputs)


@dataclass(frozen=True, slots=True)
class Registering:
    """The check of a recipe, and its registrations where nothing else is wrong; it travels to other processes."""

    recipe: str

    def __call__(self, read: CaseContents) -> Iterator[Problem]:
        """What is wrong with a case that was read."""
        from HCCAssistLib.inference.study import study_of  # scipy, which no refusal needs

        recipe = get_recipe(self.recipe)
        found = list(recipe.module("checks").problems(read))
        yield from found
        if any(problem.level == "STOP" for problem in (*read.problems, *found)):
            return
        try:
            yield from recipe.module("checks").registration_problems(study_of(read), recipe.resolve({}))
        except InputError as error:
            yield from error.problems


def outcomes(cases: Sequence[Case], recipe: Recipe, problems: Sequence[Problem]) -> dict[str, str]:
    """What became of the registrations of each case, by case id."""
    failed = {problem.case_id for problem in problems if problem.leaves_out}
    faulty = {problem.case_id for problem in problems if problem.level == "STOP"} - failed
    laid = [need for need in recipe.inputs if need.registered_to]
    given = {c.case_id for c in cases if any(_given(c, need.time_point, need.name) for need in laid)}
    return {
        c.case_id: FAILED
        if c.case_id in failed
        else NOT_TRIED
        if c.case_id in faulty
        else BY_PERSON
        if c.case_id in given
        else REGISTERED
        for c in cases
    }


def in_words(found: Mapping[str, str]) -> str:
    """``registration: 57 registered, 2 failed (case-4, case-9), 1 a person's transform (case-3)``."""
    counts = Counter(found.values())
    parts = []
    for outcome, n in counts.most_common():
        names = [] if outcome == REGISTERED else [name for name, one in found.items() if one == outcome]
        parts.append(f"{n} {outcome}" + (f" ({', '.join(names)})" if names else ""))
    return f"registration: {', '.join(parts)}"


def _given(case: Case, time_point: str, name: str) -> bool:
    try:
        return case.transform_path(time_point, name) is not None
    except InputError:  # told among the problems
        return False
