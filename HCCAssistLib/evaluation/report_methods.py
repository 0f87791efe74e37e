"""The statistical methods paragraph of a report, written from what the report actually used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from HCCAssistLib.evaluation.report_blocks import Block, EstimateTable, KeyResults, Picture, Table, TestTable
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest

_GENERAL = (
    (re.compile(r"^[^:]+: "), ""),  # the group, category or model before the name
    (re.compile(r"at [\d.e-]+ false positives"), "at fixed numbers of false positives"),
    (re.compile(r"^(survival )?at [\d.e+-]+.* at risk\)$"), "survival at fixed times"),
    (re.compile(r"^lesions .*found.*"), "lesions found by size"),
    (re.compile(r"^median .*"), "median survival"),
    (re.compile(r"^hazard ratio of .*"), "hazard ratios"),
    (re.compile(r"^importance of .*"), "importance"),
    (re.compile(r" at threshold [\d.e-]+"), ""),
)
"""What makes one measure of many figures, so that the paragraph names it once."""


def _measure(name: str) -> str:
    for pattern, general in _GENERAL:
        name = pattern.sub(general, name)
    return name


def _listed(names: Iterable[str]) -> str:
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} and {unique[-1]}"


def methods_paragraph(blocks: Iterable[Block]) -> str:
    """Name the exact intervals and tests behind the estimates and tests of some blocks."""
    estimates: list[Estimate] = []
    tests: list[HypothesisTest] = []
    for block in blocks:
        if isinstance(block, EstimateTable | KeyResults | Picture):
            estimates += block.estimates
        elif isinstance(block, TestTable):
            tests += [test for _, test in block.tests]
        elif isinstance(block, Table):
            tests += block.tests
    sentences = [*_of_intervals(estimates), *_of_measures(estimates)]
    if tests:
        names = "; ".join(dict.fromkeys(f"{test.name}, {test.alternative}" for test in tests))
        sentences.append(
            f"Tests: {names}. P values are not adjusted for multiple testing unless a test's name says so."
        )
    sentences.append("Numbers are rounded once, half up, from the full precision that report.json keeps.")
    return " ".join(sentences)


def _of_intervals(estimates: Iterable[Estimate]) -> Iterator[str]:
    """Which interval belongs to which measure, and what was resampled."""
    by_method: dict[str, list[str]] = {}
    levels: set[str] = set()
    clustered: dict[str, None] = {}
    dropped = 0
    for estimate in estimates:
        levels.add(f"{100 * estimate.interval.level:g} %")
        if estimate.interval.low is not None:
            by_method.setdefault(estimate.interval.method, []).append(_measure(estimate.name))
        if estimate.clustered is not None:
            clustered[estimate.clustered.method] = None
            dropped += estimate.clustered.dropped
        dropped += estimate.interval.dropped
    if by_method:
        parts = [f"{method} for {_listed(names)}" for method, names in by_method.items()]
        yield f"Confidence intervals ({_listed(sorted(levels))}) are {'; '.join(parts)}."
    if clustered:
        yield (
            "Rows of one patient are not independent; a second interval therefore resamples whole patients "
            f"({_listed(clustered)})."
        )
    if dropped:
        yield "Bootstrap draws on which a statistic is undefined were dropped; their number is given."


def _of_measures(estimates: Sequence[Estimate]) -> Iterator[str]:
    """What a reader must know of the measures that occur."""
    measures = {_measure(estimate.name) for estimate in estimates}
    if any(estimate.cutoff for estimate in estimates):
        yield "A unit counts as positive where its score is at least the cut-off."
    if "AUC" in measures:
        yield "A higher score always means positive; no score was inverted to raise an AUC."
    if "AP" in measures:
        yield "Average precision is the step-wise sum without interpolation."
