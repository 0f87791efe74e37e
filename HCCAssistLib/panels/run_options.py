"""The choices of a run, made from what the recipe says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import ctk
import qt
from slicer.i18n import tr as _

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
        widgets = {}
        for option in self._options:
            widget = self._widget_for(option, choices.get(option.name, {}))
            widget.objectName = f"option_{option.name}"
            widget.toolTip = _(option.help[:1].upper() + option.help[1:])
            label = qt.QLabel(_(words[option.name]))
            self._labels.append(label)
            self._form.addRow(label, widget)
            widgets[widget.objectName] = widget
        self.ui = SimpleNamespace(**widgets)
        self._show_needs()

    def _widget_for(self, option: Option, words: Mapping[str, str]) -> Any:
        if option.choices:
            widget = qt.QComboBox()
            for choice in option.choices:
                widget.addItem(_(words.get(str(choice), str(choice))), str(choice))
            widget.setCurrentIndex(widget.findData(str(option.default)))
            widget.connect("currentIndexChanged(int)", self._changed)
        elif isinstance(option.default, bool):
            widget = qt.QCheckBox()
            widget.checked = option.default
            widget.connect("toggled(bool)", self._changed)
        else:
            widget = ctk.ctkSliderWidget()
            widget.minimum, widget.maximum = option.bounds or (0.0, 100.0)
            widget.decimals = 0
            widget.value = float(option.default)
            widget.suffix = " mm" if option.name.endswith("_mm") else ""
            widget.connect("valueChanged(double)", self._changed)
        return widget

    def values(self) -> dict[str, Value]:
        """The choices by name; those that do not count with the others are left out."""
        found = {option.name: option.parse(self._value(option)) for option in self._options}
        return {name: value for name, value in found.items() if self._counts(name, found)}

    def bind(self, node: Any | None) -> None:
        """Keep the choices in a node of the scene, and show those that it has; None keeps them nowhere."""
        self._node = None
        if node is None:
            return
        for option in self._options:
            kept, widget = node.GetParameter(f"option {option.name}"), getattr(self.ui, f"option_{option.name}")
            if not kept:
                continue
            if option.choices:
                widget.setCurrentIndex(max(0, widget.findData(kept)))
            elif isinstance(option.default, bool):
                widget.checked = kept == "True"
            else:
                widget.value = float(kept)
        self._node = node
        self._show_needs()

    def _counts(self, name: str, values: Mapping[str, Value]) -> bool:
        return name not in self._needs or values.get(self._needs[name][0]) == self._needs[name][1]

    def _value(self, option: Option) -> Value:
        widget = getattr(self.ui, f"option_{option.name}")
        if option.choices:
            return str(widget.itemData(widget.currentIndex))
        return bool(widget.checked) if isinstance(option.default, bool) else float(widget.value)

    def _show_needs(self) -> None:
        found = {option.name: self._value(option) for option in self._options}
        for label, option in zip(self._labels, self._options, strict=True):
            counts = self._counts(option.name, found)
            label.visible = getattr(self.ui, f"option_{option.name}").visible = counts

    def _changed(self, *_arguments: Any) -> None:
        self._show_needs()
        if self._node is not None:
            for option in self._options:
                self._node.SetParameter(f"option {option.name}", str(self._value(option)))
            self._on_changed()
