"""The pictures that a network saw of one finding, side by side: what its category rests on."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from HCCAssistLib.results.stamp import in_words

GAP = 2
"""Pixels between the pictures of a strip."""

SCALE_BAR_MM, SHORT_BAR_MM = 20.0, 5.0
"""The short one where the other would take half of a picture."""

ENLARGED, LARGE, SMALL, TEXT = 4, 280, 80, 15
"""Pixels of a large picture for each of the network's at most, and along its side at most, unless the network saw more;
along the side of a thumbnail at most; height of letters.
"""


@dataclass(frozen=True, eq=False, slots=True)
class CropView:
    """Axial pictures of one place, the patient's left on the viewer's right.

    Attributes:
        pictures: 8 bit ``(rows, columns)`` by name, all of one size.
        side_mm: of the square that each shows; one for each picture where they differ.
        stamp: of ``results.stamp``, written into each picture.
    """

    pictures: Mapping[str, npt.NDArray[np.uint8]]
    side_mm: float | Sequence[float]
    stamp: str = ""

    @property
    def sides_mm(self) -> tuple[float, ...]:
        """Of the square that each picture shows."""
        each = (self.side_mm,) * len(self.pictures) if isinstance(self.side_mm, int | float) else tuple(self.side_mm)
        if len(each) != len(self.pictures):
            raise ValueError(f"{len(self.pictures)} pictures do not have {len(each)} sides")
        return each

    @property
    def caption(self) -> str:
        """What is shown."""
        sides = " / ".join(dict.fromkeys(f"{side:.0f}" for side in self.sides_mm))
        return (
            f"{in_words(self.stamp)}what the network saw ({', '.join(self.pictures)}), axial, "
            f"patient's left on the right, {sides} mm from side to side"
        )


def strip(view: CropView) -> npt.NDArray[np.uint8]:
    """The pictures beside each other, ``(rows, columns)``."""
    gap = np.zeros((next(iter(view.pictures.values())).shape[0], GAP), np.uint8)
    parts = [part for picture in view.pictures.values() for part in (gap, picture)]
    return np.concatenate(parts[1:], axis=1)


def crop_thumbnail(view: CropView) -> bytes:
    """A small PNG of the strip: pixel by pixel, or means of several where the network saw a larger picture."""
    factor = -(-next(iter(view.pictures.values())).shape[1] // SMALL)
    pictures = {name: np.asarray(Picture.fromarray(one).reduce(factor)) for name, one in view.pictures.items()}
    return _encoded(Picture.fromarray(strip(replace(view, pictures=pictures))), "PNG", optimize=True)


def crop_picture(view: CropView) -> bytes:
    """A JPEG of the pictures, each under its name, with sides, scale bar and, of a phantom, that it is one."""
    seen = next(iter(view.pictures.values())).shape[1]
    enlarged = max(1, min(ENLARGED, LARGE // seen))
    gap, head, side = 4 * GAP, 2 * TEXT, enlarged * seen
    page = Picture.new("L", (len(view.pictures) * (side + gap) - gap, head + side), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(TEXT)
    for number, ((name, picture), side_mm) in enumerate(zip(view.pictures.items(), view.sides_mm, strict=True)):
        left = number * (side + gap)
        page.paste(Picture.fromarray(picture).resize((side, side), Picture.Resampling.NEAREST), (left, head))
        draw.text((left + side / 2, head / 2), name, 0, font, "mm")
        texts = [(TEXT / 3, side / 2, "R", "lm"), (side - TEXT / 3, side / 2, "L", "rm")]
        if view.stamp:
            texts.append((side - TEXT / 3, TEXT, view.stamp, "rm"))
        for x, y, text, anchor in texts:
            draw.text((left + x, head + y), text, 255, font, anchor, stroke_width=2, stroke_fill=0)
        scale_bar = SCALE_BAR_MM if side_mm > 2 * SCALE_BAR_MM else SHORT_BAR_MM
        length, low = scale_bar / side_mm * side, head + side - TEXT / 2
        draw.line((left + TEXT / 2, low, left + TEXT / 2 + length, low), 0, 5)
        draw.line((left + TEXT / 2 + 1, low, left + TEXT / 2 + length - 1, low), 255, 3)
        text = f"{scale_bar:g} mm"
        draw.text((left + TEXT / 2, low - TEXT / 3), text, 255, font, "lb", stroke_width=2, stroke_fill=0)
    return _encoded(page, "JPEG", quality=88)


def _encoded(picture: Picture.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
