"""From members to calibrated sets: what is kept of the findings that members were held out of, and what it says later.

Each member keeps where the features of its training lie, category by category (their means, and one covariance for all
of them: Lee K, Lee K, Lee H, Shin J, NeurIPS 2018), and how far from there the findings lie that it was held out of.
A package holds nothing of them but probability, distance, category and which of them belong to one patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.conformal import LEVEL, Calibration
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.results.category_set import CategorySet
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.samples import Samples

ROUNDING = 1e-6

FILE, OF_MEMBER = "values-calibration.safetensors", "values-looks-{}.safetensors"

Arrays = dict[str, npt.NDArray[Any]]
FloatArray = npt.NDArray[np.float64]


def seen_features(train: Samples, learnt: FloatArray, held_out: FloatArray) -> Arrays:
    """What a member keeps of features of its samples.

    Args:
        train: the samples that it learnt, of which the first one of each finding counts.
        learnt: ``(n, values)`` their features.
        held_out: ``(m, values)`` of the samples that it was held out of.

    Returns:
        ``means`` ``(categories, values)``; ``whitening`` ``(values, values)``, behind which a Euclidean distance is one
        of Mahalanobis; ``distances`` ``(m,)``.
    """
    from sklearn.covariance import LedoitWolf

    first = _first_of_findings(train)
    features = learnt[first]
    codes, of = np.unique(train.labels[first], return_inverse=True)
    means = np.stack([features[of == code].mean(axis=0) for code in range(len(codes))])
    apart = features - means[of]
    spread = apart.std(axis=0)
    scale = np.where(spread > ROUNDING, spread, 1.0)  # the covariance's shrinkage takes all values as equally wide
    precision = LedoitWolf(assume_centered=True).fit(apart / scale).precision_
    whitening = np.linalg.cholesky(precision) / scale[:, None]
    kept = {"means": means.astype(np.float32), "whitening": whitening.astype(np.float32)}
    return {**kept, "distances": distances(held_out, kept)}


def distances(features: FloatArray, kept: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
    """How far features ``(n, values)`` lie from the nearest category of a member's training, ``(n,)``."""
    whitening = kept["whitening"].astype(np.float64)
    means = kept["means"].astype(np.float64) @ whitening
    apart = (features @ whitening)[:, None] - means
    found: FloatArray = np.linalg.norm(apart, axis=2).min(axis=1)
    return found


def calibration_files(results: Sequence[MemberResult]) -> dict[str, Arrays]:
    """The files of a package by name; none where a member kept nothing.

    Args:
        results: of the members, with outputs ``(n, categories)`` for samples of which the first one of each finding is
            the one that a prediction looks at.
    """
    if not all("distances" in result.kept for result in results):
        return {}
    scores: dict[tuple[str, int], list[tuple[float, float]]] = {}
    known: dict[tuple[str, int], tuple[int, str]] = {}
    files = {}
    for number, result in enumerate(results):
        held_out = result.validation
        first = _first_of_findings(held_out)
        away = result.kept["distances"][first]
        center, scale = float(away.mean()), float(away.std()) or 1.0
        kept = {name: array for name, array in result.kept.items() if name != "distances"}
        files[OF_MEMBER.format(number)] = {**kept, "held_out": np.array([center, scale])}
        probabilities = softmax(result.outputs[first].astype(np.float64), axis=1)
        for row, found, distance in zip(first, probabilities, (away - center) / scale, strict=True):
            origin = held_out.origins[held_out["case"][row]]
            finding, label = (origin.case_id, int(held_out["lesion"][row])), int(held_out.labels[row])
            known[finding] = label, origin.patient_id
            scores.setdefault(finding, []).append((float(found[label]), float(distance)))
    rows = sorted((label, *np.mean(scores[finding], axis=0), patient) for finding, (label, patient) in known.items())
    numbers: dict[str, int] = {}  # in the order of the scores, which tells nothing of the cohort
    patients = [numbers.setdefault(patient, len(numbers)) for *_, patient in rows]
    labels, found, away = (np.array(column) for column in list(zip(*rows, strict=True))[:3])
    return {FILE: Calibration(found, away, labels, np.array(patients)).as_arrays(), **files}


def category_sets(
    package: ModelPackage, probabilities: FloatArray, features: FloatArray, codes: Sequence[str]
) -> list[CategorySet | None]:
    """The set of each finding; None of a model that was not calibrated.

    Args:
        package: of the model.
        probabilities: ``(findings, categories)``, the mean over the members.
        features: ``(findings, values)``, as the members were given of their samples.
        codes: of the categories.

    Raises:
        InputError: the calibration is damaged.
    """
    if not {FILE, OF_MEMBER.format(0)} <= package.card.files.keys():  # not calibrated, or by looks of another kind
        return [None] * len(probabilities)
    members = [package.arrays(OF_MEMBER.format(number)) for number in range(len(package.card.members))]
    values = features.shape[1]
    for kept in members:
        shapes = {name: kept[name].shape[-1] if name in kept else 0 for name in ("means", "whitening", "held_out")}
        if shapes != {"means": values, "whitening": values, "held_out": 2} or len(kept["whitening"]) != values:
            where = f"model {package.card.name}"
            raise InputError("what the model keeps of its training is damaged", where, "train the model again")
    calibration = Calibration.from_arrays(package.arrays(FILE))
    p_values, p_seen = calibration.of_categories(probabilities), how_unusual(calibration, members, features)
    basis = LEVEL, calibration.n, calibration.n_patients
    return [
        CategorySet(dict(zip(codes, map(float, row), strict=True)), float(p), *basis)
        for row, p in zip(p_values, p_seen, strict=True)
    ]


def how_unusual(
    calibration: Calibration, members: Sequence[Mapping[str, npt.NDArray[Any]]], features: FloatArray
) -> FloatArray:
    """p-values ``(findings,)`` of new findings as such, by what each member kept; a small one is like nothing seen."""
    away = [(distances(features, kept) - kept["held_out"][0]) / kept["held_out"][1] for kept in members]
    return calibration.of_distances(np.mean(away, axis=0))


def _first_of_findings(samples: Samples) -> npt.NDArray[np.int64]:
    """The first row of each finding."""
    _, first = np.unique(np.stack([samples["case"], samples["lesion"]]), axis=1, return_index=True)
    return np.sort(first)
