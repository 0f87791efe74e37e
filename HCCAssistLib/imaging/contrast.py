"""What the voxels of a CT say about contrast: the value alone, so that who shows it need not load what finds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["unenhanced", "arterial", "portal-or-later", "unknown"]


@dataclass(frozen=True, slots=True)
class ContrastEvidence:
    """What the voxels say about contrast.

    Attributes:
        phase: the estimate.
        enhanced_volume_ml: soft tissue of 90 to 450 HU away from bone and spine.
        vessel_hu: the brightest vessel along the spine; an upper bound without contrast; NaN where not found.
        liver_hu: the commonest attenuation of even tissue in the right half; NaN where not found.
        reason: one sentence.
    """

    phase: Phase
    enhanced_volume_ml: float
    vessel_hu: float
    liver_hu: float
    reason: str
