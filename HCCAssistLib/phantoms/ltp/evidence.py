"""What only known truth can show of an LTP model: better than a threshold, and looking at the nodule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import bootstrap_interval
from HCCAssistLib.evaluation.figures import froc_figure
from HCCAssistLib.evaluation.froc import FrocCurve, froc
from HCCAssistLib.evaluation.intervals import proportion_interval
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.result import Estimate, Interval
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

LAYERS = ("fc1", "conv1")
"""Layers back to which weights are drawn anew: all that weigh places against each other, and the whole network."""

DRAWS = 10


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
        trained: share of the nodules that hold the peak of their map, for the model.
        randomised: mean share over the draws, for each layer up to which weights were drawn anew; the last is of a
            network without any training.
        chance: share that peaks anywhere on the maps would have.
    """

    trained: Estimate
    randomised: tuple[Estimate, ...]
    chance: float


def pointing_evidence(cohort: Cohort, network: LTPNetwork, *, draws: int = DRAWS) -> PointingEvidence:
    """Whether Grad-CAM peaks inside the planted nodules of the test cases, and stops to when weights are lost.

    Args:
        cohort: of phantoms.
        network: trained.
        draws: of random weights, for each layer; a single one may point at bright nodules by luck.

    Raises:
        InputError: no test case holds a lesion.
    """
    from HCCAssistLib.explain.pointing import pointing_game, randomise_layers
    from HCCAssistLib.recipes.ltp.explanation import explain

    patches = _nodule_patches(cohort.of_split("test"))
    if not patches:
        raise InputError("no test case holds a lesion", "cohort.csv")

    def play(candidate: LTPNetwork) -> Pointing:
        heats = [explain([candidate.eval()], patch.image, [patch.start]).merged for patch in patches]
        return pointing_game(heats, [patch.nodule for patch in patches])

    trained = play(network)
    shares = {
        layer: [play(randomise_layers(network, layer, seed=seed)).fraction for seed in range(draws)] for layer in LAYERS
    }
    randomised = tuple(_of_draws(layer, each, len(patches)) for layer, each in shares.items())
    return PointingEvidence(_share(trained.hits, [patch.patient for patch in patches]), randomised, trained.chance)


def _share(hits: Sequence[bool], patients: Sequence[str]) -> Estimate:
    """Clopper-Pearson over nodules, and beside it a bootstrap over patients."""
    names, of = np.unique(patients, return_inverse=True)
    found, nodules = np.bincount(of, weights=hits), np.bincount(of).astype(np.float64)
    return Estimate(
        name="maps that peak in their nodule, trained weights",
        value=sum(hits) / len(hits),
        n=len(hits),
        unit="nodule",
        successes=sum(hits),
        interval=proportion_interval(sum(hits), len(hits)),
        clustered=bootstrap_interval(lambda weights: (weights @ found) / (weights @ nodules), len(names)),
        clusters=len(names),
    )


def _of_draws(layer: str, shares: Sequence[float], nodules: int) -> Estimate:
    return Estimate(
        name=f"maps that peak in their nodule, weights random back to {layer}",
        value=float(np.mean(shares)),
        n=nodules,
        unit="nodule",
        interval=Interval(min(shares), max(shares), f"lowest and highest of {len(shares)} draws of random weights"),
        note=f"mean of {len(shares)} draws",
    )


class _Patch(NamedTuple):
    """A patch beside a nodule: whose it is, the image, the nodule, and the first voxel of the patch."""

    patient: str
    image: Image
    nodule: Image
    start: tuple[int, int, int]


def _nodule_patches(cases: Sequence[Case]) -> list[_Patch]:
    """Patches shifted off the nodules, so that a peak in the middle of the patch is not yet a hit."""
    patches = []
    for case in cases:
        lesions = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))["lesions"]
        if not lesions:
            continue
        study = read_study(case, LTP)
        image, _ = working_image(study.volumes[f"{TIME_POINT}/arterial"], SPACING_MM, fill_value=AIR_HU)
        for number, lesion in enumerate(lesions):
            center = np.rint(image.geometry.to_index(lesion["center_lps"])).astype(int)
            shift = np.array(SHIFTS[number % len(SHIFTS)])
            i, j, k = (int(v) for v in center - np.array(PATCH_SHAPE[::-1]) // 2 + (*shift, 0))
            nodule = _ball(image, lesion["center_lps"], lesion["diameter_mm"] / 2)
            patches.append(_Patch(case.patient_id, image, nodule, (i, j, k)))
    return patches


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


def add_evidence(pages: Report, cohort: Cohort, network: LTPNetwork, curve: FrocCurve) -> FrocCurve:
    """Add to a report of phantoms what only known truth can show.

    Args:
        pages: of the evaluation on the same cohort.
        cohort: of phantoms.
        network: that was evaluated.
        curve: its lesions found.

    Returns:
        Lesions found by the threshold.
    """
    baseline = threshold_froc(cohort)
    pages.add_heading("Beside a threshold on HU")
    pages.add_text(
        "The simplest detector of arterial enhancement: connected spots of the liver that exceed its median by a "
        "contrast, tuned on training cases and scored by their mean contrast."
    )
    pages.add_estimates("Lesions found by the threshold", (*baseline.at_rates, baseline.cpm))
    pages.add_figure(
        "froc-threshold",
        froc_figure([("network", curve), ("threshold on HU", baseline)]),
        "Lesion level: the network and the HU threshold on the same held-out phantoms",
        n=curve.lesions,
        unit="lesion",
        estimates=(curve.cpm, baseline.cpm),
        data={"network": curve.as_json(), "threshold": baseline.as_json()},
    )
    pointing = pointing_evidence(cohort, network)
    pages.cover("explainability")
    pages.add_heading("Does the heat map point at the nodule?")
    pages.add_text(
        "Grad-CAM maps of patches that are shifted off the centres of the planted nodules. A map hits where its peak "
        f"lies in its nodule; a peak anywhere would hit in {pointing.chance:.2f} of the maps. Maps of networks "
        "whose weights were drawn anew, from the output back to a layer, show what the image alone explains."
    )
    pages.add_estimates("Pointing game", (pointing.trained, *pointing.randomised))
    return baseline
