"""The contrast phase of every loaded scan: guessed, looked at, and confirmed by a person."""

from __future__ import annotations

import html
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from HCCAssistLib.panels.background import Background
from HCCAssistLib.panels.header import show_tissue
from HCCAssistLib.panels.tables import fit, prepare
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.panels.words import place_words
from HCCAssistLib.recipes.roles import all_roles, methods_of, needed_roles
from HCCAssistLib.scene.modality import may_be_of, modality_of
from HCCAssistLib.scene.phase_inspector import LoadedVolume, PhaseInspector
from HCCAssistLib.scene.roles import set_role, volume_with_role

COLUMNS = 2
LINES = 3
"""Of the table for each scan: its name; its phase and the button that confirms it; what is known of it."""


def role_words(role: str | None, node: Any) -> str:
    """A role as a radiologist reads it: ``Arterial phase, follow-up CT``; of what is asked for, of an unknown scan."""
    if role is None:
        return str(_("not used"))
    words = place_words(role, modality_of(node))
    return f"{words[:1].upper()}{words[1:]}"


class PhaseRoles:
    """Shows the scans of a scene with their roles; a click on one shows it in the views.

    Args:
        place: layout to be added to.
        scene: with the scans.
        inspector: looks at their headers and voxels.
        background: woken where that takes time.

    Attributes:
        rows: of the table, one for each scan.
    """

    def __init__(self, place: Any, *, scene: Any, inspector: PhaseInspector, background: Background) -> None:
        self._scene = scene
        self._inspector = inspector
        self._background = background
        self._note = ""
        self.rows: list[RoleRow] = []
        self.ui = ui = load("phase_roles", place)
        prepare(ui.roleTable, (_("scan and its phase"), ""), stretched=0)
        ui.roleTable.horizontalHeader().connect("sectionResized(int,int,int)", lambda *_sizes: self._fit())
        ui.roleTable.connect("cellClicked(int,int)", self._clicked)

    @property
    def nodes(self) -> list[Any]:
        """The scans that are shown."""
        return [row.node for row in self.rows]

    def refresh(self) -> None:
        """Show the role of every scan, or a guess that waits for a person."""
        ui, volumes = self.ui, self._inspector.loaded(self._scene)
        if self.nodes != [volume.node for volume in volumes]:
            ui.roleTable.setRowCount(0)
            ui.roleTable.setRowCount(LINES * len(volumes))
            self.rows = [RoleRow(ui.roleTable, row, volume.node, self) for row, volume in enumerate(volumes)]
        for row, volume in zip(self.rows, volumes, strict=True):
            row.show(volume)
        self._fit()
        for widget in (ui.roleTable, ui.voxelCheck, ui.needLabel):
            widget.visible = bool(volumes)
        ui.roleLabel.text = "\n".join(filter(None, [self._note, _advice(volumes)]))
        ui.needLabel.text = self._needs()
        self._inspector.request(volumes if ui.voxelCheck.checked else [])
        if self._inspector.busy:
            self._background.wake()

    def poll(self) -> bool:
        """Go on looking at scans; whether there are any left."""
        self._inspector.step()
        return self._inspector.busy

    def forget(self) -> None:
        """The scene closes."""
        self._note = ""
        self._inspector.forget()

    def confirm(self, volume: LoadedVolume, role: str | None) -> None:
        """A person tells which role a scan plays; asked again where what is known speaks against it."""
        if volume.doubtful(role):
            question = _(
                "What is known of this scan speaks against it: {reason}\n\n{name} is all the same: {role}. Confirm?"
            ).format(reason=volume.guess.reason, name=volume.name, role=role_words(role, volume.node))
            if not slicer.util.confirmOkCancelDisplay(question, _("HCCAssist - Confirm a phase")):
                return
        before = volume_with_role(self._scene, role) if role else None
        set_role(volume.node, role)
        note = _("{name} was this before: {role}. Now it is not used.")
        moved = before if before is not volume.node else None
        self._note = note.format(name=moved.GetName(), role=role_words(role, moved)) if moved is not None else ""
        self.refresh()

    def _clicked(self, line: int, _column: int) -> None:
        node = self.rows[line // LINES].node
        show_tissue(node)
        slicer.util.setSliceViewerLayers(background=node, fit=True)

    def _fit(self) -> None:
        for row in self.rows:
            row.fit()
        fit(self.ui.roleTable)

    def _needs(self) -> str:
        """What the methods need, and which scan serves them; beside one that has a scan, the others are only named."""
        lines: list[tuple[tuple[str, ...], str]] = []
        served: set[str] = set()
        named: list[str] = []
        for role, modality, titles in ((r, m, t) for r in needed_roles() for m, t in methods_of(r).items()):
            node = volume_with_role(self._scene, role)
            scan = node.GetName() if node is not None and may_be_of(node, modality) else ""
            served.update(titles if scan else ())
            named += [title for title in titles if title not in named]
            line = _("{methods} needs {role}: {scan}") if len(titles) == 1 else _("{methods} need {role}: {scan}")
            words = {"role": place_words(role, modality), "scan": scan or _("no scan yet")}
            lines.append((titles, line.format(methods="; ".join(titles), **words)))
        without = "; ".join(title for title in named if title not in served) if served else ""
        shown = [line for titles, line in lines if not served or served.intersection(titles)]
        return "\n".join([*shown, *([_("No scan yet for: {methods}").format(methods=without)] if without else [])])


def _advice(volumes: list[LoadedVolume]) -> str:
    if not volumes:
        return str(_("No scan is loaded. Load a CT or an MR by Slicer's DICOM or Add Data, or the sample case below."))
    if any(not volume.settled or volume.disputed for volume in volumes):
        return str(_("Click a scan to see it. A guess counts only when you confirm it: look at the images first."))
    return str(_("Every scan has its phase, or is not used."))


class RoleRow:
    """A scan in the table.

    Args:
        table: to stand in.
        row: which of the scans.
        node: the scan.
        roles: told of what the person confirms.
    """

    def __init__(self, table: Any, row: int, node: Any, roles: PhaseRoles) -> None:
        self.node = node
        self._table = table
        self._roles = roles
        self._volume: LoadedVolume | None = None
        self._chosen: int | None = None  # by the person, not confirmed yet
        self._known = (None, *all_roles())
        self.label = qt.QLabel()
        self.label.wordWrap = True
        self.label.setMargin(4)
        self.label.setAttribute(qt.Qt.WA_TransparentForMouseEvents)  # a click on these words is one on the scan
        self.combo = qt.QComboBox()
        self.combo.addItems([role_words(role, node) for role in self._known])
        self.combo.connect("activated(int)", self._choose)
        self.button = qt.QPushButton()
        self.button.connect("clicked(bool)", self._confirm)
        first = LINES * row
        self._line = first + 2
        self._item = qt.QTableWidgetItem()
        font = self._item.font()
        font.setBold(True)
        self._item.setFont(font)
        table.setItem(first, 0, self._item)
        table.setSpan(first, 0, 1, COLUMNS)
        table.setCellWidget(first + 1, 0, self.combo)
        table.setCellWidget(first + 1, 1, self.button)
        table.setSpan(self._line, 0, 1, COLUMNS)
        table.setCellWidget(self._line, 0, self.label)

    @property
    def role(self) -> str | None:
        """The one that is shown: confirmed, chosen or guessed."""
        return self._known[self.combo.currentIndex]

    def fit(self) -> None:
        """Make the line below as high as its words need."""
        width = sum(self._table.columnWidth(column) for column in range(COLUMNS))
        self._table.setRowHeight(self._line, self.label.heightForWidth(width))

    def show(self, volume: LoadedVolume) -> None:
        """Show how the scan is."""
        self._volume = volume
        settled = volume.role if volume.settled else volume.guess.role
        self.combo.setCurrentIndex(self._known.index(settled) if self._chosen is None else self._chosen)
        self.combo.setToolTip(self.combo.currentText)
        self._item.setText(volume.name)
        self._item.setToolTip(volume.name)
        reason = html.escape(volume.reason, quote=False)
        self.label.text = f"<b>{volume.state}</b>{': ' if reason else ''}{reason}"
        done = volume.settled and not volume.disputed and self.role == volume.role
        self.button.text = _("Confirmed") if done else _("Confirm")
        self.button.enabled = not done

    def _choose(self, index: int) -> None:
        self._chosen = index
        if self._volume is not None:
            self.show(self._volume)

    def _confirm(self, _checked: bool) -> None:
        role, self._chosen = self.role, None
        if self._volume is not None:
            self._roles.confirm(self._volume, role)
            self._roles.refresh()
