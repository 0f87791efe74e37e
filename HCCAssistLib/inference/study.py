"""A study: what is known of one patient, gathered for a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.cohort import Case
from HCCAssistLib.cohort.points import PointList
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.spec import Recipe


@dataclass(frozen=True, eq=False, slots=True)
class Study:
    """Volumes and annotations by ``"<time point>/<name>"``, for example ``"post/arterial"``.

    Attributes:
        case_id: pseudonym.
        volumes: one per phase and time point.
        points: annotated points.
        masks: segments, each on the grid of a volume of its time point.
        values: clinical values and labels, as text.
        warnings: found while reading.
    """

    case_id: str
    volumes: Mapping[str, Image]
    points: Mapping[str, PointList] = field(default_factory=dict)
    masks: Mapping[str, Image] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()


def read_study(case: Case, recipe: Recipe) -> Study:
    """Read what a recipe needs of a case.

    Raises:
        InputError: something that the recipe requires is missing or cannot be used; all of it is listed.
    """
    read = read_case(case, recipe.needs, modality=recipe.modality)
    if stops := [problem for problem in read.problems if problem.level == "STOP"]:
        raise InputError(stops)
    return Study(case.case_id, read.volumes, read.points, read.masks, case.values, tuple(read.problems))
