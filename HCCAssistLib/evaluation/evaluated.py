"""What every recipe's evaluation answers, whatever it evaluates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from HCCAssistLib.errors import Problem
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.result import Estimate


class Evaluation(Protocol):
    """Performance of a model on cases it has not seen; a recipe's report shows all of it.

    Attributes:
        results: of the evaluated cases, by case id.
        left_out: cases that were to be evaluated and could not be, by case id, with what is wrong.
        problems: what is doubtful.
        sentence: the main result in words.
        run: what the figures rest on.
        flow: of the cases, from the table to the figures.
        characteristics: of the evaluated cases.
    """

    @property
    def results(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def left_out(self) -> Mapping[str, tuple[Problem, ...]]: ...  # noqa: D102

    @property
    def problems(self) -> tuple[Problem, ...]: ...  # noqa: D102

    @property
    def sentence(self) -> str: ...  # noqa: D102

    @property
    def run(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def flow(self) -> Flow: ...  # noqa: D102

    @property
    def characteristics(self) -> BaselineTable | None: ...  # noqa: D102

    @property
    def headline(self) -> Estimate:
        """The one figure by which models of the method are compared; more is better."""

    def summary(self) -> list[tuple[str, Estimate]]:
        """Level and figure of a short table."""

    def as_json(self) -> dict[str, Any]:
        """Every figure at full precision, what it rests on, and what went wrong."""


def evaluation_json(found: Evaluation, figures: Mapping[str, Any]) -> dict[str, Any]:
    """What every evaluation writes around its own figures: what they rest on, and what went wrong."""
    return {
        "kind": "evaluation",
        "research_use_only": True,
        "run": dict(found.run),
        "warnings": [{"what": p.what, "where": p.where, "remedy": p.remedy} for p in found.problems],
        **figures,
        "flow": found.flow.as_json(),
        "cases": list(found.results),
        "failed": [
            {"case_id": case_id, "problem": "\n".join(map(str, problems))}
            for case_id, problems in found.left_out.items()
        ],
    }
