"""A folder of DICOM slices: checked first, read after."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from HCCAssistLib.dicom.faults import find_faults
from HCCAssistLib.dicom.frames import Slice
from HCCAssistLib.dicom.headers import read_headers, without_warnings
from HCCAssistLib.dicom.looks import find_oddities
from HCCAssistLib.dicom.phases import Phase, PhaseGuess, contradicts, guess_phase
from HCCAssistLib.dicom.splitting import split
from HCCAssistLib.dicom.stacks import PATIENT, Stack, group_slices, is_secondary_capture, lie_alike
from HCCAssistLib.dicom.voxels import DECODING_ERRORS, read_voxels
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

_FOLDER = "the folder"  # its name may be a patient's
_SHOWN = 4
_MODALITIES = {
    "PT": "PET",
    "SEG": "segmentations (SEG)",
    "RTSTRUCT": "contours (RTSTRUCT)",
    "SR": "reports (SR)",
    "PR": "presentation states (PR)",
    "US": "ultrasound (US)",
    "OT": "secondary captures (OT)",
    "other": "another kind",
}


@dataclass(frozen=True, eq=False, slots=True)
class SeriesReport:
    """What the headers of one stack of slices say.

    Attributes:
        label: name of the stack in messages: the series' number and which part of it.
        stack: its slices, foot to head for axial ones.
        geometry: the grid, None where a STOP forbids one.
        phase: contrast phase by the headers.
        problems: faults; one STOP refuses the stack.
    """

    label: str
    stack: Stack = field(repr=False)
    geometry: Geometry | None
    phase: PhaseGuess
    problems: tuple[Problem, ...] = ()

    @property
    def modality(self) -> str:
        """``"CT"`` or ``"MR"``; empty where unknown."""
        return self.stack.first.text("Modality")

    @property
    def slices(self) -> int:
        """How many there are."""
        return len(self.stack.slices)

    @property
    def files(self) -> tuple[Path, ...]:
        """In the order of the volume; one file for a multi-frame object."""
        return tuple(dict.fromkeys(item.file for item in self.stack.slices))

    @property
    def frames(self) -> tuple[int, ...]:
        """For multi-frame objects, the frame of each slice in the order of the volume; empty otherwise."""
        numbers = tuple(item.frame for item in self.stack.slices)
        return numbers if any(numbers) else ()

    @property
    def set_aside(self) -> int:
        """Localizers and screen saves of the series, which are not part of the volume."""
        return self.stack.set_aside

    @property
    def is_readable(self) -> bool:
        """Whether nothing forbids reading it."""
        return self.geometry is not None

    def __str__(self) -> str:
        spacing = ", cannot be read" if self.geometry is None else f", {self.geometry.spacing[2]:.2f} mm apart"
        return f"{self.label}: {self.slices} {self.modality} slices{spacing}, phase: {self.phase.phase}"


def check_series(folder: Path | str) -> tuple[SeriesReport, ...]:
    """Look at the headers below a folder: its stacks of CT or MR slices and their faults in plain words.

    Damaged files are reported with every stack, since it is unknown which one they belong to. Slices may lie at most
    0.5 mm, and at most a quarter of their spacing, off the even grid they are read onto; others are refused.

    Raises:
        InputError: the folder does not exist, or no CT or MR image is in it.
    """
    folder = Path(folder)
    if folder.is_file():
        raise InputError("this is a file, not a folder", "the path", "give the folder that its series lies in")
    if not folder.is_dir():
        raise InputError("there is no such folder", _FOLDER, "check the name and the place")
    with without_warnings():
        headers = read_headers(folder)
        reports, set_aside = reports_of(headers.slices, headers.problems)
    if not reports and headers.damaged:
        raise InputError(headers.problems)
    if not reports:
        raise InputError(_nothing(set_aside, headers.others), _FOLDER, "give the folder of one CT or MR series")
    return reports


def reports_of(slices: list[Slice], problems: Sequence[Problem] = ()) -> tuple[tuple[SeriesReport, ...], int]:
    """The stacks of slices that were read, and how many images are set aside.

    Args:
        slices: as ``read_files`` gives them.
        problems: of files that may belong to any of the stacks.
    """
    groups, set_aside = group_slices(slices)
    stacks = [part for stack in groups for part in split(stack)]
    labels = [_label(stack) for stack in stacks]
    reports = tuple(
        _report(stack, label if labels.count(label) == 1 else f"{label} (stack {n})", problems)
        for n, (stack, label) in enumerate(zip(stacks, labels, strict=True), 1)
    )
    return reports, set_aside


def _nothing(set_aside: int, others: Counter[str]) -> str:
    held = [
        f"{count} file{'s' * (count > 1)} of {_MODALITIES.get(kind, kind)}" for kind, count in others.most_common(3)
    ]
    if set_aside:
        held.append("localizers, screen saves or secondary captures that do not say where in the patient they lie")
    return "it holds no CT or MR images" + (f", only {', '.join(held)}" if held else "")


def read_series(
    folder: Path | str, *, name: str = "", modality: str = "", phase: str = ""
) -> tuple[Image, tuple[Problem, ...]]:
    """The one volume of a folder of DICOM slices, and the warnings a reader must know.

    Args:
        folder: with the slices of one series; other kinds of files are left aside.
        name: pseudonymous label of the image.
        modality: ``"CT"`` or ``"MR"`` where only that one can be used.
        phase: the contrast phase that is expected (``"arterial"``, ``"portal"``, ...); headers that name another are
            told in a warning.

    Returns:
        CT in Hounsfield units, MR in its stored units after its rescale; and the WARN problems.

    Raises:
        InputError: a STOP, another modality, or several stacks that could be meant; use ``check_series`` and
            ``read_stack`` for these.
    """
    reports = check_series(folder)
    _refuse_other_modality(reports, modality, name)
    readable = [report for report in reports if report.is_readable]
    # A single odd image beside the stack is a scout without its label; anything more could be what was meant.
    odd = [report for report in reports if not report.is_readable and report.slices == 1]
    if len(readable) == 1 and len(readable) + len(odd) == len(reports):
        _refuse_other_modality(readable, modality, name)
        image, warnings = read_stack(readable[0], name=name)
        if odd:
            reasons = Counter(_why_apart(report.stack, readable[0].stack) for report in odd)
            what = " and ".join(f"{count} image(s) {why}" for why, count in reasons.items()) + " left out"
            warnings = (*warnings, Problem("WARN", what, readable[0].label, "check that the volume is complete"))
        return image, (*warnings, *_other_phase(readable[0], phase))
    if not readable:
        raise InputError(condensed(p for report in reports for p in report.problems if p.level == "STOP"))
    volumes = [report for report in reports if report not in odd]
    shown = "; ".join(map(str, volumes[:_SHOWN])) + ("; ..." if len(volumes) > _SHOWN else "")
    raise InputError(
        f"{len(volumes)} volumes in one folder ({shown})",
        name or _FOLDER,
        "choose one of them and put its slices into a folder of their own; hccassist check-series lists them all",
    )


def _why_apart(odd: Stack, volume: Stack) -> str:
    """Why an image is no slice of the volume, in words that follow "image"."""
    one, other = odd.first, volume.first
    if is_secondary_capture(one) and not is_secondary_capture(other):
        return "saved again as a picture (secondary capture)"
    if one.text("Modality") != other.text("Modality"):
        return f"of modality {one.text('Modality') or 'unknown'}"
    if any(one.text(field) != other.text(field) for field in ("Rows", "Columns")) or not lie_alike(one, other):
        return "of another size or orientation"
    for fields, what in ((PATIENT, "patient"), (("StudyInstanceUID", "SeriesInstanceUID"), "study or series")):
        if any(one.text(field) != other.text(field) for field in fields):
            return f"of another {what}"
    if one.text("FrameOfReferenceUID") != other.text("FrameOfReferenceUID"):
        return "of another frame of reference"
    return "that lie apart from the volume"


def _refuse_other_modality(reports: Sequence[SeriesReport], modality: str, name: str) -> None:
    found = {report.modality for report in reports} - {""}
    modality = modality.upper()
    if modality and found and modality not in found:
        what = f"this is {'an MR' if found == {'MR'} else 'a CT'} series, and the method needs {modality}"
        raise InputError(what, name or reports[0].label, f"give the {modality} series")


def _other_phase(report: SeriesReport, phase: str) -> tuple[Problem, ...]:
    guess = report.phase
    if not contradicts(guess, phase):
        return ()
    why = f"{'; '.join(guess.evidence)}; confidence {guess.confidence}"
    what = f"given as the {phase} phase, but by the headers it is {_in_words(guess.phase)} ({why})"
    return (Problem("WARN", what, report.label, "look at it, and give the right phase"),)


def _in_words(phase: Phase) -> str:
    return "no phase image" if phase is Phase.EXCLUDED else f"the {phase} one"


def condensed(problems: Iterable[Problem]) -> list[Problem]:
    """Problems of several stacks, each cause once: where it was found first, and at how many places more."""
    places: dict[Problem, list[str]] = defaultdict(list)
    for problem in dict.fromkeys(problems):
        places[replace(problem, where="")].append(problem.where)
    return [
        replace(problem, where=f"{where[0]} and {len(where) - 1} more" if len(where) > 1 else where[0])
        for problem, where in places.items()
    ]


def read_stack(report: SeriesReport, *, name: str = "") -> tuple[Image, tuple[Problem, ...]]:
    """The volume of one stack that ``check_series`` found readable, and its warnings.

    Raises:
        InputError: the stack has a STOP, or its voxels cannot be unpacked.
    """
    if report.geometry is None:
        raise InputError(p for p in report.problems if p.level == "STOP")
    try:
        with without_warnings():
            array, padding = read_voxels(report.stack.slices)
    except DECODING_ERRORS as error:
        # The libraries' own messages hold full paths, which may name a patient.
        what = "the voxels cannot be unpacked: a file is damaged"
        raise InputError(what, name or report.label, "send or export the series again") from error
    if array.shape != report.geometry.shape:
        raise InputError("the voxels do not fit the headers", name or report.label, "export the series again")
    problems = (*report.problems, *padding.problems(report.label), *find_oddities(array, report.modality, report.label))
    return Image(array, report.geometry, name, ("read from DICOM",), _acquired(report.stack)), problems


def _acquired(stack: Stack) -> str:
    """Day and time of the first slice, as far as the headers hold them."""
    if moment := re.match(r"\d{8}(\d{6})?", stack.first.text("AcquisitionDateTime")):
        return moment[0]
    day = re.match(r"\d{8}", stack.first.text("AcquisitionDate") or stack.first.text("StudyDate"))
    time = re.match(r"\d{6}", stack.first.text("AcquisitionTime"))
    return (day[0] + (time[0] if time else "")) if day else ""


def _label(stack: Stack) -> str:
    number = stack.first.text("SeriesNumber")
    series = f"series {number}" if number.isdigit() else "series without a number"
    return f"{series}, {stack.part}" if stack.part else series


def _report(stack: Stack, label: str, of_folder: Sequence[Problem]) -> SeriesReport:
    problems = (*of_folder, *find_faults(stack, label))
    geometry = None
    if not any(problem.level == "STOP" for problem in problems):
        try:
            geometry = _geometry(stack)
        except InputError as error:
            problems = (*problems, *(replace(problem, where=label) for problem in error.problems))
    return SeriesReport(label, stack, geometry, guess_phase(stack.first.own_header()), problems)


def _geometry(stack: Stack) -> Geometry:
    """The grid of a stack without a STOP; slices rise along their normal, so the axes are right-handed."""
    first, last = stack.slices[0], stack.slices[-1]
    assert first.orientation is not None and first.spacing is not None  # noqa: S101 - a STOP otherwise
    assert first.position is not None and last.position is not None  # noqa: S101 - a STOP otherwise
    affine = np.eye(4)
    affine[:3, 0] = first.orientation[0] * first.spacing[1]
    affine[:3, 1] = first.orientation[1] * first.spacing[0]
    affine[:3, 2] = (last.position - first.position) / (len(stack.slices) - 1)
    affine[:3, 3] = first.position
    shape = (len(stack.slices), int(first.header.Rows), int(first.header.Columns))
    return Geometry(shape, affine)
