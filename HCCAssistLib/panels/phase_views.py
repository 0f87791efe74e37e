"""The volumes of one result side by side in axial views: linked at the chosen finding, or by time points."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.ui_files import add_chord, load
from HCCAssistLib.panels.words import phase_words
from HCCAssistLib.scene.records import everything_drawn
from HCCAssistLib.scene.side_by_side import (
    CORONAL,
    FIRST_GROUP,
    MOST,
    VIEW,
    Shown,
    SideBySide,
    layout_number,
    layout_xml,
)

CHORD = "Ctrl+Shift+V"

CORONAL_PHASE = "arterial"
"""What the coronal view shows where it is among the volumes: most masses stand out in it."""

MARGIN_TIME = "pre"
"""A margin stands where the tumour stood."""

_WHEN = {"baseline": "at diagnosis", "pre": "before", "post": "after"}


class PhaseViews(Part):
    """A check box that puts the volumes of the shown result side by side, and back to the layout before.

    Args:
        shared: of the panel.
        by_time: a row for each time point, linked within it and each at its own box; without a coronal view.
    """

    def __init__(self, shared: Shared, by_time: bool = False) -> None:
        self._session, self._by_time, self._chosen = shared.session, by_time, shared.chosen
        self._before: int | None = None  # the layout to go back to
        self._held: dict[str, Any] = {}  # nodes that are shown in some views alone
        self._beside = SideBySide(slicer.mrmlScene)
        self.ui = ui = load("phase_views", shared.sections.resultsButton.layout())
        if by_time:
            ui.phasesCheck.text = _("Before and after side by side")
        ui.phasesCheck.toolTip = f"{ui.phasesCheck.toolTip} ({CHORD})"
        ui.phasesCheck.connect("toggled(bool)", lambda _checked: self.refresh())
        self._chord = add_chord(shared.window, CHORD, lambda: ui.phasesCheck.enabled and ui.phasesCheck.toggle())
        self.refresh()

    def listen(self, on: bool) -> None:
        """Whether the panel is open: elsewhere there is the layout of before."""
        self._chord.setEnabled(on)
        if not on:  # when it is opened it is refreshed anyway
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
        with self._session.moving():
            self._enter(volumes)
            self._focus()

    def finding_chosen(self) -> None:
        """Go to the chosen finding in every view: its middle in the middle, its frame with some room around."""
        with self._session.moving():
            self._focus()

    def _focus(self) -> None:
        review = self._session.current
        if self._before is None or review is None:
            return
        box: Box | None = review.box
        if self._by_time:
            boxes = {place.split("/")[0]: box for place, box in review.result.boxes.items()}
            self._beside.focus(
                {FIRST_GROUP + n: boxes[t] for n, t in enumerate(_times(review.drawn.volumes)) if t in boxes}
            )
        elif box is not None:
            self._beside.focus({0: box})

    def _enter(self, volumes: Mapping[str, Any]) -> None:
        manager, coronal = slicer.app.layoutManager(), not self._by_time
        shown = dict(list(volumes.items())[:MOST])
        if self._by_time:
            shown = by_time_points(volumes, self._session.current.drawn.heatmaps)
        layout = layout_number(len(shown), coronal=coronal)
        if self._before is None:
            self._before = manager.layout
        if manager.layout != layout:
            node = manager.layoutLogic().GetLayoutNode()
            if not node.IsLayoutDescription(layout):
                node.AddLayoutDescription(layout, layout_xml(len(shown), coronal=coronal))
            manager.setLayout(layout)
        times = _times(volumes)
        titles, views = [], []
        for number, (place, volume) in enumerate(shown.items(), 1):
            time, phase = place.split("/")
            logic = manager.sliceWidget(f"{VIEW}{number}").sliceLogic()
            views.append(Shown(volume, logic, group=FIRST_GROUP + times.index(time) if self._by_time else 0))
            titles.append(phase_words(phase) if coronal else f"{_(_WHEN.get(time, time))}, {phase_words(phase)}")
        if coronal:
            phase, volume = _coronal(shown)
            logic = manager.sliceWidget(f"{VIEW}{CORONAL}").sliceLogic()
            views.append(Shown(volume, logic, CORONAL))
            titles.append(phase_words(phase))
        changed = self._beside.show(views)
        if self._by_time:
            self._show_by_time(dict(zip(shown, views, strict=True)))
        for view, title in zip(views, titles, strict=True):
            view.logic.GetSliceNode().SetLayoutLabel(_(title))
        if changed:
            self._session.display()  # the heat lies over the volumes that are shown

    def _show_by_time(self, views: Mapping[str, Shown]) -> None:
        """Show boxes, segments and margins in the views of their time point alone: the patient lay elsewhere then."""
        for node, time in self._nodes_by_time():
            if node is None or node.GetScene() is None or node.GetDisplayNode() is None:
                continue
            wanted = [view.logic.GetSliceNode().GetID() for place, view in views.items() if place.split("/")[0] == time]
            display = node.GetDisplayNode()
            if node.GetID() in self._held and list(display.GetViewNodeIDs()) == wanted:
                continue
            self._held[node.GetID()] = node
            display.RemoveAllViewNodeIDs()
            for view in wanted:
                display.AddViewNodeID(view)

    def _nodes_by_time(self) -> Iterator[tuple[Any, str]]:
        from HCCAssistLib.scene.margin import margin_nodes  # with all that measures one, at its first use

        review = self._session.current
        for number, place in enumerate(review.result.boxes, 1):
            yield review.drawn.boxes.get(number), place.split("/")[0]
        held: dict[str, tuple[Any, set[str]]] = {}
        for place, (node, _segment) in self._chosen().segments.items():
            if node is not None:
                held.setdefault(node.GetID(), (node, set()))[1].add(place.split("/")[0])
        for node, times in held.values():
            if len(times) == 1:
                yield node, times.pop()
        for record in margin_nodes(slicer.mrmlScene):
            for node in everything_drawn(record, slicer.mrmlScene):
                yield node, MARGIN_TIME

    def _leave(self) -> None:
        if self._before is None:
            return
        before, self._before = self._before, None
        self._beside.leave()
        for node in self._held.values():
            if node.GetScene() is not None and node.GetDisplayNode() is not None:
                node.GetDisplayNode().RemoveAllViewNodeIDs()
        self._held.clear()
        slicer.app.layoutManager().setLayout(before)
        self._session.display()


def by_time_points(volumes: Mapping[str, Any], explained: Collection[str]) -> dict[str, Any]:
    """As many volumes of each time point as all views have room for: those with heat first, then the arterial phase.

    Args:
        volumes: by their places.
        explained: places of those with a heat map.
    """
    times = _times(volumes)
    found = []
    for time in times:
        places = [place for place in volumes if place.split("/")[0] == time]
        liked = sorted(places, key=lambda place: (place not in explained, not place.endswith(f"/{CORONAL_PHASE}")))
        found += [place for place in places if place in liked[: MOST // len(times)]]
    return {place: volumes[place] for place in found}


def _times(volumes: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(place.split("/")[0] for place in volumes))


def _coronal(shown: Mapping[str, Any]) -> tuple[str, Any]:
    """Phase and volume of the coronal view."""
    phases = {place.rsplit("/", 1)[-1]: volume for place, volume in shown.items()}
    phase = CORONAL_PHASE if CORONAL_PHASE in phases else next(iter(phases))
    return phase, phases[phase]
