"""Tables of texts in a panel: filled, and as high as what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt

TABLE_HEIGHT = 420
"""Pixels; a longer table scrolls."""


def prepare(table: Any, headings: Sequence[str], *, stretched: int, long: bool = False) -> None:
    """Give a table its columns; one of them takes the room that is left.

    Args:
        table: a QTableWidget.
        headings: of its columns.
        stretched: number of the column that takes the room.
        long: it may have hundreds of rows: ``fit`` makes the columns as wide as their content, since Qt would look at
            all rows for each cell that is written.
    """
    table.setColumnCount(len(headings))
    table.setHorizontalHeaderLabels(list(headings))
    table.verticalHeader().setVisible(False)
    header = table.horizontalHeader()
    header.setSectionResizeMode(qt.QHeaderView.Interactive if long else qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(stretched, qt.QHeaderView.Stretch)
    header.setHighlightSections(False)


def fill(table: Any, row: int, texts: Sequence[str], *, bold: bool = False, tip: str = "") -> None:
    """Write a row; each cell tells its whole text, or ``tip``, where the mouse rests on it."""
    for column, text in enumerate(texts):
        item = qt.QTableWidgetItem(text)
        font = item.font()
        font.setBold(bold)
        item.setFont(font)
        item.setToolTip(tip or text)
        table.setItem(row, column, item)


def fit(table: Any) -> None:
    """Make a table as high as its rows, up to a limit, and its columns as wide as their content."""
    header = table.horizontalHeader()
    for column in range(table.columnCount):
        if header.sectionResizeMode(column) == qt.QHeaderView.Interactive:
            table.resizeColumnToContents(column)
    height = table.horizontalHeader().height + sum(table.rowHeight(row) for row in range(table.rowCount)) + 2
    table.setFixedHeight(min(height, TABLE_HEIGHT))


def megabytes(size: int) -> str:
    """Bytes as a person reads them: ``2.7 MB``, ``31 MB``."""
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"
