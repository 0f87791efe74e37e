"""A series of an archive as it was found, read again from its files; and what its voxels say where no header does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from HCCAssistLib.dicom.headers import read_files, without_warnings
from HCCAssistLib.dicom.phases import Phase, PhaseGuess
from HCCAssistLib.dicom.series import SeriesReport, read_stack, reports_of
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import stored
from HCCAssistLib.importing.journal import Journal
from HCCAssistLib.importing.series import Found, Job, Series, paths, series_id
from HCCAssistLib.parallel import side_by_side
from HCCAssistLib.recipes.roles import guess_role

WORKERS = 4
"""Each holds a volume in memory."""


def report_of(job: Job, wanted: str) -> SeriesReport:
    """The volume of that id among those of its files.

    Raises:
        InputError: its files are no longer what they were.
    """
    with without_warnings():
        reports, _ = reports_of(read_files(paths(job)).slices)
    for report in reports:
        if series_id(report, job.salt) == wanted:
            return report
    raise InputError("its files are not what they were when the archive was looked at", remedy="run again")


class _Look(NamedTuple):
    series: Series
    job: Job


def with_voxels(
    top: Path,
    series: Sequence[Series],
    journal: Journal,
    salt: str,
    *,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> tuple[Series, ...]:
    """The series, those CT whose phase no header names with what their voxels say of it.

    Args:
        top: of the archive.
        series: as they were found.
        journal: what was seen before; what is seen now is added.
        salt: of the hashes.
        workers: processes.
        progress: called with how much is done, 0 to 1.

    Raises:
        HCCAssistError: the disk of the journal is full.
    """
    seen: dict[str, Series] = {}
    looks = []
    for one in series:
        if one.readable and one.is_axial and one.modality == "CT" and one.state == "unknown":
            if before := journal.found(f"voxels {one.id}", one.id):
                (seen[one.id],) = before.series
            else:
                looks.append(_Look(one, Job(top, one.files, salt)))
    with stored("what was seen"), closing(side_by_side(_look, looks, min(workers, WORKERS, len(looks)))) as looked:
        for number, one in enumerate(looked, 1):
            journal.keep(f"voxels {one.id}", one.id, Found((one,)))
            seen[one.id] = one
            if progress is not None:
                progress(number / len(looks))
    return tuple(seen.get(one.id, one) for one in series)


def _look(look: _Look) -> Series:
    from HCCAssistLib.imaging.enhancement import contrast_evidence

    series = look.series
    try:
        image, _ = read_stack(report_of(look.job, series.id))
    except InputError as error:
        faults = [["STOP", problem.what] for problem in error.problems]
        return replace(series, readable=False, problems=[*series.problems, *faults])
    evidence = contrast_evidence(image)
    header = PhaseGuess(Phase(series.phase), "none")
    guess = guess_role("", header, evidence)
    reason = f"voxels: {evidence.phase.replace('-', ' ')}, {evidence.reason}"
    if guess.state != "guess":
        reason = guess.reason.removesuffix(".")
    return replace(series, state=guess.state, phases=guess.phases, reason=reason)
