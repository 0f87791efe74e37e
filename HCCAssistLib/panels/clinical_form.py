"""Clinical values that a reader types: each with its unit and range, unknown until somebody knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from HCCAssistLib.cohort.clinical_values import typed_value
from HCCAssistLib.labels import Variable
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.readiness import Light
from HCCAssistLib.panels.ui_files import load, tell

KEPT = "clinical {}"
"""Parameter of the scene with what was typed for a column."""


def values_of(node: Any, variables: Sequence[Variable]) -> dict[str, str]:
    """The known values that a node of the scene keeps, as text by column; without those that cannot be."""
    known = {v.column: typed_value(node.GetParameter(KEPT.format(v.column)) or "", v)[0] for v in variables}
    return {column: f"{value:.10g}" for column, value in known.items() if value is not None}


class ClinicalForm(Part):
    """A row for each variable of the recipe; what is typed is kept in a node of the scene and goes into the next run.

    Args:
        shared: of the panel.
    """

    def __init__(self, shared: Shared) -> None:
        self._variables: tuple[Variable, ...] = shared.session.recipe.variables
        self._changed_elsewhere = shared.changed
        self._node: Any = None
        self.ui = load("clinical_form", shared.sections.inputsButton.layout())
        self._form = qt.QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self.ui.clinicalPlace.setLayout(self._form)
        self._fields: dict[str, Any] = {}
        self._labels: list[Any] = []
        for variable in self._variables:
            field = self._field(variable)
            field.objectName = f"clinical_{variable.column}"
            unit = f" ({variable.unit})" if variable.unit else ""
            label = qt.QLabel(f"{variable.title[:1].upper()}{variable.title[1:]}{unit}:")
            label.toolTip = field.toolTip
            self._form.addRow(label, field)
            self._labels.append(label)
            self._fields[variable.column] = field
        vars(self.ui).update({field.objectName: field for field in self._fields.values()})

    def bind(self, node: Any | None) -> None:
        """Show what a node of the scene keeps, and keep there what is typed; None keeps it nowhere."""
        self._node = None
        if node is not None:
            for variable in self._variables:
                self._write(variable, node.GetParameter(KEPT.format(variable.column)) or "")
        self._node = node
        self._tell()

    def show(self, values: Mapping[str, str]) -> None:
        """Show the values of a case; what it does not have is unknown."""
        for variable in self._variables:
            self._write(variable, values.get(variable.column, ""))

    def values(self) -> dict[str, str]:
        """The values that are known, as text; without those that cannot be."""
        return values_of(self._node, self._variables) if self._node is not None else {}

    def lights(self) -> Iterator[Light]:
        """What cannot be, and what is not known."""
        if self._faults():
            yield Light("stop", _("Correct the clinical values, or make them unknown."))
        known = self.values()
        unknown = [variable for variable in self._variables if variable.column not in known]
        if refused := [variable.title for variable in unknown if variable.missing == "refuse"]:
            yield Light("stop", _("Fill in: {titles}.").format(titles=", ".join(refused)))
        words = {"median": _("Unknown, the median of the training is taken: {titles}.")}
        words["tree"] = _("Unknown, decided without: {titles}.")
        for missing, text in words.items():
            if titles := [variable.title for variable in unknown if variable.missing == missing]:
                yield Light("warn", text.format(titles=", ".join(titles)))

    def _field(self, variable: Variable) -> Any:
        low, high = (f"{bound:.10g}" for bound in variable.bounds)
        if variable.choices:
            field = qt.QComboBox()
            field.addItem(_("unknown"), "")
            for value, name in variable.choices.items():
                field.addItem(_(name), f"{value:g}")
            field.connect("currentIndexChanged(int)", self._changed)
            field.toolTip = _("Unknown until it is chosen")
            return field
        field = qt.QLineEdit()
        field.setPlaceholderText(_("unknown; {low} to {high}").format(low=low, high=high))
        field.connect("textChanged(QString)", self._changed)
        unit = f" {variable.unit}" if variable.unit else ""
        field.toolTip = _("{low} to {high}{unit}; empty where it is not known").format(low=low, high=high, unit=unit)
        return field

    def _text(self, variable: Variable) -> str:
        field = self._fields[variable.column]
        return str(field.itemData(field.currentIndex) if variable.choices else field.text)

    def _write(self, variable: Variable, text: str) -> None:
        field = self._fields[variable.column]
        if variable.choices:
            field.setCurrentIndex(max(0, field.findData(text)))
        else:
            field.text = text

    def _faults(self) -> list[str]:
        found = (typed_value(self._text(variable), variable)[1] for variable in self._variables)
        return [fault for fault in found if fault]

    def _tell(self) -> None:
        tell(self.ui.clinicalLabel, "\n".join(self._faults()), "stop")

    def _changed(self, *_arguments: Any) -> None:
        if self._node is None:
            return
        for variable in self._variables:
            self._node.SetParameter(KEPT.format(variable.column), self._text(variable))
        self._tell()
        self._changed_elsewhere()
