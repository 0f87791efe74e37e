"""How hard the phantoms are: what simple measures, margin and clinical values tell of early recurrence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort_spec import follow_up
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS
from HCCAssistLib.evaluation.concordance import c_index
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.ablation.scores import MODELS, PARTS
from HCCAssistLib.phantoms.ablation.truth import AblationPhantom
from HCCAssistLib.phantoms.recurrence_patients import Patients, Vector
from HCCAssistLib.recipes.ablation.recipe import ABLATION, OUTCOME, PHASES, POST, PRE, REGIONS, TIME_POINTS

MEASURES = (
    *(f"{point} {what}" for point in TIME_POINTS for what in (*(f"{phase} mean" for phase in PHASES), "log volume")),
    "smallest margin",
)
"""Mean of each phase under the region, divided by that of the whole volume; millilitres; and the true margin in mm."""

VALUES = tuple(one.column for one in ABLATION.variables)


def patients_in(cases: Sequence[Case]) -> Patients:
    """The patients of the cases of a cohort, with simple measures of their images; columns as in ``MEASURES``.

    Raises:
        InputError: no cases, a case without its files or its outcome, or files that cannot be read.
    """
    return _table([(_measures_in(case), *follow_up(case, OUTCOME)) for case in cases])


def patients_of(phantoms: Iterable[AblationPhantom]) -> Patients:
    """The same of phantoms that were not written.

    Raises:
        InputError: no phantoms.
    """
    rows = []
    for one in phantoms:
        found = [
            value
            for point in TIME_POINTS
            for value in _under(list(one.series[point].volumes.values()), one.region(point))
        ]
        rows.append(([*found, one.lesions.margin.smallest_mm], one.scores.months, one.scores.event))
    return _table(rows)


def with_values(cases: Sequence[Case]) -> Patients:
    """The patients of a cohort with their clinical values, the median of all where one is not known.

    Raises:
        InputError: no cases, a column that is missing, or a cell that is no number.
    """
    table = _table([([case.number(name) for name in VALUES], *follow_up(case, OUTCOME)) for case in cases])
    middle = np.nanmedian(table.measures, axis=0)
    return replace(table, measures=np.where(np.isnan(table.measures), middle, table.measures))


def write_true_transforms(cases: Iterable[Case]) -> None:
    """Beside each phase the true transform from the delayed one, as a person may give it: none is then computed."""
    for case in cases:
        truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
        for point, one in truth["time_points"].items():
            for phase in PHASES[:-1]:
                matrix, transform = np.array(one["delayed_to_phase_lps"][phase]), sitk.AffineTransform(3)
                transform.SetMatrix(matrix[:3, :3].ravel().tolist())
                transform.SetTranslation(matrix[:3, 3].tolist())
                sitk.WriteTransform(transform, str(case.folder / point / f"{phase}.tfm"))


def true_scores(cases: Sequence[Case]) -> dict[str, Vector]:
    """The best score of each model of the recipe, and the risk itself, from the truth of the cases, ``(n,)``."""
    truths = [json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))["scores"] for case in cases]
    found = {
        model: np.array([sum(PARTS[part] * one[part] for part in parts) for one in truths])
        for model, parts in MODELS.items()
    }
    return {**found, "risk": np.array([one["risk"] for one in truths])}


def early_auc(patients: Patients, scores: Vector, name: str) -> Estimate:
    """AUC of early recurrence, of the patients of whom it is known."""
    known = patients.known
    return replace(auc(patients.early[known], scores[known], unit="patient"), name=name)


def concordance(patients: Patients, scores: Vector, name: str, *, draws: int = DRAWS) -> Estimate:
    """C-index of the scores, of all patients."""
    return replace(c_index(patients.months, patients.events, scores, draws=draws), name=name)


def _measures_in(case: Case) -> list[float]:
    found: list[float] = []
    for point in (PRE, POST):
        paths = [case.volume_path(point, phase) for phase in PHASES]
        region = case.annotation_path(point, REGIONS[point].rpartition("/")[2], "segment")
        if region is None or None in paths:
            raise InputError("a phase or a region is missing", f"case {case.case_id}, {point}")
        images = [read_image(path) for path in paths if path is not None]
        found += _under(images, mask_on(read_segments(region)[0], images[-1].geometry))
    truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
    return [*found, float(truth["margin"]["smallest_mm"])]


def _under(images: Sequence[Image], mask: Image) -> list[float]:
    inside = mask.array > 0
    ml = float(inside.sum() * mask.geometry.spacing.prod() / 1000)
    return [*(float(one.array[inside].mean() / one.array.mean()) for one in images), float(np.log(ml))]


def _table(rows: Sequence[tuple[Sequence[float | None], float, bool]]) -> Patients:
    if not rows:
        raise InputError("there are no such cases", "cohort.csv", "make a larger cohort")
    measures, months, events = zip(*rows, strict=True)
    return Patients(np.array(measures, dtype=np.float64), np.array(months), np.array(events, dtype=np.bool_), OUTCOME)
