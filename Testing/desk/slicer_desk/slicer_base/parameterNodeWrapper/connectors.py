"""A parameter and the widget that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ctk
import qt
import slicer

from .annotations import Choice, Decimals, SingleStep, first, limits
from .parameters import Parameter


@dataclass
class Connector:
    """How one widget shows one parameter.

    Attributes:
        read: the widget's value.
        write: shows a value.
        changed: the widget's signal.
    """

    read: Callable[[], Any]
    write: Callable[[Any], None]
    changed: Any
    slot: Callable[[], None] | None = None

    def connect(self, slot: Callable[[], None]) -> None:
        self.slot = slot
        self.changed.connect(self._call)

    def disconnect(self) -> None:
        if self.slot is not None:
            self.changed.disconnect(self._call)
        self.slot = None

    def _call(self, *_: Any) -> None:
        if self.slot is not None:
            self.slot()


def connector(widget: Any, parameter: Parameter) -> Connector:
    """The connector of a widget, as Slicer chooses it by the types of both.

    Raises:
        RuntimeError: this kind of widget cannot show this kind of parameter.
    """
    kind, widget_type = parameter.kind, type(widget)
    if kind is bool and widget_type in (qt.QCheckBox, ctk.ctkCheckBox, qt.QPushButton):
        signal = widget.toggled if widget_type is qt.QPushButton else widget.stateChanged
        return _property(widget, "checked", signal)
    if kind is int and widget_type in (qt.QSlider, qt.QSpinBox):
        _limit(widget, parameter, needed=widget_type is qt.QSlider)
        return _property(widget, "value", widget.valueChanged)
    if kind in (int, float) and widget_type in (qt.QDoubleSpinBox, ctk.ctkSliderWidget, slicer.qMRMLSliderWidget):
        _limit(widget, parameter, needed=widget_type is not qt.QDoubleSpinBox)
        decimals = first(parameter.annotations, Decimals)
        if kind is int or decimals is not None:
            widget.decimals = 0 if kind is int else decimals.value
        return Connector(lambda: kind(widget.value), lambda value: setattr(widget, "value", value), widget.valueChanged)
    if kind is not bool and not parameter.is_node and widget_type in (qt.QComboBox, ctk.ctkComboBox):
        return _choice(widget, parameter)
    if kind is str and widget_type in (qt.QLineEdit, qt.QLabel) and widget_type is not qt.QLabel:
        return _property(widget, "text", widget.textChanged)
    if parameter.is_node and widget_type is slicer.qMRMLNodeComboBox:
        widget.nodeTypes = [kind.__name__]
        return Connector(widget.currentNode, widget.setCurrentNode, widget.currentNodeChanged)
    raise RuntimeError(f"Unable to create GUI connector from datatype '{kind}' to widget type '{widget_type}'")


def _property(widget: Any, name: str, signal: Any) -> Connector:
    def write(value: Any) -> None:
        if getattr(widget, name) != value:  # writing a text moves its cursor
            setattr(widget, name, value)

    return Connector(lambda: getattr(widget, name), write, signal)


def _limit(widget: Any, parameter: Parameter, *, needed: bool) -> None:
    low, high = limits(parameter.annotations)
    if needed and (low is None or high is None):
        raise RuntimeError(f"Cannot have a connection to {type(widget).__name__} where the type is unbounded.")
    step = first(parameter.annotations, SingleStep)
    if step is not None:
        widget.singleStep = step.value
    if low is not None:
        widget.minimum = low
    if high is not None:
        widget.maximum = high


def _choice(widget: Any, parameter: Parameter) -> Connector:
    choice = first(parameter.annotations, Choice)
    if choice is None:
        raise RuntimeError("ComboBoxToStringableConnector requires the Choice annotation to be used.")
    choices = list(choice.choices)
    widget.clear()
    for one in choices:
        widget.addItem(str(one))

    def write(value: Any) -> None:
        widget.currentIndex = choices.index(value)

    return Connector(lambda: choices[widget.currentIndex], write, widget.currentIndexChanged)
