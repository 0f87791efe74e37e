"""What the scene shows is added to a cohort: which scans, which marks, what is true of the patient, and who it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.known_patients import KnownPatients
from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.panels.capture_page import CapturePage
from HCCAssistLib.panels.case_choice import CaseChoice
from HCCAssistLib.panels.cohort_choice import CohortChoice
from HCCAssistLib.panels.readiness import Light, Readiness
from HCCAssistLib.panels.ui_files import load, merged, tell
from HCCAssistLib.places import data_folder
from HCCAssistLib.scene.capture import CaseCapture, reviewed_result
from HCCAssistLib.scene.capture_order import Order
from HCCAssistLib.scene.open_case import opened_nodes, own
from HCCAssistLib.scene.records import records, volumes_of


class Capture:
    """Adds the scene's patient to the chosen cohort.

    Args:
        place: layout to be added to.
        choice: method and cohort.
        settings: keep the reader's name.
        wake: called where something begins, so that ``poll`` is asked from then on.
        on_added: the cohort was written.
    """

    def __init__(
        self, place: Any, *, choice: CohortChoice, settings: Any, wake: Callable[[], None], on_added: Callable[[], None]
    ) -> None:
        self._choice, self._wake, self._on_added = choice, wake, on_added
        patients = KnownPatients(data_folder("patients"))
        self._capture = CaseCapture(patients)
        self._pages: dict[str, CapturePage] = {}
        self._node: Any = None
        self._scan: Any = None  # that what is typed is about
        self._again: Callable[[frozenset[str]], None] = lambda _confirmed: None
        self._confirmed: frozenset[str] = frozenset()
        self._begun: tuple[Order, Mapping[str, Any]] | None = None
        self._busy = True
        own_ui = load("capture", place)
        self._readiness = Readiness(_layout_in(own_ui.captureReadiness))
        self.case = CaseChoice(
            _layout_in(own_ui.captureCase),
            choice=choice,
            patients=patients,
            settings=settings,
            changed=self.refresh,
        )
        self.ui: SimpleNamespace = merged(own_ui, self.case.ui)
        self._place = _layout_in(own_ui.capturePages)
        own_ui.verdictsCheck.connect("toggled(bool)", lambda _checked: self.refresh())
        own_ui.addCaseButton.connect("clicked(bool)", lambda _checked: self._add())
        tell(own_ui.captureLabel, "")
        self._busy = False

    @property
    def page(self) -> CapturePage:
        """Of the chosen method; made when it is chosen for the first time."""
        recipe = self._choice.recipe
        if recipe.id not in self._pages:
            busy, self._busy = self._busy, True
            self._pages[recipe.id] = CapturePage(self._place, recipe, self.refresh)
            self._busy = busy
        return self._pages[recipe.id]

    def bind(self, node: Any | None) -> None:
        """Keep what is chosen and typed in a node of the scene; None keeps it nowhere."""
        self._busy = True
        for page in self._pages.values():
            page.bind(None)
        self._node, self._scan = node, None
        if node is not None:
            self.page.bind(node)
        self._busy = False
        self.refresh()

    def show_case(self, case: Case, *, marked: bool) -> None:
        """Choose what was opened of a case: to make a new version of it, or for another reader to mark it.

        Args:
            case: of the chosen cohort.
            marked: whether its marks were opened, too.
        """
        folder = self._choice.folder
        if folder is None or self._node is None:
            return
        self._busy = True
        self.page.inputs.choose(opened_nodes(slicer.mrmlScene, case.case_id, folder))
        self.case.look_again()
        self._busy = False
        self.refresh()
        self.page.show(case.values if marked else {})
        self.case.choose("revision" if marked else "reading")

    def refresh(self) -> None:
        """Show what goes into the case, whose it is, and what is missing."""
        if self._busy or self._node is None:
            return
        self._busy = True
        try:
            self._turn()
            chosen = self.page.inputs.chosen()
            if self._scan is not None and chosen.main is not self._scan:
                self.page.show({})  # what was typed is of the patient before
            self._scan = chosen.main
            self.case.fill(chosen.volumes)
            self.case.show(chosen.volumes)
            self.page.refresh()
            self._show(chosen.volumes)
        finally:
            self._busy = False

    def poll(self) -> bool:
        """Take what became of the writing; whether it goes on."""
        outcome = self._capture.outcome()
        if outcome is None:
            return self._capture.writing
        if outcome.kind == "question":
            if slicer.util.confirmOkCancelDisplay(outcome.text, _("HCCAssist - Add to the cohort")):
                self._begin(self._again, self._confirmed | {outcome.question})
                return self._capture.writing
            tell(self.ui.captureLabel, _("Nothing was written."))
        else:
            done = outcome.kind == "done"
            tell(self.ui.captureLabel, outcome.text, "ok" if done else "stop")
            if done:
                self._captured()
                self._choice.refresh()
                self._on_added()
        self.refresh()
        return False

    def close(self) -> None:
        """Begin nothing more; what is being written is finished."""
        for page in self._pages.values():
            page.bind(None)
        self._capture.close()

    def _captured(self) -> None:
        """What was added is of that case now: pressed again, it is a new version of it."""
        if self._begun is not None and self._begun[0].kind != "reading":
            order, volumes = self._begun
            for place, node in volumes.items():
                own(node, place, order.case_id, order.cohort)
        self.case.look_again()

    def _turn(self) -> None:
        """Show the page of the chosen method."""
        page = self.page
        for other in self._pages.values():
            if other is not page and other.visible:
                other.bind(None)
            other.visible = other is page
        if page.node is not self._node:
            page.bind(self._node)

    def _show(self, volumes: Mapping[str, Any]) -> None:
        ui, writing = self.ui, self._capture.writing
        ui.verdictsCheck.visible = self._has_result(volumes)
        problem = self._readiness.show(self._lights(volumes))
        ui.addCaseButton.enabled = not problem and not writing
        ui.addCaseButton.toolTip = problem
        ui.captureProgress.visible = writing

    def _lights(self, volumes: Mapping[str, Any]) -> Iterator[Light]:
        if problem := self._choice.problem:
            yield Light("stop", problem)
        yield from self.page.lights()
        yield from self.case.lights(volumes)

    def _has_result(self, volumes: Mapping[str, Any]) -> bool:
        scan = next(iter(volumes.values()), None)
        found = records(slicer.mrmlScene, self._choice.recipe.id)
        return scan is not None and any(volume is scan for one in found for volume in volumes_of(one).values())

    def _add(self) -> None:
        folder = self._choice.folder
        if folder is None or self._capture.writing:
            self.refresh()
            return
        order, chosen, recipe = self._order(folder), self.page.chosen(), self.page.recipe
        self._begun = order, dict(chosen.volumes)

        def add(confirmed: frozenset[str]) -> None:
            self._capture.add(chosen, recipe, order, confirmed=confirmed)

        self._begin(add, frozenset({"create"} if self._choice.is_new else ()))

    def _order(self, folder: Path) -> Order:
        page, chosen = self.page, self.page.inputs.chosen()
        takes_verdicts = bool(self.ui.verdictsCheck.checked) and self._has_result(chosen.volumes)
        return Order(
            cohort=folder,
            kind=self.case.kind,
            case_id=self.case.case_id,
            patient_id=self.case.patient_id if self._choice.cases else "",
            reader=self.case.reader,
            labelled=page.is_labelled,
            verdicts=reviewed_result(page.recipe, chosen, slicer.mrmlScene) if takes_verdicts else None,
        )

    def _begin(self, work: Callable[[frozenset[str]], None], confirmed: frozenset[str]) -> None:
        self._again, self._confirmed = work, confirmed
        try:
            work(confirmed)
        except HCCAssistError as error:
            tell(self.ui.captureLabel, str(error), "stop")
        else:
            tell(self.ui.captureLabel, _("Writing ..."))
            self._wake()
        self.refresh()


def _layout_in(widget: Any) -> Any:
    """A layout without margins for what is put into an empty widget."""
    layout = qt.QVBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    widget.setLayout(layout)
    return layout
