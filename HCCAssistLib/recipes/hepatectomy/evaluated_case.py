"""One case of an evaluation: the risk of the patient, what the network saw of the tumour, and how both are kept."""

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
from HCCAssistLib.recipes.hepatectomy.prediction import predict
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, VOI_SHAPE, window_of
from HCCAssistLib.recipes.hepatectomy.tumour import tumour_of
from HCCAssistLib.recipes.hepatectomy.voi import voi_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.risk import RiskResult
from HCCAssistLib.training.kept_cases import CaseFiles

SLICES = {"lowest": 0, "middle": VOI_SHAPE[0] // 2, "highest": VOI_SHAPE[0] - 1}
"""Of the ten slices, those that a report shows."""

PICTURE = "voi.png"


@dataclass(frozen=True, eq=False, slots=True)
class EvaluatedCase:
    """What an evaluation needs of a case.

    Attributes:
        result: the risk.
        seen: 8 bit ``(3, 150, 150)``, the slices of ``SLICES`` as the network saw them.
        measured: of the tumour, as the simple rules know it: ``size_mm`` and ``hu``.
    """

    result: RiskResult
    seen: npt.NDArray[np.uint8]
    measured: Mapping[str, float]


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
    options = model.package.card.options
    result = predict(study, model, run_options, progress=progress)
    tumour = tumour_of(study, options)
    voi = voi_of(study.volumes[ARTERIAL], tumour, options)
    shown: Any = voi.voxels[list(SLICES.values())]
    measured = {"size_mm": float(max(tumour.box.size)), "hu": float(voi.hu)}
    return EvaluatedCase(result, window_of(options).to_uint8(shown), measured)


def _write(one: EvaluatedCase, folder: Path) -> dict[str, Any]:
    write_result(one.result, folder)
    Picture.fromarray(one.seen.reshape(-1, VOI_SHAPE[2])).save(folder / PICTURE, optimize=True)
    return {"measured": dict(one.measured)}


def _read(record: Mapping[str, Any], case: Case, folder: Path) -> EvaluatedCase:
    result = read_result(folder)
    if not isinstance(result, RiskResult):
        raise TypeError(f"a {result.kind} is no risk")
    seen = np.asarray(Picture.open(folder / PICTURE)).reshape(len(SLICES), *VOI_SHAPE[1:])
    measured = {name: float(record["measured"][name]) for name in ("size_mm", "hu")}
    return EvaluatedCase(result, seen, measured)


FILES = CaseFiles("hccassist-evaluated-risk/2", _write, _read)
"""How a finished case lies in its folder."""
