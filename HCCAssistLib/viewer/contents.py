"""What a page says of a result: numbers, categories and words of this software, each entry chosen.

Nothing that a person typed is among it: no labels, comments, readers or names of files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.labels import Variable
from HCCAssistLib.recipes.registry import RECIPES, printed_model
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.classification import ClassificationResult, Finding, most_probable
from HCCAssistLib.results.cutoff import CutOff, cutoff_value
from HCCAssistLib.results.detection import Candidate, DetectionResult
from HCCAssistLib.results.result import Result
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.results.risk import ClinicalValue, RiskResult
from HCCAssistLib.viewer.anonymous import anonymous_warnings
from HCCAssistLib.wording import listed, plural, rounded

RESEARCH_USE_ONLY = (
    "Research use only. This software is not a medical device and this page supports no decision about a patient."
)


def contents(result: Result) -> dict[str, Any]:
    """All that a page says of a result, but for the voxels.

    Returns:
        Plain values: title, notice, summary, threshold, findings, warnings and provenance.
    """
    recipe = RECIPES.get(result.run.recipe)
    labels = {one.label: f"finding {one.number}" for one in result.findings if isinstance(one, Finding)}
    warnings, withheld = anonymous_warnings(result.warnings, labels)
    if withheld:
        many = "A warning names" if withheld == 1 else f"{withheld} warnings name"
        warnings.append(f"{many} something that a person wrote, and can be read in result.json only.")
    return {
        "title": recipe.title if recipe else "Result",
        "kind": result.kind,
        "notice": RESEARCH_USE_ONLY,
        "summary": list(_summary(result)),
        "values": list(_values(result, recipe)),
        "threshold": _threshold(result),
        "findings": list(_findings(result)),
        "warnings": warnings,
        "provenance": list(_provenance(result, recipe)),
    }


def shown_volumes(result: Result) -> tuple[str, ...]:
    """The volumes that a result is about, by their places, the one to look at first.

    Raises:
        TypeError: a result of an unknown kind.
    """
    if isinstance(result, DetectionResult):
        return (next(iter(result.run.inputs), ""),)
    if isinstance(result, ClassificationResult | RiskResult):
        return tuple(result.volumes)
    raise TypeError(f"there is no page of a {type(result).__name__}")


def input_of(result: Result, place: str) -> InputSpec:
    """What the result's method asks of a volume: its modality and unit; a CT where the method is not known here."""
    recipe = RECIPES.get(result.run.recipe)
    asked = recipe.volumes() if recipe else ()
    time_point, _, name = place.partition("/")
    return next((one for one in asked if str(one) == place), InputSpec(time_point, name, "volume", required=False))


def _summary(result: Result) -> Iterator[tuple[str, str]]:
    """What the method says of the patient."""
    if isinstance(result, DetectionResult):
        if result.searched:
            yield "Searched", str(result.searched)
    elif isinstance(result, ClassificationResult):
        if result.patient is not None:
            best = most_probable(result.patient)
            yield "Patient", f"{best}, {result.categories[best]}: {score(result.patient[best])}"
            for name, value in result.grouped(result.patient).items():
                yield name.replace("_", " ").capitalize(), score(value)
        yield from ((code, name) for code, name in result.categories.items())
    elif isinstance(result, RiskResult):
        yield from _risk(result)


def _risk(result: RiskResult) -> Iterator[tuple[str, str]]:
    for name, value in result.probabilities.items():
        decides = " (decides)" if name == result.decides and len(result.probabilities) > 1 else ""
        yield _model(result, name), f"{score(value)}{decides}"


def _values(result: Result, recipe: Recipe | None) -> Iterator[tuple[str, str]]:
    """Clinical values of a risk, and what each variable added to the probability that decides."""
    if not isinstance(result, RiskResult):
        return
    known = {one.column: one for one in recipe.variables} if recipe else {}
    names = {column: one.title for column, one in known.items()}
    for one in result.clinical:
        yield names.get(one.column, _words(one.column)), _clinical(one, known.get(one.column))
    for name, added in result.contributions.items():
        yield f"added by {names.get(name, _words(name))}", f"{'+' if added >= 0 else ''}{rounded(added, 3)}"


def _clinical(one: ClinicalValue, variable: Variable | None) -> str:
    if one.used is None:
        return "not known"
    choices = variable.choices if variable else {}
    text = choices[one.used] if one.used in choices else f"{one.used:g} {variable.unit if variable else ''}".strip()
    return f"{text}{_imputed(one.state)}"


def _imputed(state: str) -> str:
    return "" if state == "given" else f" ({state})"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _model(result: RiskResult, name: str) -> str:
    printed = printed_model(result.run.recipe, name)
    return _words(printed).capitalize() if printed == name else printed


def _threshold(result: Result) -> dict[str, Any] | None:
    """Where the slider begins, and what it decides on."""
    if isinstance(result, DetectionResult):
        value, source, of = result.threshold, result.threshold_source, None
    elif isinstance(result, RiskResult) and result.cutoff is not None:
        value, source, of = result.cutoff.value, result.cutoff.source, result.probability
    else:
        return None
    return {"value": value, "text": cutoff_value(CutOff(value, source or "not stated")), "source": source, "of": of}


def _findings(result: Result) -> Iterator[dict[str, Any]]:
    if isinstance(result, DetectionResult):
        yield from (_candidate(one, shown_volumes(result)[0].split("/")[0]) for one in result.candidates)
    elif isinstance(result, ClassificationResult):
        yield from (_classified(one, result) for one in result.findings)
    elif isinstance(result, RiskResult):
        for number, (place, box) in enumerate(result.boxes.items(), 1):
            time_point, _, what = place.partition("/")
            yield {
                **_entry(number, None, f"{_words(what)}, {time_point}", Verdict.PENDING),
                "lines": [f"{_edges(box)}: what the networks saw"],
                "at": list(box.center),
                "timePoint": time_point,
                "marks": [_mark(box, f"seen around the {_words(what)}")],
            }


def _candidate(one: Candidate, time_point: str) -> dict[str, Any]:
    away = one.distance_to_ablation_mm
    lines = [f"{rounded(one.diameter_mm, 0)} mm in the axial plane"]
    if away is not None:
        lines.append(f"{rounded(abs(away), 0)} mm {'inside' if away < 0 else 'from'} the ablation zone")
    return {
        **_entry(one.number, one.probability, "", one.review.verdict),
        "lines": lines,
        "at": list(one.box.center),
        "timePoint": time_point,
        "marks": [_mark(one.box, f"{one.number}: {score(one.probability)}")],
    }


def _classified(one: Finding, result: ClassificationResult) -> dict[str, Any]:
    given = f"; reader: {one.review.category}" if one.review.category in result.categories else ""
    lines = [", ".join(f"{code} {score(value)}" for code, value in one.probabilities.items())]
    lines += [f"{_words(name)} {score(value)}" for name, value in result.grouped(one.probabilities).items()]
    if one.category_set is not None:
        lines.append(f"set: {one.category_set.text} ({one.category_set.basis})")
    if one.spread:
        low, high = one.spread[one.predicted]
        lines.append(f"{len(one.by_network)} networks: {one.predicted} {score(low)} to {score(high)}")
    if one.diameter_mm is not None:
        lines.append(f"{rounded(one.diameter_mm, 0)} mm in the axial plane")
    if not one.target:
        lines.append("not a target")
    text = f"{one.number}: {one.predicted} {score(one.probabilities[one.predicted])}"
    seen = [(patch.box, patch.probabilities) for patch in one.patches] or [(one.box, one.probabilities)]
    marks = [_mark(box, text) for box, _ in seen]
    if len(seen) > 1:
        lines += [f"{len(seen)} {plural('patch', len(seen))}, the mean counts"]
    return {
        **_entry(one.number, None, f"{one.predicted}, {result.categories[one.predicted]}{given}", one.review.verdict),
        "lines": lines,
        "at": min((mark["center"] for mark in marks), key=lambda center: math.dist(center, one.center)),
        "timePoint": next(iter(result.volumes)).split("/")[0],
        "marks": marks,
    }


def _entry(number: int, value: float | None, name: str, verdict: Verdict) -> dict[str, Any]:
    text = "" if value is None else score(value, 4)
    return {"number": number, "score": value, "scoreText": text, "name": name, "verdict": verdict.value}


def _mark(box: Box, text: str) -> dict[str, Any]:
    return {"text": text, "center": list(box.center), "size": list(box.size), "axes": [list(a) for a in box.axes]}


def _edges(box: Box) -> str:
    return " x ".join(rounded(edge, 0) for edge in box.size) + " mm"


def score(value: float, digits: int = 2) -> str:
    """A probability that is not printed as 1 where it is less.

    >>> score(0.987), score(0.9996), score(0.9996, 4)
    ('0.99', '>0.99', '0.9996')
    """
    text = rounded(value, digits)
    return text if float(text) < 1 or value == 1 else f">0.{'9' * digits}"


def _provenance(result: Result, recipe: Recipe | None) -> Iterator[tuple[str, str]]:
    run = result.run
    if recipe:
        yield "Method", recipe.paper
    threshold = _threshold(result)
    if threshold is not None:
        yield "Cut-off", f"{threshold['text']} ({threshold['source'] or 'source not stated'})"
    yield "Model", run.model
    yield "Seal of the model", run.model_sha256
    yield "Weights", " ".join(sha[:16] for sha in run.weights_sha256)
    yield "Options", listed(run.options)
    yield "Software", listed(run.software)
    yield "Device", run.device
    for name, sha in run.inputs.items():
        yield f"Input {_words(name)}", sha
    if result.findings:
        yield "Reviewed", f"{_judged(result)} of {len(result.findings)}"


def _judged(result: Result) -> int:
    return sum(one.review.verdict is not Verdict.PENDING for one in result.findings)
