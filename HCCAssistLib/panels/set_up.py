"""The packages that Slicer does not ship: what is there, what is missing, and its installation after asking."""

from __future__ import annotations

from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.installation import Installation, Package, installed_version
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.panels.background import Background
from HCCAssistLib.panels.tables import fill, fit, prepare
from HCCAssistLib.panels.ui_files import load


class SetUp:
    """Shows the packages and installs what is missing.

    Args:
        place: layout to be added to.
        installation: of this Slicer.
        background: runs PyTorch in a process of its own, to see whether it starts.
    """

    def __init__(self, place: Any, *, installation: Installation, background: Background) -> None:
        self._installation = installation
        self._background = background
        self._computer: dict[str, Any] | None = None
        self._asked = False
        self.ui = ui = load("set_up", place)
        prepare(ui.packageTable, (_("package"), _("needed"), _("found")), stretched=2)
        ui.setUpButton.connect("clicked(bool)", lambda _checked: self._install(installation.installable))
        self._extras = {"reports": ui.reportsButton, "clusters": ui.clustersButton}
        for what, button in self._extras.items():
            button.connect(
                "clicked(bool)", lambda _checked, what=what: self._install(partial(installation.only_for, what))
            )
        ui.extensionsButton.connect("clicked(bool)", lambda _checked: slicer.app.openExtensionsManagerDialog())
        ui.checkButton.connect("clicked(bool)", lambda _checked: self.check())
        ui.setUpPage.visible = False
        ui.setUpSection.collapsed = all(package.ready for package in self._needed())

    def refresh(self) -> None:
        """Show what is there, what is missing and what to do; PyTorch is started once."""
        if not self._asked:
            self.check()
            return
        installation, ui = self._installation, self.ui
        packages = installation.packages(self._computer)
        ui.packageTable.setRowCount(len(packages))
        for row, package in enumerate(packages):
            fill(ui.packageTable, row, (package.name, package.wanted, package.found), bold=not package.ready)
        fit(ui.packageTable)
        if not all(package.ready for package in packages if not package.only_for):
            ui.setUpSection.collapsed = False
        ui.setUpLabel.text = installation.advice(packages, self._computer)
        ui.setUpButton.enabled = bool(installation.installable(packages))
        for what, button in self._extras.items():
            button.visible = bool(installation.only_for(what, packages))
        ui.extensionsButton.visible = installation.needs_extension(packages)

    def check(self) -> None:
        """Look again at what is installed, and let PyTorch start where it is: that takes seconds."""
        self._asked = True
        self._computer = None
        self.ui.setUpPage.visible = False
        if installed_version("torch") is not None and not self._background.running("computer"):
            self._background.start("computer", None, self._computer_known)
        self.refresh()

    def _computer_known(self, event: Event) -> None:
        if event.kind == "done":
            self._computer = event.result
        elif event.kind == "failed":
            self._computer = {"torch": None, "gpu": None, "cuda": None, "reason": event.message}
        self.refresh()

    def _needed(self) -> list[Package]:
        return [package for package in self._installation.packages(None) if not package.only_for]

    def _install(self, which: Any) -> None:
        installation = self._installation
        missing = which(installation.packages(self._computer))
        if not slicer.util.confirmOkCancelDisplay(installation.question(missing), _("HCCAssist - Set up")):
            return
        with slicer.util.WaitCursor():
            failures = installation.set_up(missing)
        self.check()
        if failures:
            self.ui.setUpPage.setHtml(installation.page(failures))
            self.ui.setUpPage.visible = True


def torch_utils() -> Any | None:
    """The logic of the extension PyTorch; None where it is not installed."""
    try:
        import PyTorchUtils
    except ImportError:
        return None
    return PyTorchUtils.PyTorchUtilsLogic()
