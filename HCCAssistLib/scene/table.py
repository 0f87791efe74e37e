"""Findings and values as a table that Slicer shows and saves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import vtk

_BREAKS = re.compile(r"\s+")


def one_line(text: str) -> str:
    """A text without line breaks and tabs, which end a cell in the file that Slicer saves a table in.

    >>> one_line("a vessel\\r\\nsee slice\\t40 ")
    'a vessel see slice 40'
    """
    return _BREAKS.sub(" ", text).strip()


def fill_table(node: Any, columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> None:
    """Let a table node hold some rows; a column of whole numbers stays one."""
    blocked = node.StartModify()
    node.RemoveAllColumns()
    for index, name in enumerate(columns):
        are_numbers = bool(rows) and all(isinstance(row[index], int) for row in rows)
        column = vtk.vtkIntArray() if are_numbers else vtk.vtkStringArray()
        column.SetName(name)
        for row in rows:
            value = row[index]
            column.InsertNextValue(value if isinstance(value, int) else one_line(value))
        node.AddColumn(column)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    node.EndModify(blocked)
