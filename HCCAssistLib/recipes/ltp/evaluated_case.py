"""One case of an evaluation: scanned, its patches scored, and kept on disk so that an interrupted run goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.described_size import described_size
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.prediction import predict, probabilities
from HCCAssistLib.recipes.ltp.recipe import TIME_POINT
from HCCAssistLib.recipes.ltp.sampling import batch_maker, sample_case
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.tables import write_findings
from HCCAssistLib.training.kept_cases import CaseFiles
from HCCAssistLib.training.loop import outputs
from HCCAssistLib.training.samples import Origin, Samples

SEED = 2023
"""Of the test patches, the same for every model, so that two models are compared on the same patches."""


@dataclass(frozen=True, eq=False, slots=True)
class EvaluatedCase:
    """What an evaluation needs of a case.

    Attributes:
        result: of the scan.
        lesions: annotated points ``(m, 3)``, LPS mm.
        sizes_mm: ``(m,)`` as their descriptions say, NaN where they do not.
        patches: sampled as in training, without their voxels.
        scores: ``(n,)`` of the patches, the mean over the folds.
    """

    result: DetectionResult
    lesions: npt.NDArray[np.float64]
    sizes_mm: npt.NDArray[np.float64]
    patches: Samples
    scores: npt.NDArray[np.float64]


def evaluate_case(
    case: Case,
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Callable[[float], None] | None = None,
) -> EvaluatedCase:
    """Scan a case and score its patches.

    Raises:
        InputError: the case cannot be used.
    """
    options = model.package.card.options
    rng = np.random.default_rng([SEED, *case.case_id.encode()])
    patches = sample_case(study, case, options, rng)
    make_batch = batch_maker(options)
    scores = [
        probabilities(outputs(network, make_batch, patches, device=model.device)).astype(np.float64)
        for network in model.networks
    ]
    result = predict(study, model, run_options, progress=progress)
    points = study.points.get(f"{TIME_POINT}/ltp")
    return EvaluatedCase(
        result=result,
        lesions=points.positions if points else np.empty((0, 3)),
        sizes_mm=np.array([described_size(point.description) for point in (points.points if points else ())]),
        patches=patches.without_inputs(),
        scores=np.mean(scores, axis=0),
    )


def _write(one: EvaluatedCase, folder: Path) -> dict[str, Any]:
    patches = one.patches
    write_result(one.result, folder)
    write_findings(one.result, folder / "candidates.csv")
    return {
        "lesions_lps": one.lesions.tolist(),
        "sizes_mm": [None if np.isnan(size) else size for size in one.sizes_mm.tolist()],
        "patches": {
            "labels": patches.labels.tolist(),
            "lesion": patches["lesion"].tolist(),
            "center_lps": patches["center_lps"].tolist(),
            "scores": one.scores.tolist(),
            "image_digests": list(patches.origins[0].image_digests),
        },
    }


def _read(record: Mapping[str, Any], case: Case, folder: Path) -> EvaluatedCase:
    written = record["patches"]
    count = len(written["labels"])
    arrays: dict[str, npt.NDArray[Any]] = {
        "label": np.array(written["labels"], np.uint8),
        "case": np.zeros(count, np.int32),
        "lesion": np.array(written["lesion"], np.int32),
        "center_lps": np.array(written["center_lps"], np.float32).reshape(-1, 3),
    }
    origin = Origin(case.case_id, case.patient_id, case.split, tuple(map(str, written["image_digests"])))
    result = read_result(folder)
    if not isinstance(result, DetectionResult):
        raise TypeError(f"a {result.kind} is no detection")
    return EvaluatedCase(
        result=result,
        lesions=np.array(record["lesions_lps"], np.float64).reshape(-1, 3),
        sizes_mm=np.array(record["sizes_mm"], np.float64),
        patches=Samples(arrays, (origin,)),
        scores=np.array(written["scores"], np.float64),
    )


FILES = CaseFiles("hccassist-evaluated-case/3", _write, _read)
"""How a finished case lies in its folder."""
