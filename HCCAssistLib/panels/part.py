"""What only some methods have in their panel: parts that are told what goes on in the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.panels.readiness import Light
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.scene.run_inputs import ChosenInputs


@dataclass(frozen=True, slots=True)
class Shared:
    """What a panel gives to a part that it is told to add.

    Attributes:
        sections: the module's own widgets, each with a layout.
        session: its ``current`` is the result that is shown.
        window: in which key chords work.
        wake: called where something begins, so that ``poll`` is asked from then on.
        reader: the name or initials of the reader; empty where nobody wrote them.
        chosen: the inputs that the reader chose.
        cohort: the folder of the cohort that is chosen; None where none is.
        changed: called where something that a run needs was chosen or written.
        settings: keep what the reader wants again next time.
        package: the installed model that made a run; None where it is not installed any more.
    """

    sections: Any
    session: Any
    window: Any
    wake: Callable[[], None]
    reader: Callable[[], str]
    chosen: Callable[[], ChosenInputs]
    cohort: Callable[[], Path | None]
    changed: Callable[[], None]
    settings: Any
    package: Callable[[RunRecord], ModelPackage | None]


class Part:
    """A part of a panel. What it does not care for, it need not define.

    Attributes:
        ui: its widgets, by their names.
    """

    ui: SimpleNamespace

    def bind(self, node: Any | None) -> None:
        """Take up what a node of the scene keeps; None lets go of it."""

    def listen(self, on: bool) -> None:
        """The panel is opened, or left."""

    def refresh(self) -> None:
        """Show the present state of everything."""

    def values(self) -> Mapping[str, str]:
        """Clinical values that it knows, as text, by column; a run takes them."""
        return {}

    def transforms(self) -> Mapping[str, Any]:
        """Transform nodes that the reader chose for volumes, by place; a run takes them for their registration."""
        return {}

    def lights(self) -> Iterable[Light]:
        """What there is to say before a run."""
        return ()

    def finding_chosen(self) -> None:
        """Another finding is the one that keys and buttons are about."""

    def display(self, *, heat: bool, opacity: float) -> None:
        """The heat map is shown or hidden."""

    def poll(self) -> bool:
        """Take up what happened meanwhile; whether more is to come."""
        return False

    def close(self) -> None:
        """The panel goes."""
