"""The images of a result: read as its run read them, and known by their digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import read_case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.results.result import Result
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.viewer.contents import input_of, shown_volumes


def case_of(cohort: Cohort, name: str) -> Case:
    """The case that a result is of: the only one, or the one that the result's folder is called after.

    Raises:
        InputError: there are several, and none is called so.
    """
    if len(cohort.cases) == 1:
        return cohort.cases[0]
    found = next((case for case in cohort.cases if case.case_id == name), None)
    if found is None:
        what = f"none of its {len(cohort.cases)} cases is called as the folder of the result, {name!r}"
        raise InputError(what, "the cohort", "name the folder of the case")
    return found


def read_scans(result: Result, case: Case | None, given: Mapping[str, Path]) -> dict[str, Image]:
    """The volumes that a result is about, by their places.

    Args:
        result: of any kind.
        case: that holds them, None where all are given.
        given: files and DICOM folders that lie elsewhere, by place.

    Raises:
        InputError: one is missing, cannot be read, or is another one than the result was computed on.
    """
    places = shown_volumes(result)
    if unknown := sorted(set(given) - set(places)):
        raise InputError(
            f"the result is not about {', '.join(unknown)}", "option --image", f"it is about {', '.join(places)}"
        )
    if case is None:
        case = Case("case", "case", "", {}, Path("case-that-is-not-there"))
    case = replace(case, files={**case.files, **given})
    read = read_case(case, [replace(input_of(result, place), required=False) for place in places])
    if stops := [problem for problem in read.problems if problem.level == "STOP"]:
        raise InputError(stops)
    for place in places:
        if place not in read.volumes:
            raise InputError(
                f"the image {place} is missing",
                "the result" if not case.files else "",
                f"name what predict was given, or give --image {place}=FILE",
            )
        _check(result.run, place, read.volumes[place])
    return {place: read.volumes[place] for place in places}


def _check(run: RunRecord, place: str, image: Image) -> None:
    expected = {**run.unused_inputs, **run.inputs}.get(place)
    if image.digest() != expected:
        raise InputError(
            "this is not the image that the result was computed on",
            place,
            f"give that one with --image {place}=FILE, or run predict again",
        )
