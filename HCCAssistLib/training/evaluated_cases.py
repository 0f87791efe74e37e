"""A model on the cases that it has not seen, one after the other: what every evaluation begins with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.synthetic import is_synthetic, unclear
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.case_warnings import once
from HCCAssistLib.evaluation.cohort_description import cohort_flow, cohort_table
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.held_out import HeldOut, refuse_seen
from HCCAssistLib.evaluation.periods import temporal
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study, read_study
from HCCAssistLib.labels import Label
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.training.kept_cases import CaseFiles, digests, forget_others
from HCCAssistLib.training.unseen import unseen

Progress = Callable[[str, float], None]
"""Called with what is being done and how much of the whole is done."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EvaluatedCases(Generic[T]):
    """What came of the cases of an evaluation.

    Attributes:
        held_out: the cohort, the cases that were to be evaluated, and what is doubtful about them.
        done: of each finished case, by case id, in the order of the table.
        left_out: why a case that should be evaluated is not, by case id.
        run: what the figures rest on: model, options, cohort, cases, versions and device.
    """

    held_out: HeldOut
    done: Mapping[str, T]
    left_out: Mapping[str, tuple[Problem, ...]]
    run: Mapping[str, Any]

    @property
    def cases(self) -> tuple[Case, ...]:
        """Those that are finished."""
        return tuple(case for case in self.held_out.cases if case.case_id in self.done)

    @property
    def synthetic(self) -> frozenset[str]:
        """Ids of the finished cases that are phantoms beyond doubt."""
        doubtful = {problem.case_id for problem in unclear(self.cases)}
        return frozenset(c.case_id for c in self.cases if c.case_id not in doubtful and is_synthetic(c))

    def characteristics(self, recipe: Recipe) -> BaselineTable | None:
        """Of the cases by split; None where the table describes none."""
        return cohort_table(self.held_out.cohort, self.done, label=recipe.label, variables=recipe.variables)

    @property
    def period(self) -> str:
        """Whether the finished cases are later than the others; empty where the table tells no years."""
        return temporal(self.held_out.cohort, set(self.done))

    def flow(self, label: Label | None, card: ModelCard) -> Flow:
        """From the cases of the table to the finished ones, by the classes of a label.

        Args:
            label: that the recipe learns.
            card: of the model; it knows which cases its training left out.
        """
        why = {name: _why(problems) for name, problems in self.left_out.items()}
        unfit = card.training.get("excluded")
        return cohort_flow(self.held_out.cohort, self.done, label=label, left_out=why, not_trained=unfit)

    def problems(
        self, card: ModelCard, warnings: Mapping[str, Sequence[Problem]], of_patients: Sequence[Problem] = ()
    ) -> tuple[Problem, ...]:
        """What is doubtful, each once: about the model, the patients, the cohort and the cases.

        Args:
            card: of the model.
            warnings: of each result, by case id.
            of_patients: about all of them together.
        """
        of_model = model_warnings(card)
        told = {problem.what for problem in of_model}
        of_cohort = [(problem.case_id, problem) for problem in self.held_out.problems]
        of_results = [(name, p) for name, found in warnings.items() for p in found if p.what not in told]
        return (
            *of_model,
            *of_patients,
            *(problem for case_id, problem in of_cohort if not case_id),
            *once([(case_id, problem) for case_id, problem in of_cohort if case_id] + of_results),
        )


def evaluate_cases(
    cohort: Cohort,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    compute: Callable[[Case, Study, Mapping[str, Value], Callable[[float], None]], T],
    files: CaseFiles[T],
    *,
    decides: Mapping[str, Any] | None = None,
    held_out: HeldOut | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> EvaluatedCases[T]:
    """Compute each case that a model was not trained on; nothing is fitted to them.

    A case that cannot be used is left out and named; the others are evaluated.

    Args:
        cohort: the cases of the split ``test`` where there are such.
        model: of any recipe.
        run_options: of a prediction.
        compute: called with each case, its study, all options of the run and its own progress (0 to 1); an
            ``InputError`` leaves the case out.
        files: how a finished case is kept.
        decides: what else decides the numbers of a case (a seed), by its name in the run.
        held_out: of ``unseen``, where the cohort was checked before.
        folder: where each finished case is kept. Cases that were finished there with the same model, options, files,
            versions and device are not computed again.
        progress: of the whole.

    Raises:
        InputError: the cohort cannot be used, the model was trained on one of the scans, or no case is left.
    """
    options = model.package.recipe.resolve({**run_options, "heatmap": False}, run=True)  # no figure rests on them
    report = progress or (lambda what, done: None)
    report("checking the cohort", 0.0)
    held_out = held_out or unseen(cohort, model.package)
    left_out = dict(held_out.left_out)
    run = _run(cohort, model, options, decides or {})
    of_each = {case.case_id: digests(case) for case in held_out.cases}
    fixed = {name: run[name] for name in (*_DECIDES, *(decides or ()))}
    made_with = {case_id: {**fixed, "files": found} for case_id, found in of_each.items()}
    done: dict[str, T] = {}
    if folder:
        forget_others(folder, set(of_each))
        kept = {case.case_id: files.kept(made_with[case.case_id], case, folder) for case in held_out.cases}
        done = {name: one for name, one in kept.items() if one is not None}
    todo = [case for case in held_out.cases if case.case_id not in done]
    todo = _readable(todo, model, left_out, report)
    for number, case in enumerate(todo):

        def part(share: float, number: int = number, name: str = case.case_id) -> None:
            report(f"case {name}", 0.05 + 0.95 * (number + min(share, 0.99)) / len(todo))

        part(0.0)
        try:
            one = compute(case, _study(case, model), options, part)
        except InputError as error:
            left_out[case.case_id] = _of_case(case, error)
            continue
        if folder:
            files.keep(one, made_with[case.case_id], case, folder)
        done[case.case_id] = one
    cases = [case for case in held_out.cases if case.case_id in done]
    if not cases:
        none = Problem("STOP", "no case is left to evaluate", TABLE)
        raise InputError([*(problem for problems in left_out.values() for problem in problems), none])
    run["cases"], run["left_out"] = [case.case_id for case in cases], list(left_out)
    run["cohort_sha256"] = _digest({c.case_id: {"row": dict(c.values), "files": of_each[c.case_id]} for c in cases})
    return EvaluatedCases(held_out, {case.case_id: done[case.case_id] for case in cases}, left_out, run)


_DECIDES = ("model_sha256", "options", "device", "software")
"""Entries of the run that decide the numbers of a case, beside its files."""


def _run(
    cohort: Cohort, model: LoadedModel, options: Mapping[str, Value], decides: Mapping[str, Any]
) -> dict[str, Any]:
    card = model.package.card
    return {
        "recipe": model.package.recipe.id,
        "model": card.name,
        "model_sha256": card.seal,
        "weights_sha256": list(model.package.weights_sha256),
        "options": dict(options),
        "cohort": cohort.folder.resolve().name if cohort.folder else "",
        **decides,
        "device": model.device,
        "software": software_versions(),
    }


def _study(case: Case, model: LoadedModel) -> Study:
    recipe, options = model.package.recipe, model.package.card.options
    return read_study(case, recipe, options=options, classes=cohort_spec(recipe, options).finding_classes)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _readable(
    cases: Sequence[Case], model: LoadedModel, left_out: dict[str, tuple[Problem, ...]], report: Progress
) -> list[Case]:
    """The cases that can be read, before any of them is computed; those that cannot go to ``left_out``.

    Raises:
        InputError: the model was trained on any of the scans.
    """
    sound, seen = [], list[Problem]()
    for number, case in enumerate(cases):
        report("looking for scans that the model was trained on", 0.05 * number / len(cases))
        try:
            study = _study(case, model)
        except InputError as error:
            left_out[case.case_id] = _of_case(case, error)
            continue
        try:
            refuse_seen(case.case_id, study.volumes.values(), model.package.card.training)
        except InputError as error:
            seen += error.problems
        sound.append(case)
    if seen:
        raise InputError(seen)
    return sound


def _of_case(case: Case, error: InputError) -> tuple[Problem, ...]:
    where = f"case {case.case_id}"
    return tuple(
        replace(p, where=p.where if where in p.where else f"{where}, {p.where}".rstrip(", "), case_id=case.case_id)
        for p in error.problems
    )


def _why(problems: Sequence[Problem]) -> str:
    """Why a case is not evaluated: one reason for all cases in which the same thing failed, with whatever figures."""
    failed = next((problem.leaves_out for problem in problems if problem.leaves_out), "")
    return f"not evaluable: {failed}" if failed else problems[0].what
