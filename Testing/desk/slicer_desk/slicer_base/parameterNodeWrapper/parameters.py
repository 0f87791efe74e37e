"""A parameter: its type, its limits, and how it is written into the node."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any

import slicer

from .annotations import Default, first


@dataclass(frozen=True)
class Parameter:
    """One member of a wrapped class.

    Attributes:
        name: of the member, and in the parameter node.
        kind: bool, int, float, str or a class of node.
        annotations: limits and the like.
        default: where the node has no value yet.
    """

    name: str
    kind: type
    annotations: tuple[Any, ...]
    default: Any

    @property
    def is_node(self) -> bool:
        return issubclass(self.kind, slicer.vtkMRMLNode)

    def check(self, value: Any) -> None:
        """Raise what Slicer raises for a value of another type or outside the limits."""
        allowed = (int, float) if self.kind is float else self.kind
        if value is None:
            if not self.is_node:
                raise ValueError("Value must not be None")
        elif not isinstance(value, allowed):
            raise TypeError(f"Value must be of type '{allowed}', is type '{type(value)}' value '{value}'")
        for annotation in self.annotations:
            if hasattr(annotation, "validate"):
                annotation.validate(value)

    def write(self, node: Any, value: Any) -> None:
        self.check(value)
        if self.is_node:
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(self.name, str(value))

    def read(self, node: Any) -> Any:
        if not node.HasParameter(self.name):
            self.write(node, self.default)
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        return text == "True" if self.kind is bool else self.kind(text)


def parameters_of(wrapped: type) -> dict[str, Parameter]:
    """The parameters that a class declares by its annotated members."""
    found = {}
    for name, hint in typing.get_type_hints(wrapped, include_extras=True).items():
        annotations: tuple[Any, ...] = ()
        if typing.get_origin(hint) is typing.Annotated:
            hint, *rest = typing.get_args(hint)
            annotations = tuple(rest)
        if not (hint in (bool, int, float, str) or (isinstance(hint, type) and issubclass(hint, slicer.vtkMRMLNode))):
            raise TypeError(f"Unable to create serializer for {wrapped} member {name}")
        given = first(annotations, Default)
        own = None if hint not in (bool, int, float, str) else hint()
        default = getattr(wrapped, name, given.value if given else own)
        found[name] = Parameter(name, hint, annotations, default)
    return found
