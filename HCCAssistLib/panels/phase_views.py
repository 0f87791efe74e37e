"""The volumes of one result side by side: linked axial views at the chosen finding, one volume each, and a coronal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.ui_files import add_chord, load
from HCCAssistLib.panels.words import phase_words
from HCCAssistLib.scene.side_by_side import CORONAL, FIRST_LAYOUT, MOST, VIEW, SideBySide, layout_xml

CHORD = "Ctrl+Shift+V"

CORONAL_PHASE = "arterial"
"""What the coronal view shows where it is among the volumes: most masses stand out in it."""


class PhaseViews(Part):
    """A check box that puts the volumes of the shown result side by side, and back to the layout before.

    Args:
        shared: of the panel.
    """

    def __init__(self, shared: Shared) -> None:
        self._session = shared.session
        self._before: int | None = None  # the layout to go back to
        self._beside = SideBySide(slicer.mrmlScene)
        self.ui = ui = load("phase_views", shared.sections.resultsButton.layout())
        ui.phasesCheck.toolTip = f"{ui.phasesCheck.toolTip} ({CHORD})"
        ui.phasesCheck.connect("toggled(bool)", lambda _checked: self.refresh())
        self._chord = add_chord(shared.window, CHORD, lambda: ui.phasesCheck.enabled and ui.phasesCheck.toggle())
        self.refresh()

    def listen(self, on: bool) -> None:
        """Whether the panel is open: elsewhere there is the layout of before."""
        self._chord.setEnabled(on)
        if on:
            self.refresh()
        else:
            self._leave()

    def close(self) -> None:
        """The panel goes."""
        self._leave()
        self._chord.deleteLater()

    def refresh(self) -> None:
        """Show the volumes of the result of the chosen scan at its chosen finding, where the reader wants it."""
        review = self._session.current
        volumes = dict(review.drawn.volumes) if review is not None and not review.changed else {}
        self.ui.phasesCheck.enabled = bool(volumes)
        if not volumes or not self.ui.phasesCheck.checked:
            self._leave()
            return
        self._enter(volumes)
        self.finding_chosen()

    def finding_chosen(self) -> None:
        """Go to the chosen finding in every view: its middle in the middle, its frame with some room around."""
        review = self._session.current
        box: Box | None = review.box if review is not None else None
        if self._before is not None and box is not None:
            self._beside.focus(box)

    def _enter(self, volumes: Mapping[str, Any]) -> None:
        manager = slicer.app.layoutManager()
        shown = dict(list(volumes.items())[:MOST])
        layout = FIRST_LAYOUT + len(shown)
        if self._before is None:
            self._before = manager.layout
        if manager.layout != layout:
            node = manager.layoutLogic().GetLayoutNode()
            if not node.IsLayoutDescription(layout):
                node.AddLayoutDescription(layout, layout_xml(len(shown)))
            manager.setLayout(layout)
        axial = [manager.sliceWidget(f"{VIEW}{number}").sliceLogic() for number in range(1, len(shown) + 1)]
        coronal = manager.sliceWidget(f"{VIEW}{CORONAL}").sliceLogic()
        phases = [place.rsplit("/", 1)[-1] for place in shown]
        phase = CORONAL_PHASE if CORONAL_PHASE in phases else phases[0]
        scans = list(shown.values())
        changed = self._beside.show(scans, axial, scans[phases.index(phase)], coronal)
        for logic, name in zip([*axial, coronal], [*phases, phase], strict=True):
            logic.GetSliceNode().SetLayoutLabel(_(phase_words(name)))
        if changed:
            self._session.display()  # the heat lies over the volumes that are shown

    def _leave(self) -> None:
        if self._before is None:
            return
        before, self._before = self._before, None
        self._beside.leave()
        slicer.app.layoutManager().setLayout(before)
        self._session.display()
