"""The truth of a synthetic case of the recipe hepatectomy-recurrence, as it is written to truth.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.hepatectomy.scores import Scores
from HCCAssistLib.phantoms.liver.tumour_truth import NOTE, TumourTruth


@dataclass(frozen=True, eq=False, slots=True)
class HepatectomyPhantom:
    """One synthetic case; all images lie on one grid.

    Attributes:
        arterial: int16 HU, in any storage order.
        segment: 1 in the tumour.
        second: 1 in the tumour as a second rater drew it; None where that was not asked for.
        necrosis: 1 where the tumour is necrotic.
        liver: 1 in the liver, the tumour included.
        scores: risk and outcome, and what the tumour shows of them.
        tumour: the truth.
        patient: attenuations of the liver and its vessels, noise and sharpness, by name.
        turned_degrees: how far the slices are turned out of the patient's axes.
        scanner: that it was made with.
        seed: that the case came from.
    """

    arterial: Image
    segment: Image
    second: Image | None
    necrosis: Image
    liver: Image
    scores: Scores
    tumour: TumourTruth
    patient: dict[str, float]
    turned_degrees: float
    scanner: str
    seed: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """The content of truth.json."""
        return {
            "note": NOTE,
            "seed": list(self.seed),
            "scanner": self.scanner,
            "scores": asdict(self.scores),
            "patient": dict(self.patient),
            "turned_degrees": self.turned_degrees,
            "spacing_mm": [float(mm) for mm in self.arterial.geometry.spacing],
            "tumour": asdict(self.tumour),
        }
