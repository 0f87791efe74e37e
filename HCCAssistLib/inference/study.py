"""A study: what is known of one patient, gathered for a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from HCCAssistLib.cohort.cohort import Case
from HCCAssistLib.cohort.points import PointList, read_points
from HCCAssistLib.cohort.segments import read_mask
from HCCAssistLib.dicom.series import read_series
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.files import read_image
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
        InputError: something that the recipe requires is missing or cannot be used.
    """
    volumes: dict[str, Image] = {}
    points: dict[str, PointList] = {}
    masks: dict[str, Image] = {}
    warnings: list[Problem] = []
    for need in recipe.needs:
        key = str(need)
        if need.kind == "volume":
            path = case.volume_path(need.time_point, need.name)
            if path and path.is_dir():
                volumes[key], found = read_series(path, name=case.case_id)
                warnings += found
            elif path:
                volumes[key] = read_image(path, name=case.case_id)
        elif need.kind == "segment" and (path := case.annotation_path(need.time_point, need.name, kind="segment")):
            # the first volume of the time point is the grid that its segments are brought onto
            reference = next(v for k, v in volumes.items() if k.startswith(f"{need.time_point}/"))
            masks[key] = read_mask(path, need.name, reference.geometry)
        elif path := case.annotation_path(need.time_point, need.name, kind="points"):
            points[key] = read_points(path)
            warnings += points[key].warnings
        if path is None and need.required:
            raise InputError(
                f"there is no {need.name} {need.kind} of the time point {need.time_point}",
                f"case {case.case_id}",
                f"add {need.time_point}/{need.name}.nrrd to the case's folder",
            )
    return Study(case.case_id, volumes, points, masks, case.values, tuple(warnings))
