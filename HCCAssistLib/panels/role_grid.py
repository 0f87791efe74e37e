"""Which scan plays which role, at a glance: a row for each time point, a column for each phase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.panels.words import place_words
from HCCAssistLib.recipes.roles import contradicts, guess_role, may_be
from HCCAssistLib.scene.modality import may_be_of, modality_of
from HCCAssistLib.scene.patients import scan_label, study_date
from HCCAssistLib.scene.roles import is_settled, role_of

_TIMES = {"baseline": "at diagnosis", "pre": "before", "post": "after"}

_STATES = {"ok": ("\N{CHECK MARK}", "#d1e7dd"), "warn": ("?", "#fff3cd"), "stop": ("!", "#f8d7da"), "none": ("", "")}
"""Mark and ground of a cell; the ink on a ground is dark in every theme."""

ROW, HEADING = 44, 24
"""Pixels: two lines of text, and one."""


class RoleGrid(Part):
    """A table above the selectors; a click on a cell shows its scan in the views.

    Args:
        shared: of the panel.
    """

    def __init__(self, shared: Shared) -> None:
        self._session, self._chosen = shared.session, shared.chosen
        volumes = shared.session.recipe.volumes()
        self._specs = {str(spec): spec for spec in volumes}
        self._times = tuple(dict.fromkeys(spec.time_point for spec in volumes))
        self._phases = tuple(dict.fromkeys(spec.name for spec in volumes))
        layout = shared.sections.inputsButton.layout()
        self.ui = load("role_grid", layout)
        layout.removeWidget(self.ui.RoleGrid)
        layout.insertWidget(1, self.ui.RoleGrid)  # between the header and the selectors
        table = self.ui.roleTable
        table.setRowCount(len(self._times))
        table.setColumnCount(len(self._phases))
        table.setHorizontalHeaderLabels([_(phase) for phase in self._phases])
        for header in (table.horizontalHeader(), table.verticalHeader()):
            header.setSectionResizeMode(qt.QHeaderView.Stretch)
            header.setHighlightSections(False)
        table.horizontalHeader().setFixedHeight(HEADING)
        table.setFixedHeight(len(self._times) * ROW + HEADING + 4)
        table.connect("cellClicked(int,int)", self._show)

    def refresh(self) -> None:
        """Show what is chosen, missing or doubtful, and how well the phases of a result lie on each other."""
        chosen, table = self._chosen().volumes, self.ui.roleTable
        review = self._session.current
        doubts = _doubts(review.result) if review is not None else {}
        for row, time in enumerate(self._times):
            dates = {
                date for place, node in chosen.items() if place.startswith(f"{time}/") and (date := study_date(node))
            }
            title = _(_TIMES.get(time, time)) + "".join(f"\n{date}" for date in sorted(dates))
            table.setVerticalHeaderItem(row, qt.QTableWidgetItem(title))
            for column, phase in enumerate(self._phases):
                spec = self._specs.get(f"{time}/{phase}")
                if spec is not None:
                    table.setItem(row, column, _item(*cell_of(spec, chosen, doubts.get(str(spec), ""))))

    def _show(self, row: int, column: int) -> None:
        node = self._chosen().volumes.get(f"{self._times[row]}/{self._phases[column]}")
        if node is not None:
            slicer.util.setSliceViewerLayers(background=node, fit=True)


def cell_of(spec: InputSpec, chosen: Mapping[str, Any], doubt: str = "") -> tuple[str, str, str]:
    """State, short text and whole sentence of a cell.

    Args:
        spec: what is asked for there.
        chosen: volume nodes by their places.
        doubt: what a result says of how the scan lies on the others; empty where nothing.
    """
    wanted, node = place_words(str(spec), spec.modality), chosen.get(str(spec))
    if node is None:
        needed = _("missing") if spec.required else _("not used")
        return ("stop" if spec.required else "none"), needed, _("{wanted}: no scan is chosen.").format(wanted=wanted)
    name, guess = scan_label(node), guess_role(node.GetName() or "")
    told = f"{wanted}: {name}. "
    twice = [place for place, one in chosen.items() if one is node and place != str(spec)]
    if twice:
        return "stop", _("twice"), told + _("The same scan is chosen elsewhere, too.")
    if not may_be_of(node, spec.modality):
        return "stop", modality_of(node), told + _("It seems to be no {modality}.").format(modality=spec.modality)
    if doubt:
        return "warn", _("look"), told + doubt
    if role_of(node) == str(spec):
        if contradicts(guess, str(spec)):
            return "warn", _("doubtful"), told + _("Confirmed, but: {reason}").format(reason=guess.reason)
        return "ok", _("confirmed"), told + _("Its role was confirmed.")
    if is_settled(node) or (guess.role is not None and not may_be(guess, str(spec))):
        return "warn", _("other role"), told + _("By its name, or in HCC Study, it plays another role.")
    if may_be(guess, str(spec)):
        return "warn", _("by name"), told + _("By its name; confirm it in HCC Study.")
    return "warn", _("not sure"), told + _("Nothing tells its phase; confirm it in HCC Study.")


def _doubts(result: Any) -> dict[str, str]:
    """What the warnings of a result say of single volumes, by their places."""
    found: dict[str, list[str]] = {}
    for warning in result.warnings:
        if warning.where in result.volumes:
            found.setdefault(warning.where, []).append(f"{warning.what[:1].upper()}{warning.what[1:]}.")
    return {place: " ".join(texts) for place, texts in found.items()}


def _item(state: str, text: str, tip: str) -> Any:
    mark, ground = _STATES[state]
    item = qt.QTableWidgetItem(f"{mark}\n{text}" if mark else text)
    item.setTextAlignment(qt.Qt.AlignCenter)
    item.setToolTip(tip)
    item.setFlags(qt.Qt.ItemIsEnabled)
    if ground:
        item.setBackground(qt.QBrush(qt.QColor(ground)))
        item.setForeground(qt.QBrush(qt.QColor("#202020")))
    return item
