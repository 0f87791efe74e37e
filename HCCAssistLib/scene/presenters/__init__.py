"""How results of each kind are shown in the scene."""

from __future__ import annotations

from collections.abc import Mapping

from HCCAssistLib.scene.presenters import classification, detection, risk
from HCCAssistLib.scene.presenters.presenter import Presenter

PRESENTERS: Mapping[str, Presenter] = {
    "detection": detection,
    "classification": classification,
    "risk": risk,
}
"""Presenter by the kind of result."""
