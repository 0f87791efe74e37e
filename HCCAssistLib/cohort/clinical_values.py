"""The clinical values that a method reads: within bounds, in their unit, and what is done where one is missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.cohort.cells import is_missing, number, number_fault
from HCCAssistLib.cohort.choices import DASHES, choice_meant, has_no_value
from HCCAssistLib.cohort.columns import listed
from HCCAssistLib.cohort.spelling import heading_key, plain
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.labels import Variable

_UNITS: Mapping[str, Mapping[str, float]] = {
    "g/L": {"g/dL": 10, "mg/mL": 1, "mg/dL": 0.01},
    "g/dL": {"g/L": 0.1, "mg/mL": 0.1, "mg/dL": 0.001},
    "ng/mL": {"ug/L": 1, "ug/mL": 1000, "mg/L": 1000, "ng/dL": 0.01, "pg/mL": 0.001},
    "ug/L": {"ng/mL": 1, "ug/mL": 1000, "mg/L": 1000},
    "mm": {"cm": 10, "m": 1000},
    "cm": {"mm": 0.1},
    "months": {"years": 12, "days": 1 / 30.4375},
    "years": {"months": 1 / 12},
}
"""For a unit, others in which the same value is written, each with the factor that turns it into the unit."""

_UNIT_MARKS: dict[str, str | int | None] = {
    "/": "per",
    "(": None,
    ")": None,
    "[": None,
    "]": None,
    "\N{GREEK SMALL LETTER MU}": "u",
}
"""How a heading writes a unit, and how a column does."""

_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""A number with a comma that may be a decimal one or stand between thousands."""

_FACTORS = (10, 0.1, 100, 0.01, 1000, 0.001)
_MOST = 0.8
"""Share of a column's values that lie outside in one way, from which on the whole column is in another unit."""


def value_of(case: Case, variable: Variable) -> tuple[float | None, Problem | None]:
    """A value, None where it is missing or cannot be used; and why it cannot, or why the case is refused without it."""
    where = f"case {case.case_id}"
    if has_no_value(cell := case.values.get(variable.column, ""), variable):
        what = f"the case has no {variable.column}"
        refused = Problem("STOP", what, where, "fill it in, or leave the case out", case.case_id)
        return None, refused if variable.missing == "refuse" else None
    value, fault = _checked(case, variable, cell)
    return value, fault


def typed_value(text: str, variable: Variable) -> tuple[float | None, str]:
    """What a person typed into a form: the value, and what is wrong with it in a sentence.

    A decimal comma is one, unless it may separate thousands.

    >>> protein = Variable("total_protein_g_per_l", "total protein", "g/L", (30.0, 120.0), missing="tree")
    >>> typed_value("71,5", protein), typed_value("unknown", protein)
    ((71.5, ''), (None, ''))
    >>> typed_value("7.1", protein)[1]
    'Total protein is 7.1, outside 30 to 120 g/L: is it in g/dL? Write it in g/L.'

    Args:
        text: as typed; empty, "unknown" and the like are no value.
        variable: that it is of.

    Returns:
        None for the value where it is unknown or wrong; ``""`` where nothing is wrong.
    """
    title, unit = variable.title[:1].upper() + variable.title[1:], variable.unit
    try:
        value = number(text, title, decimal_comma=not _THOUSANDS.fullmatch(text.strip()))
    except InputError as error:
        fault = error.problems[0]
        return None, f"{title}: {fault.what}. {fault.remedy[:1].upper()}{fault.remedy[1:]}."
    low, high = variable.bounds
    if value is not None and variable.whole and value != int(value):
        return None, f"{title} is {text.strip()}, which is no whole number."
    if value is None or (value in variable.choices if variable.choices else low <= value <= high):
        return value, ""
    if variable.choices:
        return None, f"{title} is {text.strip()}, which is no choice."
    guess = _other_unit(value, variable)
    if guess in _UNITS.get(unit, {}):
        remedy = f"is it in {guess}? Write it in {unit}"
    else:
        remedy = f"is {guess} meant" if guess else "correct it"
    mark = "?" if remedy.startswith("is ") and not remedy.endswith(unit) else "."
    return None, f"{title} is {text.strip()}, outside {_bounds(variable)}: {remedy}{mark}"


def value_problems(cases: Sequence[Case], variables: Sequence[Variable], *, learning: bool) -> Iterator[Problem]:
    """What is wrong with the clinical values of cases.

    Args:
        cases: that are used.
        variables: that the method reads.
        learning: whether a model is trained on the cases.
    """
    for variable in variables:
        if cases:
            yield from _column(cases, variable, learning)


def _column(cases: Sequence[Case], variable: Variable, learning: bool) -> Iterator[Problem]:
    name, columns = variable.column, list(cases[0].values)
    if name not in columns:
        stop = learning or variable.missing == "refuse"
        remedy = _where_it_may_be(variable, columns) or f"add it{f', in {variable.unit}' if variable.unit else ''}"
        what = f"the table has no column {name!r}" + ("" if stop else f", so {_instead(variable)} in every case")
        yield Problem("STOP" if stop else "WARN", what, TABLE, remedy)
        return
    missing = [case.case_id for case in cases if has_no_value(case.values.get(name, ""), variable)]
    faults = [fault for case in cases for _, fault in [value_of(case, variable)] if fault]
    cells = {case.case_id: case.values.get(name, "") for case in cases}
    other = _unit_of_all(cases, variable)
    if other:
        unit, count = other
        what = f"{count} of {len(cases)} values of {name} lie outside {_bounds(variable)} and would fit in {unit}"
        yield Problem("STOP", what, f"{TABLE}, column {name}", f"write {variable.unit}, as the column's name says")
        faults = [fault for fault in faults if fault.case_id in missing]
    if words := _no_choices(cases, variable):
        count, remedy = sum(words.values()), _choices(variable)
        what = f"{count} of {len(cases) - len(missing)} values of {name} are written as {', '.join(list(words)[:5])}"
        if any(plain(word) in DASHES for word in words):
            remedy += f", and nothing where {variable.title} is not known"
        yield Problem("STOP", what, f"{TABLE}, column {name}", remedy)
        faults = [f for f in faults if f.case_id in missing or cells[f.case_id] not in words]
    if spelt := _spelt_alike(cases, variable):
        count, kind, remedy = spelt
        known = len(cases) - len(missing)
        what = f"{count} of {known} values of {name} are no numbers{kind}"
        yield Problem("STOP", what, f"{TABLE}, column {name}", remedy)
        faults = [fault for fault in faults if fault.case_id in missing]
    if len(missing) == len(cases) and (learning or variable.missing == "refuse"):
        yield Problem("STOP", f"no case has a value of {name}", f"{TABLE}, column {name}", "fill it in")
        return
    yield from faults
    if missing and variable.missing != "refuse":
        ids = listed(dict.fromkeys(missing, "")).replace(" ,", ",").strip()
        have = "has" if len(missing) == 1 else "have"
        what = f"{len(missing)} of {len(cases)} cases {have} no {name}: {_instead(variable)} ({ids})"
        yield Problem("WARN", what, f"{TABLE}, column {name}", "fill it in where it is known")


def _checked(case: Case, variable: Variable, cell: str) -> tuple[float | None, Problem | None]:
    where, name = f"case {case.case_id}", variable.column
    if variable.choices and plain(cell) in DASHES:
        remedy = f"{_choices(variable)}, or leave the cell empty"
        return None, Problem("STOP", f"{name}: {cell!r} may mean no, or not known", where, remedy, case.case_id)
    try:
        value = case.number(name)
    except InputError as error:
        meant = choice_meant(cell, variable)
        remedy = error.problems[0].remedy if meant is None else f"write {meant:g} for {cell}"
        remedy = _choices(variable) if variable.choices and meant is None else remedy
        return None, Problem("STOP", f"{name}: {error.problems[0].what}", where, remedy, case.case_id)
    if value is None:
        return None, None
    if variable.choices:
        if value in variable.choices:
            return value, None
        return None, Problem(
            "STOP", f"{name} is {value:g}, which is no choice", where, _choices(variable), case.case_id
        )
    if variable.whole and value != int(value):
        what = f"{name} is {cell}, which is no whole number"
        return None, Problem("STOP", what, where, "correct it: it counts", case.case_id)
    if variable.bounds[0] <= value <= variable.bounds[1]:
        return value, None
    what, unit, guess = f"{name} is {cell}, outside {_bounds(variable)}", variable.unit, _other_unit(value, variable)
    if not unit:
        remedy = "correct it"
    elif guess in _UNITS.get(unit, {}):
        remedy = f"is it in {guess}? write it in {unit}"
    else:
        remedy = f"is {guess} meant? the column is in {unit}" if guess else f"correct it: the column is in {unit}"
    return None, Problem("STOP", what, where, remedy, case.case_id)


def _no_choices(cases: Sequence[Case], variable: Variable) -> dict[str, int]:
    """Words that stand in several cells instead of choices, each with how many; empty where no more than one does."""
    if not variable.choices:
        return {}
    cells = [case.values.get(variable.column, "").strip() for case in cases]
    words = Counter(c for c in cells if not has_no_value(c, variable) and (plain(c) in DASHES or _no_number(c)))
    return dict(words) if words.total() > 1 else {}


def _no_number(cell: str) -> bool:
    try:
        return number(cell, "") is None
    except InputError:
        return True


def _other_unit(value: float, variable: Variable) -> str:
    """The unit in which a value would lie within the bounds, or the factor; ``""`` where none brings it there."""
    low, high = variable.bounds
    for unit, factor in _UNITS.get(variable.unit, {}).items():
        if factor != 1 and low <= value * factor <= high:
            return unit
    for factor in _FACTORS:
        if value and low <= value * factor <= high:
            return f"{value * factor:g}"
    return ""


def _unit_of_all(cases: Sequence[Case], variable: Variable) -> tuple[str, int] | None:
    """The other unit that nearly all values of a column are in, and how many they are."""
    units: Counter[str] = Counter()
    known = 0
    for case in cases:
        try:
            value = case.number(variable.column)
        except InputError:
            continue
        if value is not None:
            known += 1
            if not variable.choices and not variable.bounds[0] <= value <= variable.bounds[1]:
                units[_other_unit(value, variable)] += 1
    units = Counter({unit: n for unit, n in units.items() if unit in _UNITS.get(variable.unit, {})})
    if not units:
        return None
    unit, count = units.most_common(1)[0]
    return (unit, count) if count > 1 and count >= _MOST * known else None


def _spelt_alike(cases: Sequence[Case], variable: Variable) -> tuple[int, str, str] | None:
    """How many values of a column are no numbers in one and the same way, which, and what to do; None where few are."""
    if variable.choices:
        return None
    faults: Counter[tuple[str, str]] = Counter()
    known = 0
    for case in cases:
        cell = case.values.get(variable.column, "")
        known += not is_missing(cell)
        try:
            case.number(variable.column)
        except InputError:
            faults[number_fault(cell.strip())] += 1
    (kind, remedy), count = faults.most_common(1)[0] if faults else (("", ""), 0)
    return (count, kind, remedy) if count > 1 and count >= _MOST * known else None


def _where_it_may_be(variable: Variable, columns: Sequence[str]) -> str:
    """A heading that is the column in another unit or without one, and what to do about it; ``""`` without any."""
    own = heading_key(_suffix(variable.unit))
    stem = heading_key(variable.column).removesuffix(own) if own else heading_key(variable.column)
    for column in columns:
        key = heading_key(column).translate(str.maketrans(_UNIT_MARKS))
        if not column or not key.startswith(stem):
            continue
        rest = key.removeprefix(stem)
        for unit, factor in {variable.unit: 1.0, **_UNITS.get(variable.unit, {})}.items():
            if unit and rest == heading_key(_suffix(unit)):
                times = "" if factor == 1 else f" and multiply its values by {factor:g}"
                return f"rename {column!r} to it{times}"
        if not rest:
            return f"rename {column!r} to it, if its values are in {variable.unit}" if variable.unit else ""
    return ""


def _suffix(unit: str) -> str:
    return unit.replace("/", "_per_")


def _instead(variable: Variable) -> str:
    if variable.missing == "median":
        return "the median of the training cases is taken instead"
    return "the trees decide without it"


def _bounds(variable: Variable) -> str:
    low, high = (f"{bound:.10g}" for bound in variable.bounds)
    return f"{low} to {high}{f' {variable.unit}' if variable.unit else ''}"


def _choices(variable: Variable) -> str:
    return "write " + ", ".join(f"{value:g} ({name})" for value, name in variable.choices.items())
