"""The clinical values of a patient as the trees take them, and what is doubtful about them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.clinical_values import value_of
from HCCAssistLib.errors import InputError
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ablation.recipe import ABLATION

COLUMNS = tuple(variable.column for variable in ABLATION.variables)


def clinical_of_case(case: Case) -> dict[str, float | None]:
    """The five values by column; None where one is not known.

    Raises:
        InputError: a value outside its bounds, in another unit or no number; all of them are listed.
    """
    found = {variable.column: value_of(case, variable) for variable in ABLATION.variables}
    if faults := [fault for _, fault in found.values() if fault is not None]:
        raise InputError(faults)
    return {column: value for column, (value, _) in found.items()}


def clinical_of_study(study: Study) -> dict[str, float | None]:
    """The same of a study.

    Raises:
        InputError: as above.
    """
    values: Mapping[str, str] = {column: str(study.values.get(column) or "") for column in COLUMNS}
    try:
        return clinical_of_case(
            Case(study.case_id, study.case_id, "", values, Path(), decimal_comma=study.decimal_comma)
        )
    except InputError as error:
        raise InputError(replace(problem, where="clinical values", case_id="") for problem in error.problems) from error


def as_row(values: Mapping[str, float | None]) -> list[float]:
    """In the order of the recipe; NaN where a value is not known."""
    return [math.nan if (value := values[column]) is None else value for column in COLUMNS]
