"""One case of an evaluation: the risk of the patient, what the networks saw, and how both are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Picture

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ablation.prediction import predict
from HCCAssistLib.recipes.ablation.recipe import SIZE
from HCCAssistLib.recipes.ablation.seen import seen
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.risk import RiskResult
from HCCAssistLib.training.kept_cases import CaseFiles


@dataclass(frozen=True, eq=False, slots=True)
class EvaluatedCase:
    """What an evaluation needs of a case.

    Attributes:
        result: the risk, by all models that the inputs allow.
        seen: 8 bit ``(128, 128)``, the middle slice of each phase as the networks saw it, by volume.
    """

    result: RiskResult
    seen: Mapping[str, npt.NDArray[np.uint8]]


def evaluate_case(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Callable[[float], None] | None = None,
) -> EvaluatedCase:
    """Predict the risk of a case.

    Raises:
        InputError: the case cannot be used.
    """
    result = predict(study, model, run_options, progress=progress)
    pictures = seen(result, study.volumes, model.package.card.options)
    return EvaluatedCase(result, {one.place: one.grey for one in pictures})


def _write(one: EvaluatedCase, folder: Path) -> dict[str, Any]:
    write_result(one.result, folder)
    for place, grey in one.seen.items():
        Picture.fromarray(grey).save(folder / _name(place), optimize=True)
    return {"seen": list(one.seen)}


def _read(record: Mapping[str, Any], case: Case, folder: Path) -> EvaluatedCase:
    result = read_result(folder)
    if not isinstance(result, RiskResult):
        raise TypeError(f"a {result.kind} is no risk")
    places = [place for place in record["seen"] if place in result.registrations or place in result.volumes]
    return EvaluatedCase(result, {place: _picture(folder / _name(place)) for place in places})


def _name(place: str) -> str:
    return f"seen-{place.replace('/', '-')}.png"


def _picture(path: Path) -> npt.NDArray[np.uint8]:
    found = np.asarray(Picture.open(path), dtype=np.uint8)
    if found.shape != (SIZE, SIZE):
        raise ValueError(f"a picture of {found.shape} pixels")
    return found


FILES = CaseFiles("hccassist-evaluated-ablation-risk/1", _write, _read)
"""How a finished case lies in its folder."""
