"""The class decorator: members become parameters of a vtkMRMLScriptedModuleNode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer
import vtk

from .connectors import Connector, connector
from .parameters import Parameter, parameters_of

PROPERTY = "SlicerParameterName"


def parameterNodeWrapper(wrapped: type | None = None) -> Any:
    """Make a class whose annotated members are the parameters of a parameter node."""
    if wrapped is None:
        return parameterNodeWrapper
    parameters = parameters_of(wrapped)
    members = {name: _member(parameter) for name, parameter in parameters.items()}
    return type(wrapped)(
        wrapped.__name__,
        (_ParameterNode,),
        {**members, "allParameters": parameters, "__doc__": wrapped.__doc__, "__module__": wrapped.__module__},
    )


def _member(parameter: Parameter) -> property:
    return property(
        lambda self: parameter.read(self.parameterNode), lambda self, value: parameter.write(self.parameterNode, value)
    )


class _ParameterNode:
    allParameters: Mapping[str, Parameter] = {}

    def __init__(self, parameterNode: Any) -> None:
        self.parameterNode = parameterNode
        self._guis: dict[int, tuple[dict[str, Connector], int]] = {}
        self._next = 0
        self._updating = False
        for parameter in self.allParameters.values():
            parameter.read(parameterNode)

    def getValue(self, name: str) -> Any:
        return getattr(self, self._known(name))

    def setValue(self, name: str, value: Any) -> None:
        setattr(self, self._known(name), value)

    def default(self, name: str) -> Any:
        return self.allParameters[self._known(name)].default

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()  # type: ignore[no-any-return]

    def EndModify(self, was: int) -> None:
        self.parameterNode.EndModify(was)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def AddObserver(self, event: int, callback: Any, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)  # type: ignore[no-any-return]

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def connectGui(self, gui: Any) -> int:
        """Bind the widgets that name a parameter in their dynamic property ``SlicerParameterName``."""
        named = {w.property(PROPERTY): w for w in vars(gui).values() if w.property(PROPERTY)}
        return self.connectParametersToGui(named)

    def connectParametersToGui(self, widgets: Mapping[str, Any]) -> int:
        """Bind widgets by the names of their parameters; a tag for ``disconnectGui``."""
        bound = {name: connector(w, self.allParameters[self._known(name)]) for name, w in widgets.items()}
        for name, one in bound.items():
            one.write(self.getValue(name))
            one.connect(lambda name=name, one=one: self._from_gui(name, one))
        tag = self._next
        self._next += 1
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_guis())
        self._guis[tag] = bound, observer
        return tag

    def disconnectGui(self, tag: int) -> None:
        if tag in self._guis:
            bound, observer = self._guis.pop(tag)
            for one in bound.values():
                one.disconnect()
            self.RemoveObserver(observer)

    def _known(self, name: str) -> str:
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}")
        return name

    def _from_gui(self, name: str, one: Connector) -> None:
        if not self._updating:
            with slicer.util.NodeModify(self):
                self.setValue(name, one.read())

    def _to_guis(self) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            with slicer.util.NodeModify(self):
                for bound, _observer in self._guis.values():
                    for name, one in bound.items():
                        one.write(self.getValue(name))
        finally:
            self._updating = False
