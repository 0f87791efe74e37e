"""The widget of one choice of a recipe, made from what the recipe says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ctk
import qt
from slicer.i18n import tr as _

from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.options import Option, Value


class OptionField:
    """A box of its choices, a check box, a slider or a line of text.

    Args:
        option: of a recipe.
        words: for its choices; those that have none are shown as they are.
        slider: numbers are chosen by a slider, in whole steps; without it they are typed.
        on_changed: the person changed it.

    Attributes:
        option: the same.
        widget: named after the option.
    """

    def __init__(
        self, option: Option, *, words: Mapping[str, str], slider: bool, on_changed: Callable[..., None]
    ) -> None:
        self.option = option
        if option.choices:
            widget = qt.QComboBox()
            for choice in option.choices:
                widget.addItem(_(words.get(str(choice), str(choice))), str(choice))
        elif isinstance(option.default, bool):
            widget = qt.QCheckBox()
        elif slider:
            widget = ctk.ctkSliderWidget()
            widget.minimum, widget.maximum = option.bounds or (0.0, 100.0)
            widget.decimals = 0
            widget.suffix = " mm" if option.name.endswith("_mm") else ""
        else:
            widget = qt.QLineEdit()
        self.widget, self._slider = widget, slider
        widget.objectName = f"option_{option.name}"
        widget.toolTip = _(option.help[:1].upper() + option.help[1:])
        self.show(option.default)
        signals = {"QComboBox": "currentIndexChanged(int)", "QCheckBox": "toggled(bool)"}
        kind = "QComboBox" if option.choices else "QCheckBox" if isinstance(option.default, bool) else ""
        widget.connect(signals.get(kind, "valueChanged(double)" if slider else "textChanged(QString)"), on_changed)

    @property
    def given(self) -> Value:
        """What stands there, which need not be possible."""
        if self.option.choices:
            return str(self.widget.itemData(self.widget.currentIndex))
        if isinstance(self.option.default, bool):
            return bool(self.widget.checked)
        return float(self.widget.value) if self._slider else str(self.widget.text).strip()

    @property
    def problem(self) -> str:
        """Why what stands there is not possible; empty where it is."""
        try:
            self.option.parse(self.given)
        except InputError as error:
            return " ".join(str(one).removeprefix(f"{one.where}: ") for one in error.problems)
        return ""

    def show(self, value: Value) -> None:
        """Let a value stand there, also as text that was kept somewhere."""
        if self.option.choices:
            self.widget.setCurrentIndex(max(0, self.widget.findData(str(value))))
        elif isinstance(self.option.default, bool):
            self.widget.checked = str(value) == "True"
        elif self._slider:
            self.widget.value = float(value)
        else:
            self.widget.text = f"{value:.10g}" if isinstance(value, float) else str(value)
