"""The label of a case, typed or chosen by a reader: a form made from what the recipe says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from HCCAssistLib.cohort.clinical_values import typed_value
from HCCAssistLib.cohort.label_checks import LONGEST_MONTHS
from HCCAssistLib.labels import Classes, Label, TimeToEvent, Variable
from HCCAssistLib.panels.readiness import Light
from HCCAssistLib.panels.ui_files import load, tell

KEPT = "label {}"
"""Parameter of the scene with what was chosen for a column of the label."""

UNKNOWN = "?"
"""What is kept where the reader said that the label is not known yet."""


class LabelForm:
    """A row for each column of the label.

    Args:
        place: layout to be added to.
        label: of the recipe; one of findings has no row here, each finding has its own.
        changed: called where the reader changed something.
    """

    def __init__(self, place: Any, label: Label, changed: Callable[[], None]) -> None:
        self._label, self._changed_elsewhere = label, changed
        self._node: Any = None
        self.ui = load("label_form", place)
        self.ui.LabelForm.visible = bool(label.columns)
        self._form = qt.QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self.ui.labelPlace.setLayout(self._form)
        self._months: Any = None
        self._time: Variable | None = None
        self._choice: Any = None
        self._titles: list[Any] = []
        if isinstance(label, Classes) and label.columns:
            self._add_choice(_title(label.column), {code: f"{code}: {name}" for code, name in label.names.items()})
        if isinstance(label, TimeToEvent):
            self._time = Variable(label.time, "follow-up", "months", (0.0, LONGEST_MONTHS), missing="refuse")
            self._add_choice(_("Recurrence"), {"1": _("recurrence"), "0": _("no recurrence until the last visit")})
            self._months = field = qt.QLineEdit()
            field.objectName = f"label_{label.time}"
            field.setPlaceholderText(_("to the recurrence or last visit"))
            field.toolTip = _("Months from the treatment to the recurrence; without one, to the last visit")
            field.connect("textChanged(QString)", self._changed)
            self._add_row(_("Follow-up (months):"), field)

    @property
    def is_known(self) -> bool:
        """Whether nobody said that the label is not known yet."""
        return self._choice is None or self._chosen() != UNKNOWN

    def bind(self, node: Any | None) -> None:
        """Show what a node of the scene keeps, and keep there what is chosen; None keeps it nowhere."""
        self._node = None
        if node is not None and self._choice is not None:
            kept = node.GetParameter(KEPT.format(self._column)) or ""
            self._choice.setCurrentIndex(max(0, self._choice.findData(kept)))
            if self._months is not None and self._time is not None:
                self._months.text = node.GetParameter(KEPT.format(self._time.column)) or ""
        self._node = node
        self._tell()

    def show(self, values: Mapping[str, str]) -> None:
        """Show the label of a case; nothing of it where there are no values."""
        if self._choice is not None:
            self._choice.setCurrentIndex(max(0, self._choice.findData(values.get(self._column, ""))))
        if self._months is not None and self._time is not None:
            self._months.text = values.get(self._time.column, "")

    def values(self) -> dict[str, str]:
        """The label by column, as far as it is known."""
        found: dict[str, str] = {}
        if self._choice is not None and self._chosen() not in ("", UNKNOWN):
            found[self._column] = self._chosen()
        if self._months is not None and self._time is not None and self.is_known:
            months = typed_value(str(self._months.text), self._time)[0]
            if months is not None:
                found[self._time.column] = f"{months:.10g}"
        return found

    def lights(self) -> Iterator[Light]:
        """What is missing, cannot be, or is not known yet."""
        if self._choice is None:
            return
        if not self.is_known:
            text = _("The label is not known yet: no model can be trained on the cohort until it is filled in.")
            yield Light("warn", text)
        elif not self._chosen():
            yield Light("stop", _("Choose what is true of this patient, or 'not known yet'."))
        if self._time is not None and self.is_known and self._time.column not in self.values():
            yield Light("stop", self._fault() or _("Fill in the months of follow-up."))

    @property
    def _column(self) -> str:
        return self._label.event if isinstance(self._label, TimeToEvent) else self._label.column

    def _add_choice(self, title: str, choices: dict[str, str]) -> None:
        self._choice = field = qt.QComboBox()
        field.objectName = f"label_{self._column}"
        field.addItem(_("choose ..."), "")
        for code, name in choices.items():
            field.addItem(_(name), code)
        field.addItem(_("not known yet"), UNKNOWN)
        field.toolTip = _("What was found out about this patient; it is never guessed")
        field.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        field.connect("currentIndexChanged(int)", self._changed)
        self._add_row(f"{title}:", field)

    def _add_row(self, title: str, field: Any) -> None:
        label = qt.QLabel(title)
        label.toolTip = field.toolTip
        self._titles.append(label)
        self._form.addRow(label, field)
        vars(self.ui)[field.objectName] = field

    def _chosen(self) -> str:
        return str(self._choice.itemData(self._choice.currentIndex))

    def _fault(self) -> str:
        if self._months is None or self._time is None or not self.is_known:
            return ""
        return typed_value(str(self._months.text), self._time)[1]

    def _tell(self) -> None:
        if self._months is not None:
            self._months.enabled = self.is_known
        tell(self.ui.labelNote, self._fault(), "stop")

    def _changed(self, *_arguments: Any) -> None:
        self._tell()
        if self._node is None:
            return
        self._node.SetParameter(KEPT.format(self._column), self._chosen())
        if self._months is not None and self._time is not None:
            self._node.SetParameter(KEPT.format(self._time.column), str(self._months.text))
        self._changed_elsewhere()


def _title(column: str) -> str:
    """A short column is an abbreviation in capitals, another one words: ``Response`` for ``response``."""
    words = column.replace("_", " ")
    return words.upper() if len(words) <= 3 else f"{words[:1].upper()}{words[1:]}"
