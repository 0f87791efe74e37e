"""The statistical methods paragraph of a report, written from what the report actually used."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
    by_method: dict[str, list[str]] = {}
    clustered: dict[str, None] = {}
    for estimate in estimates:
        if estimate.interval.low is not None:
            by_method.setdefault(estimate.interval.method, []).append(_measure(estimate.name))
        if estimate.clustered is not None:
            clustered[estimate.clustered.method] = None
    sentences = []
    if by_method:
        levels = {f"{100 * e.interval.level:g} %" for e in estimates}
        parts = [f"{method} for {_listed(names)}" for method, names in by_method.items()]
        sentences.append(f"Confidence intervals ({_listed(sorted(levels))}) are {'; '.join(parts)}.")
    if clustered:
        sentences.append(
            "Rows of one patient are not independent; a second interval therefore resamples whole patients "
            f"({_listed(clustered)})."
        )
    dropped = sum(i.dropped for e in estimates for i in (e.interval, e.clustered) if i is not None)
    if dropped:
        sentences.append("Bootstrap draws on which a statistic is undefined were dropped; their number is given.")
    if any(estimate.cutoff for estimate in estimates):
        sentences.append("A unit counts as positive where its score is at least the cut-off.")
    if any(_measure(estimate.name) == "AUC" for estimate in estimates):
        sentences.append("A higher score always speaks for positive; no score was inverted to raise an AUC.")
    if any(_measure(estimate.name) == "AP" for estimate in estimates):
        sentences.append("Average precision is the step-wise sum without interpolation.")
    if tests:
        names = "; ".join(dict.fromkeys(f"{test.name}, {test.alternative}" for test in tests))
        sentences.append(
            f"Tests: {names}. P values are not adjusted for multiple testing unless a test's name says so."
        )
    sentences.append("Numbers are rounded once, half up, from the full precision that report.json keeps.")
    return " ".join(sentences)
