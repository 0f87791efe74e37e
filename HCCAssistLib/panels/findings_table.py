"""The findings of a result as rows: sorted by any column, chosen by a click, with a comment to write."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

from HCCAssistLib.panels.ui_files import load

ICON = 12
"""Pixels of a colour's square."""

ROW_HEIGHT, LEAST_ROWS, MOST_ROWS = 22, 3, 10
"""Pixels of a row; a table is as high as so many rows, and scrolls where there are more."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        title: its heading.
        tip: what the heading means, shown by the mouse.
        text: the cell of a finding.
        key: what the column is sorted by; a finding whose key is None comes last.
        color: red, green and blue, 0 to 255, of a square in the cell; None for no square.
        falling: sorted from the highest when the heading is first clicked.
        leads: the table is sorted by it to begin with; by the first column where none does.
        editable: the reader writes into it, and it takes the room that is left.
    """

    title: str
    tip: str
    text: Callable[[Any], str]
    key: Callable[[Any], Any]
    color: Callable[[Any], tuple[int, int, int]] | None = None
    falling: bool = False
    leads: bool = False
    editable: bool = False


class FindingsTable:
    """The findings that are shown. A finding has a ``number`` that stays, however the table is sorted.

    Args:
        place: layout to be added to.
        columns: the first one tells the number; none of results that have no findings.
        on_chosen: a row was chosen or clicked again, by its number.
        on_text: the reader wrote a text into the editable column, by number.
    """

    def __init__(
        self,
        place: Any,
        *,
        columns: Sequence[Column],
        on_chosen: Callable[[int], None],
        on_text: Callable[[int, str], None],
    ) -> None:
        self.ui = load("findings_table", place)
        self._columns, self._on_chosen, self._on_text = tuple(columns), on_chosen, on_text
        self._findings: tuple[Any, ...] = ()
        self._order = next(((number, c.falling) for number, c in enumerate(columns) if c.leads), (0, False))
        self._filling = False
        table = self.ui.table
        table.setColumnCount(len(columns))
        table.setHorizontalHeaderLabels([_(column.title) for column in columns])
        for number, column in enumerate(columns):
            table.horizontalHeaderItem(number).setToolTip(_(column.tip))
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        header.setDefaultAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        for number, column in enumerate(columns):
            if column.editable:
                header.setSectionResizeMode(number, qt.QHeaderView.Stretch)
        header.connect("sectionClicked(int)", self._sort)
        table.connect("itemSelectionChanged()", self._row_chosen)
        table.connect("cellClicked(int,int)", self._clicked)
        table.connect("cellChanged(int,int)", self._written)
        self._fill(())

    @property
    def numbers(self) -> list[int]:
        """Of the findings, from the first row to the last."""
        return [finding.number for finding in self._findings]

    def show(self, findings: Sequence[Any], chosen: int | None) -> None:
        """Fill the table.

        Args:
            findings: in any order.
            chosen: number of the finding whose row is selected, None for none.
        """
        table = self.ui.table
        ordered = tuple(self._sorted(findings))
        same = len(ordered) == len(self._findings) and all(map(operator.is_, ordered, self._findings))
        self._filling = True
        try:
            if not same:  # else a cell that is being written into would close
                self._fill(ordered)
            if chosen not in self.numbers:
                table.setCurrentItem(None)
                table.clearSelection()
            elif table.currentRow() != self.numbers.index(chosen) or not table.selectedItems():
                table.selectRow(self.numbers.index(chosen))
        finally:
            self._filling = False

    def _fill(self, findings: tuple[Any, ...]) -> None:
        table = self.ui.table
        self._findings = findings
        table.clearSelection()
        table.setRowCount(len(self._findings))
        for row, finding in enumerate(self._findings):
            for number, column in enumerate(self._columns):
                table.setItem(row, number, self._item(column, finding))
        for number, column in enumerate(self._columns):
            mark = (" ▾" if self._order[1] else " ▴") if number == self._order[0] else ""
            table.horizontalHeaderItem(number).setText(_(column.title) + mark)
            if not column.editable:
                table.resizeColumnToContents(number)
        rows = min(max(len(self._findings), LEAST_ROWS), MOST_ROWS)
        table.setFixedHeight((rows + 2) * ROW_HEIGHT)  # with the headings and a scroll bar

    def _sorted(self, findings: Sequence[Any]) -> list[Any]:
        if not self._columns:
            return list(findings)
        number, falling = self._order
        key = self._columns[number].key
        known = [finding for finding in findings if key(finding) is not None]
        rest = [finding for finding in findings if key(finding) is None]
        return [*sorted(known, key=key, reverse=falling), *rest]

    def _item(self, column: Column, finding: Any) -> Any:
        item = qt.QTableWidgetItem(column.text(finding))
        if not column.editable:
            item.setFlags(qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEnabled)
        if column.color is not None:
            pixmap = qt.QPixmap(ICON, ICON)
            pixmap.fill(qt.QColor(*column.color(finding)))
            icon = qt.QIcon()
            for mode in (qt.QIcon.Normal, qt.QIcon.Selected):  # else the chosen row paints over it
                icon.addPixmap(pixmap, mode)
            item.setIcon(icon)
        return item

    def _number(self, row: int) -> int | None:
        return self._findings[row].number if 0 <= row < len(self._findings) else None

    def _row_chosen(self) -> None:
        number = self._number(self.ui.table.currentRow())
        if not self._filling and number is not None and self.ui.table.selectedItems():
            self._on_chosen(number)

    def _clicked(self, row: int, _column: int) -> None:
        number = self._number(row)
        if number is not None:
            self._on_chosen(number)

    def _written(self, row: int, column: int) -> None:
        number = self._number(row)
        if not self._filling and number is not None and self._columns[column].editable:
            text = " ".join(self.ui.table.item(row, column).text().split())  # a pasted line break breaks a table
            self._on_text(number, text)

    def _sort(self, column: int) -> None:
        same = column == self._order[0]
        self._order = (column, not self._order[1] if same else self._columns[column].falling)
        number = self._number(self.ui.table.currentRow()) if self.ui.table.selectedItems() else None
        findings, self._findings = self._findings, ()  # filled anew, for the mark in the heading
        self.show(findings, number)
