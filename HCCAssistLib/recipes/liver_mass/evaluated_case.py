"""One case of an evaluation: its masses classified, the pictures that the network saw, and how both are kept."""

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
from HCCAssistLib.recipes.liver_mass.augmentation import SHIFT
from HCCAssistLib.recipes.liver_mass.masses import field_of_view, masses_of
from HCCAssistLib.recipes.liver_mass.prediction import predict
from HCCAssistLib.recipes.liver_mass.recipe import SIZE, TIME_POINT, phases_of
from HCCAssistLib.recipes.liver_mass.sampling import CODES, pictures
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.classification import ClassificationResult
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.tables import write_findings
from HCCAssistLib.training.kept_cases import CaseFiles


@dataclass(frozen=True, slots=True)
class Reference:
    """What is known of one mass.

    Attributes:
        category: code.
        subtype: the finer code, or ``""``.
        source: how the diameter is known.
        side_mm: of the square that the network saw.
    """

    category: str
    subtype: str
    source: str
    side_mm: float


@dataclass(frozen=True, eq=False, slots=True)
class EvaluatedCase:
    """What an evaluation needs of a case.

    Attributes:
        result: with one finding per mass.
        references: of each finding.
        crops: 8 bit ``(masses, phases, SIZE, SIZE)``, exactly what the network saw.
    """

    result: ClassificationResult
    references: tuple[Reference, ...]
    crops: npt.NDArray[np.uint8]


def evaluate_case(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Callable[[float], None] | None = None,
) -> EvaluatedCase:
    """Classify the masses of a case.

    Raises:
        InputError: the case cannot be used, or a mass has no category.
    """
    options = model.package.card.options
    masses = masses_of(study, options)
    if unknown := [mass.label for mass in masses if not mass.category]:
        raise InputError("it has no category", f"mass {unknown[0]!r}", f"write one of {', '.join(CODES)}")
    result = predict(study, model, run_options, progress=progress)
    volumes = {phase: study.volumes[f"{TIME_POINT}/{phase}"] for phase in phases_of(options)}
    images, _ = pictures(volumes, [(mass, mass.center) for mass in masses], options)
    return EvaluatedCase(
        result=result,
        references=tuple(
            Reference(one.category, one.subtype, one.diameter_source, field_of_view(one.diameter_mm, options))
            for one in masses
        ),
        crops=images[..., SHIFT : SHIFT + SIZE, SHIFT : SHIFT + SIZE],
    )


def _write(one: EvaluatedCase, folder: Path) -> dict[str, Any]:
    write_result(one.result, folder)
    write_findings(one.result, folder / "findings.csv")
    masses = []
    for finding, reference, crops in zip(one.result.findings, one.references, one.crops, strict=True):
        Picture.fromarray(np.concatenate(list(crops), axis=1)).save(folder / _crops(finding.number), optimize=True)
        masses.append(
            {
                "number": finding.number,
                "category": reference.category,
                "subtype": reference.subtype,
                "diameter_source": reference.source,
                "side_mm": reference.side_mm,
            }
        )
    return {"phases": one.crops.shape[1], "masses": masses}


def _read(record: Mapping[str, Any], case: Case, folder: Path) -> EvaluatedCase:
    result = read_result(folder)
    masses = record["masses"]
    if not isinstance(result, ClassificationResult):
        raise TypeError(f"a {result.kind} is no classification")
    if [finding.number for finding in result.findings] != [one["number"] for one in masses]:
        raise ValueError("the masses of the record are not those of the result")
    shape = (len(masses), SIZE, int(record["phases"]), SIZE)
    strips = [np.asarray(Picture.open(folder / _crops(one["number"]))) for one in masses]
    return EvaluatedCase(
        result=result,
        references=tuple(
            Reference(str(one["category"]), str(one["subtype"]), str(one["diameter_source"]), float(one["side_mm"]))
            for one in masses
        ),
        crops=np.stack(strips).reshape(shape).transpose(0, 2, 1, 3),
    )


def _crops(number: int) -> str:
    return f"mass-{number}.png"


FILES = CaseFiles("hccassist-evaluated-masses/1", _write, _read)
"""How a finished case lies in its folder."""
