"""The truth of a synthetic case of the recipe tace-response, as it is written to truth.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.tumour_truth import NOTE, TumourTruth
from HCCAssistLib.phantoms.tace.scores import Scores


@dataclass(frozen=True, eq=False, slots=True)
class TACEPhantom:
    """One synthetic case.

    Attributes:
        arterial: int16 HU, in any storage order.
        labels: 0 outside, n in the n-th tumour, on the same grid.
        necrosis: 1 where a tumour is necrotic, on the same grid.
        response: of the patient: ``"CR"``, ``"PR"``, ``"SD"`` or ``"PD"``.
        scores: what the response has to do with the tumours.
        tumours: the truth.
        patient: attenuations of the liver and its vessels, noise and sharpness, by name.
        turned_degrees: how far the slices are turned out of the patient's axes.
        scanner: that it was made with.
        seed: that the case came from.
    """

    arterial: Image
    labels: Image
    necrosis: Image
    response: str
    scores: Scores
    tumours: tuple[TumourTruth, ...]
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
            "response": self.response,
            "scores": asdict(self.scores),
            "patient": dict(self.patient),
            "turned_degrees": self.turned_degrees,
            "spacing_mm": [float(mm) for mm in self.arterial.geometry.spacing],
            "tumours": [asdict(tumour) for tumour in self.tumours],
        }
