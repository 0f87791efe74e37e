"""The drawing of a flow of exclusions."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING

from HCCAssistLib.evaluation.figures import PAGE, canvas
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.wording import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MIDDLE = 1.625
"""Of the stages, from the left of 6.3; two parts of the last one hang straight below it and beside it."""


def flow_figure(flow: Flow) -> Figure:
    """Boxes from top to bottom; what does not go on leaves to the right, the parts of the last stage stand below."""
    leaving = [_wrapped("Not for this evaluation", s.elsewhere) + _wrapped("Excluded", s.excluded) for s in flow.stages]
    tall = [0.55 + 0.155 * len(lines) for lines in leaving]
    height = sum(tall) + (0.75 if flow.parts else 0.05)
    with canvas(PAGE, height) as (figure, axes):
        axes.set(xlim=(0, 6.3), ylim=(height, 0))
        axes.axis("off")
        top = 0.05
        for i, (stage, lines, room) in enumerate(zip(flow.stages, leaving, tall, strict=True)):
            _box(axes, (MIDDLE - 1.35, top, 2.7, 0.36), f"{stage.n} {plural(flow.unit, stage.n)} {stage.name}")
            last = i == len(flow.stages) - 1
            if not last:
                _arrow(axes, (MIDDLE, top + 0.36), (MIDDLE, top + room))
            if lines:
                depth = 0.155 * len(lines) + 0.1
                middle = top + 0.36 + (room - 0.36) / 2
                _arrow(axes, (MIDDLE, middle), (3.3, middle))
                _box(axes, (3.3, middle - depth / 2, 2.9, depth), "\n".join(lines), left=True)
            top += room
        if flow.parts:
            width = 6.1 / max(len(flow.parts), 2)
            for i, (name, n) in enumerate(flow.parts.items()):
                centre = 0.1 + width * (i + 0.5)
                axes.plot((MIDDLE, MIDDLE, centre), (top - 0.19, top, top), color="black", linewidth=0.7)
                _arrow(axes, (centre, top), (centre, top + 0.2))
                _box(
                    axes, (centre - 0.46 * width, top + 0.2, 0.92 * width, 0.36), f"{n} {plural(flow.unit, n)}: {name}"
                )
        return figure


def _wrapped(heading: str, reasons: Mapping[str, int]) -> list[str]:
    """The heading with the sum, and a line or more for each reason; nothing where there is none."""
    if not reasons:
        return []
    lines = [line for reason, n in reasons.items() for line in wrap(f"{n} {reason}", 46)]
    return [f"{heading}: {sum(reasons.values())}", *lines]


def _box(axes: Axes, place: tuple[float, float, float, float], text: str, *, left: bool = False) -> None:
    from matplotlib.patches import Rectangle

    x, y, width, height = place
    axes.add_patch(Rectangle((x, y), width, height, facecolor="white", edgecolor="black", linewidth=0.7))
    where = x + 0.08 if left else x + width / 2
    axes.text(where, y + height / 2, text, ha="left" if left else "center", va="center", fontsize=7.5)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "linewidth": 0.7, "color": "black", "shrinkA": 0, "shrinkB": 0}
    )
