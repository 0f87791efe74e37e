"""Every setting of a method's training, made from what its recipe says of each; faults stand below their field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from HCCAssistLib.panels.option_field import OptionField
from HCCAssistLib.panels.ui_files import tell
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.wording import value_text


class OptionForm:
    """A row for each setting of a recipe.

    Args:
        place: layout to be added to.
        recipe: whose training is set.
        on_changed: the person changed a setting.

    Attributes:
        widget: holds the rows.
        fields: by the names of the options.
    """

    def __init__(self, place: Any, *, recipe: Recipe, on_changed: Callable[[], None]) -> None:
        self._recipe, self._on_changed = recipe, on_changed
        self._base = recipe.resolve({})
        self._quiet = False
        self.widget = qt.QWidget()
        place.addWidget(self.widget)
        form = qt.QFormLayout(self.widget)
        form.setContentsMargins(0, 0, 0, 0)
        self.fields: dict[str, OptionField] = {}
        self._labels: dict[str, Any] = {}
        self._faults: dict[str, Any] = {}
        for option in recipe.options:
            field = OptionField(option, words={}, slider=False, on_changed=self._changed)
            label, fault = qt.QLabel(""), qt.QLabel("")
            label.toolTip, fault.wordWrap = field.widget.toolTip, True
            fault.objectName = f"fault_{option.name}"
            form.addRow(label, field.widget)
            form.addRow(fault)
            self.fields[option.name], self._labels[option.name], self._faults[option.name] = field, label, fault
        self._tell()

    def show(self, preset: str) -> None:
        """Let the values of a preset stand there."""
        self._base = self._recipe.resolve({}, preset=preset)
        self._quiet = True
        for name, field in self.fields.items():
            field.show(self._base[name])
        self._quiet = False
        self._tell()

    @property
    def values(self) -> dict[str, Value] | None:
        """All settings, checked; None where one is not possible."""
        if self.problems:
            return None
        return {name: field.option.parse(field.given) for name, field in self.fields.items()}

    @property
    def problems(self) -> dict[str, str]:
        """What is not possible, by the name of the setting."""
        return {name: field.problem for name, field in self.fields.items() if field.problem}

    @property
    def changed(self) -> dict[str, Value]:
        """The settings that differ from the preset."""
        return {} if self.values is None else {n: v for n, v in self.values.items() if v != self._base[n]}

    def _changed(self, *_arguments: Any) -> None:
        if not self._quiet:
            self._tell()
            self._on_changed()

    def _tell(self) -> None:
        """Faults below their fields; bold and with the preset's value where a setting was changed."""
        changed = self.changed
        for name, field in self.fields.items():
            words = name.replace("_", " ")
            label = self._labels[name]
            label.text = f"<b>{words}</b>:" if name in changed else f"{words}:"
            preset = _("Preset: {value}").format(value=value_text(self._base[name]) or "-")
            field.widget.toolTip = f"{_(field.option.help[:1].upper() + field.option.help[1:])}\n{preset}"
            tell(self._faults[name], field.problem, "stop")
