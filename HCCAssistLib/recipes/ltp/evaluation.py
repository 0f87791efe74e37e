"""How well a model finds LTP on cases it has not seen: the cases are computed one by one, then reported together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.held_out import HeldOut, refuse_seen
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.recipes.ltp.evaluated_case import (
    SEED,
    EvaluatedCase,
    digests,
    evaluate_case,
    forget_others,
    keep,
    kept,
)
from HCCAssistLib.recipes.ltp.performance import LTPEvaluation, performance
from HCCAssistLib.recipes.ltp.recipe import LTP
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.unseen import unseen

Progress = Callable[[str, float], None]


def evaluate(
    cohort: Cohort,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    held_out: HeldOut | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> LTPEvaluation:
    """Evaluate a model on the cases of a cohort that it was not trained on.

    A case that cannot be used is left out and named; the others are evaluated.

    Args:
        cohort: with annotated points; the cases of the split ``test`` where there are such.
        model: of the recipe ``ltp``.
        run_options: of the scan.
        held_out: of ``unseen``, where the cohort was checked before.
        folder: where each finished case is kept. Cases that were finished there with the same model, options, files,
            versions and device are not computed again.
        progress: called with what is being done and how much of the whole is done.

    Raises:
        InputError: the cohort cannot be used, the model was trained on one of the scans, or no case is left.
    """
    report = progress or (lambda what, done: None)
    report("checking the cohort", 0.0)
    held_out = held_out or unseen(cohort, model.package)
    left_out = dict(held_out.left_out)
    options = LTP.resolve({**run_options, "heatmap": False}, run=True)  # no figure rests on the heat maps
    run = _run(cohort, model, options)
    files = {case.case_id: digests(case) for case in held_out.cases}
    decides = {name: run[name] for name in _DECIDES}
    made_with = {case_id: {**decides, "files": of_case} for case_id, of_case in files.items()}
    done: dict[str, EvaluatedCase] = {}
    if folder:
        forget_others(folder, set(files))
        found = {case.case_id: kept(made_with[case.case_id], case, folder) for case in held_out.cases}
        done = {name: one for name, one in found.items() if one is not None}
    todo = [case for case in held_out.cases if case.case_id not in done]
    todo = _readable(todo, model, left_out, report)
    for number, case in enumerate(todo):

        def part(share: float, number: int = number, name: str = case.case_id) -> None:
            report(f"case {name}", 0.05 + 0.95 * (number + min(share, 0.99)) / len(todo))

        part(0.0)
        try:
            one = evaluate_case(case, read_study(case, LTP), model, options, progress=part)
        except InputError as error:
            left_out[case.case_id] = _of_case(case, error)
            continue
        if folder:
            keep(one, made_with[case.case_id], case, folder)
        done[case.case_id] = one
    cases = [case for case in held_out.cases if case.case_id in done]
    if not cases:
        none = Problem("STOP", "no case is left to evaluate", TABLE)
        raise InputError([*(problem for problems in left_out.values() for problem in problems), none])
    run["cases"], run["left_out"] = [case.case_id for case in cases], list(left_out)
    run["cohort_sha256"] = _digest({c.case_id: {"row": dict(c.values), "files": files[c.case_id]} for c in cases})
    return performance(held_out, done, left_out, run, model)


_DECIDES = ("model_sha256", "options", "test_patches_seed", "device", "software")
"""Entries of the run that decide the numbers of a case, beside its files."""


def _run(cohort: Cohort, model: LoadedModel, options: Mapping[str, Value]) -> dict[str, Any]:
    card = model.package.card
    return {
        "recipe": LTP.id,
        "model": card.name,
        "model_sha256": card.seal,
        "weights_sha256": list(model.package.weights_sha256),
        "options": dict(options),
        "cohort": cohort.folder.resolve().name if cohort.folder else "",
        "test_patches_seed": SEED,
        "device": model.device,
        "software": software_versions(),
    }


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
            study = read_study(case, LTP)
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
