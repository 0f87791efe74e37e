"""A look at how a phase lies on the one that the others are laid on: flickering, in squares, at points, by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.readiness import Light
from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.panels.words import recipe_words
from HCCAssistLib.registration.checkerboard import checkerboard
from HCCAssistLib.registration.landmarks import landmark_error
from HCCAssistLib.registration.moving import moved
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.scene.inputs import CapturedVolume, capture_volume, geometry_of_volume, points_from_markups
from HCCAssistLib.scene.records import PART, composites
from HCCAssistLib.scene.transforms import from_parent_lps
from HCCAssistLib.scene.volumes import volume_from_image

FLICKER_MS = 600

SQUARE_MM = 24.0

LEAST_WINDOW = 1e-3
"""Grey values: the display of a volume without any contrast has none."""

KEPT = "transform {}"
"""Reference of the scene's parameters to the transform that a reader chose for a place."""

DRAWN = "registration check"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A look that a reader asked for.

    Attributes:
        pair: the fixed volume node and the one that is looked at.
        squares: whether in squares, instead of flickering.
        work: makes the image that is shown, in any thread.
    """

    pair: tuple[Any, Any]
    squares: bool
    work: Callable[[], Image]


class RegistrationCheck(Part):
    """Shows one phase over the fixed one of its time point, as the result laid it or as a chosen transform does.

    Args:
        shared: of the panel.
        fixed: name of the phase that the others are laid on.
    """

    def __init__(self, shared: Shared, fixed: str) -> None:
        self._session, self._chosen, self._changed = shared.session, shared.chosen, shared.changed
        self._fixed = fixed
        self._node: Any = None
        self._shown: Any = None
        self._filling = False
        self._wake = shared.wake
        self._work: InThread[Image] = InThread()
        self._wanted: Wanted | None = None
        self._making: Wanted | None = None
        recipe = shared.session.recipe
        self.ui = ui = load("registration_check", shared.sections.inputsButton.layout())
        for spec in recipe.volumes():
            if spec.name != fixed:
                ui.checkedPhase.addItem(recipe_words(recipe, str(spec)), str(spec))
        for selector in (ui.fixedPoints, ui.movingPoints, ui.givenTransform):
            kind = "LinearTransform" if selector is ui.givenTransform else "MarkupsFiducial"
            selector.nodeTypes = [f"vtkMRML{kind}Node"]
            selector.noneEnabled = True
            selector.addEnabled = selector.removeEnabled = False
            selector.setMRMLScene(slicer.mrmlScene)
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self._selected)
        ui.checkedPhase.connect("currentIndexChanged(int)", lambda _index: self._phase_chosen())
        ui.flickerButton.connect("toggled(bool)", lambda on: self._look(ui.flickerButton, on))
        ui.squaresButton.connect("toggled(bool)", lambda on: self._look(ui.squaresButton, on))
        self._timer = qt.QTimer(ui.RegistrationCheck)
        self._timer.setInterval(FLICKER_MS)
        self._timer.connect("timeout()", self._flicker)

    @property
    def place(self) -> str:
        """Of the phase that is looked at."""
        return str(self.ui.checkedPhase.itemData(self.ui.checkedPhase.currentIndex))

    def bind(self, node: Any | None) -> None:
        """Show the transforms that a node of the scene keeps; None shows nothing any more."""
        self._stop()
        self._node = node
        if node is not None:
            self._phase_chosen()

    def poll(self) -> bool:
        """Show what was laid, unless something else is asked for by now."""
        making = self._making
        try:
            laid = self._work.take()
        except HCCAssistError as error:
            laid, self._making = None, None
            if self._wanted is None:
                self._refuse(error)
        if laid is not None and making is not None:
            self._making = None
            if self._is_asked_for(making):
                self._show(laid, *making.pair, squares=making.squares)
            if self._wanted is None:
                self.refresh()
        self._go_on()
        return self._work.busy

    def close(self) -> None:
        """The panel goes."""
        self._stop()
        self._work.close()

    def transforms(self) -> Mapping[str, Any]:
        """Those that the reader chose."""
        box, node = self.ui.checkedPhase, self._node
        places = [str(box.itemData(index)) for index in range(box.count)] if node is not None else []
        found = {place: node.GetNodeReference(KEPT.format(place)) for place in places}
        return {place: one for place, one in found.items() if one is not None}

    def lights(self) -> Iterator[Light]:
        """Which phases are laid by hand."""
        chosen = self._chosen().volumes
        laid = [recipe_words(self._session.recipe, place) for place in self.transforms() if place in chosen]
        if laid:
            yield Light("warn", _("Laid by a transform of yours: {phases}.").format(phases="; ".join(laid)))

    def refresh(self) -> None:
        """Tell how far the points lie apart."""
        volumes = self._pair()
        self.ui.flickerButton.enabled = self.ui.squaresButton.enabled = volumes is not None
        points = self.ui.fixedPoints.currentNode(), self.ui.movingPoints.currentNode()
        if volumes is None or None in points:
            tell(self.ui.pointsLabel, "")
            return
        try:
            places = [
                points_from_markups(one, geometry_of_volume(volume)).positions
                for one, volume in zip(points, volumes, strict=True)
            ]
            found = landmark_error(self._registration(), *places)
        except InputError as error:
            tell(self.ui.pointsLabel, str(error), "warn")
            return
        text = _("{n} pairs of points lie {mean:.1f} mm apart on average, {most:.1f} mm at most.")
        tell(self.ui.pointsLabel, text.format(n=found.n, mean=found.mean_mm, most=found.max_mm))

    def _phase_chosen(self) -> None:
        self._stop()
        self._filling = True
        kept = self._node.GetNodeReference(KEPT.format(self.place)) if self._node is not None else None
        self.ui.givenTransform.setCurrentNode(kept)
        self._filling = False
        self.refresh()

    def _selected(self, *_arguments: Any) -> None:
        if self._filling or self._node is None:
            return
        self._stop()
        node = self.ui.givenTransform.currentNode()
        self._node.SetNodeReferenceID(KEPT.format(self.place), node.GetID() if node is not None else None)
        self.refresh()
        self._changed()

    def _pair(self) -> tuple[Any, Any] | None:
        """The fixed volume of the time point, and the one that is looked at."""
        volumes = self._chosen().volumes
        fixed, moving = volumes.get(f"{self.place.split('/')[0]}/{self._fixed}"), volumes.get(self.place)
        return None if fixed is None or moving is None else (fixed, moving)

    def _registration(self) -> Registration:
        """What the reader chose; what the result that is shown says; nothing moved where neither is there."""
        given, pair, review = self.transforms().get(self.place), self._pair(), self._session.current
        if given is not None and pair is not None:
            return Registration.by_person(from_parent_lps(given, pair[1]), given.GetName())
        stored = review.result.registrations.get(self.place) if review is not None else None
        identity = [[float(row == column) for column in range(4)] for row in range(4)]
        return Registration.from_json(stored) if stored is not None else Registration.by_person(identity)

    def _look(self, button: Any, on: bool) -> None:
        self._stop(but=button)
        pair = self._pair() if on else None
        if pair is None:
            return
        squares = button is self.ui.squaresButton
        try:
            fixed, moving = capture_volume(pair[0]), capture_volume(pair[1])
            self._wanted = Wanted(pair, squares, partial(_laid, fixed, moving, self._registration(), squares))
        except InputError as error:
            self._refuse(error)
            return
        tell(self.ui.pointsLabel, _("Laying one phase on the other ..."))
        self._go_on()
        self._wake()

    def _go_on(self) -> None:
        if self._wanted is not None and not self._work.busy:
            self._making, self._wanted = self._wanted, None
            self._work.begin(self._making.work)

    def _refuse(self, error: HCCAssistError) -> None:
        self._stop()
        tell(self.ui.pointsLabel, str(error), "stop")

    def _show(self, laid: Image, fixed: Any, moving: Any, *, squares: bool) -> None:
        display = moving.GetDisplayNode()
        window = Window(0.5, 1.0) if squares else Window(display.GetLevel(), max(display.GetWindow(), LEAST_WINDOW))
        name = _("{phase} laid on the {fixed} phase").format(phase=moving.GetName(), fixed=self._fixed)
        self._shown = node = volume_from_image(laid, slicer.mrmlScene, name, window)
        node.SetAttribute(PART, DRAWN)
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        views = list(composites(slicer.mrmlScene))
        if not any(view.GetBackgroundVolumeID() == fixed.GetID() for view in views):
            slicer.util.setSliceViewerLayers(background=fixed)
        for view in views:
            if view.GetBackgroundVolumeID() == fixed.GetID():
                view.SetForegroundVolumeID(node.GetID())
                view.SetForegroundOpacity(1.0)
        if not squares:
            self._timer.start()

    def _is_asked_for(self, making: Wanted) -> bool:
        """Whether the button is still down, and both volumes are still there."""
        button = self.ui.squaresButton if making.squares else self.ui.flickerButton
        there = all(node.GetScene() is not None for node in making.pair)
        return bool(button.checked) and there and self._wanted is None

    def _flicker(self) -> None:
        for view in self._views():
            view.SetForegroundOpacity(0.0 if view.GetForegroundOpacity() > 0 else 1.0)

    def _views(self) -> list[Any]:
        shown = self._shown.GetID() if self._shown is not None else None
        return [view for view in composites(slicer.mrmlScene) if shown and view.GetForegroundVolumeID() == shown]

    def _stop(self, but: Any = None) -> None:
        """Nothing flickers and nothing lies over the views any more."""
        self._timer.stop()
        self._wanted = None
        for view in self._views():
            view.SetForegroundVolumeID(None)
        if self._shown is not None and self._shown.GetScene() is not None:
            slicer.mrmlScene.RemoveNode(self._shown)
            self._session.display()
        self._shown = None
        for button in (self.ui.flickerButton, self.ui.squaresButton):
            if button is not but:
                blocked = button.blockSignals(True)
                button.checked = False
                button.blockSignals(blocked)


def _laid(fixed: CapturedVolume, moving: CapturedVolume, registration: Registration, squares: bool) -> Image:
    """The moving image where the fixed one lies; in squares beside it, where they are asked for."""
    here = fixed.read() if squares else None
    laid = moved(moving.read(), registration, fixed.geometry, despite_failure=True)
    if here is None:
        return laid
    depth, height, width = (max(1, round(SQUARE_MM / step)) for step in here.geometry.spacing[::-1])
    return here.with_array(checkerboard(here.array, laid.array, (depth, height, width)), "checkerboard")
