"""The candidates as a table that Slicer shows and saves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import vtk

from HCCAssistLib.results.detection import Candidate

COLUMNS = ("number", "probability", "slice", "size (mm)", "distance to ablation (mm)", "verdict", "comment")


def fill_table(node: Any, candidates: Sequence[Candidate]) -> None:
    """Let a table node hold one row per candidate."""
    rows = [_row(candidate) for candidate in candidates]
    blocked = node.StartModify()
    node.RemoveAllColumns()
    for index, name in enumerate(COLUMNS):
        column = vtk.vtkIntArray() if index in (0, 2) else vtk.vtkStringArray()
        column.SetName(name)
        for row in rows:
            column.InsertNextValue(row[index])
        node.AddColumn(column)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    node.EndModify(blocked)


def _row(candidate: Candidate) -> tuple[Any, ...]:
    distance = candidate.distance_to_ablation_mm
    return (
        candidate.number,
        f"{candidate.probability:.3f}",
        candidate.slice,
        f"{candidate.diameter_mm:.1f}",
        "" if distance is None else f"{distance:.1f}",
        candidate.review.verdict.value,
        candidate.review.comment,
    )
