"""Behaviour of the CTK widgets that modules use."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from slicer_desk.surface import behaves

_HEADER = 26


@behaves("ctkCollapsibleButton")
class CollapsibleButton:
    def __init__(self, *arguments: Any) -> None:
        parent = next((a for a in arguments if isinstance(a, QtWidgets.QWidget)), None)
        QtWidgets.QAbstractButton.__init__(self, parent)
        self.setText(next((a for a in arguments if isinstance(a, str)), ""))
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(0, _HEADER, 0, 0)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Preferred)
        self.toggled.connect(lambda on: setattr(self, "collapsed", not on))

    def _on_collapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget):
                self._show_child(child)
        self.updateGeometry()
        self.contentsCollapsed.emit(collapsed)

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        if event.added() and isinstance(event.child(), QtWidgets.QWidget):
            event.child().installEventFilter(self)
            if self.collapsed:
                self._show_child(event.child())

    def eventFilter(self, child: Any, event: QtCore.QEvent) -> bool:
        """What the module hides or shows itself is remembered, also while the section is collapsed."""
        kinds = QtCore.QEvent.Type
        if event.type() in (kinds.ShowToParent, kinds.HideToParent) and not self.__dict__.get("_forcing"):
            child.setProperty("visibilityToParent", event.type() == kinds.ShowToParent)
            if event.type() == kinds.ShowToParent and self.collapsed:
                self._show_child(child)
        return False

    def _show_child(self, child: Any) -> None:
        self._forcing = True
        wanted = child.property("visibilityToParent") is not False
        child.setVisible(not self.collapsed and wanted)
        if wanted:  # so that Qt tells of it when the module hides it now
            child.setAttribute(QtCore.Qt.WidgetAttribute.WA_WState_ExplicitShowHide, False)
        self._forcing = False

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < _HEADER

    def sizeHint(self) -> QtCore.QSize:
        layout = self.layout()
        return QtCore.QSize(200, _HEADER) if self.collapsed or layout is None else layout.totalSizeHint()

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(0, self.sizeHint().height())

    def paintEvent(self, _event: Any) -> None:
        painter = QtGui.QPainter(self)
        header = QtCore.QRect(0, 0, self.width, _HEADER - 2)
        painter.fillRect(header, self.palette.color(QtGui.QPalette.ColorRole.Button).darker(106))
        painter.drawText(header.adjusted(24, 0, 0, 0), QtCore.Qt.AlignmentFlag.AlignVCenter, self.text)
        option = QtWidgets.QStyleOption()
        option.rect = QtCore.QRect(5, 5, 14, 14)
        arrow = QtWidgets.QStyle.PrimitiveElement
        shape = arrow.PE_IndicatorArrowRight if self.collapsed else arrow.PE_IndicatorArrowDown
        self.style().drawPrimitive(shape, option, painter, self)
        painter.end()


@behaves("ctkSliderWidget", defaults={"maximum": 99.0, "singleStep": 1.0, "decimals": 2, "tracking": True})
class SliderWidget:
    def __init__(self, parent: Any = None) -> None:
        QtWidgets.QWidget.__init__(self, parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._box = QtWidgets.QDoubleSpinBox()
        self._box.setKeyboardTracking(False)
        layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self._showing = False
        self._show()
        self._slider.valueChanged.connect(lambda step: self._moved(self.minimum + step * self._step()))
        self._box.valueChanged.connect(self._moved)

    def _moved(self, value: float) -> None:
        if not self._showing:
            self.value = value

    def _step(self) -> float:
        return self.singleStep or 1.0

    def _show(self) -> None:
        self._showing = True
        self._box.setDecimals(self.decimals)
        self._box.setRange(self.minimum, self.maximum)
        self._box.setSingleStep(self._step())
        self._box.setSuffix(self.suffix)
        self._box.setPrefix(self.prefix)
        self._box.setValue(self.value)
        self._slider.setRange(0, max(0, round((self.maximum - self.minimum) / self._step())))
        self._slider.setValue(round((self.value - self.minimum) / self._step()))
        self._showing = False

    def _on_value(self, value: float) -> None:
        allowed = min(max(value, self.minimum), self.maximum)
        if allowed != value:
            self.value = allowed
            return
        self._show()
        self.valueChanged.emit(value)

    def _limited(self, _limit: float) -> None:
        self.value = min(max(self.value, self.minimum), self.maximum)
        self._show()

    _on_minimum = _on_maximum = _limited

    def _changed(self, _value: Any) -> None:
        self._show()

    _on_singleStep = _on_suffix = _on_prefix = _on_decimals = _changed


@behaves("ctkPathLineEdit")
class PathLineEdit:
    def __init__(self, *arguments: Any) -> None:
        QtWidgets.QWidget.__init__(self, *[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._edit = QtWidgets.QLineEdit()
        layout.addWidget(self._edit)
        self._edit.editingFinished.connect(lambda: setattr(self, "currentPath", self._edit.text))

    def _on_currentPath(self, path: str) -> None:
        self._edit.setText(path)
        self.currentPathChanged.emit(path)


@behaves("ctkMessageBox")
class MessageBox:
    def exec_(self) -> int:
        # slicer.util asks for its deletion before it is shown; without a main loop, Qt would delete it at once
        QtCore.QCoreApplication.removePostedEvents(self, QtCore.QEvent.Type.DeferredDelete)
        pressed = QtWidgets.QMessageBox.exec(self)
        self.deleteLater()
        return pressed
