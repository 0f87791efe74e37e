"""What a picture needs once it has left its view: sides of the patient, slice, scale bar, and whether it is real."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

Picture = npt.NDArray[np.uint8]

SCALE_BAR_MM = 50.0
EDGE = 0.015
"""Distance of the marks from the border, as a part of the picture's height."""

WORDS = 0.028
"""Height of the letters, likewise."""


def sides(direction: npt.ArrayLike) -> tuple[str, str]:
    """Letters of the patient's side where an axis begins and where it ends.

    >>> sides((-0.9, 0.3, 0.1))
    ('R', 'L')

    Args:
        direction: in RAS.
    """
    vector = np.asarray(direction, float)
    axis = int(np.abs(vector).argmax())
    first, last = ("LR", "PA", "IS")[axis]
    return (first, last) if vector[axis] > 0 else (last, first)


def marked(
    picture: Picture,
    across: npt.ArrayLike,
    up: npt.ArrayLike,
    *,
    mm_per_pixel: float | None = None,
    title: str = "",
    stamp: str = "",
) -> Picture:
    """The picture with its marks; the one given is left as it is.

    Args:
        picture: ``(rows, columns, 3)``.
        across: RAS direction from its left to its right.
        up: RAS direction from its bottom to its top.
        mm_per_pixel: for the scale bar; None where there is perspective, and no bar.
        title: the slice, in the upper left corner.
        stamp: what tells that it says nothing about patients, in the lower right corner.
    """
    image = Pillow.fromarray(picture)
    rows, columns = picture.shape[:2]
    edge, font = EDGE * rows, ImageFont.load_default(WORDS * rows)
    draw = ImageDraw.Draw(image)

    def write(place: tuple[float, float], text: str, anchor: str) -> None:
        draw.text(place, text, fill="white", font=font, anchor=anchor, stroke_width=2, stroke_fill="black")

    (left, right), (below, above) = sides(across), sides(up)
    for place, text, anchor in (
        ((edge, rows / 2), left, "lm"),
        ((columns - edge, rows / 2), right, "rm"),
        ((columns / 2, edge), above, "ma"),
        ((columns / 2, rows - edge), below, "md"),
        ((edge, edge), title, "la"),
        ((columns - edge, rows - edge), stamp, "rd"),
    ):
        write(place, text, anchor)
    if mm_per_pixel:
        length = SCALE_BAR_MM if SCALE_BAR_MM / mm_per_pixel < columns / 2 else SCALE_BAR_MM / 5
        x, y = 2 * edge, rows - 2 * edge
        draw.line((x, y, x + length / mm_per_pixel, y), fill="white", width=max(2, rows // 250))
        write((x, y - edge / 2), f"{length:g} mm", "ld")
    return np.asarray(image).copy()
