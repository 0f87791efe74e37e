"""A section through the smallest margin as a reader sees it: plain scans, and below each the same with outlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.evaluation.figures import canvas
from HCCAssistLib.margin.section import ALONE, LETTERS, PIXEL_MM, Section
from HCCAssistLib.wording import rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TUMOUR, ZONE, LIVER, CANDIDATE = "#F0E442", "#56B4E9", "#BBBBBB", "#FF5EDB"
SCALE_BAR_MM = 20.0
ARROW_MM = 9.0
HEIGHTS = (1.6, 3.6)
"""Inches of a picture, whatever the shape of its tumour."""


def section_figure(section: Section, *, synthetic: bool) -> Figure:
    """A column for each scan: above the plain picture, below the outlines of tumour and zone."""
    from matplotlib.lines import Line2D

    columns = len(section.pictures)
    plain = ALONE not in section.pictures
    rows, across = section.tumour.shape
    width = 3.4
    height = float(np.clip(width * rows / across, *HEIGHTS))
    with canvas(max(columns, 1.3) * width, (1 + plain) * (height + 0.2) + 0.5) as (figure, first):
        figure.delaxes(first)
        grid = figure.subplots(1 + plain, columns, squeeze=False)
        for column, (name, picture) in enumerate(section.pictures.items()):
            for row in range(1 + plain):
                axes = grid[row, column]
                axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
                axes.axis("off")
                if row == 0:
                    axes.set_title(name)
                if row == plain:
                    _outlines(axes, section)
                _letters(axes, section, synthetic=synthetic)
        lines = [(TUMOUR, "tumour"), (ZONE, "ablation zone")]
        if section.liver is not None:
            lines.append((LIVER, "liver"))
        handles: list[Any] = [Line2D([], [], color=color, label=label) for color, label in lines]
        if section.candidates:
            handles.append(_key(CANDIDATE, "o", "candidate of LTP"))
        handles.append(_key("white", ">", "place of the smallest margin"))
        legend = figure.legend(handles=handles, loc="outside lower center", ncols=3)
        for line in legend.get_lines()[: len(lines)]:
            line.set_path_effects(_edge(1.4))
        return figure


def section_caption(section: Section) -> str:
    """What the picture shows and how."""
    where = (
        f"slice {section.number} of {section.slices} of the scan before, in which the margin is smallest"
        if section.slices
        else "through the place of the smallest margin"
    )
    side = "anterior on the left" if section.plane == "sagittal" else "patient's right on the left"
    text = f"{section.plane.capitalize()} section, {where}; {side}. "
    tilt = section.grid.obliquity_degrees
    if tilt > 1:
        text += f"The scan is tilted by {tilt:.0f} degrees, and the section with it. "
    if len(section.pictures) > 1:
        text += "Above the scans alone, below the same with outlines; the scan after was laid on the one before. "
    if ALONE not in section.pictures:
        text += "Grey values from the 1st to the 99th percentile of each picture. "
    if section.out_of_plane_mm > 1:
        text += (
            f"The nearest edge of the zone lies {rounded(section.out_of_plane_mm, 1)} mm in front of or behind the "
            "section: measured within it, the distance is longer than the smallest margin. "
        )
    return text.strip()


def _key(color: str, marker: str, label: str) -> Any:
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"markerfacecolor": color, "markeredgecolor": "black", "markersize": 6}
    return Line2D([], [], linestyle="none", marker=marker, label=label, **look)


def _edge(width: float) -> list[Any]:
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width + 1.2, foreground="black")]


def _outlines(axes: Axes, section: Section) -> None:
    for values, border, color, width in (
        (section.liver, 0.5, LIVER, 0.8),
        (section.zone, 0.0, ZONE, 1.4),
        (section.tumour, 0.0, TUMOUR, 1.4),
    ):
        if values is not None and values.max() > border > values.min():
            drawn = axes.contour(values, levels=[border], colors=[color], linewidths=[width])
            drawn.set_path_effects(_edge(width))
    x, y = section.smallest
    away = np.subtract(section.smallest, section.zone_edge)
    # the arrow comes from inside the tumour where the zone's edge lies beyond, so that it covers no gap
    inwards = away / np.linalg.norm(away) if np.linalg.norm(away) > 1e-6 else np.array([1.0, 0.0])
    start = np.array(section.smallest) + inwards * ARROW_MM / PIXEL_MM
    axes.annotate(
        "", (x, y), xytext=tuple(start), arrowprops={"arrowstyle": "-|>", "color": "white", "linewidth": 1.2},
    )  # fmt: skip
    for number, across, down in section.candidates:
        axes.plot(across, down, "o", markersize=9, markerfacecolor="none", markeredgecolor=CANDIDATE, clip_on=True)
        axes.annotate(
            str(number), (across, down), xytext=(6, 4), textcoords="offset points", color=CANDIDATE, fontsize=8,
            fontweight="bold", path_effects=_edge(1.0), annotation_clip=True,
        )  # fmt: skip


def _letters(axes: Axes, section: Section, *, synthetic: bool) -> None:
    """Sides of the patient, number of the slice, scale bar and, of a phantom, that it is one."""
    rows, columns = section.tumour.shape
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    left, right, top, bottom = LETTERS[section.plane]
    texts = [
        (0.02, 0.5, left, "left", "center"), (0.98, 0.5, right, "right", "center"),
        (0.5, 0.98, top, "center", "top"), (0.5, 0.02, bottom, "center", "bottom"),
    ]  # fmt: skip
    if section.slices:
        texts.append((0.02, 0.98, f"slice {section.number}", "left", "top"))
    if synthetic:
        texts.append((0.98, 0.98, "SYNTHETIC", "right", "top"))
    for x, y, text, side, height in texts:
        axes.text(
            x, y, text, transform=axes.transAxes, color="white", fontsize=8, fontweight="bold", ha=side, va=height,
            path_effects=_edge(1.0),
        )  # fmt: skip
    start, low = 0.03 * columns, 0.94 * rows
    axes.plot((start, start + SCALE_BAR_MM / PIXEL_MM), (low, low), color="white", linewidth=2, path_effects=_edge(2.0))
    axes.annotate(
        f"{SCALE_BAR_MM:g} mm", (start, low), xytext=(0, 3), textcoords="offset points", color="white", fontsize=7,
        path_effects=_edge(1.0),
    )  # fmt: skip
