"""The clusters of this person: their profiles, a test of each, and the runner that is installed there."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.installation import installed_version
from HCCAssistLib.jobs.cluster.profile import (
    Profile,
    check_profile_name,
    keep_profile,
    profile_names,
    read_profile,
    remove_profile,
)
from HCCAssistLib.panels.cluster_connections import ClusterConnections
from HCCAssistLib.panels.profile_form import ProfileForm
from HCCAssistLib.panels.ui_files import Level, load, tell


class ClusterProfile:
    """A profile to choose, to change and to try.

    Args:
        place: layout to be added to.
        connections: to the clusters.
        on_changed: profiles came or went, or a cluster was connected to.
    """

    def __init__(self, place: Any, *, connections: ClusterConnections, on_changed: Callable[[], None]) -> None:
        self._connections, self._on_changed = connections, on_changed
        self._dirty = False
        self.ui = ui = load("cluster_profile", place)
        self.form = ProfileForm(ui.clusterMain.layout(), ui.clusterMore.layout(), on_changed=self._edited)
        ui.clusterBox.connect("currentIndexChanged(int)", lambda _index: self._chosen())
        ui.clusterName.connect("textChanged(QString)", lambda _text: self.refresh())
        for button in (ui.clusterEditButton, ui.clusterMoreButton):
            button.connect("toggled(bool)", lambda _checked: self.refresh())
        ui.clusterSaveButton.connect("clicked(bool)", lambda _checked: self._save())
        ui.clusterRemoveButton.connect("clicked(bool)", lambda _checked: self._remove())
        ui.clusterTestButton.connect("clicked(bool)", lambda _checked: self._test())
        ui.clusterInstallButton.connect("clicked(bool)", lambda _checked: self._install())
        ui.clusterConnectButton.connect("clicked(bool)", lambda _checked: self.connect(self.name))
        tell(ui.clusterLabel, "")
        self.look()

    @property
    def name(self) -> str:
        """Of the profile that is chosen; empty for a new one."""
        return str(self.ui.clusterBox.itemData(self.ui.clusterBox.currentIndex) or "")

    def look(self, chosen: str | None = None) -> None:
        """Look which profiles there are."""
        box, names = self.ui.clusterBox, profile_names()
        wanted = self.name if chosen is None else chosen
        if ["", *names] != [box.itemData(n) for n in range(box.count)] or wanted != self.name:
            blocked = box.blockSignals(True)
            box.clear()
            box.addItem(_("new cluster ..."), "")
            for name in names:
                box.addItem(name, name)
            box.setCurrentIndex(max(0, box.findData(wanted)))
            if not wanted and names and chosen is None:
                box.setCurrentIndex(1)
            box.blockSignals(blocked)
            self._chosen()
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done now."""
        ui, busy = self.ui, self._connections.busy
        ui.clusterFrame.visible = ui.clusterEditButton.checked or not self.name
        ui.clusterEditButton.visible = bool(self.name)
        ui.clusterMore.visible = ui.clusterMoreButton.checked
        problem = self._name_problem()
        tell(ui.clusterNameProblem, problem if str(ui.clusterName.text) else "", "stop")
        lacking = installed_version("paramiko") is None
        if lacking:
            text = _("paramiko is missing, which connects to clusters: press For clusters in the module HCC Study.")
            tell(ui.clusterLabel, text, "stop")
        usable = self.form.profile is not None
        ui.clusterSaveButton.enabled = usable and not problem
        ui.clusterRemoveButton.visible = bool(self.name)
        ui.clusterTestButton.enabled = ui.clusterInstallButton.enabled = usable and not (busy or lacking)
        connected = bool(self.name) and self._connections.executor(self.name) is not None
        ui.clusterConnectButton.visible = bool(self.name)
        ui.clusterConnectButton.enabled = not (connected or busy or self._dirty or lacking)
        ui.clusterConnectButton.text = _("Connected") if connected else _("Connect")
        ui.clusterProgress.visible = busy

    def connect(self, name: str) -> None:
        """Log in to a cluster, unless somebody is."""
        if self._connections.executor(name) is None and name:

            def told(_found: Any, problem: str) -> None:
                self._say(problem or _("Connected to {name}.").format(name=name), "stop" if problem else "ok")
                self._on_changed()

            self._connections.connect(name, told)
            self._say(_("Being connected to {name} ...").format(name=name))

    def _name_problem(self) -> str:
        name = str(self.ui.clusterName.text).strip()
        try:
            check_profile_name(name)
        except InputError as error:
            return str(error)
        if name != self.name and name in profile_names():
            return str(_("A profile of this name is there already."))
        return ""

    def _chosen(self) -> None:
        profile: Profile | None = None
        try:
            profile = read_profile(self.name) if self.name else None
            tell(self.ui.clusterLabel, "")
        except InputError as error:
            tell(self.ui.clusterLabel, str(error), "stop")
        self.ui.clusterName.text = self.name
        self.form.show(profile)
        self._dirty = False
        self.refresh()

    def _edited(self) -> None:
        self._dirty = True
        self.refresh()

    def _save(self) -> None:
        profile, name, before = self.form.profile, str(self.ui.clusterName.text).strip(), self.name
        if profile is None:
            return
        try:
            keep_profile(name, profile)
            if before and before != name:
                remove_profile(before)
        except (HCCAssistError, OSError) as error:
            self._say(str(error), "stop")
            return
        self._connections.disconnect(before or name)
        self._dirty = False
        self.look(name)
        self.ui.clusterEditButton.checked = False
        self._say(_("Saved."), "ok")
        self._on_changed()

    def _remove(self) -> None:
        question = _("Forget the cluster {name}? Nothing on it is deleted.").format(name=self.name)
        if slicer.util.confirmOkCancelDisplay(question, _("HCCAssist - Remove a profile")):
            self._connections.disconnect(self.name)
            remove_profile(self.name)
            self.look("")
            self._on_changed()

    def _test(self) -> None:
        profile = self.form.profile

        def work(connection: Any) -> Any:
            from HCCAssistLib.jobs.cluster.check import check

            return list(check(connection))

        def told(found: Any, problem: str) -> None:
            if found is None:
                self._say(problem, "stop")
                return
            faults = [one for each in found for one in each.problems]
            lines = [html.escape(f"{one.what}: {one.found}") for one in found if one.found]
            lines += [f"<b>{html.escape(str(one))}</b>" for one in faults]
            stops = any(one.level == "STOP" for one in faults)
            if not stops:
                lines.append(_("A training can run there."))
            self._say("<br>".join(lines), "stop" if stops else "warn" if faults else "ok")

        if profile is not None:
            self._connections.with_connection(profile, work, told)
            self._say(_("Being tested ..."))

    def _install(self) -> None:
        profile = self.form.profile

        def work(connection: Any) -> str:
            from HCCAssistLib.jobs.cluster.install import check_python, install
            from HCCAssistLib.jobs.cluster.sftp_files import SftpFiles

            check_python(connection)
            return install(connection, SftpFiles(connection))

        def told(found: Any, problem: str) -> None:
            done = _("The runner of this version is in {folder}.").format(folder=found)
            self._say(problem or done, "stop" if problem else "ok")

        if profile is not None:
            self._connections.with_connection(profile, work, told)
            self._say(_("Being installed ..."))

    def _say(self, text: str, level: Level = "note") -> None:
        tell(self.ui.clusterLabel, text, level)
        self.refresh()
