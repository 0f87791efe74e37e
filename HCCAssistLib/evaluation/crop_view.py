"""The pictures that a network saw of one finding, side by side: what its category rests on."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from HCCAssistLib.evaluation.figures import canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP = 2
"""Pixels between the pictures of a strip."""

SCALE_BAR_MM = 20.0


@dataclass(frozen=True, eq=False, slots=True)
class CropView:
    """Axial pictures of one place, the patient's left on the viewer's right.

    Attributes:
        pictures: 8 bit ``(rows, columns)`` by name, all of one size.
        side_mm: of the square that each shows.
        synthetic: no patient, which the picture says.
    """

    pictures: Mapping[str, npt.NDArray[np.uint8]]
    side_mm: float
    synthetic: bool = False

    @property
    def caption(self) -> str:
        """What is shown."""
        stamp = "synthetic case; " if self.synthetic else ""
        return (
            f"{stamp}what the network saw ({', '.join(self.pictures)}), axial, patient's left on the right, "
            f"{self.side_mm:.0f} mm from side to side"
        )


def strip(view: CropView) -> npt.NDArray[np.uint8]:
    """The pictures beside each other, ``(rows, columns)``."""
    gap = np.zeros((next(iter(view.pictures.values())).shape[0], GAP), np.uint8)
    parts = [part for picture in view.pictures.values() for part in (gap, picture)]
    return np.concatenate(parts[1:], axis=1)


def crop_thumbnail(view: CropView) -> bytes:
    """A small PNG of the strip, pixel by pixel."""
    from PIL import Image as Picture

    buffer = io.BytesIO()
    Picture.fromarray(strip(view)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def crop_figure(view: CropView) -> Figure:
    """The pictures, each under its name, with sides, scale bar and, of a phantom, that it is one."""
    from matplotlib.patheffects import withStroke

    edge = [withStroke(linewidth=2, foreground="black")]
    count = len(view.pictures)
    with canvas(2.3 * count, 2.5) as (figure, first):
        figure.delaxes(first)
        for number, (name, picture) in enumerate(view.pictures.items()):
            axes = figure.add_subplot(1, count, number + 1)
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_title(name)
            axes.axis("off")
            rows, columns = picture.shape
            texts = [(0.03, 0.5, "R", "left"), (0.97, 0.5, "L", "right")]
            if view.synthetic:
                texts.append((0.97, 0.97, "SYNTHETIC", "right"))
            for x, y, text, side in texts:
                axes.text(
                    x, y, text, transform=axes.transAxes, color="white", fontsize=8, fontweight="bold", ha=side,
                    va="center" if y == 0.5 else "top", path_effects=edge,
                )  # fmt: skip
            length = SCALE_BAR_MM / view.side_mm * columns
            start, height = 0.04 * columns, 0.94 * rows
            axes.plot((start, start + length), (height, height), color="white", linewidth=2, path_effects=edge)
            axes.annotate(
                f"{SCALE_BAR_MM:g} mm", (start, height), xytext=(0, 3), textcoords="offset points", color="white",
                fontsize=7, path_effects=edge,
            )  # fmt: skip
        return figure
