"""Flow and characteristics from a cohort's table: everybody is counted, nobody is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.evaluation.baseline_rows import BaselineRow
from HCCAssistLib.evaluation.cohort_description import cohort_flow, cohort_table
from HCCAssistLib.labels import Classes, TimeToEvent, Variable

LTP = Classes("ltp", {"0": "no progression", "1": "progression"}, positive=("1",))


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
    flow = cohort_flow(whole, test, label=LTP)
    assert [(stage.name, stage.n) for stage in flow.stages] == [("in the table", 12), ("evaluated", 4)]
    assert not flow.stages[0].excluded, "who was trained on is not excluded"
    assert dict(flow.stages[0].elsewhere) == {"in the training set": 6, "in the validation set": 2}
    assert dict(flow.parts) == {"no progression": 2, "progression": 2}
    everybody = cohort_flow(whole, [case.case_id for case in whole.cases], label=LTP)
    assert len(everybody.stages) == 1 and everybody.stages[0].n == 12
    assert dict(cohort_flow(whole, test, label=Classes("no such column", LTP.names)).parts) == {}
    drawn = cohort_flow(cohort(("",) * 12), test, label=LTP)
    assert dict(drawn.stages[0].elsewhere) == {"not set aside for testing": 8}


def test_the_flow_divides_the_evaluated_cases_by_any_categories() -> None:
    def parts(*categories: str) -> dict[str, int]:
        cases = tuple(
            Case(f"c{n}", f"p{n}", "test", {"mass": category}, Path("x")) for n, category in enumerate(categories)
        )
        return dict(cohort_flow(Cohort(None, cases), [case.case_id for case in cases], label=mass).parts)

    mass = Classes("mass", {"A": "HCC", "B": "metastasis", "E": "cyst"}, subclasses={"B2": "B"})
    assert parts("B", "A", "B2", "A") == {"HCC": 2, "metastasis": 2, "cyst": 0}
    assert parts("B", "Z") == {}, "one that is no class would be lost"
    assert parts("B", "", "A") == {}, "an unknown one would be lost"


def test_cases_that_could_not_be_evaluated_leave_with_their_reasons() -> None:
    whole = cohort()
    reasons = {"case-8": "no point is marked", "case-9": "damaged", "case-10": "no point is marked"}
    flow = cohort_flow(whole, ["case-11"], label=LTP, left_out=reasons)
    assert [(stage.name, stage.n) for stage in flow.stages] == [
        ("in the table", 12), ("to be evaluated", 4), ("evaluated", 1),
    ]  # fmt: skip
    assert dict(flow.stages[1].excluded) == {"left out: no point is marked": 2, "left out: damaged": 1}
    assert dict(flow.parts) == {"no progression": 0, "progression": 1}
    everybody = cohort_flow(cohort(("test",) * 3), ["case-0", "case-1"], label=LTP, left_out={"case-2": "damaged"})
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
    assert all(row.test is None for row in table.rows) and "P\N{NO-BREAK SPACE}value" not in table.columns
    text = str(table.as_json()) + str(table.printed)
    assert "Doe" not in text and "2020" not in text and "patient-" not in text


def test_a_table_that_describes_nothing_gives_none() -> None:
    case = Case("a", "a", "test", {"case_id": "a", "patient_id": "a", "split": "test", "name": "Doe"}, Path("a"))
    assert cohort_table(Cohort(None, (case,)), ["a"]) is None


def of_columns(decimal_comma: bool = False, **columns: str) -> Cohort:
    """One case of the split test for each word of the columns; ``_`` stands for an empty cell."""
    cells = {name: [cell if cell != "_" else "" for cell in text.split(" ")] for name, text in columns.items()}
    count = len(next(iter(cells.values())))
    rows = [{"case_id": f"c{n}", **{name: column[n] for name, column in cells.items()}} for n in range(count)]
    cases = (Case(f"c{n}", f"p{n}", "test", row, Path("x"), {}, decimal_comma) for n, row in enumerate(rows))
    return Cohort(None, tuple(cases))


def row_of(whole: Cohort, name: str) -> BaselineRow | None:
    table = cohort_table(whole, [case.case_id for case in whole.cases])
    return next((row for row in table.rows if row.name == name), None) if table else None


@pytest.mark.parametrize("missing", ["n/a", "#N/A", "NULL", "#DIV/0!", "-", "?", "unknown", ".", "#NV", "none"])
def test_a_missing_value_leaves_its_column_as_it_is(missing: str) -> None:
    whole = of_columns(marker=f"60 {missing} 62 65 {missing} 70", empty="60 _ 62 65 _ 70")
    found, empty = row_of(whole, "marker"), row_of(whole, "empty")
    assert found is not None and empty is not None
    assert (found.cells, found.missing) == (empty.cells, (2,))


@pytest.mark.parametrize("cell", [">1000", "<5", "inf", "1e400", "1,234.5", "12mm", "5,8"])
def test_a_cell_that_is_no_number_is_left_out_and_named(cell: str) -> None:
    whole = of_columns(afp=f"60 {cell} 62 65 61 70")
    table = cohort_table(whole, [])
    assert table is not None
    assert table.rows[0].numbers[0]["n"] == 5 and table.rows[0].missing == (1,)
    assert f"afp: left out as no numbers are case c1 {cell!r}" in table.note
    assert table.as_json()["remarks"] == list(table.remarks) != []


def test_a_list_of_segments_is_a_text_and_a_decimal_comma_a_number() -> None:
    whole = of_columns(True, couinaud="5,8 4,5,8 5,8 4,5,8", marker="12,5 20 7,5 8,5")
    segments, marker = row_of(whole, "couinaud"), row_of(whole, "marker")
    assert segments is not None and segments.levels == ("4,5,8", "5,8")
    assert marker is not None and marker.numbers[0]["mean"] == 12.125


def test_points_between_thousands_are_no_decimal_points_beside_decimal_commas() -> None:
    found = row_of(of_columns(True, afp="12,5 1.234 7,5 8,5 9"), "afp")
    assert found is not None and found.numbers[0]["n"] == 4 and found.missing == (1,)
    alone = row_of(of_columns(True, afp="12.5 1.234 7.5 8.5 9"), "afp")
    assert alone is not None and alone.numbers[0]["n"] == 5


def test_words_that_may_be_missing_codes_are_values_where_a_person_means_them() -> None:
    ascites = row_of(of_columns(ascites="none mild none severe NA none mild mild"), "ascites")
    assert ascites is not None and (ascites.levels, ascites.missing) == (("mild", "none", "severe"), (1,))
    virus = row_of(of_columns(hbv="+ - + - - ? + +"), "hbv")
    assert virus is not None and (virus.levels, virus.missing) == (("+", "-"), (1,))
    sex = row_of(of_columns(sex="m f - f m m f f"), "sex")
    assert sex is not None and (sex.levels, sex.missing) == (("f", "m"), (1,))


def test_categories_that_look_like_numbers_are_counted() -> None:
    stage = row_of(of_columns(stage="1a 1b 2 3a 2 1a 1b 3a 2 2"), "stage")
    assert stage is not None and stage.levels == ("1a", "1b", "2", "3a")
    lesions = row_of(of_columns(lesions="1 2 >3 1 1 >3 2 1"), "lesions")
    assert lesions is not None and lesions.levels == ("1", "2", ">3")


def test_an_unusual_word_does_not_take_a_column_of_numbers_away() -> None:
    table = cohort_table(of_columns(afp="60 61 nd 62 65 66"), [])
    assert table is not None and table.rows[0].numbers[0]["n"] == 5
    assert "afp: left out as no numbers are case c2 'nd'" in table.note


def test_columns_that_the_recipe_knows_go_by_their_titles_and_choices() -> None:
    hbv = Variable("hbv", "hepatitis B virus", "", (0, 1), "tree", {0.0: "negative", 1.0: "positive"})
    afp = Variable("afp", "alpha-fetoprotein", "ng/mL", (0, 1e6), "tree")
    whole = of_columns(hbv="0 1 1 0 1 1", afp="60 61 62 63 64 65", follow_up_months="3 4 5 6 7 8")
    table = cohort_table(whole, [], label=TimeToEvent(), variables=(hbv, afp))
    assert table is not None
    names = [row[0].strip() for row in table.printed]
    assert names == [
        "hepatitis B virus", "negative", "positive", "alpha-fetoprotein (ng/mL)", "follow-up (months)"
    ]  # fmt: skip
