"""What each member of a model makes of the findings of a case: probabilities, and the features that they rest on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.fingerprints import Fingerprint
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.seen_picture import SeenPicture
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.recorded import Recording, recorded
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.classification import ClassificationResult
from HCCAssistLib.results.result import Result

FloatArray = npt.NDArray[np.float64]

Place = tuple[float, float, float]

_SIDE = re.compile(r", \d+ mm$")
"""At the end of what a reader is told of a picture; it is told apart here."""

MOST_PICTURES = 4
"""Of a finding, from its first one to its last one."""


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """Something that the networks saw, axial, the patient's left on the viewer's right.

    Attributes:
        name: what it shows.
        grey: 8 bit ``(rows, columns)``.
        side_mm: from its left to its right.
    """

    name: str
    grey: npt.NDArray[np.uint8]
    side_mm: float


@dataclass(frozen=True, eq=False, slots=True)
class Scored:
    """One finding of a case, or the case itself where a method tells of none.

    Attributes:
        number: of the finding in its result, or of the point that marks it; 0 of a case itself.
        label: what a reader calls it, empty of a case itself.
        probabilities: ``(members, classes)``.
        features: ``(members, values)`` that the last layer of each member is given.
        pictures: what the networks saw of it.
        target: whether it counts where the findings of a case are pooled.
        verdict: what a reader said of it, ``""`` where its case has the label.
        told: what else the result says of it.
        network: of each member that scored it; features of another one cannot be compared with these.
    """

    number: int
    label: str
    probabilities: FloatArray
    features: FloatArray
    pictures: tuple[Picture, ...] = ()
    target: bool = True
    verdict: str = ""
    told: str = ""
    network: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class ScoredCase:
    """All findings of a case.

    Attributes:
        findings: in the order of the result.
        pooled: whether the case has one answer, the mean over its findings.
        scans: fingerprints of its volumes, where they were taken.
    """

    findings: tuple[Scored, ...]
    pooled: bool = False
    scans: tuple[Fingerprint, ...] = ()


def scored_case(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    confirmed: bool = False,
    pictures: bool = False,
    places: Mapping[int, Place] | None = None,
) -> ScoredCase:
    """Apply every member to a case.

    Args:
        study: as for a prediction.
        model: of any recipe. A model of trees beside networks has the members of its networks.
        run_options: of a prediction; no heat map is made.
        confirmed: what readers marked, where that is something else than what a model finds.
        pictures: whether these are wanted.
        places: centres in LPS mm of what a detection found in the case before, by number; it is not searched again.

    Raises:
        InputError: as the prediction, or no network took part in it.
    """
    recipe, options = model.package.recipe, {**run_options, "heatmap": False}
    if recipe.task == "detection":
        score = recipe.module("scored").scored_case
        found: ScoredCase = score(study, model, options, confirmed=confirmed, pictures=pictures, places=places)
        return found
    names = list(model.members[0])
    networks = [member[name] for name in names for member in model.members]
    with recorded(networks) as recordings:
        result: Result = recipe.module("prediction").predict(study, model, options)
    count = len(model.members)
    by_name = {name: recordings[n * count : (n + 1) * count] for n, name in enumerate(names)}
    network = next((name for name in reversed(names) if by_name[name][0].given), None)  # the fullest that could be used
    if network is None:
        what = "no network took part in the result, so that there are no features to compare"
        raise InputError(what, f"model {model.package.card.name}", "choose the images that its networks ask for")
    used = by_name[network]
    seen = _seen(recipe.module("seen").seen, study, result) if pictures else {}
    if not isinstance(result, ClassificationResult):
        return ScoredCase((_scored(0, "", used, slice(None), network=network, pictures=seen.get(0, ())),))
    first, findings = 0, []
    for one in result.findings:
        rows = slice(first, first + max(1, len(one.patches)))
        told = one.category_set.text if one.category_set else ""
        pictures_of = seen.get(one.number, ())
        findings.append(_scored(one.number, one.label, used, rows, pictures=pictures_of, target=one.target, told=told))
        first = rows.stop
    return ScoredCase(tuple(findings), pooled=result.patient is not None)


def _scored(number: int, label: str, recordings: Sequence[Recording], rows: slice, **more: Any) -> Scored:
    return Scored(
        number,
        label,
        np.stack([one.probabilities[rows].mean(axis=0) for one in recordings]),
        np.stack([one.features[rows].mean(axis=0) for one in recordings]),
        **more,
    )


def _seen(made: Any, study: Study, result: Any) -> dict[int, tuple[Picture, ...]]:
    """Pictures by finding, 0 where the result has none."""
    images: dict[str, Image] = {**study.volumes, **study.masks}
    for place, marked in study.findings.items():
        images |= {f"{place} finding {n}": one.mask for n, one in enumerate(marked, 1) if one.mask is not None}
    wanted = {one.number: one for one in result.findings} or {0: result}
    return {number: _some(made(one, images, result.run.options)) for number, one in wanted.items()}


def _some(pictures: Sequence[SeenPicture]) -> tuple[Picture, ...]:
    picked = dict.fromkeys(np.linspace(0, len(pictures) - 1, MOST_PICTURES).round().astype(int).tolist())
    return tuple(
        Picture(_SIDE.sub("", one.text.partition("\n")[0]), one.grey, float(one.grid.spacing[0]) * one.grey.shape[1])
        for one in (pictures[number] for number in picked if pictures)
    )
