"""A result of each kind, with everything in it that a kind may hold, on an oblique, flipped, anisotropic grid."""

from typing import Any

import numpy as np

from HCCAssistLib.errors import Problem
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.classification import ClassificationResult, Finding
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.detection import Candidate, DetectionResult, Searched
from HCCAssistLib.results.risk import ClinicalValue, RiskResult
from HCCAssistLib.results.run_record import RunRecord

C, S = np.cos(0.3), np.sin(0.3)
OBLIQUE = Geometry.from_parts((6, 20, 24), (0.7, 0.9, 4.0), (12.0, -30.0, 55.0), [[-C, 0, S], [0, 1, 0], [S, 0, C]])
"""Oblique, flipped and anisotropic."""

AXES = tuple(tuple(float(v) for v in axis) for axis in OBLIQUE.directions.T)
BOX = Box((1.5, -20.25, 60.125), (40.0, 42.0, 4.0), AXES)
RUN = RunRecord(
    "a-recipe", {"width": 0.5}, "model", ("0" * 64,), {"torch": "2"}, "cpu", {"pre/arterial": "a" * 64}, 1.0
)
WARNING = Problem("WARN", "the phase does not fit", "pre/arterial", "check it")


def heat(value: float) -> Image:
    array = np.zeros(OBLIQUE.shape, np.float32)
    array[1, 2, 3] = value
    return Image(array, OBLIQUE)


def candidate(number: int, probability: float) -> Candidate:
    corners = tuple(tuple(float(v) for v in corner) for corner in BOX.corners()[:4])
    return Candidate(number, BOX, probability, 3, (2, 4), corners, 42.0, 5.5)


def detection() -> DetectionResult:
    return DetectionResult(
        (candidate(1, 0.9), candidate(2, 0.4)),
        0.5,
        "by hand",
        OBLIQUE,
        RUN,
        (WARNING,),
        heat(0.75),
        Searched("liver", 1200.0, 500),
    )


def finding(number: int = 1, **other: Any) -> Finding:
    by_network = ({"CR": 0.1, "PR": 0.5, "SD": 0.2, "PD": 0.2}, {"CR": 0.3, "PR": 0.3, "SD": 0.4, "PD": 0.0})
    mean = {name: (by_network[0][name] + by_network[1][name]) / 2 for name in by_network[0]}
    given = {"label": f"tumour {number}", "center": (1.0, -20.0, 60.0), "probabilities": mean, "box": BOX, "slice": 2}
    return Finding(number, **{**given, "by_network": by_network, "diameter_mm": 31.5, **other})


def classification() -> ClassificationResult:
    return ClassificationResult(
        {"CR": "complete response", "PR": "partial response", "SD": "stable disease", "PD": "progressive disease"},
        (finding(1), finding(3, target=False)),
        {"pre/arterial": OBLIQUE, "pre/portal": OBLIQUE.crop((1, 1, 1), (4, 10, 12))},
        RUN,
        groups={"objective_response": ("CR", "PR")},
        patient=finding().probabilities,
        warnings=(WARNING,),
        heatmaps={"pre/arterial": heat(0.5), "pre/portal": heat(0.25)},
    )


def risk() -> RiskResult:
    return RiskResult(
        {"signature": 0.4, "early_recurrence": 0.61},
        "early_recurrence",
        CutOff(0.6, "Youden index on the tuning set", (0.6, 0.605), "d" * 64),
        RUN,
        {"pre/delayed": OBLIQUE, "post/delayed": OBLIQUE},
        boxes={"pre/tumour": BOX, "post/ablation": BOX},
        clinical=(ClinicalValue("afp_ng_per_ml", 12.0, 12.0), ClinicalValue("hbv", None, 1.0)),
        contributions={"signature": 0.2, "hbv": -0.01},
        curve="early_recurrence",
        warnings=(WARNING,),
        heatmaps={"pre/delayed": heat(0.5), "post/delayed": heat(1.0)},
    )


ALL = [detection, classification, risk]
