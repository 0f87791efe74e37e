"""All colours of the scene, in one place; red-green blindness keeps every pair apart (Okabe & Ito, inferno).

Boxes are bright on CT, yellow while pending, blue once accepted and grey once rejected. The heat map runs from dark
violet through red to pale yellow. How transparent it is, is up to the slice view: Slicer overlooks a table's opacity.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.results.detection import Candidate
from HCCAssistLib.results.review import Verdict

Color = tuple[float, float, float]

PENDING_LOW: Color = (0.90, 0.62, 0.00)
PENDING_HIGH: Color = (1.00, 0.95, 0.25)
ACCEPTED: Color = (0.34, 0.71, 0.91)
REJECTED: Color = (0.62, 0.62, 0.62)
LABEL: Color = (1.0, 1.0, 1.0)

SURFACES: dict[str, tuple[Color, float]] = {
    "liver": ((0.87, 0.58, 0.48), 0.3),
    "ablation": ((0.35, 0.70, 0.90), 0.6),
    "vessel": ((0.35, 0.45, 0.80), 0.6),
    "tumor": ((0.94, 0.89, 0.26), 0.6),
}
"""Colour and opacity in 3-D of a segment whose name holds the word."""
OTHER_SURFACE: tuple[Color, float] = ((0.75, 0.75, 0.70), 0.4)

HEAT_TABLE = "HCCAssist heat map"
# inferno at 0, 1/8 ... 1 (Smith and van der Walt), here without the black below the first stop
_INFERNO = (
    (0.14, 0.05, 0.33),
    (0.26, 0.04, 0.41),
    (0.42, 0.09, 0.43),
    (0.58, 0.15, 0.40),
    (0.74, 0.22, 0.33),
    (0.87, 0.32, 0.23),
    (0.95, 0.46, 0.10),
    (0.99, 0.65, 0.04),
    (0.98, 0.85, 0.25),
)


def box_color(candidate: Candidate) -> Color:
    """By verdict; while pending the brighter yellow, the more probable."""
    if candidate.review.verdict is Verdict.ACCEPTED:
        return ACCEPTED
    if candidate.review.verdict is Verdict.REJECTED:
        return REJECTED
    p = candidate.probability
    red, green, blue = (low + p * (high - low) for low, high in zip(PENDING_LOW, PENDING_HIGH, strict=True))
    return red, green, blue


def surface_color(name: str) -> tuple[Color, float]:
    """The colour of a segment and its opacity in 3-D, by what its name says it is."""
    return next((look for word, look in SURFACES.items() if word in name.lower()), OTHER_SURFACE)


def heat_colors(steps: int = 256) -> FloatArray:
    """Red, green and blue of heat 0 to 1, shape ``(steps, 3)``."""
    at = np.linspace(0, 1, steps)
    stops = np.linspace(0, 1, len(_INFERNO))
    channels = [np.interp(at, stops, [color[c] for color in _INFERNO]) for c in range(3)]
    return np.stack(channels, axis=1)


def heat_color_node(scene: Any) -> Any:
    """The scene's colour table of heat maps, made where it is not there yet; the same in every host."""
    import slicer

    found = scene.GetNodesByClassByName("vtkMRMLColorTableNode", HEAT_TABLE)
    if found.GetNumberOfItems():
        return found.GetItemAsObject(0)
    colors = heat_colors()
    node = slicer.vtkMRMLColorTableNode()
    node.SetTypeToUser()
    node.SetName(HEAT_TABLE)
    node.SetDescription("Grad-CAM, 0 to 1")
    node.SetNumberOfColors(len(colors))
    for index, color in enumerate(colors):
        node.SetColor(index, f"{index / (len(colors) - 1):.3f}", *color)
    return scene.AddNode(node)
