"""The labels of a cohort's cases: written as the method reads them, and enough of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from HCCAssistLib.cohort.case import SPLITS, TABLE, Case
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CENSORED, EVENTS, CohortSpec, follow_up
from HCCAssistLib.cohort.columns import listed
from HCCAssistLib.cohort.headings import nearest
from HCCAssistLib.cohort.spelling import shown
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.labels import Classes, TimeToEvent

FEW_PATIENTS = 30
WORDS_SHOWN = 5
LONGEST_MONTHS = 300.0
"""Nobody is followed for 25 years: such a number is one of days, or stands for a missing value."""


def label_problems(cohort: Cohort, spec: CohortSpec) -> Iterator[Problem]:
    """Labels of the table that are missing or cannot be read."""
    if spec.classes and cohort.cases:
        yield from _classes(cohort, spec.classes)
    if spec.outcome and cohort.cases:
        yield from _outcomes(cohort, spec.outcome)


def balance_problems(
    cohort: Cohort, spec: CohortSpec, codes: Mapping[str, Sequence[str]] | None = None
) -> list[Problem]:
    """Classes that too few patients have.

    Args:
        cohort: its labels can all be read.
        spec: of the method.
        codes: classes of the findings of each case, by case id, where findings have the label.
    """
    held = {case.case_id: _held(case, spec, codes) for case in cohort.cases}
    found = list(_balance(cohort, spec, held)) if cohort.cases else []
    if spec.outcome:
        lost = {
            name: f"({_months(cohort, spec.outcome, name):g} months)" for name, of in held.items() if CENSORED in of
        }
        if lost:
            what = (
                f"{len(lost)} of {len(held)} cases were followed for {spec.outcome.horizon_months:g} months or less "
                f"without an event ({listed(lost)}): they stay out of training and AUC, and count in survival"
            )
            found.append(Problem("WARN", what, TABLE))
    return found


def _held(case: Case, spec: CohortSpec, codes: Mapping[str, Sequence[str]] | None) -> set[str]:
    if codes is not None:
        return set(codes.get(case.case_id, ()))
    try:
        return {spec.stratum(case)}
    except InputError:
        return set()


def _months(cohort: Cohort, outcome: TimeToEvent, case_id: str) -> float:
    return follow_up(cohort.case(case_id), outcome)[0]


def _classes(cohort: Cohort, classes: Classes) -> Iterator[Problem]:
    column, columns = classes.column, list(cohort.cases[0].values)
    if column not in columns:
        alike = nearest(column, columns)
        remedy = f"rename {alike!r} to it, if that is meant" if alike else f"add it with {', '.join(classes.codes)}"
        yield Problem("STOP", f"the table has no column {column!r}", TABLE, remedy)
        return
    labels = {case.case_id: case.values[column] for case in cohort.cases}
    remedy = f"write {_either(classes)}"
    if len(labels) > 1 and not any(map(classes.code_of, labels.values())):  # one cause: written in another way
        words = sorted({shown(label) or "nothing" for label in labels.values()})
        more = f" and {len(words) - WORDS_SHOWN} other texts" if len(words) > WORDS_SHOWN else ""
        ids = ", ".join(list(labels)[:WORDS_SHOWN]) + (" ..." if len(labels) > WORDS_SHOWN else "")
        what = f"the column {column} holds {', '.join(words[:WORDS_SHOWN])}{more} and not one {_either(classes)}"
        yield Problem("STOP", what, TABLE, f"{remedy} for every case ({ids})")
        return
    for case_id, label in labels.items():
        if not classes.code_of(label):
            quoted = f"{label!a}" + (", which says nothing" if is_missing(label) else "")
            what = f"the label {column} is {quoted if label else 'empty'}"
            near = "" if is_missing(label) else classes.nearest(label)
            yield Problem("STOP", what, f"case {case_id}", remedy + (f"; {near} may be meant" if near else ""), case_id)


def _either(classes: Classes) -> str:
    return " or ".join(classes.codes) if len(classes.codes) == 2 and not classes.subclasses else classes.to_write


def _outcomes(cohort: Cohort, outcome: TimeToEvent) -> Iterator[Problem]:
    columns = list(cohort.cases[0].values)
    absent = [name for name in outcome.columns if name not in columns]
    for name in absent:
        alike = nearest(name, columns)
        add = "add it, in months" if name == outcome.time else "add it with 1 (the event came) and 0 (it did not)"
        remedy = f"rename {alike!r} to it, if that is meant" if alike else add
        yield Problem("STOP", f"the table has no column {name!r}", TABLE, remedy)
    if outcome.event not in absent:
        yield from _events(cohort.cases, outcome.event)
    if outcome.time not in absent:
        yield from _times(cohort.cases, outcome.time)


def _events(cases: Sequence[Case], column: str) -> Iterator[Problem]:
    cells = {case.case_id: case.values.get(column, "") for case in cases}
    remedy = "write 1 where the event ended the follow-up, and 0 where it did not"
    if len(cells) > 1 and not set(cells.values()) & set(EVENTS):
        words = sorted({shown(cell) or "nothing" for cell in cells.values()})[:WORDS_SHOWN]
        what = f"the column {column} holds {', '.join(words)} and neither 0 nor 1"
        yield Problem("STOP", what, TABLE, f"{remedy}, for every case")
        return
    for case_id, cell in cells.items():
        if cell not in EVENTS:
            what = f"{column} is {'empty' if not cell else ascii(cell)}"
            yield Problem("STOP", what, f"case {case_id}", remedy, case_id)


def _times(cases: Sequence[Case], column: str) -> Iterator[Problem]:
    months: dict[str, float] = {}
    for case in cases:
        where = f"case {case.case_id}"
        try:
            value = case.number(column)
        except InputError as error:
            what = f"{column}: {error.problems[0].what}"
            yield Problem("STOP", what, where, error.problems[0].remedy, case.case_id)
            continue
        if value is None:
            what, remedy = f"the case has no {column}", "fill in the months of follow-up, or leave the case out"
            yield Problem("STOP", what, where, remedy, case.case_id)
        elif value < 0:
            what, remedy = f"{column} is {value:g}", "write the months to the last visit: none is below 0"
            yield Problem("STOP", what, where, remedy, case.case_id)
        else:
            months[case.case_id] = value
    if not months:
        return
    if none := {case_id: "" for case_id, value in months.items() if value == 0}:
        what = f"{len(none)} of {len(months)} cases {'has' if len(none) == 1 else 'have'} a follow-up of 0 months"
        ids = listed(none).replace(" ,", ",").strip()
        yield Problem("WARN", f"{what} ({ids})", f"{TABLE}, column {column}", "leave out who was never seen again")
    long = [case_id for case_id, value in months.items() if value > LONGEST_MONTHS]
    if len(long) > 1 and median(months.values()) > LONGEST_MONTHS / 2:  # one cause: the unit
        what = f"the follow-up of {len(long)} of {len(months)} cases is longer than 25 years: it seems to be in days"
        yield Problem("STOP", what, f"{TABLE}, column {column}", "write months: days / 30.44")
        return
    for case_id in long:
        what, remedy = (
            f"{column} is {months[case_id]:g}, more than 25 years",
            "is it in days? write months, or leave the case out",
        )
        yield Problem("STOP", what, f"case {case_id}", remedy, case_id)


def _groups(spec: CohortSpec) -> dict[str, str]:
    """The groups that are needed, each with what a message calls it."""
    if outcome := spec.outcome:
        within = f"within {outcome.horizon_months:g} months"
        return {"1": f"with an event {within}", "0": f"without one {within}"}
    classes = spec.classes or spec.finding_classes
    return {code: f"with {classes.column} {code}" for code in classes.codes} if classes else {}


def _lacking(lacking: Sequence[str], groups: Mapping[str, str], spec: CohortSpec) -> str:
    """``has response CR, PR or SD``, ``is with an event within 24 months``: what no patient has or is."""
    if spec.outcome:
        text = " or ".join(groups[group] for group in lacking)
        return f"is {text}" if "1" in lacking else f"is {text}".replace("without one", "without an event")
    first, *others = lacking
    listed = ", ".join([groups[first].removeprefix("with "), *others[:-1]])
    return f"has {listed} or {others[-1]}" if others else f"has {listed}"


def _balance(cohort: Cohort, spec: CohortSpec, held: Mapping[str, set[str]]) -> Iterator[Problem]:
    groups = _groups(spec)
    patients: dict[str, set[str]] = {group: set() for group in groups}
    by_split: dict[str, set[str]] = defaultdict(set)
    for case in cohort.cases:
        for group in held[case.case_id] & set(patients):
            patients[group].add(case.patient_id)
        by_split[case.split] |= held[case.case_id]
    only_test = all(case.split == "test" for case in cohort.cases)
    counts = ", ".join(f"{len(ids)} {groups[group]}" for group, ids in patients.items())
    least = sum(share > 0 for share in spec.split)
    kinds = "both kinds" if len(groups) == 2 else f"all {len(groups)} kinds"
    if lacking := [group for group, ids in patients.items() if not ids]:
        what = f"no patient {_lacking(lacking, groups, spec)} ({counts})"
        yield Problem("WARN" if only_test else "STOP", what, TABLE, f"{kinds} of patients are needed")
    if all(patients.values()) and min(map(len, patients.values())) < least and not only_test:
        remedy = f"at least {least} of each are needed, better {FEW_PATIENTS}"
        yield Problem("STOP", f"too few patients: {counts}", TABLE, remedy)
    total = len({case.patient_id for case in cohort.cases if held[case.case_id] & set(patients)})
    if 0 < total < FEW_PATIENTS:
        yield Problem(
            "WARN",
            f"{total} {'patient is' if total == 1 else 'patients are'} few: all figures will have wide intervals",
            TABLE,
        )
    if any(case.split == "train" for case in cohort.cases) and all(case.split for case in cohort.cases):
        for split, share in zip(SPLITS, spec.split, strict=True):
            missing = [group for group in groups if group not in by_split[split]]
            if missing and (share > 0 or by_split[split]):
                what = f"the split {split} has no case {_named(missing, groups)}"
                remedy = "move cases, or leave the column split empty to have it drawn"
                spared = split == "test" or (split == "validation" and len(groups) > 2)
                yield Problem("WARN" if spared else "STOP", what, TABLE, remedy)


def _named(missing: Sequence[str], groups: Mapping[str, str]) -> str:
    """``with category A or B``, ``with an event within 24 months``."""
    first, *others = (groups[group] for group in missing)
    common = first.rsplit(" ", 1)[0] + " "
    same = all(other.startswith(common) for other in others)
    return " or ".join([first, *(other.removeprefix(common) if same else other for other in others)])
