"""What a recipe asks of a case: pure data, so that the registry of recipes stays light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Need:
    """One file that a case must or may hold.

    Attributes:
        time_point: ``"baseline"``, ``"pre"`` or ``"post"``.
        name: the phase of a volume (``"arterial"``) or the name of an annotation (``"ltp"``, ``"liver"``).
        kind: what the file holds.
        required: whether a case without it is refused.
        of_lesions: points, each of which marks a lesion: they lie in the liver, and no lesion has two.
    """

    time_point: str
    name: str
    kind: Literal["volume", "points", "segment"]
    required: bool
    of_lesions: bool = False

    def __str__(self) -> str:
        return f"{self.time_point}/{self.name}"
