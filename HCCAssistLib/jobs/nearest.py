"""The task that finds confirmed cases beside the findings of a result, and how it tells them."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from HCCAssistLib.inference.scored import Picture, Scored
    from HCCAssistLib.training.nearest_cases import NearestCases

Progress = Callable[[float], None]


def nearest(
    progress: Progress, *, folder: str, cohort: str, patient: str, places: list[tuple[int, list[float]]] | None
) -> dict[str, Any]:
    """The confirmed findings of a cohort that lie nearest to those of a study.

    Args:
        folder: of the request: the study, and the model, options and device of the run that made its result.
        cohort: its folder.
        patient: of the cohort, whose study it is; empty where he is not known to have a case.
        places: number and centre in LPS mm of what a detection found; None of another result.

    Returns:
        ``confirmed`` and ``patients``, how many were looked among; ``own``, ids of cases that were left out since they
        are of this patient; ``problems``, a sentence each; ``findings``, pairs of a number and its neighbours, each
        with ``case_id``, ``of``, ``label``, ``distance`` and ``pictures``, their numbers in the list ``pictures``, of
        which each has ``name``, ``side_mm`` and ``png``, in base64.
    """
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.jobs.requests import read_request
    from HCCAssistLib.models.package import read_package
    from HCCAssistLib.recipes.registry import all_columns
    from HCCAssistLib.training.nearest_cases import kept_in, nearest_cases

    study, request = read_request(Path(folder))
    package = read_package(request.model)
    found = nearest_cases(
        study,
        package,
        read_cohort(Path(cohort), tolerant=True, known=all_columns()),
        request.options,
        device=request.device,
        patient=patient,
        places=None if places is None else {number: (x, y, z) for number, (x, y, z) in places},
        folder=kept_in(Path(cohort), package),
        progress=progress,
    )
    return _as_told(found)


def _as_told(found: NearestCases) -> dict[str, Any]:
    pictures: list[dict[str, Any]] = []
    drawn: dict[int, list[int]] = {}  # a confirmed finding may stand beside several others

    def numbers(one: Scored) -> list[int]:
        if id(one) not in drawn:
            drawn[id(one)] = list(range(len(pictures), len(pictures) + len(one.pictures)))
            pictures.extend(
                {"name": picture.name, "side_mm": picture.side_mm, "png": _png(picture)} for picture in one.pictures
            )
        return drawn[id(one)]

    findings = [
        [
            number,
            [
                {
                    "case_id": one.case_id,
                    "of": one.finding.label if one.finding.number and not one.finding.verdict else "",
                    "label": one.label,
                    "distance": one.distance,
                    "pictures": numbers(one.finding),
                }
                for one in near
            ],
        ]
        for number, near in found.nearest.items()
    ]
    return {
        "confirmed": found.confirmed,
        "patients": found.patients,
        "own": list(found.own),
        "problems": [str(problem) for problem in found.problems],
        "findings": findings,
        "pictures": pictures,
    }


def _png(picture: Picture) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture.grey).save(file, "PNG")
    return b64encode(file.getvalue()).decode()
