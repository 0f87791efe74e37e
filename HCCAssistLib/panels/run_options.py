"""The choices of a run, made from what the recipe says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import qt
from slicer.i18n import tr as _

from HCCAssistLib.panels.option_field import OptionField
from HCCAssistLib.recipes.options import Option, Value


class RunOptions:
    """A box, a slider or a check box for each option; the choices are kept in a node of the scene.

    Args:
        place: layout to be added to.
        options: of the recipe's runs, those that a reader is asked for.
        words: label of each option, by its name.
        choices: words for the choices of an option, by its name and the choice.
        needs: an option that counts only with a value of another one: its name, the other's name, that value.
        on_changed: the reader changed a choice.
    """

    def __init__(
        self,
        place: Any,
        *,
        options: Sequence[Option],
        words: Mapping[str, str],
        choices: Mapping[str, Mapping[str, str]],
        needs: Mapping[str, tuple[str, Value]],
        on_changed: Callable[[], None],
    ) -> None:
        self._options, self._needs, self._on_changed = tuple(options), dict(needs), on_changed
        self._node: Any = None
        self._form = qt.QFormLayout()
        place.addLayout(self._form)
        self._labels: list[Any] = []
        self._fields = {
            option.name: OptionField(option, words=choices.get(option.name, {}), slider=True, on_changed=self._changed)
            for option in self._options
        }
        for name, field in self._fields.items():
            label = qt.QLabel(_(words[name]))
            self._labels.append(label)
            self._form.addRow(label, field.widget)
        self.ui = SimpleNamespace(**{str(field.widget.objectName): field.widget for field in self._fields.values()})
        self._show_needs()

    def values(self) -> dict[str, Value]:
        """The choices by name; those that do not count with the others are left out."""
        found = {option.name: option.parse(self._fields[option.name].given) for option in self._options}
        return {name: value for name, value in found.items() if self._counts(name, found)}

    def bind(self, node: Any | None) -> None:
        """Keep the choices in a node of the scene, and show those that it has; None keeps them nowhere."""
        self._node = None
        if node is None:
            return
        for name, field in self._fields.items():
            if kept := node.GetParameter(f"option {name}"):
                field.show(kept)
        self._node = node
        self._show_needs()

    def _counts(self, name: str, values: Mapping[str, Value]) -> bool:
        return name not in self._needs or values.get(self._needs[name][0]) == self._needs[name][1]

    def _show_needs(self) -> None:
        found = {name: field.given for name, field in self._fields.items()}
        for label, (name, field) in zip(self._labels, self._fields.items(), strict=True):
            label.visible = field.widget.visible = self._counts(name, found)

    def _changed(self, *_arguments: Any) -> None:
        self._show_needs()
        if self._node is not None:
            for name, field in self._fields.items():
                self._node.SetParameter(f"option {name}", str(field.given))
            self._on_changed()
