"""One case of an evaluation: scanned, its patches scored, and kept on disk so that an interrupted run goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.described_size import described_size
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_folder, parse_json, remove_leftovers, write_json
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.package import file_sha256
from HCCAssistLib.recipes.ltp.prediction import predict, probabilities
from HCCAssistLib.recipes.ltp.recipe import TIME_POINT
from HCCAssistLib.recipes.ltp.sampling import batch_maker, sample_case
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.tables import write_findings
from HCCAssistLib.training.loop import outputs
from HCCAssistLib.training.samples import Origin, Samples

SEED = 2023
"""Of the test patches, the same for every model, so that two models are compared on the same patches."""

FORMAT = "hccassist-evaluated-case/3"
RECORD = "evaluation.json"


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


def digests(case: Case) -> dict[str, str]:
    """sha256 of every file in a case's folder, by its path within it."""
    walked = os.walk(case.folder, followlinks=True)  # a cohort may be made of links to where the images lie
    paths = [Path(folder) / name for folder, _, names in walked for name in names if not name.startswith(".")]
    return {path.relative_to(case.folder).as_posix(): file_sha256(path) for path in sorted(paths)}


def keep(one: EvaluatedCase, made_with: Mapping[str, Any], case: Case, folder: Path) -> None:
    """Write a finished case into ``folder/<case_id>``, whole or not at all.

    Args:
        one: the case.
        made_with: what decides its numbers (model, options, versions, files); ``kept`` asks for the same.
        case: whose it is.
        folder: of all finished cases.
    """
    patches = one.patches
    with atomic_folder(folder / case.case_id) as part:
        write_result(one.result, part)
        write_findings(one.result, part / "candidates.csv")
        record = {
            "format": FORMAT,
            "case_id": case.case_id,
            "made_with": dict(made_with),
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
        write_json(part / RECORD, record)


def kept(made_with: Mapping[str, Any], case: Case, folder: Path) -> EvaluatedCase | None:
    """A case that was finished before, None where there is none or it was made with anything else."""
    try:
        record = parse_json((folder / case.case_id / RECORD).read_text(encoding="utf-8"))
        if record["format"] != FORMAT or record["made_with"] != json.loads(json.dumps(made_with)):
            return None
        written = record["patches"]
        count = len(written["labels"])
        arrays: dict[str, npt.NDArray[Any]] = {
            "label": np.array(written["labels"], np.uint8),
            "case": np.zeros(count, np.int32),
            "lesion": np.array(written["lesion"], np.int32),
            "center_lps": np.array(written["center_lps"], np.float32).reshape(-1, 3),
        }
        origin = Origin(case.case_id, case.patient_id, case.split, tuple(map(str, written["image_digests"])))
        patches = Samples(arrays, (origin,))
        result = read_result(folder / case.case_id)
        if not isinstance(result, DetectionResult):
            return None
        return EvaluatedCase(
            result=result,
            lesions=np.array(record["lesions_lps"], np.float64).reshape(-1, 3),
            sizes_mm=np.array(record["sizes_mm"], np.float64),
            patches=patches,
            scores=np.array(written["scores"], np.float64),
        )
    except (OSError, InputError, KeyError, TypeError, ValueError):  # not there, or damaged: it is computed again
        return None


def forget_others(folder: Path, names: Collection[str]) -> None:
    """Remove finished cases of an earlier evaluation that are not among those named."""
    remove_leftovers(folder)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in names and (path / RECORD).is_file():
            shutil.rmtree(path)
