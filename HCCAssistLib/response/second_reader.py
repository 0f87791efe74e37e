"""How far the readers of a cohort agree, in which cases they differ, and whose labels and marks count from now on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from HCCAssistLib.cohort.additions import put_values
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.consensus import HOWS, set_consensus
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.reader_marks import readers_of
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.mark_agreement import compare_marks
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.labels import Classes
from HCCAssistLib.response.cohort_readings import readings_of
from HCCAssistLib.response.readers import ReadersAgreement, compare_readers, majority
from HCCAssistLib.response.reading import Reading, cohort_values

MAJORITY = "majority"

Readings = Mapping[str, Mapping[str, Reading]]
"""Measured responses by reader and case."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the table and the files of a cohort may hold besides scans.

    Attributes:
        needs: marks that may be there.
        classes: by column of the table, or by place for labels of findings.
        columns: of the table that are known.
    """

    needs: Sequence[InputSpec]
    classes: Mapping[str, Classes]
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class PairOfReaders:
    """Two readers beside each other, in marks, labels and measured responses.

    Attributes:
        readers: first and second.
        cases: that both read.
        figures: each with what it is of.
        notes: what the figures do not say.
        differences: in what they differ, in words, by case.
    """

    readers: tuple[str, str]
    cases: int
    figures: tuple[tuple[str, Estimate], ...]
    notes: tuple[str, ...]
    differences: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What it means that some reading of the cases counts.

    Attributes:
        cases: that hold it.
        changes: of these, in words, where anything changes.
        undecided: cases that stay as they are, with on what their readers do not agree.
    """

    cases: tuple[str, ...]
    changes: Mapping[str, str]
    undecided: Mapping[str, tuple[str, ...]]


def pairs_of_readers(cohort: Path, words: Words) -> tuple[tuple[str, ...], tuple[PairOfReaders, ...]]:
    """The readers of a cohort, and each pair of them that read one case or more.

    Raises:
        InputError: not a cohort, or a damaged file.
        HCCAssistError: statsmodels is not installed.
    """
    cases = read_cohort(cohort, known=words.columns).cases
    marks, readings = readers_of(cohort, cases), readings_of(cohort)
    readers = tuple(dict.fromkeys([*marks, *readings]))
    pairs = []
    for one, other in combinations(readers, 2):
        both = set(marks.get(one, ())) & set(marks.get(other, ()))
        measured = readings.get(one, {}).keys() & readings.get(other, {}).keys()
        marked = compare_marks((one, other), marks[one], marks[other], words.needs, words.classes) if both else None
        figures, notes = (list(marked.figures), list(marked.notes)) if marked else ([], [])
        notes += [f"{of}: {figure.note}" for of, figure in figures if figure.note]
        differences = {name: list(told) for name, told in (marked.differences if marked else {}).items()}
        if measured:
            found = compare_readers(readings[one], readings[other])
            figures += _measured(found)
            for row in (row for row in found.rows if row[-3] != row[-2]):
                differences.setdefault(row[0], []).append(f"measured response: {row[-3]} and {row[-2]}")
        if both or measured:
            told = {name: tuple(differences[name]) for name in sorted(differences)}
            pairs.append(PairOfReaders((one, other), len(both | measured), tuple(figures), tuple(notes), told))
    return readers, tuple(pairs)


def choose_reading(cohort: Path, how: str, words: Words, *, write: bool) -> Chosen:
    """Let the cases that several readers read hold what counts of them; what each marked and measured is kept.

    Args:
        cohort: its folder.
        how: ``"staple"`` or ``"majority"`` of the readers, or the name of one.
        words: of the cohort.
        write: whether it is done; otherwise it is only told what would change.

    Raises:
        InputError: not a cohort, a damaged file, or nobody of that name read a case.
        HCCAssistError: the disk is full or not writable.
    """
    cases = read_cohort(cohort, known=words.columns).cases
    marks, readings = readers_of(cohort, cases), readings_of(cohort)
    if how not in (*HOWS, *marks, *readings):
        raise InputError(f"no reader is called {how}", cohort.name, f"known are {', '.join({*marks, *readings})}")
    undecided: dict[str, tuple[str, ...]] = {}
    changes: dict[str, list[str]] = {}
    held: dict[str, None] = {}
    if how in (*HOWS, *marks):
        found = set_consensus(cohort, cases, words.needs, words.classes, how, write=write)
        held |= dict.fromkeys(found.cases)
        changes |= {name: [str(one)] for name, one in found.changes.items()}
        undecided |= found.undecided
    labels, open_cases = chosen_labels(readings, MAJORITY if how in HOWS else how)
    for case in (case for case in cases if case.case_id in labels):
        values = labels[case.case_id]
        told = _changes(case, values)
        if told:
            changes.setdefault(case.case_id, []).append(told)
        if told and write:
            put_values(cohort, case.case_id, values, replace=True)
        held[case.case_id] = None
    undecided |= {name: ("the measured response",) for name in open_cases if name not in undecided}
    return Chosen(tuple(held), {name: "; ".join(told) for name, told in changes.items()}, undecided)


def chosen_labels(readings: Readings, who: str) -> tuple[dict[str, Mapping[str, str]], list[str]]:
    """The labels by one reader's measured responses or by most of them, and the cases without a majority.

    Args:
        readings: by reader and case.
        who: a reader, or ``"majority"``, which counts where several measured a case.

    Returns:
        Cells of the table by case.
    """
    if who != MAJORITY:
        return {case: cohort_values(one) for case, one in readings.get(who, {}).items()}, []
    labels: dict[str, Mapping[str, str]] = {}
    undecided = []
    for case in sorted({case for of_reader in readings.values() for case in of_reader}):
        values = _by_majority([of_reader[case] for of_reader in readings.values() if case in of_reader])
        if values is None:
            undecided.append(case)
        else:
            labels[case] = values
    return labels, undecided


def _by_majority(readings: list[Reading]) -> dict[str, str] | None:
    """The response of most readers, without the diameters of any of them; None where there is no majority."""
    try:
        found = majority(readings)
    except InputError:
        return None
    return {**dict.fromkeys(cohort_values(readings[0]), ""), "response": found, "response_reader": MAJORITY}


def _changes(case: Case, values: Mapping[str, str]) -> str:
    changed = {name: (case.values.get(name, ""), text) for name, text in values.items()}
    return "; ".join(
        f"{name} {before or 'empty'} \N{RIGHTWARDS ARROW} {after or 'empty'}"
        for name, (before, after) in changed.items()
        if before != after
    )


def _measured(found: ReadersAgreement) -> list[tuple[str, Estimate]]:
    figures = [("measured response", found.response_kappa), ("objective response", found.objective_kappa)]
    for name, limits in (("sum before, mm", found.sum_pre), ("sum at follow-up, mm", found.sum_post)):
        if limits is not None:
            figures += [(name, figure) for figure in (limits.difference, limits.low, limits.high)]
    return figures
