"""Every key of a cluster's profile, made from what the profile says of it; faults stand below their field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

import qt
from slicer.i18n import tr as _

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.panels.ui_files import tell

MAIN = ("host", "user", "root", "partition", "gres", "cpus", "memory", "time_limit", "venv")
"""Keys that every cluster needs a look at; the others are further below."""

WORDS = {
    "gres": "cards (gres)",
    "cpus": "cores",
    "venv": "Python venv",
    "root": "folder",
    "ssh_config": "~/.ssh/config",
}


class ProfileForm:
    """A row for each key of a profile.

    Args:
        main: layout for the keys that every cluster needs.
        more: layout for the others.
        on_changed: the person changed one.
    """

    def __init__(self, main: Any, more: Any, *, on_changed: Callable[[], None]) -> None:
        self._on_changed = on_changed
        self._quiet = False
        forms = qt.QFormLayout(), qt.QFormLayout()
        main.addLayout(forms[0])
        more.addLayout(forms[1])
        self._keys = {one.name: one for one in fields(Profile)}
        self.widgets: dict[str, Any] = {}
        self._faults: dict[str, Any] = {}
        for name in (*MAIN, *(key for key in self._keys if key not in MAIN)):
            one = self._keys[name]
            widget = qt.QCheckBox() if isinstance(one.default, bool) else qt.QLineEdit()
            widget.objectName = f"profile_{name}"
            help_ = str(one.metadata["help"]).replace("`", "")
            widget.toolTip = _(help_[:1].upper() + help_[1:])
            if not isinstance(one.default, bool):
                widget.setPlaceholderText(_example(one))
            widget.connect("toggled(bool)" if isinstance(one.default, bool) else "textChanged(QString)", self._changed)
            label, fault = qt.QLabel(f"{_(WORDS.get(name, name.replace('_', ' ')))}:"), qt.QLabel("")
            label.toolTip, fault.wordWrap = widget.toolTip, True
            form = forms[0] if name in MAIN else forms[1]
            form.addRow(label, widget)
            form.addRow(fault)
            self.widgets[name], self._faults[name] = widget, fault
        self.show(None)

    def show(self, profile: Profile | None) -> None:
        """Let a profile stand there; an empty one where None is given."""
        known = profile.as_json() if profile is not None else {}
        self._quiet = True
        for name, widget in self.widgets.items():
            value = known.get(name, "")
            if isinstance(self._keys[name].default, bool):
                widget.checked = known.get(name, self._keys[name].default)
            else:
                widget.text = " ".join(value) if isinstance(value, list) else str(value)
        self._quiet = False
        self._tell()

    @property
    def profile(self) -> Profile | None:
        """What stands there; None where something is not possible."""
        if self.problems:
            return None
        return Profile.from_json(self._given())

    @property
    def problems(self) -> dict[str, str]:
        """What is not possible or missing, by key."""
        given, found = self._given(), {}
        for name in self.widgets:
            try:
                Profile.from_json({"host": "x", **({name: given[name]} if name in given else {})})
            except InputError as error:
                found[name] = " ".join(_sentence(one, name) for one in error.problems)
        if not given.get("host"):
            found["host"] = _("Write the address of the cluster's login node.")
        return found

    def _given(self) -> dict[str, Any]:
        """What differs from the defaults, in the types of the keys as far as it can be read."""
        found: dict[str, Any] = {}
        for name, widget in self.widgets.items():
            default = self._keys[name].default
            if isinstance(default, bool):
                if bool(widget.checked) != default:
                    found[name] = bool(widget.checked)
            elif text := str(widget.text).strip():
                found[name] = _read(text, default)
        return found

    def _changed(self, *_arguments: Any) -> None:
        if not self._quiet:
            self._tell()
            self._on_changed()

    def _tell(self) -> None:
        problems, empty = self.problems, not self._given()
        for name, fault in self._faults.items():
            tell(fault, "" if empty else problems.get(name, ""), "stop")


def _sentence(problem: Problem, name: str) -> str:
    """What is wrong with a key, whose name stands beside it."""
    return str(Problem(problem.level, problem.what.removeprefix(f"{name}: "), remedy=problem.remedy))


def _read(text: str, default: Any) -> Any:
    """The text as its key takes it; as it is where it cannot be read so, which the profile then refuses."""
    if isinstance(default, tuple):
        return text.replace(",", " ").split()
    if isinstance(default, int):
        return int(text) if text.isascii() and text.isdigit() else text
    return text


def _example(one: Any) -> str:
    """What stands in an empty field."""
    if one.default not in (MISSING, "", ()):
        return str(one.default)
    return str(_("such as {example}").format(example=one.metadata["example"])) if one.metadata["example"] else ""
