"""The table of roles: written once, edited by a person in any spreadsheet, read again, and never written over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.spelling import plain, same_ids, shown
from HCCAssistLib.cohort.table import put_row, read_table, write_table
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import stored
from HCCAssistLib.importing.key import Key
from HCCAssistLib.importing.proposals import Proposal
from HCCAssistLib.importing.series import Series
from HCCAssistLib.recipes.roles import all_roles

NAME = "roles.csv"
COLUMNS = ("series_id", "patient", "study", "days", "case_id", "role")
"""What the second pass reads; the others tell a person what the series is."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A series that a person gave a role.

    Attributes:
        series: the series.
        is_here: whether the archive holds it still; what was imported may be gone.
        patient: pseudonym.
        case_id: of its case.
        role: ``"<time point>/<phase>"``.
        line: of the table.
    """

    series: Series
    is_here: bool
    patient: str
    case_id: str
    role: str
    line: int


def rows(
    series: Sequence[Series],
    key: Key,
    proposals: Mapping[str, Proposal],
    doubts: Mapping[str, Sequence[str]],
    written: Mapping[str, str],
) -> list[dict[str, str]]:
    """A row for each series, in the order of patients, studies and series.

    Args:
        series: of the archive.
        key: of the pseudonyms.
        proposals: by series.
        doubts: by pseudonym.
        written: patients that the table names already, by series: who was given another pseudonym there keeps it.
    """
    days = key.days()
    renamed: dict[str, set[str]] = defaultdict(set)
    for one in series:
        if name := written.get(one.id):
            renamed[key.patient(one)].add(name)

    def row(one: Series) -> dict[str, str]:
        patient, study, proposal = key.patient(one), key.study(one), proposals[one.id]
        since = days[patient, study]
        problems = [
            *doubts.get(patient, ()),
            *(what if level == "WARN" else f"STOP: {what}" for level, what in one.problems),
        ]
        return {
            "series_id": one.id,
            "patient": next(iter(renamed[patient])) if len(renamed[patient]) == 1 else patient,
            "study": str(study),
            "days": "" if since is None else str(since),
            "series": one.number,
            "case_id": proposal.case_id,
            "role": proposal.role,
            "why": proposal.why,
            "modality": one.modality,
            "description": one.words,
            "slices": str(one.slices),
            "spacing_mm": " x ".join(f"{mm:.2f}" for mm in one.spacing),
            "phase": f"{one.phase} ({one.confidence})",
            "problems": "; ".join(problems),
        }

    return [row(one) for one in sorted(series, key=lambda one: (key.patient(one), key.study(one), _number(one)))]


def _number(series: Series) -> tuple[int, str, str]:
    number, _, part = series.number.partition(", ")
    return (int(number) if number.isdigit() else 0, part, series.id)


def write_rows(path: Path, new: Sequence[Mapping[str, str]]) -> None:
    """Write the table; where it is there, only add rows, and leave all else as its author wrote it.

    Raises:
        InputError: the table cannot be read.
        HCCAssistError: the disk is full or not writable.
    """
    with stored(NAME):
        if not path.exists():
            write_table(path, new)
            return
        for row in new:
            put_row(path, "series_id", row)


def patients_in(path: Path) -> dict[str, str]:
    """The patients that the table names, by series; none where there is no table yet."""
    if not path.exists():
        return {}
    table = read_table(path, "series_id", COLUMNS)
    rows = (dict(zip(table.columns, cells, strict=False)) for _, cells in table.rows)
    return {row.get("series_id", ""): row.get("patient", "") for row in rows}


def read_choices(
    path: Path, series: Mapping[str, Series], gone: Mapping[str, Series], needs: Sequence[InputSpec]
) -> tuple[Chosen, ...]:
    """The series that have a role.

    Args:
        path: of the table.
        series: of the archive, by id.
        gone: that were imported from it before.
        needs: what the method reads.

    Raises:
        InputError: everything that is wrong with the table at once.
    """
    table = read_table(path, "series_id", COLUMNS)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(f"there is no column {missing[0]!r}", NAME, "put back its heading")
    problems: list[Problem] = []
    chosen: list[Chosen] = []
    lines: dict[str, int] = {}
    for line, cells in table.rows:
        cell = dict(zip(table.columns, cells, strict=False))
        if len(cells) != len(table.columns):
            what = f"the row has {len(cells)} cells, the header {len(table.columns)}"
            problems.append(Problem("STOP", what, f"{NAME}, line {line}", "save it from Excel again"))
            continue
        name, role = cell["series_id"], _role(cell["role"])
        if name in lines and (role or any(one.series.id == name for one in chosen)):
            what = f"the series {name} stands in line {lines[name]} already"
            problems.append(Problem("STOP", what, f"{NAME}, line {line}", "delete one of the lines"))
        elif role:
            found = series.get(name) or gone.get(name)
            one = Chosen(found, name in series, cell["patient"], cell["case_id"], role, line) if found else None
            faults = _faults(one, name, cell, role, needs)
            problems += [Problem("STOP", what, f"{NAME}, line {line}", remedy) for what, remedy in faults]
            chosen += [one] if one else []
        lines.setdefault(name, line)
    problems += _between(chosen)
    if problems:
        raise InputError(problems)
    if not chosen:
        raise InputError("no series has a role", NAME, f"write one of {', '.join(map(str, _volumes(needs)))} into role")
    return tuple(chosen)


def _volumes(needs: Sequence[InputSpec]) -> list[InputSpec]:
    return [need for need in needs if need.kind == "volume"]


def _role(cell: str) -> str:
    """A role as a person may write it."""
    text = plain(cell).replace("\\", "/")
    return "/".join(part.strip() for part in text.split("/")) if text not in ("-", "none", "?") else ""


def _faults(
    one: Chosen | None, name: str, cell: Mapping[str, str], role: str, needs: Sequence[InputSpec]
) -> Iterator[tuple[str, str]]:
    """What is wrong with a row that has a role, and what to do."""
    if role not in all_roles():
        own = [str(need) for need in _volumes(needs)]
        others = ", ".join(one for one in all_roles() if one not in own)
        yield f"there is no role {role!r}", f"write one of {', '.join(own)}, or nothing; other methods read {others}"
    if one is None:
        yield f"there is no series {name!r} (any more)", "delete the line, or put back the folder of the archive"
        return
    stops = [what for level, what in one.series.problems if level == "STOP"]
    if not one.series.readable:
        yield f"this series cannot be read: {'; '.join(stops) or 'see problems'}", "leave its role empty"
    modalities = {need.modality for need in _volumes(needs) if str(need) == role}
    if modalities and one.series.modality not in modalities:
        asked, given = " or ".join(sorted(modalities)), one.series.modality or "neither CT nor MR"
        yield f"{role} is asked for as {asked}, and this series is {given}", "choose another series"
    for what in ("patient", "case_id"):
        try:
            Case(cell[what], cell[what] or "-", "", {}, Path())
        except InputError as error:
            text = error.problems[0].what.replace("case id", what) if cell[what] else f"the {what} is empty"
            yield text, "write a pseudonym such as p001; no name or number"


def _between(chosen: Sequence[Chosen]) -> Iterator[Problem]:
    """What is wrong between rows."""
    cases: dict[str, list[Chosen]] = defaultdict(list)
    for one in chosen:
        cases[one.case_id].append(one)
    for case_id, own in cases.items():
        lines: dict[str, int] = {}
        for one in own:
            if one.role in lines:
                what = f"{one.role} of case {case_id} stands in line {lines[one.role]} already"
                yield Problem(
                    "STOP", what, f"{NAME}, line {one.line}", "leave one of them empty, or write another case_id"
                )
            lines.setdefault(one.role, one.line)
        if len(patients := {one.patient for one in own}) > 1:
            what = f"case {case_id} holds series of {len(patients)} patients ({', '.join(sorted(patients))})"
            yield Problem("STOP", what, f"{NAME}, line {own[-1].line}", "give each patient a case of its own")
    for kind, names in (("case_id", list(cases)), ("patient", [one.patient for one in chosen])):
        for one_name, other, how in same_ids(names):
            what = f"{kind} {shown(one_name)} and {shown(other)} {how}"
            yield Problem("STOP", what, NAME, "write one of them, or another")
