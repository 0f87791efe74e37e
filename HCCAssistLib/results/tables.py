"""A result as rows: a table beside result.json that Excel opens, and the case's row in summary.csv."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from HCCAssistLib.files import atomic_file
from HCCAssistLib.results.category_set import NO_SET
from HCCAssistLib.results.classification import ClassificationResult, Finding, most_probable
from HCCAssistLib.results.detection import Candidate, DetectionResult
from HCCAssistLib.results.result import Kind, Result
from HCCAssistLib.results.risk import RiskResult

TABLES: Mapping[Kind, str] = MappingProxyType(
    {"detection": "candidates.csv", "classification": "findings.csv", "risk": "risk.csv"}
)
"""The name of the table of each kind."""

SUMMARY_COLUMNS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "detection": ("candidates", "shown", "threshold", "highest_probability", "searched"),
        "classification": ("findings", "predicted", "patient"),
        "risk": ("decides", "probability", "cutoff", "group"),
    }
)
"""What summary.csv says of a case, by kind."""

_CANDIDATE = (
    "number",
    "probability",
    "slice",
    "diameter_mm",
    "distance_to_ablation_mm",
    "center_lps",
    "size_mm",
    "verdict",
    "reader",
    "comment",
)


def write_findings(result: Result, path: Path) -> None:
    """Write all that was found as a table, whole or not at all.

    Args:
        result: of any kind.
        path: of the table; ``TABLES`` tells how it is called beside a result.json.
    """
    columns, rows = findings_table(result)
    with atomic_file(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def findings_table(result: Result) -> tuple[Sequence[str], list[dict[str, Any]]]:
    """Columns and rows: a row per candidate, per finding, or per value of a risk.

    Raises:
        TypeError: a result of an unknown kind.
    """
    if isinstance(result, DetectionResult):
        return _CANDIDATE, [_row(candidate) for candidate in result.candidates]
    if isinstance(result, ClassificationResult):
        return _classified(result)
    if isinstance(result, RiskResult):
        return ("name", "value", "note"), _risk(result)
    raise TypeError(f"there is no table of a {type(result).__name__}")


def summary(result: Result) -> dict[str, Any]:
    """What summary.csv says of a case: a value for each of the ``SUMMARY_COLUMNS`` of the kind.

    Raises:
        TypeError: a result of an unknown kind.
    """
    values: tuple[Any, ...]
    if isinstance(result, DetectionResult):
        best = result.candidates[0].probability if result.candidates else ""
        values = (len(result.candidates), len(result.shown), result.threshold, best, str(result.searched or ""))
    elif isinstance(result, ClassificationResult):
        patient = most_probable(result.patient) if result.patient else ""
        values = (len(result.findings), "; ".join(f"{one.label} {one.predicted}" for one in result.findings), patient)
    elif isinstance(result, RiskResult):
        values = (result.decides, result.probability, result.cutoff.value if result.cutoff else "", result.group or "")
    else:
        raise TypeError(f"there is no summary of a {type(result).__name__}")
    return dict(zip(SUMMARY_COLUMNS[result.kind], values, strict=True))


def _row(found: Candidate | Finding) -> dict[str, Any]:
    """The values of its entry in result.json; slices count from 1, as on the screen and in reports."""
    return {**found.as_json(), "slice": found.slice + 1}


def _classified(result: ClassificationResult) -> tuple[Sequence[str], list[dict[str, Any]]]:
    of_categories = [f"probability {code}" for code in result.categories]
    sets = ("category_set", "category_set_of") if any(one.category_set for one in result.findings) else ()
    columns = (
        *("number", "label", "predicted", *of_categories, *result.groups, *sets),
        *("slice", "diameter_mm", "target", "center_lps", "verdict", "category", "reader", "comment"),
    )
    rows = [
        {
            **_row(one),
            **{f"probability {code}": value for code, value in one.probabilities.items()},
            **result.grouped(one.probabilities),
            **_of_set(one),
        }
        for one in result.findings
    ]
    if result.patient is not None:
        pooled = {f"probability {code}": value for code, value in result.patient.items()}
        predicted = most_probable(result.patient)
        rows.append({"label": "patient", "predicted": predicted, **pooled, **result.grouped(result.patient)})
    return columns, rows


def _of_set(one: Finding) -> dict[str, str]:
    found = one.category_set
    return {"category_set": found.text, "category_set_of": found.basis} if found else {"category_set": NO_SET}


def _risk(result: RiskResult) -> list[dict[str, Any]]:
    rows: list[tuple[str, Any, str]] = [
        (name, value, "decides" if name == result.decides else "") for name, value in result.probabilities.items()
    ]
    if result.cutoff:
        rows += [("cut-off", result.cutoff.value, result.cutoff.source), ("group", result.group, "")]
    rows += [
        (value.column, "" if value.used is None else value.used, "" if value.state == "given" else value.state)
        for value in result.clinical
    ]
    rows += [(f"contribution of {name}", value, "") for name, value in result.contributions.items()]
    return [dict(zip(("name", "value", "note"), row, strict=True)) for row in rows]
