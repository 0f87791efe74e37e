"""All colours of the scene, in one place; red-green blindness keeps every pair apart (Okabe & Ito, inferno).

Those of margins, which reports show too, are in margin/colors.py.

Boxes are bright on CT: yellow while pending, green once accepted, grey once rejected, violet where they are something
else, brick red where the reader is unsure; the blue of the ablation zone and the white of the chosen box are none of
these. The heat map runs from dark violet through red to pale yellow. How transparent it is, is up to the slice view:
Slicer overlooks a table's opacity.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.margin.colors import MARGINS
from HCCAssistLib.results.review import Verdict

Color = tuple[float, float, float]

PENDING_LOW: Color = (0.90, 0.62, 0.00)
PENDING_HIGH: Color = (1.00, 0.95, 0.25)
VERDICTS: dict[Verdict, Color] = {
    Verdict.PENDING: PENDING_HIGH,
    Verdict.ACCEPTED: (0.00, 1.00, 0.60),
    Verdict.REJECTED: (0.62, 0.62, 0.62),
    Verdict.OTHER: (0.70, 0.20, 0.90),
    Verdict.UNSURE: (0.80, 0.40, 0.30),
}
SELECTED: Color = (1.0, 1.0, 1.0)
LABEL: Color = (1.0, 1.0, 1.0)
ABLATION: Color = (0.35, 0.70, 0.90)

SURFACES: dict[str, tuple[Color, float]] = {
    "liver": ((0.87, 0.58, 0.48), 0.3),
    "ablation": (ABLATION, 0.6),
    "vessel": ((0.35, 0.45, 0.80), 0.6),
    "tumo": ((0.94, 0.89, 0.26), 0.6),
}
"""Colour and opacity in 3-D of a segment whose name holds the word."""
OTHER_SURFACE: tuple[Color, float] = ((0.75, 0.75, 0.70), 0.4)

MARGIN_TABLE = "HCCAssist ablation margin"

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


def verdict_color(verdict: Verdict, score: float = 1.0) -> Color:
    """The colour of a finding; while pending the brighter yellow, the higher its score (0 to 1)."""
    if verdict is not Verdict.PENDING:
        return VERDICTS[verdict]
    red, green, blue = (low + score * (high - low) for low, high in zip(PENDING_LOW, PENDING_HIGH, strict=True))
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


def margin_color_node(scene: Any) -> Any:
    """The scene's colour table of ablation margins in steps, made where it is not there yet."""
    import slicer

    found = scene.GetNodesByClassByName("vtkMRMLColorTableNode", MARGIN_TABLE)
    if found.GetNumberOfItems():
        return found.GetItemAsObject(0)
    node = slicer.vtkMRMLColorTableNode()
    node.SetTypeToUser()
    node.SetName(MARGIN_TABLE)
    node.SetDescription("Margin of an ablation, mm")
    node.SetNumberOfColors(len(MARGINS))
    for index, (name, color) in enumerate(MARGINS):
        node.SetColor(index, name, *color)
    return scene.AddNode(node)
