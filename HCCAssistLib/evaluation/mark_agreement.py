"""How far two readers agree on what they marked and judged in the same cases: labels, segments, points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.finding_labels import findings_of_points
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.mark_groups import MATCH_MM, common_grid, group_points, union
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.cohort.reader_marks import points_in, segments_in
from HCCAssistLib.evaluation.agreement import agreement_table, cohen_kappa, dice
from HCCAssistLib.evaluation.bootstrap import bootstrap_interval
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.labels import Classes

GOOD_DICE = 0.7
"""Segments of two readers that overlap less differ (Zijdenbos, IEEE Trans Med Imaging 1994;13:716-724)."""

Differences = dict[str, list[str]]
"""By case id."""


@dataclass(frozen=True, slots=True)
class MarkAgreement:
    """Two readers beside each other.

    Attributes:
        readers: first and second.
        cases: ids of the cases that both read.
        figures: each with what it is of (``"response"``, ``"pre/tumour"``).
        notes: what the figures do not say.
        left_out: ids of the cases that only one of them read.
        differences: in what they differ, in words, by the id of each case in which they do.
    """

    readers: tuple[str, str]
    cases: tuple[str, ...]
    figures: tuple[tuple[str, Estimate], ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    differences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "readers": list(self.readers),
            "cases": list(self.cases),
            "figures": [{"of": of, **figure.as_json()} for of, figure in self.figures],
            "notes": list(self.notes),
            "left_out": list(self.left_out),
            "differences": {case: list(words) for case, words in self.differences.items()},
        }


def compare_marks(
    readers: tuple[str, str],
    first: Mapping[str, Case],
    second: Mapping[str, Case],
    needs: Sequence[InputSpec],
    labels: Mapping[str, Classes],
) -> MarkAgreement | None:
    """Two readers' marks of the same cases; None where no case was read by both.

    Args:
        readers: their names.
        first, second: cases with the marks and labels of one reader each, by case id.
        needs: marks that may be there.
        labels: by column of the table, or by place (``"baseline/masses"``) for labels of findings.

    Raises:
        InputError: a damaged file.
        HCCAssistError: statsmodels is not installed.
    """
    both = sorted(first.keys() & second.keys())
    if not both:
        return None
    pairs = [(first[name], second[name]) for name in both]
    figures: list[tuple[str, Estimate]] = []
    notes: list[str] = []
    differ: Differences = {name: [] for name in both}
    for column, classes in ((name, one) for name, one in labels.items() if one.of == "case"):
        figures += _labels(column, classes, pairs, differ)
    for need in dict.fromkeys(need for need in needs if need.kind == "segment"):
        figures += _segments(need, pairs, notes, differ)
    for need in dict.fromkeys(need for need in needs if need.kind == "points"):
        figures += _points(need, labels.get(str(need)), pairs, notes, differ)
    return MarkAgreement(
        readers,
        tuple(both),
        tuple(figures),
        tuple(notes),
        tuple(sorted(first.keys() ^ second.keys())),
        {name: tuple(words) for name, words in differ.items() if words},
    )


def _labels(
    column: str, classes: Classes, pairs: Sequence[tuple[Case, Case]], differ: Differences
) -> list[tuple[str, Estimate]]:
    known = []
    for one, other in pairs:
        texts = [case.values.get(column, "") for case in (one, other)]
        if not any(is_missing(text) for text in texts):
            first, second = (classes.code_of(text) or text for text in texts)
            known.append((first, second))
            if first != second:
                differ[one.case_id].append(f"{column}: {first} and {second}")
    return [(column, _kappa(known, "case"))] if known else []


def _segments(
    need: InputSpec, pairs: Sequence[tuple[Case, Case]], notes: list[str], differ: Differences
) -> list[tuple[str, Estimate]]:
    found: list[float] = []
    patients: list[str] = []
    alone = 0
    for one, other in pairs:
        a, b = (segments_in(case, need) for case in (one, other))
        if a and b:
            grid = common_grid([*a, *b])
            found.append(dice(union(a, grid), union(b, grid)))
            patients.append(one.patient_id)
            if found[-1] < GOOD_DICE:
                differ[one.case_id].append(f"{need.name}: Dice {found[-1]:.2f}")
        if bool(a) != bool(b):
            alone += 1
            differ[one.case_id].append(f"{need.name}: drawn by one alone")
    if alone:
        notes.append(f"{need}: drawn by one of them only in {alone} of {len(pairs)} cases")
    if not found:
        return []
    spread = f"median {np.median(found):.3f}, {min(found):.3f} to {max(found):.3f}"
    return [(str(need), _mean("mean Dice", found, patients, "case", spread))]


def _points(
    need: InputSpec,
    classes: Classes | None,
    pairs: Sequence[tuple[Case, Case]],
    notes: list[str],
    differ: Differences,
) -> list[tuple[str, Estimate]]:
    away: list[float] = []
    patients: list[str] = []
    judged: list[tuple[str, str]] = []
    counts = [0, 0]
    for one, other in pairs:
        a, b = (points_in(case, need) for case in (one, other))
        groups = [group.points for group in group_points({"a": a, "b": b})]
        alone = [sum("b" not in group for group in groups), sum("a" not in group for group in groups)]
        counts = [count + more for count, more in zip(counts, alone, strict=True)]
        if any(alone):
            differ[one.case_id].append(f"{need.name}: {sum(alone)} marked by one alone")
        for group in (group for group in groups if len(group) == 2):
            away.append(float(np.linalg.norm(np.subtract(group["a"].position, group["b"].position))))
            patients.append(one.patient_id)
            if classes is not None:
                first, second = (_code(group[reader], classes) for reader in ("a", "b"))
                judged += [(first, second)] if first and second else []
                if first != second:
                    differ[one.case_id].append(f"{group['a'].label}: {first or '?'} and {second or '?'}")
    if not away and not any(counts):
        return []
    total = len(away) + sum(counts)
    notes.append(
        f"{need}: {len(away)} of {total} marked by both within {MATCH_MM:g} mm, "
        f"{counts[0]} by the first reader alone, {counts[1]} by the second alone"
    )
    figures = (
        [(str(need), _mean("mean distance, mm", away, patients, "point", f"farthest {max(away):.1f} mm"))]
        if away
        else []
    )
    return figures + ([(f"{need}, {classes.column}", _kappa(judged, "finding"))] if judged and classes else [])


def _code(point: Point, classes: Classes) -> str:
    found, _ = findings_of_points(PointList("one", (point,)), classes)
    return found[0].code


def _kappa(pairs: Sequence[tuple[str, str]], unit: str) -> Estimate:
    return cohen_kappa(agreement_table([a for a, _ in pairs], [b for _, b in pairs]), unit=unit)


def _mean(name: str, values: Sequence[float], patients: Sequence[str], unit: str, note: str) -> Estimate:
    """The mean with the interval of a bootstrap over patients."""
    order = list(dict.fromkeys(patients))
    index = [order.index(patient) for patient in patients]
    sums = np.bincount(index, values, len(order))
    counts = np.bincount(index, minlength=len(order)).astype(np.float64)
    interval = bootstrap_interval(lambda weights: (weights @ sums) / (weights @ counts), len(order))
    return Estimate(name, float(np.mean(values)), len(values), unit, interval, clusters=len(order), note=note)
