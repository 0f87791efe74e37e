"""Several models on the same held-out cases, each against the first: what a recipe's comparison answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.comparison import SessionComparison
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest
from HCCAssistLib.wording import plural


@dataclass(frozen=True, slots=True)
class Section:
    """One level at which two models are compared.

    Attributes:
        level: ``"patch"``, ``"lesion"``, ``"patient"``.
        model: that is compared with the control.
        differences: the model minus the control.
        tests: by what they compare.
        note: what a reader must know beside it.
    """

    level: str
    model: str
    differences: tuple[Estimate, ...]
    tests: tuple[tuple[str, HypothesisTest], ...]
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "level": self.level,
            "model": self.model,
            "differences": [estimate.as_json() for estimate in self.differences],
            "tests": {name: test.as_json() for name, test in self.tests},
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models on the same cases.

    Attributes:
        control: the model that the others are compared with.
        figures: of each model alone, by its name: level and figure.
        sections: of each other model.
        cases: on which all were run.
        left_out: cases that could not be used, by case id, with what is wrong.
        problems: what is doubtful.
        run: what the figures rest on.
        sessions: repeated sessions of the models, by what was measured.
    """

    control: str
    figures: Mapping[str, tuple[tuple[str, Estimate], ...]]
    sections: tuple[Section, ...]
    cases: tuple[str, ...]
    left_out: Mapping[str, tuple[Problem, ...]]
    problems: tuple[Problem, ...]
    run: Mapping[str, Any]
    sessions: tuple[tuple[str, SessionComparison], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Every figure at full precision, and what it rests on."""
        return {
            "kind": "comparison",
            "research_use_only": True,
            "control": self.control,
            "models": {
                name: [{"level": level, **estimate.as_json()} for level, estimate in found]
                for name, found in self.figures.items()
            },
            "comparisons": [section.as_json() for section in self.sections],
            "sessions": {measure: found.as_json() for measure, found in self.sessions},
            "cases": list(self.cases),
            "failed": [
                {"case_id": name, "problem": "\n".join(map(str, problems))} for name, problems in self.left_out.items()
            ],
            "warnings": [{"what": p.what, "where": p.where, "remedy": p.remedy} for p in self.problems],
            "run": dict(self.run),
        }


def common(held_out: Mapping[str, HeldOut]) -> HeldOut:
    """The cases that none of the models was trained on and that all can be evaluated on.

    Args:
        held_out: of each model, on the same cohort.

    Raises:
        InputError: there are none.
    """
    first = next(iter(held_out.values()))
    ids = [{case.case_id for case in found.cases} for found in held_out.values()]
    cases = tuple(case for case in first.cases if all(case.case_id in one for one in ids))
    if not cases:
        each = ", ".join(f"{name}: {len(one)}" for name, one in zip(held_out, ids, strict=True))
        raise InputError(f"no case is held out for all models ({each})", "cohort.csv", "compare on an unseen cohort")
    left_out = {name: problems for found in held_out.values() for name, problems in found.left_out.items()}
    problems = list(dict.fromkeys(problem for found in held_out.values() for problem in found.problems))
    dropped = len(set().union(*ids)) - len(cases)
    if dropped:
        what = f"{dropped} {plural('case', dropped)} held out for some of the models only are left out"
        problems.append(Problem("WARN", what, "cohort.csv"))
    return HeldOut(first.cohort, cases, left_out, tuple(problems))


def comparison_report(found: Comparison, *, title: str, provenance: Mapping[str, str]) -> Report:
    """The report of a comparison: each model alone, then each against the control."""
    names = list(found.figures)
    n = len(found.cases)
    pages = Report(
        title,
        subtitle=f"{', '.join(names)} on the same {n} unseen {plural('case', n)}; {found.control} is the control",
        provenance={
            **provenance,
            "cases": ", ".join(found.cases),
            "cases left out": ", ".join(found.left_out) or "none",
        },
        covered=("purpose", "partitions"),
    )
    pages.add_warnings(found.problems)
    pages.add_warnings(problem for problems in found.left_out.values() for problem in problems)
    pages.add_text(
        f"All models were run on the same held-out cases. A difference is a model minus the control {found.control}, "
        "so that one above 0 means more of what is measured. Intervals resample whole patients; where a patient gives "
        "several rows, trust them rather than the P values, which take rows as independent. No P value is corrected "
        "for the number of comparisons unless its test says so."
    )
    for name, figures in found.figures.items():
        for level in dict.fromkeys(level for level, _ in figures):
            of_level = [estimate for one, estimate in figures if one == level]
            pages.add_estimates(f"{name}{' (control)' if name == found.control else ''}: {level} level", of_level)
    for section in found.sections:
        pages.add_heading(f"{section.model} against {found.control}: {section.level} level")
        if section.note:
            pages.add_text(section.note)
        which = f"{section.model} minus {found.control}, {section.level} level"
        pages.add_estimates(which, section.differences)
        pages.add_tests(f"{which}: tests", section.tests)
    for measure, sessions in found.sessions:
        pages.add_sessions(f"Repeated sessions: {measure}", sessions, measure=measure)
    return pages
