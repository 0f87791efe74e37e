"""The cohort's table as Excel and Slicer users write it: delimiters, encodings, headings; cells stay as they are."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from HCCAssistLib.cohort.headings import columns_of
from HCCAssistLib.cohort.spelling import heading_key, plain
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file

DELIMITERS = (",", ";", "\t", "|")

_SAVE = "save it from Excel as 'CSV UTF-8'"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;|\s]*', re.IGNORECASE)
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class _Record:
    """One record of a table: the line that it ends on, its text with the line's end, and its cells."""

    line: int
    text: str
    cells: list[str]

    @property
    def is_empty(self) -> bool:
        return not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with headings.

    Attributes:
        columns: names of the columns, the known ones in their own spelling; empty ones have no heading.
        rows: ``(line, cells)`` without the empty rows; cells are text without spaces around.
        delimiter: what separates cells.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]
    delimiter: str

    @property
    def decimal_comma(self) -> bool:
        """Whether a number may be written with a comma (``55,2``), as Excel does in much of Europe."""
        return self.delimiter != ","


class _Text:
    """A table's text, taken apart so that it can be put together again as it was."""

    def __init__(self, path: Path, key: str) -> None:
        self.name = path.name
        text, self.encoding = _decoded(path)
        self.bom = _BOM if text.startswith(_BOM) else ""
        text = text.removeprefix(_BOM)
        lines = text.splitlines()
        stated = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
        error: Exception | None = None
        for self.delimiter in dict.fromkeys([*(stated[1] if stated else ""), *DELIMITERS]):
            try:
                records = _records(text, self.delimiter)
            except csv.Error as problem:  # with the right delimiter it may well be sound
                error = problem
                continue
            named = [n for n, record in enumerate(records) if heading_key(key) in map(heading_key, record.cells)]
            if named:
                self.top = named[0]
                break
        else:
            if error:
                what = f"the table is damaged ({error})"
                raise InputError(what, self.name, f"close every double quote, or {_SAVE}") from error
            first = lines[0][:80] if text.strip() else "nothing"
            raise InputError(
                f"the table has no column {key!r}; its first line is {first!r}", self.name, f"add it and {_SAVE}"
            )
        above = [record for n, record in enumerate(records[: self.top]) if not record.is_empty and (n or not stated)]
        if above:
            what = f"the headings stand in line {records[self.top].line} and not in the first one"
            raise InputError(what, self.name, "delete the lines above them")
        self.records = records

    @property
    def headings(self) -> list[str]:
        return [cell.strip() for cell in self.records[self.top].cells]


def read_table(path: Path, key: str, known: Collection[str] = ()) -> Table:
    """A table of cells that are separated by commas, semicolons, tabs or as a line ``sep=`` says.

    Args:
        path: the table, in UTF-8 or in Excel's UTF-16.
        key: the column that tells which line is the header's and what separates cells.
        known: columns of the methods, however their headings are written.

    Raises:
        InputError: no such file, not such a text, no column ``key``, or a column that appears twice.
    """
    text = _Text(path, key)
    columns = columns_of(text.headings, path.name, known)
    rows = []
    for record in text.records[text.top + 1 :]:
        if not record.is_empty:
            cells = [cell.strip() for cell in record.cells]
            while len(cells) > len(columns) and not cells[-1]:
                cells.pop()
            while len(cells) < len(columns) and not columns[len(cells)]:
                cells.append("")
            rows.append((record.line, cells))
    return Table(columns, tuple(rows), text.delimiter)


def write_table(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as CSV in UTF-8 that Excel opens, whole or not at all; columns in the order they first appear."""
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with atomic_file(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)


def put_row(path: Path, key: str, row: Mapping[str, str]) -> None:
    """Add a row to a table, or change the row of that key; all else stays as its author wrote it, byte for byte.

    Args:
        path: the table.
        key: the column that tells the rows apart.
        row: by column; what it does not name stays, or is empty in a new row. Columns that are missing are added.

    Raises:
        InputError: as for ``read_table``.
    """
    text = _Text(path, key)
    columns = list(columns_of(text.headings, path.name, tuple(row)))
    spelt = {plain(column): column for column in columns}
    row = {spelt.get(plain(column), column): cell for column, cell in row.items()}
    added = [column for column in row if column not in columns]
    end = re.search(r"[\r\n]*$", text.records[text.top].text)
    line_end = end[0] if end and end[0] else "\r\n"
    records = [record.text for record in text.records]
    if added:
        width = len(text.records[text.top].cells)
        for number, record in enumerate(text.records[text.top :], start=text.top):
            if not record.is_empty:
                cells = ["" for _ in range(width - len(record.cells))]
                cells += added if number == text.top else [""] * len(added)
                body = record.text.rstrip("\r\n")
                records[number] = body + _joined(["", *cells], text.delimiter) + record.text[len(body) :]
        columns += added
    place = columns.index(key)
    found = [
        number
        for number, record in enumerate(text.records)
        if number > text.top and len(record.cells) > place and record.cells[place].strip().lower() == row[key].lower()
    ]
    if records and not records[-1].endswith(("\r", "\n")):
        records[-1] += line_end
    old = text.records[found[0]].cells if found else []
    cells = [row.get(column, old[n] if n < len(old) else "") for n, column in enumerate(columns)]
    written = _joined(cells, text.delimiter) + line_end
    if found:
        records[found[0]] = written
    else:
        records.append(written)
    with atomic_file(path) as part:
        part.write_bytes((text.bom + "".join(records)).encode(text.encoding))


def _joined(cells: list[str], delimiter: str) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="").writerow(cells)
    return file.getvalue()


def _records(text: str, delimiter: str) -> list[_Record]:
    """All records, empty ones too.

    Raises:
        csv.Error: quotes that are not closed, or letters after a closing one.
    """
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    records, begin = [], 0
    try:
        for cells in reader:
            records.append(_Record(reader.line_num, "".join(lines[begin : reader.line_num]), cells))
            begin = reader.line_num
    except csv.Error as error:
        raise csv.Error(f"line {begin + 1}: {error}") from error
    return records


def _decoded(path: Path) -> tuple[str, str]:
    """The text with its byte order mark, and the encoding."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        alike = sorted(p.name for p in path.parent.glob("*") if p.name.lower().startswith(path.stem) and p.is_file())
        remedy = f"the folder holds {', '.join(alike[:3])}: {_SAVE} with the name {path.name}" if alike else ""
        raise InputError("there is no such table", path.name, remedy) from error
    except OSError as error:
        raise InputError(f"the table cannot be read ({error.strerror})", path.name) from error
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise InputError("this is an Excel workbook with the name of a text file", path.name, _SAVE)
    encoding = "utf-8"
    if content[:2] == b"\xff\xfe" or content[1:2] == b"\0":
        encoding = "utf-16-le"
    elif content[:2] == b"\xfe\xff" or content[:1] == b"\0":
        encoding = "utf-16-be"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"the table is not in UTF-8 (line {line})", path.name, _SAVE) from error
    if "\0" in text:
        raise InputError("the table is damaged: it is not a text", path.name, _SAVE)
    return text, encoding
