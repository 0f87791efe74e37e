"""Which scan plays which role, at a glance: a row for each time point, a column for each phase."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.readiness import Light
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.panels.words import place_words
from HCCAssistLib.recipes.roles import contradicts, guess_role, may_be
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.results.risk import RiskResult
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
        table = self.ui.placesTable
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
        chosen, table = self._chosen().volumes, self.ui.placesTable
        review = self._session.current
        told = _of_result(review.result) if review is not None else {}
        for row, time in enumerate(self._times):
            title = _(_TIMES.get(time, time)) + "".join(f"\n{date}" for date in self._dates(time))
            table.setVerticalHeaderItem(row, qt.QTableWidgetItem(title))
            for column, phase in enumerate(self._phases):
                spec = self._specs.get(f"{time}/{phase}")
                if spec is not None:
                    table.setItem(row, column, _item(*cell_of(spec, chosen, told.get(str(spec), Told()))))

    def lights(self) -> Iterator[Light]:
        """Scans of a later time point that were made before those of an earlier one."""
        dates = [(time, found) for time in self._times if (found := self._dates(time))]
        for (time, before), (later, after) in pairwise(dates):
            if max(before) > min(after):
                text = _(
                    "A scan {time} treatment ({date}) was made later than one {later} it ({other}): exchange them."
                )
                names = {"time": _(_TIMES.get(time, time)), "later": _(_TIMES.get(later, later))}
                yield Light("stop", text.format(date=max(before), other=min(after), **names))

    def _dates(self, time: str) -> list[str]:
        """When the chosen scans of a time point were made, as far as that is told; the first one first."""
        chosen = self._chosen().volumes.items()
        return sorted({date for place, node in chosen if place.startswith(f"{time}/") and (date := study_date(node))})

    def _show(self, row: int, column: int) -> None:
        node = self._chosen().volumes.get(f"{self._times[row]}/{self._phases[column]}")
        if node is not None:
            slicer.util.setSliceViewerLayers(background=node, fit=True)


@dataclass(frozen=True, slots=True)
class Told:
    """What a result tells of one of its scans.

    Attributes:
        moved: how far it was moved to lie on the other phases, short; empty where nothing is known.
        quality: the same in a sentence.
        doubt: what its warnings say of it; empty where nothing.
    """

    moved: str = ""
    quality: str = ""
    doubt: str = ""


def cell_of(spec: InputSpec, chosen: Mapping[str, Any], result: Told) -> tuple[str, str, str]:
    """State, short text and whole sentence of a cell.

    Args:
        spec: what is asked for there.
        chosen: volume nodes by their places.
        result: what the result that is shown tells of the scan.
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
    told += result.quality
    if result.doubt:
        return "warn", result.moved or _("look"), told + result.doubt
    if role_of(node) == str(spec):
        if contradicts(guess, str(spec)):
            return "warn", _("doubtful"), told + _("Confirmed, but: {reason}").format(reason=guess.reason)
        return "ok", result.moved or _("confirmed"), told + _("Its role was confirmed.")
    if is_settled(node) or (guess.role is not None and not may_be(guess, str(spec))):
        return "warn", _("other role"), told + _("By its name, or in HCC Study, it plays another role.")
    if may_be(guess, str(spec)):
        return "warn", _("by name"), told + _("By its name; confirm it in HCC Study.")
    return "warn", _("not sure"), told + _("Nothing tells its phase; confirm it in HCC Study.")


def _of_result(result: RiskResult) -> dict[str, Told]:
    """What a result tells of its scans by their places: how they were registered, and what is doubtful about them."""
    doubts: dict[str, list[str]] = {}
    for warning in result.warnings:
        doubts.setdefault(warning.where, []).append(f"{warning.what[:1].upper()}{warning.what[1:]}.")
    laid = {place: Registration.from_json(data) for place, data in result.registrations.items()}
    return {
        place: Told(*(_quality(laid[place]) if place in laid else ("", "")), " ".join(doubts.get(place, ())))
        for place in {*laid, *doubts}
    }


def _quality(registration: Registration) -> tuple[str, str]:
    """How far a registration moved a scan, short and in a sentence; by whom where a person gave it."""
    if registration.source == "person":
        return _("by hand"), _("Its transform was given by a person. ")
    found = registration.quality
    if found is None:
        return "", ""
    text = _("Moved by {mm:.1f} mm; edges agree by {before:.2f} before and {after:.2f} after (0 chance, 1 all). ")
    told = text.format(mm=found.shift_mm, before=found.edges_before, after=found.edges_after)
    return _("{mm:.1f} mm").format(mm=found.shift_mm), told


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
