"""A cohort at a glance: what each case holds and lacks, its label and split, and what is wrong; no voxel is read."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from HCCAssistLib.cohort.case import ANNOTATION_SUFFIXES, READINGS, SPLITS, VOLUME_SUFFIXES, Case
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CENSORED, CohortSpec
from HCCAssistLib.cohort.finding_labels import findings_of_boxes, findings_of_points, label_in
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.label_checks import balance_problems
from HCCAssistLib.cohort.points import read_points, read_rois
from HCCAssistLib.cohort.seg_nrrd import read_segment_fields
from HCCAssistLib.cohort.spelling import plain
from HCCAssistLib.cohort.synthetic import unclear
from HCCAssistLib.cohort.table_checks import check_table
from HCCAssistLib.errors import InputError, Problem

OUTCOMES = {"1": "early", "0": "not early"}


@dataclass(frozen=True, slots=True)
class CaseOverview:
    """One case.

    Attributes:
        case: as the table has it.
        labels: its class, whether the event came early, or the classes of its findings; empty where nothing says it.
        there: places that hold a file (``"pre/arterial"``).
        missing: places that need one and have none.
        problems: what else is wrong with it, as far as the table tells.
        readers: who read it besides the first one.
    """

    case: Case
    labels: tuple[str, ...]
    there: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]
    readers: tuple[str, ...] = ()

    @property
    def level(self) -> Literal["STOP", "WARN", ""]:
        """``"STOP"`` where something is missing or wrong, ``"WARN"`` where something is doubtful, else empty."""
        levels = {problem.level for problem in self.problems}
        return "STOP" if self.missing or "STOP" in levels else "WARN" if levels else ""


@dataclass(frozen=True, slots=True)
class Overview:
    """A cohort.

    Attributes:
        cases: in the order of the table.
        problems: what is wrong with the whole of it.
        patients: how many there are.
        balance: patients by label, in the order of the labels.
        splits: cases by split.
    """

    cases: tuple[CaseOverview, ...]
    problems: tuple[Problem, ...]
    patients: int
    balance: Mapping[str, int]
    splits: Mapping[str, int]


def overview(cohort: Cohort, spec: CohortSpec, codes: Mapping[str, Sequence[str]] | None = None) -> Overview:
    """Look at a cohort: its table and the names of its files.

    Args:
        cohort: read with ``tolerant=True``.
        spec: what the method asks of it.
        codes: classes of the findings of each case, by case id, as ``marked_codes`` reads them; None where they were
            not read.
    """
    problems = [*check_table(cohort, spec), *unclear(cohort.cases)]
    if spec.finding_classes and codes is not None and not cohort.refused:
        problems += balance_problems(cohort, spec, codes)
    by_case: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_case[problem.case_id].append(problem)
    readers = _readers(cohort)
    cases = []
    for case in cohort.cases:
        there, missing = _files(case, spec.inputs)
        labels = _labels(case, spec, codes or {})
        cases.append(
            CaseOverview(case, labels, there, missing, tuple(by_case[case.case_id]), readers.get(case.case_id, ()))
        )
    known = {case.case_id for case in cohort.cases}
    general = tuple(problem for name, of in by_case.items() if name not in known for problem in of)
    patients: dict[str, set[str]] = {label: set() for label in _order(spec)}
    for one in cases:
        for label in dict.fromkeys(one.labels):
            patients.setdefault(label, set()).add(one.case.patient_id)
    splits = Counter(case.split for case in cohort.cases)
    return Overview(
        cases=tuple(cases),
        problems=general,
        patients=len({case.patient_id for case in cohort.cases}),
        balance={label: len(ids) for label, ids in patients.items()},
        splits={split: splits[split] for split in (*SPLITS, "") if splits[split]},
    )


def marked_codes(case: Case, spec: CohortSpec) -> tuple[str, ...]:
    """The classes of a case's findings, from points, boxes and the headers of segmentations; no voxel is read."""
    classes = spec.finding_classes
    found: list[str] = []
    for need in (need for need in spec.inputs if need.of_lesions and classes is not None):
        with suppress(InputError, OSError):  # what cannot be read, the check of the cohort tells
            path = case.annotation_path(need.time_point, need.name, need.kind) if need.kind != "volume" else None
            if path is None or classes is None:
                continue
            if need.kind == "points":
                found += [one.code for one in findings_of_points(read_points(path), classes)[0]]
            elif need.kind == "roi":
                found += [one.code for one in findings_of_boxes(read_rois(path), classes)[0]]
            else:
                for segment in read_segment_fields(path):
                    label = label_in(segment.tags.get(classes.column, ""), segment.name, classes)
                    found.append(classes.code_of(label))
    return tuple(code for code in found if code)


def _order(spec: CohortSpec) -> list[str]:
    classes = spec.classes or spec.finding_classes
    return list(classes.codes) if classes else list(OUTCOMES.values()) if spec.outcome else []


def _labels(case: Case, spec: CohortSpec, codes: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    if spec.finding_classes:
        return tuple(codes.get(case.case_id, ()))
    if spec.classes:
        cell = case.values.get(spec.classes.column, "")
        return () if is_missing(cell) else (spec.classes.code_of(cell) or cell,)
    try:
        group = spec.stratum(case)
    except InputError:
        return ()
    return (OUTCOMES.get(group, "lost early" if group == CENSORED else group),) if group else ()


def _readers(cohort: Cohort) -> dict[str, tuple[str, ...]]:
    """Who else read each case, by case id."""
    found: dict[str, list[str]] = defaultdict(list)
    root = (cohort.folder or Path()) / READINGS
    for reader in sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else ():
        for path in reader.iterdir():
            found[path.name if path.is_dir() else path.stem].append(reader.name)
    return {case_id: tuple(dict.fromkeys(names)) for case_id, names in found.items()}


def _files(case: Case, inputs: Sequence[InputSpec]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The places that hold a file, and those that need one; each folder is listed once."""
    names = {time: set(_names(case.folder, time)) for time in dict.fromkeys(need.time_point for need in inputs)}
    there = dict.fromkeys(str(need) for need in inputs if _wanted(need) & names[need.time_point])
    needed = dict.fromkeys(str(need) for need in inputs if need.required)
    return tuple(there), tuple(place for place in needed if place not in there)


def _names(folder: Path, time_point: str) -> Iterator[str]:
    """What lies in the folder of a time point, in small letters; folders end with a slash."""
    with suppress(OSError):
        with os.scandir(folder) as entries:
            mine = [entry.name for entry in entries if plain(entry.name) == time_point]
        for name in mine if len(mine) == 1 else [one for one in mine if one == time_point]:
            with os.scandir(folder / name) as inner:
                for entry in inner:
                    yield f"{entry.name.lower()}/" if entry.is_dir() else entry.name.lower()


def _wanted(need: InputSpec) -> set[str]:
    if need.kind == "volume":
        return {f"{need.name}/", *(f"{need.name}{suffix}" for suffix in VOLUME_SUFFIXES)}
    return {f"{need.name}{suffix}" for suffix in ANNOTATION_SUFFIXES[need.kind]}
