"""Colours of ablation margins, in the scene and in reports; red-green blindness keeps them apart (Okabe & Ito)."""

from __future__ import annotations

Color = tuple[float, float, float]

MARGINS: tuple[tuple[str, Color], ...] = (
    ("under 0 (outside)", (0.84, 0.37, 0.00)),
    ("0 to 5", (0.94, 0.89, 0.26)),
    ("5 to 10", (0.35, 0.70, 0.90)),
    ("10 and more", (0.00, 0.45, 0.70)),
)
MARGIN_RANGE = (-5.0, 15.0)
"""Of the scalars, mm: four colours of 5 mm each change at 0, 5 and 10, and the outer ones go on beyond."""

LEFT_OUT: Color = (0.55, 0.55, 0.55)
"""Surface that does not count."""
