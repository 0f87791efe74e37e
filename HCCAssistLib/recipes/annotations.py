"""What a reviewed case adds to a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from HCCAssistLib.cohort.points import PointList
from HCCAssistLib.errors import Problem


@dataclass(frozen=True, slots=True)
class TrainingAnnotations:
    """Points and columns that the step ``review`` of a recipe makes of a reader's verdicts.

    Attributes:
        points: by their places in the case (``"post/ltp"``); empty lists replace those of a case that is there.
        values: columns of cohort.csv.
        warnings: what the reader should know of them.
    """

    points: Mapping[str, PointList]
    values: Mapping[str, str]
    warnings: tuple[Problem, ...] = ()
