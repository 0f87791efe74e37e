"""An ablation margin from files: segments, and what brings the two scans together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.cohort.case import CASES, TABLE
from HCCAssistLib.cohort.cohort import open_cases
from HCCAssistLib.cohort.points import read_points
from HCCAssistLib.cohort.segment_checks import on_volume
from HCCAssistLib.cohort.segment_names import choose
from HCCAssistLib.cohort.segments import Segment, read_segments
from HCCAssistLib.cohort.synthetic import is_synthetic
from HCCAssistLib.dicom.headers import read_headers
from HCCAssistLib.dicom.volume import read_volume
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.record import BY_LANDMARKS, BY_PERSON, UNKNOWN, MarginRecord, margin_record
from HCCAssistLib.margin.registration_error import LARGEST_MM, RegistrationError
from HCCAssistLib.registration.landmarks import LandmarkError, landmark_error
from HCCAssistLib.registration.registration import Registration, read_registration
from HCCAssistLib.registration.rigid import register_rigid

FEWEST_LANDMARKS = 3
"""Fewer tell nothing of a rotation."""

STANDS = "nothing was registered: the segments are taken to lie in one frame"


@dataclass(frozen=True, slots=True)
class MarginFiles:
    """Where everything lies.

    Attributes:
        tumour, liver: segments of the scan before the ablation.
        zone: segment of the scan after it.
        before, after: scans, files or DICOM folders. They are registered unless a transform or ``same_frame`` tells how
            they lie; then each may be missing, and serves to check its segments and to show them.
        transform: of the scan before to the scan after.
        same_frame: nothing is moved.
        landmarks: point lists of the same places in the scan before and the scan after.
    """

    tumour: Path
    zone: Path
    liver: Path | None = None
    before: Path | None = None
    after: Path | None = None
    transform: Path | None = None
    same_frame: bool = False
    landmarks: tuple[Path, Path] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class MarginCase:
    """A margin with what it was measured on, as a report shows it.

    Attributes:
        record: what was measured.
        tumour, zone, liver: segments on their own grids.
        before, after: the scans, where they are known.
    """

    record: MarginRecord
    tumour: Image
    zone: Image
    liver: Image | None = None
    before: Image | None = None
    after: Image | None = None


def measure_case(files: MarginFiles, *, error_mm: float | None = None, draws: int = 500, seed: int = 0) -> MarginCase:
    """Read, register and measure.

    Args:
        files: where everything lies.
        error_mm: root mean square error of the registration; None takes that of the landmarks, if there are any.
        draws, seed: of the random registrations.

    Raises:
        InputError: a file that cannot be used, segments beside their scans, another patient's scan, a registration
            that failed, or what ``margin_record`` raises.
    """
    error = None if error_mm is None else RegistrationError(error_mm, draws, seed)
    RegistrationError(1.0, draws, seed)
    before, after = (None if path is None else read_volume(path) for path in (files.before, files.after))
    if files.before is not None and files.after is not None:
        _check_patient(files.before, files.after)
    warnings: list[Problem] = []
    tumour = _segment(files.tumour, "tumour", before, warnings)
    zone = _segment(files.zone, "ablation", after, warnings)
    liver = None if files.liver is None else _segment(files.liver, "liver", before, warnings)
    registration = _registration(files, before, after, liver, warnings)
    source = BY_PERSON if error else UNKNOWN
    if files.landmarks is not None and registration.succeeded:
        found = _landmarks(registration, *files.landmarks)
        source, error = BY_LANDMARKS, _error_of(found, draws, seed)
        if found.max_mm > 2 * error.mm:
            what = f"one of {found.n} landmarks lies {found.max_mm:.1f} mm off, the others less"
            warnings.append(Problem("WARN", what, "landmarks", "check that both lists have the same order"))
    grids = [None if scan is None else scan.geometry for scan in (before, after)]
    record = margin_record(
        tumour,
        zone,
        registration,
        liver=liver,
        error=error,
        error_from=source,
        scans=(grids[0], grids[1]),
        warnings=tuple(warnings),
        synthetic=is_phantom(files.tumour) or is_phantom(files.zone),
    )
    return MarginCase(record, tumour, zone, liver, before, after)


def is_phantom(path: Path) -> bool:
    """Whether a file lies in a case that the table of its cohort calls synthetic; False outside of a cohort."""
    folder = path.resolve().parent.parent
    if folder.parent.name != CASES or not (folder.parent.parent / TABLE).is_file():
        return False
    return any(is_synthetic(case) for case in open_cases(folder, volume="").cases)


def read_transform(path: Path) -> Registration:
    """A transform of the scan before to the scan after, from a file of HCCAssist, ITK or Slicer.

    Slicer's linear transform that lays the scan after over the scan before is such a one once it is saved.

    Raises:
        InputError: no such file, no transform, or one that bends.
    """
    if path.suffix.lower() == ".json":
        return read_registration(path)
    if not path.is_file():
        raise InputError("there is no such file", path.name, "give a transform that Slicer or ITK saved")
    try:
        transform = sitk.ReadTransform(str(path))
        corners = np.array([transform.TransformPoint(p) for p in (np.zeros((1, 3)).tolist() + np.eye(3).tolist())])
        far = np.array(transform.TransformPoint([100.0, -70.0, 130.0]))
    except RuntimeError as error:
        raise InputError("the file holds no transform", path.name, "save it from Slicer as .tfm or .h5") from error
    matrix = np.eye(4)
    matrix[:3, 3] = corners[0]
    matrix[:3, :3] = (corners[1:] - corners[0]).T
    if np.abs(matrix[:3, :3] @ [100.0, -70.0, 130.0] + matrix[:3, 3] - far).max() > 1e-3:
        raise InputError("the transform bends", path.name, "give a rigid one")
    return Registration.by_person(matrix, path.name)


def _registration(
    files: MarginFiles, before: Image | None, after: Image | None, liver: Image | None, warnings: list[Problem]
) -> Registration:
    if files.transform is not None:
        return read_transform(files.transform)
    if not files.same_frame and before is not None and after is not None:
        return register_rigid(before, after, liver)
    warnings.append(Problem("WARN", STANDS, "registration"))
    return Registration(np.eye(4), "person")


def _segment(path: Path, name: str, volume: Image | None, warnings: list[Problem]) -> Image:
    """The segment that is meant, on its own grid; where its scan is known, it has to lie in there."""
    if not path.exists():
        raise InputError("there is no such file", path.name, f"give the segment of the {name}")
    try:
        chosen, doubts = choose(read_segments(path), name)
    except InputError as error:
        raise InputError(replace(p, where=p.where or path.name) for p in error.problems) from error
    warnings += (replace(doubt, where=doubt.where or path.name) for doubt in doubts)
    if len(chosen) > 1:
        raise InputError(f"{len(chosen)} segments are called {name}", path.name, "keep the one to measure")
    segment: Segment = chosen[0]
    if volume is not None:
        warnings += on_volume([segment], name, volume, in_hu=False)[1]
    return segment.mask


def _check_patient(before: Path, after: Path) -> None:
    """Refuse scans of two patients, and the same scan twice; what is no DICOM tells neither."""
    if before.resolve() == after.resolve():
        raise InputError("both scans are the same", "option --after", "give the scan after the ablation")
    if not (before.is_dir() and after.is_dir()):
        return
    known = [
        {field: _values(folder, field) for field in ("PatientID", "SeriesInstanceUID")} for folder in (before, after)
    ]
    one, other = known
    if one["PatientID"] and other["PatientID"] and one["PatientID"].isdisjoint(other["PatientID"]):
        what = "the scans before and after are of two patients by their DICOM headers"
        raise InputError(what, "option --after", "give scans of one patient")
    if one["SeriesInstanceUID"] & other["SeriesInstanceUID"]:
        raise InputError("both scans are the same series", "option --after", "give the scan after the ablation")


def _values(folder: Path, field: str) -> set[str]:
    return {text for one in read_headers(folder).slices if (text := one.text(field).strip())}


def _landmarks(registration: Registration, before: Path, after: Path) -> LandmarkError:
    lists = [read_points(path) for path in (before, after)]
    found = landmark_error(registration, *(one.positions for one in lists))
    if found.n < FEWEST_LANDMARKS:
        raise InputError(f"{found.n} landmarks tell too little", "landmarks", f"mark {FEWEST_LANDMARKS} or more")
    return found


def _error_of(found: LandmarkError, draws: int, seed: int) -> RegistrationError:
    mm = math.sqrt(sum(one**2 for one in found.each_mm) / found.n)
    if mm > LARGEST_MM:
        what = f"landmarks lie {mm:.0f} mm apart after the registration: it failed"
        raise InputError(what, "registration", "register anew, or check that both lists have the same order")
    return RegistrationError(max(mm, 0.1), draws, seed)
