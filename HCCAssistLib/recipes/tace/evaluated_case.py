"""One case of an evaluation: its tumours' responses, the patches that the network saw, and how both are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Picture

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.errors import InputError
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.prediction import predict
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, SIZE, TUMOURS
from HCCAssistLib.recipes.tace.sampling import pictures
from HCCAssistLib.recipes.tace.tumours import tumours_of
from HCCAssistLib.results.classification import ClassificationResult
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.tables import write_findings
from HCCAssistLib.training.kept_cases import CaseFiles


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredTumour:
    """What simple rules know of a tumour, and what the network saw of it.

    Attributes:
        volume_ml, hu: of its segment: millilitres, and the mean.
        patches: 8 bit ``(patches, channels, SIZE, SIZE)``, exactly what the network saw.
    """

    volume_ml: float
    hu: float
    patches: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False, slots=True)
class EvaluatedCase:
    """What an evaluation needs of a case.

    Attributes:
        result: with one finding for each tumour.
        tumours: of each finding.
    """

    result: ClassificationResult
    tumours: tuple[MeasuredTumour, ...]


def evaluate_case(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Callable[[float], None] | None = None,
) -> EvaluatedCase:
    """Predict the response of a case.

    Raises:
        InputError: the case cannot be used, or no tumour counts.
    """
    options = model.package.card.options
    result = predict(study, model, run_options, progress=progress)
    if result.patient is None:
        raise InputError("no tumour is marked as a target", TUMOURS, "tag the segments that count with target yes")
    return EvaluatedCase(
        result=result,
        tumours=tuple(
            MeasuredTumour(one.volume_ml, one.hu, pictures(study.volumes[ARTERIAL], one.patches, options))
            for one in tumours_of(study, options)
        ),
    )


def _write(one: EvaluatedCase, folder: Path) -> dict[str, Any]:
    write_result(one.result, folder)
    write_findings(one.result, folder / "findings.csv")
    tumours = []
    for finding, tumour in zip(one.result.findings, one.tumours, strict=True):
        count, channels = tumour.patches.shape[:2]
        strip = tumour.patches.reshape(count * channels * SIZE, SIZE)
        Picture.fromarray(strip).save(folder / _patches(finding.number), optimize=True)
        tumours.append(
            {"number": finding.number, "volume_ml": tumour.volume_ml, "hu": tumour.hu, "patches": [count, channels]}
        )
    return {"tumours": tumours}


def _read(record: Mapping[str, Any], case: Case, folder: Path) -> EvaluatedCase:
    result = read_result(folder)
    tumours = record["tumours"]
    if not isinstance(result, ClassificationResult):
        raise TypeError(f"a {result.kind} is no classification")
    if [finding.number for finding in result.findings] != [one["number"] for one in tumours]:
        raise ValueError("the tumours of the record are not those of the result")
    if result.patient is None:
        raise ValueError("the result says nothing of the patient")
    return EvaluatedCase(
        result=result,
        tumours=tuple(
            MeasuredTumour(
                float(one["volume_ml"]),
                float(one["hu"]),
                np.asarray(Picture.open(folder / _patches(one["number"]))).reshape(*one["patches"], SIZE, SIZE),
            )
            for one in tumours
        ),
    )


def _patches(number: int) -> str:
    return f"tumour-{number}.png"


FILES = CaseFiles("hccassist-evaluated-tumours/1", _write, _read)
"""How a finished case lies in its folder."""
