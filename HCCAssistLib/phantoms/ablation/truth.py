"""The truth of a synthetic case of the recipe ablation-recurrence, as it is written to truth.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.ablation.clinical import Clinical
from HCCAssistLib.phantoms.ablation.lesions import Lesions
from HCCAssistLib.phantoms.ablation.poses import moved_by
from HCCAssistLib.phantoms.ablation.scores import Scores
from HCCAssistLib.phantoms.ablation.series import Series
from HCCAssistLib.phantoms.ablation.true_margin import LIMITS_MM
from HCCAssistLib.phantoms.liver.tumour_truth import NOTE, place_of
from HCCAssistLib.recipes.ablation.recipe import POST, PRE


@dataclass(frozen=True, eq=False, slots=True)
class AblationPhantom:
    """One synthetic case.

    Attributes:
        series: by time point; the region before is of the tumours, the largest 1, that after of their zones.
        lesions: surfaces, looks and margin in the patient's own frame.
        scores: risk and outcome, and what is shown of them.
        clinical: values, and which are not known.
        scanner: that it was made with.
        seed: that the case came from.
    """

    series: Mapping[str, Series]
    lesions: Lesions
    scores: Scores
    clinical: Clinical
    scanner: str
    seed: tuple[int, ...]

    @property
    def volumes(self) -> dict[str, Image]:
        """By ``"<time point>/<phase>"``."""
        return {f"{point}/{phase}": image for point, one in self.series.items() for phase, image in one.volumes.items()}

    @property
    def pre_to_post(self) -> FloatArray:
        """4 x 4, from LPS mm of the delayed phase before to the same tissue in that after."""
        return np.asarray(self.series[POST].pose.placed @ np.linalg.inv(self.series[PRE].pose.placed))

    def region(self, time_point: str, number: int = 1) -> Image:
        """1 in a tumour (before) or a zone (after), by its number; on the grid of the volumes."""
        marked = self.series[time_point].region
        return marked.with_array((marked.array == number).astype(np.uint8), "of one number")

    def as_json(self) -> dict[str, Any]:
        """The content of truth.json."""
        lesions, before, after = self.lesions, self.series[PRE].pose.placed, self.series[POST].pose.placed
        margin, largest, zone = lesions.margin, lesions.tumours[0], lesions.zones[0]
        return {
            "note": NOTE,
            "seed": list(self.seed),
            "scanner": self.scanner,
            "scores": asdict(self.scores),
            "clinical": {"values": dict(self.clinical.values), "unknown": list(self.clinical.unknown)},
            "pre_to_post_lps": self.pre_to_post.tolist(),
            "time_points": {point: _of_series(one) for point, one in self.series.items()},
            "tumour": {
                "center_lps": place_of(moved_by(before, largest.center)),
                "longest_mm": round(float(2 * largest.semi_axes.max()), 2),
                "count": len(lesions.tumours),
                "looks": asdict(lesions.looks),
                "satellites_lps": [place_of(moved_by(before, middle)) for middle, _ in lesions.satellites],
            },
            "zone": {
                "center_lps": place_of(moved_by(after, zone.center)),
                "semi_axes_mm": [round(float(mm), 2) for mm in zone.semi_axes],
                "looks": asdict(lesions.zone_looks),
                "nodule_lps": place_of(moved_by(after, lesions.nodule)) if lesions.zone_looks.nodule_mm else None,
            },
            "margin": {
                "smallest_mm": round(margin.smallest_mm, 3),
                "smallest_at_pre_lps": place_of(moved_by(before, np.array(margin.smallest_at))),
                "under": {f"{mm:g}": round(share, 4) for mm, share in zip(LIMITS_MM, margin.under, strict=True)},
            },
        }


def _of_series(one: Series) -> dict[str, Any]:
    pose, delayed = one.pose, one.volumes["delayed"].geometry
    return {
        "wall_stays": pose.slides,
        "turned_degrees": round(pose.turned_degrees, 2),
        "spacing_mm": [float(mm) for mm in delayed.spacing],
        "delayed_to_phase_lps": {phase: pose.from_delayed(phase).tolist() for phase in one.volumes},
        "gain_and_offset": {phase: [round(value, 4) for value in pair] for phase, pair in one.gains.items()},
    }
