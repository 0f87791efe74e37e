"""A folder of DICOM slices: checked first, read after."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from HCCAssistLib.dicom.faults import find_faults
from HCCAssistLib.dicom.headers import read_headers, without_warnings
from HCCAssistLib.dicom.phases import PhaseGuess, guess_phase
from HCCAssistLib.dicom.stacks import Stack, find_stacks
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import compact, quiet

_FOLDER = "the folder"  # its name may be a patient's


@dataclass(frozen=True, eq=False, slots=True)
class SeriesReport:
    """What the headers of one stack of slices say.

    Attributes:
        label: name of the stack in messages: the series' number and which part of it.
        modality: ``"CT"`` or ``"MR"``; empty where unknown.
        slices: how many there are.
        files: in the order of the volume, foot to head for axial slices; one file for a multi-frame object.
        frames: for a multi-frame object, the frame of each slice in that order; empty otherwise.
        geometry: the grid, None where a STOP forbids one.
        phase: contrast phase by the headers.
        set_aside: localizers and screen saves of the series, which are not part of the volume.
        problems: faults; one STOP refuses the stack.
    """

    label: str
    modality: str
    slices: int
    files: tuple[Path, ...] = field(repr=False)
    frames: tuple[int, ...] = field(repr=False)
    geometry: Geometry | None
    phase: PhaseGuess
    set_aside: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def is_readable(self) -> bool:
        """Whether nothing forbids reading it."""
        return self.geometry is not None

    def __str__(self) -> str:
        spacing = "" if self.geometry is None else f", {self.geometry.spacing[2]:.2f} mm apart"
        return f"{self.label}: {self.slices} {self.modality} slices{spacing}, phase: {self.phase.phase}"


def check_series(folder: Path | str) -> tuple[SeriesReport, ...]:
    """Look at the headers below a folder: its stacks of CT or MR slices and their faults in plain words.

    Damaged files are reported with every stack, since it is unknown which one they belong to.

    Raises:
        InputError: the folder does not exist, or no CT or MR image is in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("there is no such folder", _FOLDER, "check the name and the place")
    with without_warnings():
        slices, damaged = read_headers(folder)
        stacks, set_aside = find_stacks(slices)
        labels = [_label(stack) for stack in stacks]
        reports = tuple(
            _report(stack, label if labels.count(label) == 1 else f"{label} (stack {n})", damaged)
            for n, (stack, label) in enumerate(zip(stacks, labels, strict=True), 1)
        )
    if not reports and damaged:
        raise InputError(damaged)
    if not reports:
        what = "only localizers or screen saves" if set_aside else "no CT or MR images"
        raise InputError(f"it holds {what}", _FOLDER, "give the folder of one series")
    return reports


def read_series(folder: Path | str, *, name: str = "") -> tuple[Image, tuple[Problem, ...]]:
    """The one volume of a folder of DICOM slices, and the warnings a reader must know.

    Args:
        folder: with the slices of one series; other kinds of files are left aside.
        name: pseudonymous label of the image.

    Returns:
        CT in Hounsfield units, MR in its stored units, and the WARN problems.

    Raises:
        InputError: a STOP, or several stacks that could be meant; use ``check_series`` and ``read_stack`` for these.
    """
    reports = check_series(folder)
    readable = [report for report in reports if report.is_readable]
    # A single odd image beside the stack is a scout without its label; anything more could be what was meant.
    odd = [report for report in reports if not report.is_readable and report.slices == 1]
    if len(readable) == 1 and len(readable) + len(odd) == len(reports):
        image, warnings = read_stack(readable[0], name=name)
        if odd:
            what = f"{len(odd)} image(s) of another size or orientation left out"
            warnings = (*warnings, Problem("WARN", what, readable[0].label, "check that the volume is complete"))
        return image, warnings
    stops = [p for report in reports for p in report.problems if p.level == "STOP"]
    if len(readable) <= 1 and stops:
        raise InputError(dict.fromkeys(stops))
    raise InputError(
        f"{len(readable)} volumes in one folder ({'; '.join(map(str, readable))})",
        name or _FOLDER,
        "choose one of them, or put its slices into a folder of their own",
    )


def read_stack(report: SeriesReport, *, name: str = "") -> tuple[Image, tuple[Problem, ...]]:
    """The volume of one stack that ``check_series`` found readable, and its warnings.

    Raises:
        InputError: the stack has a STOP, or its voxels cannot be unpacked.
    """
    if report.geometry is None:
        raise InputError(p for p in report.problems if p.level == "STOP")
    try:
        with quiet():
            array = _voxels(report)
    except RuntimeError as error:
        # SimpleITK's own message holds full paths, which may name a patient.
        what = "the voxels cannot be unpacked: a file is damaged"
        raise InputError(what, name or report.label, "send or export the series again") from error
    if array.shape != report.geometry.shape:
        raise InputError("the voxels do not fit the headers", name or report.label, "export the series again")
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return Image(compact(array), report.geometry, name, ("read from DICOM",)), report.problems


def _voxels(report: SeriesReport) -> np.ndarray:
    if report.frames:
        volume = sitk.ReadImage(str(report.files[0]))
        return sitk.GetArrayFromImage(volume)[list(report.frames)]
    reader = sitk.ImageSeriesReader()
    reader.MetaDataDictionaryArrayUpdateOff()
    reader.SetFileNames([str(file) for file in report.files])
    return sitk.GetArrayFromImage(reader.Execute())


def _label(stack: Stack) -> str:
    number = stack.first.text("SeriesNumber")
    series = f"series {number}" if number.isdigit() else "series without a number"
    return f"{series}, {stack.part}" if stack.part else series


def _report(stack: Stack, label: str, damaged: list[Problem]) -> SeriesReport:
    files = tuple(dict.fromkeys(item.file for item in stack.slices))
    problems = (*damaged, *find_faults(stack, label))
    is_multiframe = len(files) < len(stack.slices)
    if is_multiframe and len(files) > 1:
        what = f"{len(files)} multi-frame files in one series"
        problems = (*problems, Problem("STOP", what, label, "give each multi-frame file in a folder of its own"))
    geometry = None
    if not any(problem.level == "STOP" for problem in problems):
        try:
            geometry = _geometry(stack)
        except InputError as error:
            problems = (*problems, *(replace(problem, where=label) for problem in error.problems))
    return SeriesReport(
        label=label,
        modality=stack.first.text("Modality"),
        slices=len(stack.slices),
        files=files,
        frames=tuple(item.frame for item in stack.slices) if is_multiframe else (),
        geometry=geometry,
        phase=guess_phase(stack.first.header),
        set_aside=stack.set_aside,
        problems=problems,
    )


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
