"""How hard the phantoms are: what simple measures under the segment tell of early recurrence, and size alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields, replace

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort_spec import follow_up
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS
from HCCAssistLib.evaluation.concordance import c_index
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.phantoms.hepatectomy.truth import HepatectomyPhantom
from HCCAssistLib.phantoms.liver.tumour_features import Features, measure
from HCCAssistLib.phantoms.recurrence_patients import Patients, Vector
from HCCAssistLib.recipes.hepatectomy.recipe import OUTCOME, TIME_POINT

MEASURES = tuple(field.name for field in fields(Features))


def patients_in(cases: Sequence[Case]) -> Patients:
    """The patients of the cases of a cohort.

    Raises:
        InputError: no cases, a case without its files or its outcome, or files that cannot be read.
    """
    rows: list[tuple[Features, float, bool]] = []
    for case in cases:
        volume, path = case.volume_path(TIME_POINT, "arterial"), case.annotation_path(TIME_POINT, "tumour")
        if volume is None or path is None:
            raise InputError("there is no arterial CT, or no segment of a tumour", f"case {case.case_id}")
        image, (segment,) = read_image(volume), read_segments(path)
        rows.append((measure(image, mask_on(segment, image.geometry)), *follow_up(case, OUTCOME)))
    return _table(rows)


def patients_of(phantoms: Iterable[HepatectomyPhantom]) -> Patients:
    """The patients of phantoms that were not written.

    Raises:
        InputError: no phantoms.
    """
    return _table([(measure(one.arterial, one.segment), one.scores.months, one.scores.event) for one in phantoms])


def early_auc(patients: Patients, scores: Vector, name: str) -> Estimate:
    """AUC of early recurrence, of the patients of whom it is known."""
    known = patients.known
    return replace(auc(patients.early[known], scores[known], unit="patient"), name=name)


def concordance(patients: Patients, scores: Vector, name: str, *, draws: int = DRAWS) -> Estimate:
    """C-index of the scores, of all patients."""
    return replace(c_index(patients.months, patients.events, scores, draws=draws), name=name)


def _table(rows: Sequence[tuple[Features, float, bool]]) -> Patients:
    if not rows:
        raise InputError("there are no such cases", "cohort.csv", "make a larger cohort")
    measures, months, events = zip(*rows, strict=True)
    return Patients(np.array([astuple(one) for one in measures]), np.array(months), np.array(events, dtype=np.bool_))
