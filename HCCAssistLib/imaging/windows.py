"""Grey-value windows as a reader sets them: level and width in Hounsfield units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Voxels = TypeVar("Voxels")
"""A numpy array or a torch tensor; what goes in comes out."""

AIR_HU = -1024
"""Everything below is not tissue: scanners pad outside the scan circle with -2000 to -3024."""


@dataclass(frozen=True, slots=True)
class Window:
    """The linear window ``level - width / 2 .. level + width / 2``.

    The papers' windows are meant in this plain form, not in the form of DICOM PS3.3 C.11.2.1.2 (-0.5, width - 1).

    >>> import numpy as np
    >>> liver = Window(level=60, width=400)
    >>> liver(np.array([-200.0, -140.0, 60.0, 260.0])).tolist()
    [0.0, 0.0, 0.5, 1.0]

    Attributes:
        level: Hounsfield units shown as mid-grey.
        width: Hounsfield units from black to white.

    Raises:
        ValueError: the width is not positive, or a value is not finite.
    """

    level: float
    width: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.level) and math.isfinite(self.width) and self.width > 0):
            raise ValueError(f"a window needs a finite level and a width above 0, not {self.level} and {self.width}")

    @property
    def lower(self) -> float:
        """Hounsfield units at and below which everything is black (0)."""
        return self.level - self.width / 2

    def __call__(self, hu: Voxels) -> Voxels:
        """Voxels in Hounsfield units as 0 (black) to 1 (white); integers become 32-bit floats."""
        voxels: Any = hu
        if isinstance(voxels, np.ndarray):
            voxels = voxels.astype(np.float32, copy=False)
        grey: Voxels = ((voxels.clip(AIR_HU) - self.lower) / self.width).clip(0, 1)
        return grey

    def to_uint8(self, hu: Voxels) -> Voxels:
        """Voxels in Hounsfield units as the nearest of 256 grey values."""
        grey: Any = self(hu)
        scaled: Any = (grey * 255).round()
        whole: Any = scaled.astype(np.uint8) if isinstance(scaled, np.ndarray) else scaled.byte()
        levels: Voxels = whole
        return levels
