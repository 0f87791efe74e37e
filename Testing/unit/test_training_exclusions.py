"""A case whose registration fails is left out of a training and named; too many of them stop it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ablation_toy import TINY, write_toy_cohort

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.cohort.strata import Strata
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.cohort_description import cohort_flow
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.card import card_rows
from HCCAssistLib.recipes.ablation import sampling
from HCCAssistLib.recipes.ablation.recipe import ABLATION, OUTCOME
from HCCAssistLib.training.exclusions import exclude
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.run import train

pytestmark = pytest.mark.heavy


def failed(name: str, phase: str = "portal") -> Problem:
    where = f"case {name}, pre/{phase}"
    return Problem("STOP", "it could not be registered", where, "give a transform", name, leaves_out="registration")


def cohort(splits: str) -> Cohort:
    """A case for each letter: t, v and x for testing; an early event for a capital."""
    names = {"t": "train", "v": "validation", "x": "test"}
    cases = [
        Case(f"c{n}", f"p{n}", names[s.lower()], {"class": str(int(s.isupper()))}, Path(f"c{n}"))
        for n, s in enumerate(splits)
    ]
    return Cohort(None, tuple(cases))


def excluded(of: Cohort, *problems: Problem, folds: int = 1) -> tuple[tuple[Problem, ...], Any]:
    groups = Strata("early event", {case.case_id: case.values["class"] for case in of.cases})
    return exclude(problems, of, groups, folds=folds)


def test_a_few_cases_are_left_out_each_named_and_each_phase_told() -> None:
    found, out = excluded(cohort("tTtTtTtTvVtTtTtTvVtTxX"), failed("c0"), failed("c0", "arterial"), failed("c20"))
    assert out == {"c0": "registration"}, "one for testing is no case of the training"
    assert [problem.level for problem in found] == ["WARN"] * 3
    assert "the case is left out" in found[0].what and "the case is not evaluable" in found[2].what


def test_a_case_that_has_another_fault_too_stops_as_before() -> None:
    other = Problem("STOP", "no region is marked", "case c0", "mark one", "c0")
    found, out = excluded(cohort("tT" * 10 + "vV"), failed("c0"), other)
    assert not out and [problem.level for problem in found] == ["STOP", "STOP"]


def test_more_than_a_tenth_stops_the_training_in_one_sentence_that_names_them_all() -> None:
    of = cohort("tT" * 5 + "vV" + "xX")
    found, out = excluded(of, failed("c0"), failed("c3"))
    assert not out and [p.level for p in found] == ["STOP"] * 3
    assert "2 of 12 cases for training cannot be used, and not more than 10% are left out" in found[0].what
    assert "2 cases (registration): c0, c3" in found[0].what


@pytest.mark.parametrize(
    ("splits", "folds", "sentence"),
    [
        ("t" * 20 + "TvV", 1, "0 patients with early event would be left for training, and 1 is needed"),
        ("t" * 10 + "T" + "t" * 9 + "TTvv", 3, "2 patients with early event would be left, and 3 are needed"),
    ],
)
def test_a_class_of_which_too_few_would_be_left_stops_the_training(splits: str, folds: int, sentence: str) -> None:
    of = cohort(splits)
    lost = f"c{splits.index('T')}"
    found, out = excluded(of, failed(lost), folds=folds)
    assert not out and found[0].level == "STOP" and sentence in found[0].what and lost in found[0].what


@pytest.mark.slow
def test_a_training_goes_on_without_a_failed_case_and_says_so_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sampling.time_point_of

    def fails(study: Study, name: str, options: Any) -> Any:
        if study.case_id == lost:
            raise InputError([replace(failed("", "portal"), where="pre/portal", case_id="")])
        return real(study, name, options)

    monkeypatch.setattr(sampling, "time_point_of", fails)
    outcomes = [(8, 1), (40, 0)] * 8
    folder = write_toy_cohort(tmp_path / "cohort", outcomes, post=[0, 1, 2, 3])
    read = read_cohort(folder, tolerant=True)
    lost = "case-6"
    splits = ["test" if n >= 14 else "validation" if n >= 10 else "train" for n in range(16)]
    read = replace(read, cases=tuple(replace(c, split=s) for c, s in zip(read.cases, splits, strict=True)))
    options = ABLATION.resolve({**TINY, "epochs": 1, "trees": 5})
    package, problems = train(read, Job(recipe=ABLATION, options=options, out=tmp_path / "toy", name="toy"))
    (told,) = [problem for problem in problems if problem.case_id == lost]
    assert told.level == "WARN" and "case case-6, pre/portal: it could not be registered; the case is left out" in str(
        told
    )
    training = package.card.training
    assert training["excluded"] == {lost: "registration"} and training["cases"]["train"] == 9
    assert dict(card_rows(package.card))["Left out of training"] == "1 case (registration): case-6"
    flow = cohort_flow(read, {"case-14", "case-15"}, label=OUTCOME, not_trained=training["excluded"])
    assert flow.stages[0].elsewhere["left out of the training: registration"] == 1
    assert flow.stages[0].elsewhere["in the training set"] == 9
