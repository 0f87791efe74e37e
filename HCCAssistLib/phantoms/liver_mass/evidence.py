"""What only known truth can show of a liver-mass model: better than mean values, and looking at the mass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import bootstrap_interval
from HCCAssistLib.evaluation.intervals import proportion_interval
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.liver_mass.augmentation import center_crop
from HCCAssistLib.recipes.liver_mass.explanation import PIXELS_PER_CELL, probabilities, scores_and_maps
from HCCAssistLib.recipes.liver_mass.masses import field_of_view, masses_of
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, SIZE, TIME_POINT, phases_of
from HCCAssistLib.recipes.liver_mass.sampling import CODES, pictures
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import cohort_spec

if TYPE_CHECKING:
    from HCCAssistLib.explain.pointing import Pointing
    from HCCAssistLib.recipes.liver_mass.network import LiverMassNetwork

OFF_CENTER = 0.2
"""Share of the field of view by which frames are moved off a mass to both sides: its centre is then outside the mass,
so that a peak in the middle of the frame is not yet a hit."""

CORNERS = ((1, -1), (-1, 1), (1, 1), (-1, -1))

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False, slots=True)
class Masses:
    """Pictures of the masses of some cases, one per mass.

    Attributes:
        images: as stored for training, ``(n, phases, STORED, STORED)``.
        shifted: the same off the centre.
        off: by how much, pixels ``(n, 2)`` right and down, where the mass lies in them from the middle.
        radius: of the mass in pixels ``(n,)``.
        hu: mean of the middle of each in each phase ``(n, phases)``.
        labels: index of the category ``(n,)``.
        patients: ``(n,)``.
    """

    images: npt.NDArray[np.uint8]
    shifted: npt.NDArray[np.uint8]
    off: npt.NDArray[np.float64]
    radius: npt.NDArray[np.float64]
    hu: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    patients: npt.NDArray[np.str_]


def masses_in(cases: Sequence[Case], options: Mapping[str, Value]) -> Masses:
    """Pictures of all masses of some cases, with their categories.

    Raises:
        InputError: no cases, or one that cannot be used.
    """
    if not cases:
        raise InputError("there are no such cases", "cohort.csv", "make a larger cohort")
    label = cohort_spec(LIVER_MASS, options).finding_classes
    parts = []
    for case in cases:
        study = read_study(case, LIVER_MASS, options=options, classes=label)
        volumes = {phase: study.volumes[f"{TIME_POINT}/{phase}"] for phase in phases_of(options)}
        masses = masses_of(study, options)
        sides = np.array([field_of_view(mass.diameter_mm, options) for mass in masses])
        corners = np.array([CORNERS[n % len(CORNERS)] for n in range(len(masses))])
        moved = np.array([mass.center for mass in masses])
        moved[:, :2] -= OFF_CENTER * sides[:, None] * corners
        images, hu = pictures(volumes, [(mass, mass.center) for mass in masses], options)
        beside, _ = pictures(
            volumes, [(m, (float(x), float(y), float(z))) for m, (x, y, z) in zip(masses, moved, strict=True)], options
        )
        diameters = np.array([mass.diameter_mm for mass in masses])
        labels = np.array([CODES.index(mass.category) for mass in masses])
        patients = np.array([case.patient_id] * len(masses))
        parts.append((images, beside, OFF_CENTER * SIZE * corners, diameters / 2 / sides * SIZE, hu, labels, patients))
    return Masses(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def categories_of(networks: Sequence[LiverMassNetwork], masses: Masses) -> npt.NDArray[np.int64]:
    """What each network takes each mass for, ``(networks, n)``."""
    import torch

    found: npt.NDArray[np.int64] = probabilities(networks, center_crop(torch.from_numpy(masses.images))).argmax(axis=2)
    return found


def mean_hu_rule(train: Masses, test: Masses) -> npt.NDArray[np.int64]:
    """What a logistic regression on the mean HU in each phase takes each mass for, ``(n,)``."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rule = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train.hu, train.labels)
    return np.asarray(rule.predict(test.hu), dtype=np.int64)


def accuracy(called: npt.NDArray[np.int64], test: Masses, name: str) -> Estimate:
    """Share of right categories, with a bootstrap over patients."""
    right = called == test.labels
    names, of = np.unique(test.patients, return_inverse=True)
    hits, rows = np.bincount(of, weights=right), np.bincount(of)

    def share(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = weights @ hits / (weights @ rows)
        return found

    return Estimate(
        name=name,
        value=float(right.mean()),
        n=len(right),
        unit="mass",
        interval=bootstrap_interval(share, len(names)),
        clusters=len(names),
    )


def pointing(networks: Sequence[LiverMassNetwork], masses: Masses) -> tuple[Estimate, float]:
    """How often Grad-CAM peaks in the mass where the frame lies beside it, and how often a peak anywhere would."""
    import torch

    from HCCAssistLib.explain.pointing import pointing_game

    _, maps = scores_and_maps(networks, center_crop(torch.from_numpy(masses.shifted)))
    middle = (SIZE - 1) / 2
    first = (PIXELS_PER_CELL - 1) / 2 - middle
    cells = Geometry.from_parts((1, *maps.shape[1:]), (PIXELS_PER_CELL,) * 2 + (1,), (first, first, 0))
    pixels = Geometry.from_parts((1, SIZE, SIZE), (1, 1, 1), (-middle, -middle, 0))
    y, x = np.indices((SIZE, SIZE)) - middle
    disks = [np.hypot(x - off[0], y - off[1]) <= radius for off, radius in zip(masses.off, masses.radius, strict=True)]
    played: Pointing = pointing_game(
        [Image(heat[None], cells, "map") for heat in maps],
        [Image(disk[None].astype(np.uint8), pixels, "mass") for disk in disks],
    )
    hits = sum(played.hits)
    return (
        Estimate(
            name="maps that peak in their mass",
            value=played.fraction,
            n=len(played.hits),
            unit="mass",
            successes=hits,
            interval=proportion_interval(hits, len(played.hits)),
        ),
        played.chance,
    )
