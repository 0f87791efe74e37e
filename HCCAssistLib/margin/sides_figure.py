"""The tumour's surface from six sides, coloured by its margin, with letters of the sides and a legend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.evaluation.figures import canvas
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.margin.ablation_margin import LIMITS_MM, Place
from HCCAssistLib.margin.colors import LEFT_OUT, MARGINS
from HCCAssistLib.margin.sides import Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARKEST = 0.45
"""How much light the rim of a body has: below that, colours could be taken for others."""

FRAME_MM = 6.0
SCALE_BAR_MM = 10.0
STAMP = "#b42318"


def sides_figure(
    sides: tuple[Side, ...], smallest: Place, candidates: Mapping[int, Place], *, synthetic: bool
) -> Figure:
    """All views at one scale.

    Args:
        sides: of one tumour.
        smallest: where the margin is smallest, LPS mm.
        candidates: places by number, LPS mm on the scan before; those out of a view are not drawn in it.
        synthetic: no patient, which the picture says.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    half = max(np.ptp(np.flatnonzero(~np.isnan(side.mm).all(axis=axis))) for side in sides for axis in (0, 1)) / 2
    half += FRAME_MM / sides[0].pixel_mm
    with canvas(7.0, 5.3) as (figure, first):
        figure.delaxes(first)
        drawn: set[int] = set()
        for axes, side in zip(figure.subplots(2, 3).flat, sides, strict=True):
            axes.imshow(_painted(side), interpolation="antialiased")
            middle = [np.flatnonzero(~np.isnan(side.mm).all(axis=axis)) for axis in (0, 1)]
            column, row = ((one[0] + one[-1]) / 2 for one in middle)
            axes.set(xlim=(column - half, column + half), ylim=(row + half, row - half), title=side.name)
            drawn |= _marks(axes, side, smallest, candidates)
            _letters(axes, side, synthetic=synthetic)
        counted = np.concatenate([side.counted[~np.isnan(side.mm)] for side in sides])
        colors = [(f"{name} mm" if name[0].isdigit() else "outside the zone (under 0 mm)", c) for name, c in MARGINS]
        if not counted.all():
            colors.append(("not counted: at the liver's surface", LEFT_OUT))
        handles: list[Any] = [Patch(facecolor=color, edgecolor="black", linewidth=0.4, label=n) for n, color in colors]
        ring: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "black", "markersize": 7}
        handles.append(Line2D([], [], marker="X", markerfacecolor="white", label="smallest margin", **ring))
        if drawn:
            handles.append(Line2D([], [], marker="o", markerfacecolor="white", label="candidate of LTP", **ring))
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        return figure


def _painted(side: Side) -> FloatArray:
    """Red, green, blue and opacity ``(rows, columns, 4)``."""
    seen = ~np.isnan(side.mm)
    step = np.digitize(np.where(seen, side.mm, 0), LIMITS_MM)
    colors = np.array([color for _name, color in MARGINS])[step]
    colors[~side.counted] = LEFT_OUT
    lit = colors * (DARKEST + (1 - DARKEST) * side.light)[..., None]
    return np.dstack([lit, seen.astype(float)])


def _marks(axes: Axes, side: Side, smallest: Place, candidates: Mapping[int, Place]) -> set[int]:
    """The smallest margin where it is seen, and candidates within the view; their numbers."""
    column, row, seen = side.place(smallest)
    if seen:
        axes.plot(column, row, "X", markersize=8, markerfacecolor="white", markeredgecolor="black", markeredgewidth=0.8)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    drawn = set()
    for number, place in candidates.items():
        column, row, seen = side.place(place)
        if not (left < column < right and top < row < bottom):
            continue
        drawn.add(number)
        axes.text(
            column, row, str(number), fontsize=8, fontweight="bold", ha="center", va="center",
            alpha=1.0 if seen else 0.55,
            bbox={"boxstyle": "circle,pad=0.25", "facecolor": "white", "edgecolor": "black",
                  "linestyle": "-" if seen else ":", "alpha": 1.0 if seen else 0.55},
        )  # fmt: skip
    return drawn


def _letters(axes: Axes, side: Side, *, synthetic: bool) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set(visible=True, color="#c9ced6")
    left, right, top, bottom = side.letters
    places = [(0.02, 0.5, left, "left", "center"), (0.98, 0.5, right, "right", "center")]
    places += [(0.5, 0.98, top, "center", "top"), (0.5, 0.02, bottom, "center", "bottom")]
    for x, y, text, across, height in places:
        axes.text(x, y, text, transform=axes.transAxes, fontsize=8, fontweight="bold", ha=across, va=height)
    if synthetic:
        axes.text(0.98, 0.98, "SYNTHETIC", transform=axes.transAxes, fontsize=6.5, color=STAMP, ha="right", va="top")
    (start, _), (low, high) = axes.get_xlim(), axes.get_ylim()
    start, low = start + 0.03 * (low - high), low - 0.04 * (low - high)
    axes.plot((start, start + SCALE_BAR_MM / side.pixel_mm), (low, low), color="black", linewidth=1.5)
    axes.annotate(f"{SCALE_BAR_MM:g} mm", (start, low), xytext=(0, 3), textcoords="offset points", fontsize=6.5)
