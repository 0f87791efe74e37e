"""From HCC Study to the modules of the methods."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

PREFIX = "HCC"
"""Of the names of this extension's modules."""


class GoOn:
    """A button for the module of each method.

    Args:
        place: layout to be added to.
        without: name of the module that the reader is in.

    Attributes:
        buttons: by the names of the modules.
    """

    def __init__(self, place: Any, *, without: str) -> None:
        self._place = place
        self._without = without
        self.buttons: dict[str, Any] = {}

    def refresh(self) -> None:
        """Offer the modules that are loaded now: Slicer loads some of them after this one."""
        manager = slicer.app.moduleManager()
        for name in sorted(manager.modulesNames()):
            if name.startswith(PREFIX) and name != self._without and name not in self.buttons:
                title = manager.module(name).title
                button = qt.QPushButton(_("Go on to {module}").format(module=title))
                button.objectName = f"goOnTo{name}"
                button.toolTip = _("Open the module {module}").format(module=title)
                button.connect("clicked(bool)", lambda _checked, name=name: slicer.util.selectModule(name))
                self._place.addWidget(button)
                self.buttons[name] = button
