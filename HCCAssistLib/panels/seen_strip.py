"""The pictures that the networks saw of the chosen finding: a wrong frame or phase is seen here, beside its scores."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.scene.navigation import jump_to
from HCCAssistLib.scene.seen import MadeAgain, SeenPictures, SeenPicturesMaker

IN_A_ROW = 3
"""Pictures of 120 pixels that are as wide as a narrow panel."""

SIDES = {2: 120, 3: 120, 4: 84, 5: 68}
"""Pixels of a picture by the number in a row; more than three stand in two rows."""

MOST = 10
"""Pictures that are shown."""


class SeenStrip(Part):
    """Some pictures with what each shows; a click takes the views to its slice.

    Args:
        shared: of the panel.
        made_again: makes the pictures of a finding.
    """

    def __init__(self, shared: Shared, made_again: MadeAgain) -> None:
        self._session, self._wake = shared.session, shared.wake
        self._maker = SeenPicturesMaker(made_again)
        self._shown: SeenPictures | None = None
        self._asked: tuple[Any, int] | None = None
        self._opacity = 0.0
        self.ui = load("seen_strip", shared.sections.resultsButton.layout())
        self._grid = qt.QGridLayout()
        self._grid.setColumnStretch(MOST, 1)
        self.ui.SeenStrip.layout().addLayout(self._grid)
        self._buttons = [self._button(index) for index in range(MOST)]
        vars(self.ui).update({button.objectName: button for button in self._buttons})
        self._show(None)

    def _button(self, index: int) -> Any:
        button = qt.QToolButton()
        button.objectName = f"seenButton{index + 1}"
        button.setToolButtonStyle(qt.Qt.ToolButtonTextUnderIcon)
        button.autoRaise = True
        button.toolTip = _("Go to this slice in all views")
        button.visible = False
        button.connect("clicked(bool)", lambda _checked=False: self._go_to(index))
        self._grid.addWidget(button, 0, index)
        return button

    def refresh(self) -> None:
        """Show the finding that is chosen now."""
        review = self._session.current
        number = 0 if review is not None and not review.findings else getattr(review, "chosen", None)
        if review is None or number is None or review.changed:
            self._asked = None
            self._show(None)
            return
        wanted = review.drawn.record, number
        if self._asked is None or self._asked[0] is not wanted[0] or self._asked[1] != wanted[1]:
            self._asked = wanted
            self._show(None)
            self._maker.ask(review, number)
            self._wake()

    finding_chosen = refresh

    def poll(self) -> bool:
        """Take up what was made; whether more is to come."""
        made = self._maker.take()
        if made is not None and self._asked is not None and made.number == self._asked[1]:
            self._show(made)
        return self._maker.busy

    def display(self, *, heat: bool, opacity: float) -> None:
        """Show the heat over the pictures as over the scan."""
        wanted = opacity if heat else 0.0
        if wanted != self._opacity:
            self._opacity = wanted
            self._show(self._shown)

    def close(self) -> None:
        """Begin nothing more."""
        self._maker.close()

    def _show(self, made: SeenPictures | None) -> None:
        self._shown = made
        number = min(len(made.pictures), MOST) if made is not None else 0
        in_a_row = IN_A_ROW if number <= IN_A_ROW else -(-number // 2)
        side = SIDES[in_a_row]
        for index, button in enumerate(self._buttons):
            button.visible = index < number
            if made is not None and index < number:
                self._grid.addWidget(button, index // in_a_row, index % in_a_row)
                pixmap = qt.QPixmap()
                pixmap.loadFromData(qt.QByteArray(made.png(index, side, self._opacity)), "PNG")
                button.icon = qt.QIcon(pixmap)
                button.iconSize = qt.QSize(side, side)
                button.text = made.pictures[index].text.replace(", ", "\n", 1)  # in one line it would be cut off
        text = made.problem if made is not None else ""
        if made is not None and number:
            text = _("What the network saw of {number}, the patient's left on the right:").format(number=made.number)
            if not made.number:
                text = _("What the network saw, the patient's left on the right:")
        self.ui.seenLabel.text = text
        self.ui.seenLabel.visible = bool(text)

    def _go_to(self, index: int) -> None:
        if self._shown is not None and index < len(self._shown.pictures):
            jump_to(self._shown.pictures[index].grid.center, slicer.mrmlScene)
