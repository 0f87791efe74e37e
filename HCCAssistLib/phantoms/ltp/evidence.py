"""What only known truth can show of an LTP model: better than a threshold, and looking at the nodule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.froc import FrocCurve, VolumeFindings, froc
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.imaging.working_grid import working_image
from HCCAssistLib.inference.study import Study, read_study
from HCCAssistLib.phantoms.ltp.baseline import ThresholdCase, hu_threshold_score, tune_contrast
from HCCAssistLib.recipes.ltp.operating_point import TOLERANCE_MM
from HCCAssistLib.recipes.ltp.recipe import LTP, PATCH_SHAPE, SPACING_MM, TIME_POINT

if TYPE_CHECKING:
    from HCCAssistLib.explain.pointing import Pointing
    from HCCAssistLib.recipes.ltp.network import LTPNetwork

TUNING_CASES = 12
SHIFTS = ((8, -8), (-8, 8), (8, 8), (-8, -8))
"""Pixels by which patches are shifted off a nodule: as far as those that a network was trained on."""

LAYERS = ("fc3", "fc2", "fc1", "conv3", "conv2", "conv1")
"""From the output back to the input: the order in which the weights are randomised."""


def threshold_froc(cohort: Cohort) -> FrocCurve:
    """The HU threshold on the test cases, tuned on training cases that hold lesions.

    Raises:
        InputError: the cohort has no training cases with lesions, or a case has no liver segment.
    """
    training = [case for case in cohort.of_split("train") if case.values.get("ltp") == "1"][:TUNING_CASES]
    if not training:
        raise InputError("there is no training case with a lesion to tune the threshold on", "cohort.csv")
    contrast = tune_contrast([_threshold_case(case) for case in training], tolerance_mm=TOLERANCE_MM)
    volumes = []
    for case in cohort.of_split("test"):
        one = _threshold_case(case)
        found = hu_threshold_score(one.image, one.liver, contrast_hu=contrast)
        centers = np.array([candidate.center_lps for candidate in found]).reshape(-1, 3)
        scores = np.array([candidate.score for candidate in found])
        volumes.append(VolumeFindings(case.patient_id, centers, scores, one.lesions, np.zeros(len(one.lesions))))
    return froc(volumes, tolerance_mm=TOLERANCE_MM)


@dataclass(frozen=True, slots=True)
class PointingEvidence:
    """The pointing game with the trained weights, and with ever more layers randomised.

    Attributes:
        trained: outcome for the model.
        randomised: layer up to which weights were drawn anew, and the mean share of hits over the seeds.
        seeds: how many times each was drawn.
    """

    trained: Pointing
    randomised: tuple[tuple[str, float], ...]
    seeds: int


def pointing_evidence(cohort: Cohort, network: LTPNetwork, *, seeds: int = 5) -> PointingEvidence:
    """Whether Grad-CAM peaks inside the planted nodules of the test cases, and stops to when weights are lost.

    Args:
        cohort: of phantoms.
        network: trained.
        seeds: draws of random weights.

    Raises:
        InputError: no test case holds a lesion.
    """
    from HCCAssistLib.explain.pointing import pointing_game, randomise_layers
    from HCCAssistLib.recipes.ltp.explanation import explain

    images, nodules, starts = _nodule_patches(cohort.of_split("test"))
    if not images:
        raise InputError("no test case holds a lesion", "cohort.csv")

    def play(candidate: LTPNetwork) -> Pointing:
        heats = [
            explain([candidate.eval()], image, [start]).merged for image, start in zip(images, starts, strict=True)
        ]
        return pointing_game(heats, nodules)

    randomised = [
        (layer, float(np.mean([play(randomise_layers(network, layer, seed=seed)).fraction for seed in range(seeds)])))
        for layer in LAYERS
    ]
    return PointingEvidence(play(network), tuple(randomised), seeds)


def _nodule_patches(cases: Sequence[Case]) -> tuple[list[Image], list[Image], list[tuple[int, int, int]]]:
    """Patches shifted off the nodules, so that a peak in the middle of the patch is not yet a hit.

    Returns:
        For every nodule the image around it, the nodule and the first voxel of the patch.
    """
    images, nodules, starts = [], [], []
    for case in cases:
        lesions = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))["lesions"]
        if not lesions:
            continue
        study = read_study(case, LTP)
        image, _ = working_image(study.volumes[f"{TIME_POINT}/arterial"], SPACING_MM, outside=AIR_HU)
        for number, lesion in enumerate(lesions):
            center = np.rint(image.geometry.to_index(lesion["center_lps"])).astype(int)
            shift = np.array(SHIFTS[number % len(SHIFTS)])
            i, j, k = (int(v) for v in center - np.array(PATCH_SHAPE[::-1]) // 2 + (*shift, 0))
            images.append(image)
            nodules.append(_ball(image, lesion["center_lps"], lesion["diameter_mm"] / 2))
            starts.append((i, j, k))
    return images, nodules, starts


def _ball(image: Image, center: Sequence[float], radius_mm: float) -> Image:
    """A nodule as a sphere on the part of the image's grid around it."""
    reach = np.ceil(radius_mm / image.geometry.spacing).astype(int) + 1
    first = np.rint(image.geometry.to_index(center)).astype(int) - reach
    grid = image.geometry.crop([int(v) for v in first], [int(v) for v in (2 * reach + 1)[::-1]])
    k, j, i = np.indices(grid.shape)
    away = np.linalg.norm(grid.to_world(np.stack([i, j, k], -1)) - np.array(center), axis=-1)
    inside = away <= radius_mm
    inside[tuple(reach[::-1])] = True
    return Image(inside.astype(np.uint8), grid, "nodule")


def _threshold_case(case: Case) -> ThresholdCase:
    study: Study = read_study(case, LTP)
    liver = study.masks.get(f"{TIME_POINT}/liver")
    if liver is None:
        raise InputError("there is no liver segment", f"case {case.case_id}")
    marked = study.points.get(f"{TIME_POINT}/ltp")
    lesions = marked.positions if marked else np.empty((0, 3))
    return ThresholdCase(study.volumes[f"{TIME_POINT}/arterial"], liver, lesions, np.zeros(len(lesions)))
