"""LTP models against each other on the same cases: by patch as in the paper, by lesion and by patient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.comparison import SessionComparison, compare_models
from HCCAssistLib.evaluation.model_comparison import Section
from HCCAssistLib.evaluation.paired import paired_detections
from HCCAssistLib.recipes.ltp.operating_point import TOLERANCE_MM
from HCCAssistLib.recipes.ltp.performance import LTPEvaluation

WITHIN = f"A candidate whose centre lies within {TOLERANCE_MM:g} mm of an annotated point has found that lesion."
SUREST = "The score of a patient is that of the surest candidate."
OTHER_PATCHES = "Not compared: the models sample patches by different rules (options radius, radius_unit, negatives)."


def compare(
    found: Mapping[str, LTPEvaluation],
) -> tuple[tuple[Section, ...], tuple[tuple[str, SessionComparison], ...]]:
    """Each model against the first one.

    Args:
        found: on the same cases, by the name of the model.

    Returns:
        Sections of each other model, and comparisons of repeated sessions, of which LTP has none.
    """
    control, *others = found
    return tuple(one for name in others for one in _sections(name, found[name], found[control])), ()


def _sections(name: str, mine: LTPEvaluation, control: LTPEvaluation) -> list[Section]:
    scans = mine.scan_cutoff, control.scan_cutoff
    volumes = [[one.volumes[case_id] for case_id in mine.results] for one in (mine, control)]
    differences, tests = paired_detections(*volumes, cutoffs=scans, tolerance_mm=TOLERANCE_MM)
    return [
        Section("lesion", name, differences, tests, WITHIN),
        _patients(name, mine, control),
        _patches(name, mine, control),
    ]


def _patients(name: str, mine: LTPEvaluation, control: LTPEvaluation) -> Section:
    patients = list(mine.labels)
    labels = list(mine.labels.values())
    own, other = ([one.highest[patient] for patient in patients] for one in (mine, control))
    try:
        found = compare_models(
            labels, own, other, None, cutoff_a=mine.scan_cutoff, cutoff_b=control.scan_cutoff, unit="patient"
        )
    except InputError as error:
        return Section("patient", name, (), (), f"Not compared: {error.problems[0].what}.")
    tests = (("AUC", found.delong), ("right and wrong decisions", found.mcnemar))
    return Section("patient", name, found.differences, tests, SUREST)


def _patches(name: str, mine: LTPEvaluation, control: LTPEvaluation) -> Section:
    own, other = mine.patches, control.patches
    if own.centers.shape != other.centers.shape or not np.array_equal(own.centers, other.centers):
        return Section("patch", name, (), (), OTHER_PATCHES)
    try:
        found = compare_models(
            own.labels, own.scores, other.scores, own.patients, cutoff_a=own.cutoff, cutoff_b=other.cutoff, unit="patch"
        )
    except InputError as error:
        return Section("patch", name, (), (), f"Not compared: {error.problems[0].what}.")
    tests = (("AUC", found.delong), ("right and wrong decisions", found.mcnemar))
    return Section("patch", name, found.differences, tests)
