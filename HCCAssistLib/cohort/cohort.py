"""A cohort on disk: one folder with a table and one folder per case.

::

    cohort.csv                                       case_id, split, label columns, clinical variables
    cases/<case_id>/<time_point>/<phase>.nrrd        or .nii.gz, or a folder of DICOM slices
    cases/<case_id>/<time_point>/<what>.mrk.json     or .fcsv
    cases/<case_id>/<time_point>/<what>.seg.nrrd
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from HCCAssistLib.cohort import table
from HCCAssistLib.cohort.case import CASES, TABLE, TIME_POINTS, VOLUME_SUFFIXES, Case, is_safe_name
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.headings import doubtful_headings, split_of
from HCCAssistLib.cohort.spelling import plain
from HCCAssistLib.errors import InputError, Problem

LINES_SHOWN = 5
ALIKE = 4
"""So many faults of rows that have one remedy make one line."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """Cases with their table.

    Attributes:
        folder: of the cohort; None for a volume or a case that was opened alone.
        cases: in the order of the table.
        table_problems: what is doubtful about the table, and the rows that were left out when it was read tolerantly.
        refused: the cells of these rows, but for those whose case another row gives.

    Raises:
        InputError: two cases with the same id, upper and lower case being equal.
    """

    folder: Path | None
    cases: tuple[Case, ...]
    table_problems: tuple[Problem, ...] = ()
    refused: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for case in self.cases:
            if case.case_id.lower() in seen:
                raise InputError(f"the case id {case.case_id} appears twice", TABLE, "give every case its own id")
            seen.add(case.case_id.lower())

    def case(self, case_id: str) -> Case:
        """The case of that id.

        Raises:
            InputError: there is none.
        """
        for case in self.cases:
            if case.case_id == case_id:
                return case
        raise InputError(f"there is no case {case_id!r}", TABLE)

    def of_split(self, split: str) -> tuple[Case, ...]:
        """The cases of one split, in the order of the table."""
        return tuple(case for case in self.cases if case.split == split)


def read_cohort(folder: Path, *, tolerant: bool = False, known: Collection[str] = ()) -> Cohort:
    """Read a cohort's table; images and annotations are read when they are needed.

    Args:
        folder: holds ``cohort.csv`` and ``cases``.
        tolerant: leave faulty rows out and carry them in ``table_problems``, so that a check can list them together
            with everything else that is wrong.
        known: columns of the methods, whose headings may be written in any way (``recipes.registry.all_columns``).

    Raises:
        InputError: no usable table, or (unless tolerant) every faulty row at once.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("there is no such folder", folder.name)
    read = table.read_table(folder / TABLE, "case_id", known)
    cases: dict[str, Case] = {}
    problems: list[Problem] = []
    whole = [cells for _, cells in read.rows if len(cells) == len(read.columns)]
    problems += doubtful_headings(read.columns, whole, TABLE, known)
    faults: dict[tuple[str, str], list[int]] = defaultdict(list)  # the lines of each
    refused: list[tuple[str, ...]] = []
    id_place = read.columns.index("case_id")
    for line, cells in read.rows:
        found = _row_faults(cells, read) or _add_case(cases, cells, read, folder)
        for fault in found:
            faults[fault].append(line)
        if found:
            refused += [] if cells[id_place:][:1] and cells[id_place].lower() in cases else [tuple(cells)]
    problems += _gathered(faults)
    if not cases and not problems:
        problems.append(Problem("STOP", "the table holds no case", TABLE, "add one row per case"))
    stops = [problem for problem in problems if problem.level == "STOP"]
    if stops and not tolerant:
        raise InputError(stops)
    return Cohort(folder, tuple(cases.values()), tuple(problems), tuple(refused))


def _add_case(cases: dict[str, Case], cells: list[str], read: table.Table, folder: Path) -> list[tuple[str, str]]:
    """Add the case of a row, or list what is wrong with it and what to do."""
    values = {name: cell for name, cell in zip(read.columns, cells, strict=True) if name}
    case_id, patient_id = values["case_id"], values.get("patient_id", "")
    try:
        case = Case(
            case_id=case_id,
            patient_id=case_id if is_missing(patient_id) else patient_id,
            split=split_of(values.get("split", "")),
            values=values,
            folder=folder / CASES / case_id,
            decimal_comma=read.decimal_comma,
        )
    except InputError as error:
        return [(problem.what, problem.remedy) for problem in error.problems]
    if case_id.lower() in cases:
        what = f"the case id {case_id} appears twice (upper and lower case are equal)"
        return [(what, "give every case its own id")]
    cases[case_id.lower()] = case
    return []


def _gathered(faults: Mapping[tuple[str, str], list[int]]) -> list[Problem]:
    """One line for each fault, or for each remedy where many rows need the same."""
    alike: dict[str, list[str]] = defaultdict(list)
    for what, remedy in faults:
        alike[remedy].append(what)
    gathered: dict[tuple[str, str], list[int]] = defaultdict(list)
    for (what, remedy), lines in faults.items():
        whats = alike[remedy]
        more = f"; {len(whats) - 1} more faults are of this kind" if len(whats) >= ALIKE else ""
        gathered[(whats[0] + more if more else what), remedy] += lines
    ordered = sorted((sorted(lines), what, remedy) for (what, remedy), lines in gathered.items())
    return [Problem("STOP", what, f"{TABLE}, {_lines(lines)}", remedy) for lines, what, remedy in ordered]


def _lines(lines: list[int]) -> str:
    more = f" and {len(lines) - LINES_SHOWN} more" if len(lines) > LINES_SHOWN else ""
    return f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines[:LINES_SHOWN]))}{more}"


def _row_faults(cells: list[str], read: table.Table) -> list[tuple[str, str]]:
    """What is wrong with a row, and what to do."""
    text, width = read.delimiter.join(cells), len(read.columns)
    id_cell = "".join(cells[read.columns.index("case_id") :][:1])
    for other in set(table.DELIMITERS) - {read.delimiter}:
        # a decimal comma may part as many cells as there are headings, but no id holds a separator
        if len(text.split(other)) == width and (len(cells) < width or other in id_cell):
            what = f"the headings are separated by {read.delimiter!r}, and rows by {other!r}"
            return [(what, "write one separator in the whole table, best by saving it from Excel as 'CSV UTF-8'")]
    if len(cells) != width:
        what = f"the row has {len(cells)} cells, the header {width}"
        short = "fill the row up with empty cells: save the table from Excel again"
        return [(what, short if len(cells) < width else "put texts that hold a comma in double quotes")]
    rows_inside = max(line.count(read.delimiter) for cell in cells for line in (cell.splitlines()[1:] or [""]))
    if rows_inside and rows_inside >= len(cells) - 1:
        return [("a cell holds further rows", "a double quote is open before them: close or delete it")]
    return []


def write_cohort_table(folder: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write ``cohort.csv``, whole or not at all.

    Args:
        folder: of the cohort.
        rows: one per case, each with ``case_id``; columns keep the order in which they first appear.

    Raises:
        InputError: a case id that is not safe or appears twice, or an unknown split.
    """
    rows = [{"case_id": row.get("case_id", ""), **row} for row in rows]
    cases = tuple(
        Case(str(row["case_id"]), str(row["case_id"]), str(row.get("split") or ""), {}, folder / CASES) for row in rows
    )
    Cohort(folder, cases)
    table.write_table(folder / TABLE, rows)


def open_cases(path: Path, *, volume: str, known: Collection[str] = ()) -> Cohort:
    """A cohort, one case, or one volume, as a cohort.

    Args:
        path: a cohort's folder, a case's folder, a volume file, or a folder of DICOM slices.
        volume: ``"<time point>/<phase>"`` that a single volume stands for. Its case is called ``case``, since the
            names of files and DICOM folders may hold a patient's name.
        known: as for ``read_cohort``.

    Raises:
        InputError: none of these.
    """
    path = Path(path)
    name = path.name.lower()
    if path.is_file():
        if name.endswith(".seg.nrrd") or not name.endswith(VOLUME_SUFFIXES):
            kinds = ", ".join(VOLUME_SUFFIXES)
            raise InputError("this is not a volume", path.name, f"give a {kinds} file, or the folder of a DICOM series")
        return _one_volume(path, volume)
    if not path.is_dir():
        raise InputError("there is no such file or folder", path.name)
    if (path / TABLE).is_file():
        return read_cohort(path, known=known)
    if any(plain(inner.name) in TIME_POINTS and inner.is_dir() for inner in path.iterdir()):
        return _one_case(path.resolve(), known)
    if (path / CASES).is_dir():
        raise InputError(f"the cohort has no table {TABLE}", path.name, "write one with a column case_id")
    if any(_looks_like_dicom(file) for file in path.iterdir()):
        return _one_volume(path, volume)
    raise InputError(
        f"the folder is neither a cohort (with {TABLE}), nor a case (with baseline, pre or post), nor a DICOM series",
        path.name,
        "give one of these, or a volume file",
    )


def _one_volume(path: Path, volume: str) -> Cohort:
    return Cohort(None, (Case("case", "case", "", {}, path.parent, {volume: path}),))


def _one_case(folder: Path, known: Collection[str]) -> Cohort:
    above = folder.parent.parent
    if folder.parent.name == CASES and (above / TABLE).is_file():
        listed = [case for case in read_cohort(above, tolerant=True, known=known).cases if case.case_id == folder.name]
        if listed:
            return Cohort(above, (listed[0],))
    case_id = folder.name if is_safe_name(folder.name) else "case"
    return Cohort(None, (Case(case_id, case_id, "", {}, folder),))


def _looks_like_dicom(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.suffix.lower() == ".dcm":
        return True
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
