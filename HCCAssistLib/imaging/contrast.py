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
        enhanced_volume_ml: soft tissue of 90 to 450 HU at the levels of the liver, away from bone and spine.
        vessel_hu: the aorta at the levels of the liver; an upper bound without contrast; NaN where not found.
        liver_hu: the middle attenuation of the liver; NaN where not found.
        reason: one sentence: what was measured, or what could not be found or contradicts what.
    """

    phase: Phase
    enhanced_volume_ml: float
    vessel_hu: float
    liver_hu: float
    reason: str
