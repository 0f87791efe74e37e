"""The cohort's table as Excel and Slicer users write it: delimiters, encodings, and cells that hold numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import written_whole

DELIMITERS = (",", ";", "\t")
MISSING = frozenset({"", "na", "n/a", "nan", "none", "?", "-"})

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def read_table(path: Path, key: str) -> tuple[tuple[str, ...], list[tuple[int, list[str]]]]:
    """The columns and the rows ``(line, cells)`` of a table; empty rows are left out, cells are stripped.

    Commas, semicolons and tabs separate cells. Where the comma does not, a number may be written with it
    (``55,2``), as Excel does in much of Europe.

    Args:
        path: the table.
        key: the column that tells which line is the header's and what separates cells.

    Raises:
        InputError: no such file, not text, no column ``key``, or a column that appears twice.
    """
    save = "save it from Excel as 'CSV UTF-8'"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError("there is no such table", path.name) from error
    except UnicodeDecodeError as error:
        raise InputError("the table is not in UTF-8", path.name, save) from error
    except OSError as error:
        raise InputError(f"the table cannot be read ({error.strerror})", path.name) from error
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in _rows(text, delimiter) if any(row[1])]
        except csv.Error as error:
            raise InputError(f"the table is damaged ({error})", path.name, save) from error
        if rows and key in rows[0][1]:
            break
    else:
        first = text.strip().splitlines()[0][:80] if text.strip() else "nothing"
        raise InputError(
            f"the table has no column {key!r}; its first line is {first!r}", path.name, f"add it and {save}"
        )
    columns = rows[0][1]
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise InputError(f"the column {', '.join(twice)} appears twice", path.name, "rename or delete one")
    if delimiter != ",":
        rows = [(line, [c.replace(",", ".") if _DECIMAL_COMMA.fullmatch(c) else c for c in row]) for line, row in rows]
    return tuple(columns), rows[1:]


def write_table(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as CSV in UTF-8 that Excel opens, whole or not at all; columns in the order they first appear."""
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with written_whole(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)


def number(cell: str, where: str) -> float | None:
    """The number in a cell; None where it is empty, ``NA`` or the like.

    Raises:
        InputError: the cell holds something else.
    """
    if cell.strip().lower() in MISSING:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        hint = "write it with a point, as in 55.2" if "," in cell else "write a number or leave the cell empty"
        raise InputError(f"{cell!r} is not a number", where, hint)
    return value


def _rows(text: str, delimiter: str) -> Iterable[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for row in reader:
        yield reader.line_num, [cell.strip() for cell in row]
