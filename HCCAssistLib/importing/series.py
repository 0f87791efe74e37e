"""What the headers of an archive's series say, as far as a cohort needs it; names and birth dates only as keyed hashes.

This is what the journal beside the cohort holds. It is not anonymous: it has patients' numbers, dates and paths.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from HCCAssistLib.cohort.spelling import plain
from HCCAssistLib.dicom.headers import Headers, read_files, without_warnings
from HCCAssistLib.dicom.series import SeriesReport, reports_of
from HCCAssistLib.dicom.stacks import other_picture
from HCCAssistLib.errors import Problem
from HCCAssistLib.importing.descriptions import known_words, without_unknown
from HCCAssistLib.recipes.roles import guess_role
from HCCAssistLib.wording import plural

AXIAL = 0.9
"""Least cosine between the normal of axial slices and the patient's axis."""

_KINDS = {
    "SR": "report (SR)",
    "PT": "PET (PT)",
    "US": "ultrasound (US)",
    "SEG": "segmentation (SEG)",
    "RTSTRUCT": "contours (RTSTRUCT)",
    "PR": "presentation state (PR)",
    "KO": "key object (KO)",
    "OT": "secondary capture (OT)",
    "SC": "secondary capture (SC)",
    "DOC": "document (DOC)",
    "NM": "nuclear medicine (NM)",
    "XA": "angiography (XA)",
    "CR": "radiograph (CR)",
    "DX": "radiograph (DX)",
    "REG": "registration (REG)",
}
"""Of objects that are no CT or MR, by modality; whatever else stands there is not shown."""


@dataclass(frozen=True, slots=True)
class Series:
    """One volume of a series.

    Attributes:
        id: tells it from all others, and is another one if one of its images is.
        patient_id: of the header.
        issuer: who gave that number.
        person: hash of name and birth date, empty where one is missing.
        name: hash of the name.
        born: hash of the birth date.
        study: its identifier (UID).
        date: of the study, ``YYYYMMDD``.
        time: of the study.
        series: its identifier (UID).
        number: of the series, with the part where it holds several volumes.
        files: by folder of the tree.
        modality: ``CT`` or ``MR``.
        words: those of the description that are known.
        shape: ``(k, j, i)``, where it can be read.
        spacing: mm, where it can be read.
        is_axial: whether its slices are.
        is_original: whether the scanner made it, and no later computation.
        slices: how many.
        readable: whether nothing forbids reading it.
        phase: by its headers.
        confidence: of the phase.
        state: of the guess of its role.
        phases: that the guess allows.
        told: time point that a description names.
        reason: of the guess, in words.
        problems: level and fault.
    """

    id: str
    patient_id: str
    issuer: str
    person: str
    name: str
    born: str
    study: str
    date: str
    time: str
    series: str
    number: str
    files: Mapping[str, Sequence[str]]
    modality: str
    words: str
    shape: Sequence[int]
    spacing: Sequence[float]
    is_axial: bool
    is_original: bool
    slices: int
    readable: bool
    phase: str
    confidence: str
    state: str
    phases: Sequence[str]
    told: str
    reason: str
    problems: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What files hold.

    Attributes:
        series: the volumes.
        images: how many slices they have.
        left_out: how many other objects, by kind.
        damaged: how many files cannot be used.
        copies: how many files are copies of another one.
        foreign: how many files are no DICOM.
    """

    series: tuple[Series, ...] = ()
    images: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    damaged: int = 0
    copies: int = 0
    foreign: int = 0


class Job(NamedTuple):
    """Files to look at: by folder of the tree, with the secret of the hashes."""

    top: Path
    files: Mapping[str, Sequence[str]]
    salt: str


def look(job: Job) -> Found:
    """Read the headers of some files."""
    with without_warnings():
        headers = read_files(paths(job))
        reports, _ = reports_of(headers.slices)
        return Found(
            tuple(_series(report, reports, headers, job) for report in reports),
            len(headers.slices) - sum(_pictures(headers).values()),
            dict(_pictures(headers) + _others(headers)),
            sum(map(len, headers.damaged.values())),
            len(headers.copies),
            headers.foreign,
        )


def paths(job: Job) -> list[Path]:
    """Of the files of a job."""
    return [job.top / folder / name for folder, names in job.files.items() for name in names]


def series_id(report: SeriesReport, salt: str) -> str:
    """A short name that follows from all images of a volume, and tells nothing of them."""
    images = sorted(f"{item.text('SOPInstanceUID') or item.file.name} {item.frame}" for item in report.stack.slices)
    return "s-" + keyed(salt, *_text(report, "PatientID", "IssuerOfPatientID"), *images)[1:13]


def keyed(salt: str, *texts: str) -> str:
    """A hash that nobody can make who does not have the salt; nobody can try out patients' numbers with it."""
    text = "\0".join(texts).encode(errors="backslashreplace")
    return f"k{hmac.new(salt.encode(), text, hashlib.sha256).hexdigest()}"  # no spreadsheet takes it for a number


def _text(report: SeriesReport, *names: str) -> list[str]:
    """Fields of a volume; where some of its images leave one empty, what the others say."""
    return [next((t for item in report.stack.slices if (t := item.text(name))), "") for name in names]


def _series(report: SeriesReport, reports: Sequence[SeriesReport], headers: Headers, job: Job) -> Series:
    patient_id, issuer, name, born = _text(report, "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate")
    study, date, time, uid, number, description, about = _text(
        report,
        *("StudyInstanceUID", "StudyDate", "StudyTime", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription"),
        "StudyDescription",
    )
    name = " ".join(plain(name.replace("^", " ")).split())
    guess = guess_role(description, report.phase)
    reason = "; ".join(report.phase.evidence) if guess.state == "guess" else guess.reason.removesuffix(".")
    first = report.stack.first
    normal = None if first.orientation is None else np.cross(first.orientation[0], first.orientation[1])
    return Series(
        id=series_id(report, job.salt),
        patient_id=patient_id,
        issuer=issuer,
        person=keyed(job.salt, name, born) if name and born else "",
        name=keyed(job.salt, name) if name else "",
        born=keyed(job.salt, born) if born else "",
        study=study,
        date=date if len(date) == 8 and date.isdigit() else "",
        time=time,
        series=uid,
        number=", ".join(filter(None, [number if number.isdigit() else "", report.stack.part])),
        files=_files(report, reports, job.top),
        modality=report.modality if report.modality in ("CT", "MR") else "",
        words=known_words(description),
        shape=report.geometry.shape if report.geometry else (),
        spacing=[round(float(mm), 3) for mm in report.geometry.spacing] if report.geometry else (),
        is_axial=normal is not None and abs(float(normal[2])) > AXIAL,
        is_original=first.text("ImageType").upper().find("DERIVED") < 0,
        slices=report.slices,
        readable=report.is_readable and not _beside(headers, reports, "STOP"),
        phase=str(report.phase.phase),
        confidence=report.phase.confidence,
        state=guess.state,
        phases=guess.phases,
        told=guess.time or guess_role(about).time,
        reason=without_unknown(reason),
        problems=[[p.level, _without_its_place(p)] for p in (*report.problems, *_beside(headers, reports))],
    )


def _without_its_place(problem: Problem) -> str:
    """What is wrong, without the name of a file, which may be a patient's."""
    return f"a file {problem.what}" if problem.what.startswith("is ") else problem.what


def _files(report: SeriesReport, reports: Sequence[SeriesReport], top: Path) -> dict[str, list[str]]:
    """The files of all volumes of its series, since they are told apart by looking at all of them."""
    uid = report.stack.first.text("SeriesInstanceUID")
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for other in reports:
        if other is report or (uid and other.stack.first.text("SeriesInstanceUID") == uid):
            for file in other.files:
                folder = file.parent.relative_to(top).as_posix()
                found["" if folder == "." else folder][file.name] = None
    return {folder: list(names) for folder, names in found.items()}


def _beside(headers: Headers, reports: Sequence[SeriesReport], level: str = "") -> list[Problem]:
    """What lies beside a volume: damaged files, which are of it where it is alone and may be where not; and copies."""
    alone = len({report.stack.first.text("SeriesInstanceUID") for report in reports}) == 1
    of = "of its folder" if alone else "of its folder, where other series lie as well,"
    problems = [Problem("STOP" if alone else "WARN", f"a file {of} {what}") for what in headers.damaged]
    if headers.copies and alone:
        count = len(headers.copies)
        problems.append(Problem("WARN", f"{count} {plural('copy', count)} of its files, left out"))
    return [problem for problem in problems if level in ("", problem.level)]


def _pictures(headers: Headers) -> Counter[str]:
    return Counter(kind for item in headers.slices if (kind := other_picture(item)))


def _others(headers: Headers) -> Counter[str]:
    found: Counter[str] = Counter()
    for modality, count in headers.others.items():
        found[_KINDS.get(modality, "other object")] += count
    return found


def summed(found: Iterable[Found]) -> Found:
    """What several portions hold, without their series."""
    all_of = tuple(found)
    left_out: Counter[str] = sum((Counter(one.left_out) for one in all_of), Counter())
    images, damaged, copies, foreign = (
        sum(getattr(one, name) for one in all_of) for name in ("images", "damaged", "copies", "foreign")
    )
    return Found((), images, dict(left_out.most_common()), damaged, copies, foreign)
