"""What a table says before a training, and what a comparison says in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from HCCAssistLib.evaluation.model_comparison import Comparison, Section
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.training.compared import in_words
from HCCAssistLib.training.table_facts import TableFacts, table_facts

LTP = get_recipe("ltp")


def facts(folder: Path, table: str, *, recipe: str = "ltp", folds: int = 1) -> TableFacts:
    rows = [line.split(",")[0] for line in table.splitlines()[1:]]
    for case in rows:
        (folder / "cases" / case).mkdir(parents=True, exist_ok=True)
    (folder / "cohort.csv").write_text(table)
    method = get_recipe(recipe)
    return table_facts(folder, method, method.resolve({}), folds=folds, seed=0)


def rows(*labels: int) -> str:
    return "case_id,split,ltp\n" + "".join(f"c{n},train,{label}\n" for n, label in enumerate(labels))


def test_counts_and_faults_of_a_table_stops_first(tmp_path: Path) -> None:
    found = facts(tmp_path, "case_id,split,ltp\nc0,train,1\nc1,train,0\nc2,test,seven\n")
    assert found.counts["cases"] == 3
    assert found.counts["splits"] == {"train": 2, "test": 1}
    assert found.stops
    assert [problem.level for problem in found.problems] == sorted(p.level for p in found.problems)
    assert any("seven" in str(problem) for problem in found.problems)


def test_folds_that_patients_do_not_fill_are_a_stop(tmp_path: Path) -> None:
    table = rows(*(1, 0) * 4)
    assert any("5 folds" in str(problem) for problem in facts(tmp_path, table, folds=5).problems)
    assert not any("folds" in str(problem) for problem in facts(tmp_path, table, folds=2).problems)


def test_no_table_is_told_and_counts_nothing(tmp_path: Path) -> None:
    found = table_facts(tmp_path / "nowhere", LTP, LTP.resolve({}), folds=1, seed=0)
    assert (found.counts, found.stops) == ({}, 1)


def test_classes_of_findings_are_not_counted_by_the_table(tmp_path: Path) -> None:
    assert facts(tmp_path, "case_id,split\nc0,train\n", recipe="liver-mass").counts["labels"] == {}


def comparison(low: float, value: float, high: float) -> Comparison:
    difference = Estimate("difference of AUC", value, 31, "patient", Interval(low, high, "DeLong"))
    unknown = Estimate("difference of AUC", None, 0, "patch", Interval.missing("too few"), note="one class alone")
    sections = (Section("patient", "new", (difference,), ()), Section("patch", "new", (unknown,), ()))
    return Comparison("old", {"old": (), "new": ()}, sections, ("c1", "c2"), {}, (), {})


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((0.01, 0.06, 0.11), "+0.060 (0.010 to 0.110, 31 patients): a difference."),
        (
            (-0.11, -0.06, -0.01),
            "\N{MINUS SIGN}0.060 (\N{MINUS SIGN}0.110 to \N{MINUS SIGN}0.010, 31 patients): a difference.",
        ),
        ((-0.02, 0.03, 0.08), "+0.030 (\N{MINUS SIGN}0.020 to 0.080, 31 patients): no difference is shown."),
    ],
)
def test_a_comparison_says_whether_its_interval_shows_a_difference(figures: tuple[float, ...], words: str) -> None:
    first, patients, patches = in_words(comparison(*figures))
    assert first.startswith("2 cases that none of the models learned from. Each figure is new minus old")
    assert patients == f"Patient level, difference of AUC: {words}"
    assert patches == "Patch level, difference of AUC: not known (one class alone)."


def test_a_model_replaces_another_of_its_name_only_where_a_person_said_so(tmp_path: Path) -> None:
    from ltp_blob import blob_network, blob_package

    from HCCAssistLib.errors import InputError

    store = ModelStore(tmp_path / "store")
    training = {"trained_on": {"synthetic": 1, "patients": 0}}
    first, second = (
        blob_package(tmp_path / name, blob_network(), training={**training, "seed": seed}, name="same").folder
        for seed, name in enumerate("ab")
    )
    store.install(first)
    with pytest.raises(InputError, match="another model named 'same'"):
        store.install(second)
    assert store.get("same").card.training["seed"] == 0
    store.install(second, replace=True)
    assert store.get("same").card.training["seed"] == 1
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["same"]
