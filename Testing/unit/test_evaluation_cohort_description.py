"""Flow and characteristics from a cohort's table: everybody is counted, nobody is named."""

from __future__ import annotations

from pathlib import Path

from HCCAssistLib.cohort.cohort import Case, Cohort
from HCCAssistLib.evaluation.cohort_description import cohort_flow, cohort_table


def cohort(splits: tuple[str, ...] = ("train",) * 6 + ("validation",) * 2 + ("test",) * 4) -> Cohort:
    cases = []
    for number, split in enumerate(splits):
        values = {
            "case_id": f"case-{number}",
            "patient_id": f"patient-{number}",
            "split": split,
            "ltp": str(number % 2),
            "age": "NA" if number == 3 else str(50 + number),
            "sex": "m" if number % 3 else "f",
            "remark": f"Doe, John {number}",
            "seen": f"2020-01-{number + 1:02d}",
            "empty": "",
        }
        cases.append(Case(f"case-{number}", f"patient-{number}", split, values, Path(f"case-{number}")))
    return Cohort(None, tuple(cases))


def test_the_flow_counts_every_case_once() -> None:
    whole = cohort()
    test = [case.case_id for case in whole.of_split("test")]
    flow = cohort_flow(whole, test, label="ltp")
    assert [(stage.name, stage.n) for stage in flow.stages] == [("in the table", 12), ("evaluated", 4)]
    assert dict(flow.stages[0].excluded) == {"of the split train": 6, "of the split validation": 2}
    assert dict(flow.parts) == {"ltp positive": 2, "ltp negative": 2}
    everybody = cohort_flow(whole, [case.case_id for case in whole.cases], label="ltp")
    assert len(everybody.stages) == 1 and everybody.stages[0].n == 12
    assert dict(cohort_flow(whole, test, label="no such column").parts) == {}
    drawn = cohort_flow(cohort(("",) * 12), test, label="ltp")
    assert dict(drawn.stages[0].excluded) == {"not set aside for testing": 8}


def test_cases_that_could_not_be_evaluated_leave_with_their_reasons() -> None:
    whole = cohort()
    reasons = {"case-8": "no point is marked", "case-9": "damaged", "case-10": "no point is marked"}
    flow = cohort_flow(whole, ["case-11"], label="ltp", left_out=reasons)
    assert [(stage.name, stage.n) for stage in flow.stages] == [
        ("in the table", 12), ("to be evaluated", 4), ("evaluated", 1),
    ]  # fmt: skip
    assert dict(flow.stages[1].excluded) == {"left out: no point is marked": 2, "left out: damaged": 1}
    assert dict(flow.parts) == {"ltp positive": 1, "ltp negative": 0}
    everybody = cohort_flow(cohort(("test",) * 3), ["case-0", "case-1"], label="ltp", left_out={"case-2": "damaged"})
    assert [(stage.name, stage.n) for stage in everybody.stages] == [("to be evaluated", 3), ("evaluated", 2)]


def test_the_table_describes_the_splits_and_names_nobody() -> None:
    whole = cohort()
    table = cohort_table(whole, [case.case_id for case in whole.of_split("test")])
    assert table is not None
    assert (table.groups, table.sizes, table.unit) == (("train", "validation", "test"), (6, 2, 4), "case")
    assert [row.name for row in table.rows] == ["ltp", "age", "sex"]
    rows = {row.name: row for row in table.rows}
    assert rows["ltp"].levels == ("0", "1") and rows["sex"].levels == ("f", "m")
    assert rows["age"].missing == (1, 0, 0) and rows["age"].numbers[2]["mean"] == 59.5
    text = str(table.as_json()) + str(table.printed)
    assert "Doe" not in text and "2020" not in text and "patient-" not in text


def test_a_table_that_describes_nothing_gives_none() -> None:
    case = Case("a", "a", "test", {"case_id": "a", "patient_id": "a", "split": "test", "name": "Doe"}, Path("a"))
    assert cohort_table(Cohort(None, (case,)), ["a"]) is None
