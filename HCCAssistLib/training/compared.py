"""Several models run on the cases that none of them learned from, each against the first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import InputError, naming
from HCCAssistLib.files import write_json
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.recipes.options import Value

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.evaluated import Evaluation
    from HCCAssistLib.evaluation.held_out import HeldOut
    from HCCAssistLib.evaluation.model_comparison import Comparison

Progress = Callable[[str, float], None]

COMPARISON, CASES = "compare.json", "cases-{}"
"""Within the report's folder: the comparison, and the finished cases of each model, from which it goes on."""


def named(packages: Iterable[ModelPackage]) -> dict[str, ModelPackage]:
    """Models by their names, the control first; of two with one name the second is numbered.

    Raises:
        InputError: they are of different methods, or one is given twice.
    """
    found: dict[str, ModelPackage] = {}
    for package in packages:
        name = package.card.name
        if any(_identity(one) == _identity(package) for one in found.values()):
            raise InputError(f"the model {name} is given twice", remedy="give each model once")
        control = next(iter(found.values()), package)
        if package.recipe.id != control.recipe.id:
            what = f"{name} is of the recipe {package.recipe.id}, and {control.card.name} of {control.recipe.id}"
            raise InputError(what, remedy="compare models of one recipe")
        number = 2
        while name in found:
            name, number = f"{package.card.name} ({number})", number + 1
        found[name] = package
    return found


def _identity(package: ModelPackage) -> tuple[object, ...]:
    return package.weights_sha256, package.card.options


def compare(
    cohort: Cohort,
    packages: Mapping[str, ModelPackage],
    options: Mapping[str, Value],
    *,
    out: Path,
    device: str,
    progress: Progress,
) -> tuple[Comparison, Path]:
    """Run every model on the same unseen cases, and write the report.

    Args:
        cohort: with cases for testing.
        packages: of ``named``.
        options: of the runs.
        out: folder of the report; finished cases in it are not run again.
        device: to run on.
        progress: told what is being done, and how much of the whole.

    Returns:
        The comparison, and the page.

    Raises:
        InputError: no case is held out for all models, or one was trained on a scan of the cohort.
    """
    from HCCAssistLib.evaluation.model_comparison import Comparison, common, comparison_report
    from HCCAssistLib.training.unseen import refuse_trained_on, unseen

    progress("checking the cohort", 0.0)
    held_out = common({name: unseen(cohort, package) for name, package in packages.items()})
    looking = "looking for scans that a model was trained on"
    refuse_trained_on(held_out.cases, packages, progress=lambda done: progress(looking, 0.05 * done))
    recipe = next(iter(packages.values())).recipe
    found = _evaluations(cohort, packages, options, out, device, progress, held_out=held_out)
    sections, sessions = recipe.module("comparison").compare(found)
    first = next(iter(found.values()))
    problems = dict.fromkeys(problem for one in found.values() for problem in one.problems)
    comparison = Comparison(
        control=next(iter(found)),
        figures={name: tuple(one.summary()) for name, one in found.items()},
        sections=sections,
        cases=tuple(first.as_json()["cases"]),
        left_out=first.left_out,
        problems=tuple(problems),
        run={name: one.as_json()["run"] for name, one in found.items()},
        sessions=sessions,
    )
    weights = {f"model {name}": f"weights sha256 {', '.join(p.weights_sha256)}" for name, p in packages.items()}
    provenance = {"recipe": f"{recipe.id}: {recipe.paper}", **weights}
    report = comparison_report(comparison, title=f"{recipe.title}: models compared", provenance=provenance)
    page = report.write(out)
    write_json(out / COMPARISON, comparison.as_json())
    progress("done", 1.0)
    return comparison, page


def _evaluations(
    cohort: Cohort,
    packages: Mapping[str, ModelPackage],
    options: Mapping[str, Value],
    out: Path,
    device: str,
    progress: Progress,
    *,
    held_out: HeldOut,
) -> dict[str, Evaluation]:
    """Every model on the same cases: one that a model cannot be run on is left out of all."""
    from HCCAssistLib.inference.loaded_model import choose_device, load_model

    found: dict[str, Evaluation] = {}
    for number, (name, package) in enumerate(packages.items()):
        model = load_model(package, device=choose_device(device))

        def part(what: str, share: float, number: int = number, name: str = name) -> None:
            progress(f"{name}: {what}", 0.05 + 0.95 * (number + share) / len(packages))

        evaluate = package.recipe.module("evaluation").evaluate
        folder = out / CASES.format(number + 1)
        with naming(f"model {name}"):
            found[name] = evaluate(cohort, model, options, held_out=held_out, folder=folder, progress=part)
    left_out = {case_id: problems for one in found.values() for case_id, problems in one.left_out.items()}
    if any(set(one.left_out) != set(left_out) for one in found.values()):
        cases = tuple(case for case in held_out.cases if case.case_id not in left_out)
        again = replace(held_out, cases=cases, left_out=left_out)
        return _evaluations(cohort, packages, options, out, device, progress, held_out=again)
    return found


def in_words(found: Comparison) -> list[str]:
    """A comparison in a few sentences, for those who do not open its report."""
    from HCCAssistLib.wording import plural, rounded

    n = len(found.cases)
    others = ", ".join(name for name in found.figures if name != found.control)
    lines = [
        f"{n} {plural('case', n)} that none of the models learned from. Each figure is {others} minus {found.control}; "
        "intervals are 95 %."
    ]
    for section in found.sections:
        for one in section.differences:
            interval = one.clustered if one.clustered and one.clustered.low is not None else one.interval
            what = f"{section.level[:1].upper()}{section.level[1:]} level, {one.name}: "
            count = f"{one.n} {plural(one.unit, one.n)}"
            if one.value is None or interval.low is None or interval.high is None:
                lines.append(f"{what}not known ({one.note or interval.reason}).")
                continue
            sign = "+" if one.value > 0 else ""
            shown = interval.low > 0 or interval.high < 0
            lines.append(
                f"{what}{sign}{rounded(one.value, 3)} ({rounded(interval.low, 3)} to {rounded(interval.high, 3)}, "
                f"{count}): {'a difference' if shown else 'no difference is shown'}."
            )
        if section.note and not section.differences:
            lines.append(f"{section.level[:1].upper()}{section.level[1:]} level: {section.note}")
    if found.left_out:
        lines.append(f"Left out, because a model cannot be run on them: {', '.join(found.left_out)}.")
    return lines
