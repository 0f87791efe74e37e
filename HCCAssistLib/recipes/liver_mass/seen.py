"""What the networks saw of a mass, made again from the result: its frame in each phase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.seen_picture import SeenPicture
from HCCAssistLib.recipes.liver_mass.augmentation import SHIFT, STORED
from HCCAssistLib.recipes.liver_mass.recipe import SIZE, TIME_POINT, WINDOW_OF, phases_of
from HCCAssistLib.recipes.liver_mass.sections import cut, picture
from HCCAssistLib.recipes.options import Value


def seen(finding: Any, volumes: Mapping[str, Image], options: Mapping[str, Value]) -> tuple[SeenPicture, ...]:
    """The pictures of a mass, one for each phase that the networks see.

    Args:
        finding: of a result of this recipe.
        volumes: the volumes of its run.
        options: of its run.
    """
    (x, y, z), side = finding.box.center, finding.box.size[0]
    pixel = side / SIZE
    half = (SIZE - 1) / 2 * pixel
    grid = Geometry.from_parts((1, SIZE, SIZE), (pixel, pixel, finding.box.size[2]), (x - half, y - half, z))
    with_margin = side * STORED / SIZE
    middle = slice(SHIFT, SHIFT + SIZE)
    found = []
    for phase in phases_of(options):
        place = f"{TIME_POINT}/{phase}"
        section = cut(volumes[place], (x, y, z), with_margin, STORED)
        grey = picture(
            section, (x, y, z), with_margin, WINDOW_OF[phase], size=STORED, jpeg=bool(options.get("jpeg", False))
        )
        found.append(SeenPicture(place, f"{phase.capitalize()}, {side:.0f} mm", grey[middle, middle], grid))
    return tuple(found)
