"""A result as the terminal shows it: a sentence and a table, by its kind."""

from __future__ import annotations

from typing import Any

from HCCAssistLib.cli.console import table
from HCCAssistLib.recipes.registry import printed_model
from HCCAssistLib.results.category_set import NO_SET
from HCCAssistLib.results.classification import ClassificationResult, most_probable
from HCCAssistLib.results.cutoff import CutOff, cutoff_text, cutoff_value
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.result import Result
from HCCAssistLib.results.risk import RiskResult
from HCCAssistLib.wording import plural


def sentence(result: Result) -> str:
    """What was found, in a sentence without a full stop."""
    if isinstance(result, DetectionResult):
        at = f"{cutoff_value(CutOff(result.threshold, result.threshold_source))} ({result.threshold_source})"
        there = len(result.candidates)
        found = f"{len(result.shown)} of {there} {plural('candidate', there)} at or above {at}"
        return f"{found}; searched: {result.searched}" if result.searched else found
    if isinstance(result, ClassificationResult):
        found = f"{len(result.findings)} {plural('finding', len(result.findings))}"
        if result.patient is None:
            return found
        groups = "".join(f", {name} {p:.4f}" for name, p in result.grouped(result.patient).items())
        return f"{found}; patient: {result.categories[most_probable(result.patient)]}{groups}"
    if isinstance(result, RiskResult):
        found = f"{printed_model(result.run.recipe, result.decides)} {result.probability:.4f}"
        return f"{found}: {result.group} risk, cut-off {cutoff_text(result.cutoff)}" if result.cutoff else found
    raise TypeError(f"nothing is known of a {type(result).__name__}")


def rows(result: Result) -> str:
    """What was found one by one as a table, slices counted from 1 as viewers do; empty where there is nothing."""
    columns: tuple[str, ...] = ()
    cells: list[tuple[Any, ...]] = []
    if isinstance(result, DetectionResult):
        columns = ("number", "probability", "slice", "centre LPS mm", "mm to ablation zone")
        for c in result.shown:
            away = "-" if c.distance_to_ablation_mm is None else f"{c.distance_to_ablation_mm:.0f}"
            cells.append((c.number, f"{c.probability:.4f}", c.slice + 1, _place(c.box.center), away))
    elif isinstance(result, ClassificationResult):
        basis = next((f.category_set.basis for f in result.findings if f.category_set), "")
        named = ("set",) if basis else ()
        columns = ("number", "label", "predicted", *named, *result.categories, *result.groups, "slice", "centre LPS mm")
        for f in result.findings:
            values = (*f.probabilities.values(), *result.grouped(f.probabilities).values())
            of_set = (f.category_set.text if f.category_set else NO_SET,) if basis else ()
            numbers = (f"{p:.4f}" for p in values)
            cells.append((f.number, f.label, f.predicted, *of_set, *numbers, f.slice + 1, _place(f.center)))
        if cells:
            return f"{table(columns, cells)}\n{f'set: {basis}' if basis else NO_SET}"
    elif isinstance(result, RiskResult):
        columns = ("probability of", "value")
        cells = [(printed_model(result.run.recipe, name), f"{p:.4f}") for name, p in result.probabilities.items()]
    return table(columns, cells) if cells else ""


def _place(center: tuple[float, float, float]) -> str:
    return " ".join(f"{value:.1f}" for value in center)
