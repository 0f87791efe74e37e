"""Colours are told apart, with red-green blindness as well."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")

from HCCAssistLib.scene import colors


def simulate(color: tuple[float, ...], matrix: np.ndarray) -> np.ndarray:
    linear = np.where(np.array(color) <= 0.04045, np.array(color) / 12.92, ((np.array(color) + 0.055) / 1.055) ** 2.4)
    return np.clip(matrix @ linear, 0, 1)


def lab(linear: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(xyz / (0.9505, 1.0, 1.089))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_verdicts_zone_and_frame_are_told_apart_with_red_green_blindness() -> None:
    # Machado, Oliveira and Fernandes 2009, severity 1
    sights = {
        "all colours": np.eye(3),
        "protanopia": np.array(
            [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
        ),
        "deuteranopia": np.array(
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
        ),
    }
    others = (*(color for verdict, color in colors.VERDICTS.items() if verdict is not Verdict.PENDING),)
    fixed = (*others, colors.ABLATION, colors.SELECTED)
    verdicts = ((colors.PENDING_LOW, *fixed), (colors.PENDING_HIGH, *fixed))
    for sight, group in itertools.product(sights, verdicts):
        for one, other in itertools.combinations(group, 2):
            apart = np.linalg.norm(lab(simulate(one, sights[sight])) - lab(simulate(other, sights[sight])))
            assert apart > 20, (sight, one, other)


def test_heat_grows_lighter_all_the_way() -> None:
    lightness = [lab(simulate(tuple(color), np.eye(3)))[0] for color in colors.heat_colors()]
    assert (np.diff(lightness) > 0).all()
