"""The faults of a stack of slices that readers pass over in silence, each in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from HCCAssistLib.dicom.frames import number
from HCCAssistLib.dicom.headers import label_of_many
from HCCAssistLib.dicom.stacks import PATIENT, SAME_POSITION_MM, Stack, is_secondary_capture
from HCCAssistLib.errors import Problem

MAX_TILT_DEGREES = 0.5
MAX_UNEVEN_MM, MAX_UNEVEN_SHARE = 0.5, 0.25
"""How far a slice may lie from the even grid it is read onto: half a millimetre, and a quarter of the spacing.

Positions that were rounded to a tenth of a millimetre pass; a slice further off is not where its header puts it.
"""
WORTH_A_WORD_MM = 0.1
FEW_SLICES = 10
_RESEND = "send or export the series again, complete"
_ORIGINAL = "get the original series from the scanner or the archive"

_OTHER_UNITS = {"OD", "MGML", "Z_EFF", "ED", "EDW", "PCT", "CPS", "BQML"}
"""Units that the standard names; what else stands there may be anything, and is not shown."""

# What GDCM 3 (in SimpleITK) unpacks: JPEG (lossless, 8 and 12 bit), JPEG-LS, JPEG 2000, RLE.
_UNPACKABLE = {
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5",
}


def find_faults(stack: Stack, where: str) -> tuple[Problem, ...]:
    """All faults of a stack.

    Args:
        stack: sorted slices of one volume.
        where: the stack's name in messages.
    """
    checks = (_voxels, _placement, _values, _identity)
    return tuple(chain.from_iterable(check(stack, where) for check in checks))


def _voxels(stack: Stack, where: str) -> Iterator[Problem]:
    """Voxels that are missing or packed in a way that cannot be unpacked."""
    cut = [item.file for item in stack.slices if not item.is_complete]
    if cut:
        yield Problem("STOP", "is cut short", label_of_many(cut), _RESEND)
    syntaxes = {item.header.file_meta.get("TransferSyntaxUID") for item in stack.slices}
    odd = [s.name for s in syntaxes if s is not None and s.is_encapsulated and s not in _UNPACKABLE]
    if odd:
        yield Problem("STOP", f"packed in a way that cannot be read ({odd[0]})", where, "export it unpacked")
    if any(item.text("LossyImageCompression") == "01" for item in stack.slices):
        yield Problem("WARN", "compressed with loss: grey values are not the scanner's", where, _ORIGINAL)


def _placement(stack: Stack, where: str) -> Iterator[Problem]:
    """Where the slices lie."""
    spacings = [item.spacing for item in stack.slices]
    if any(spacing is None or spacing.min() <= 0 for spacing in spacings):
        yield Problem("STOP", "no pixel spacing: nothing can be measured", where, _ORIGINAL)
    elif spacings[0] is not None and abs(spacings[0][0] - spacings[0][1]) > 1e-3:
        rows, columns = spacings[0]
        yield Problem("WARN", f"pixels are not square ({columns:.3g} x {rows:.3g} mm)", where)
    depths = stack.depths()
    orientation = stack.first.orientation
    if depths is None or orientation is None:
        what = "slices without position or orientation: their place in the patient is unknown"
        yield Problem("STOP", what, where, _ORIGINAL)
        return
    if np.abs(orientation @ orientation.T - np.eye(2)).max() > 0.01:
        yield Problem("STOP", "rows and columns of the slices are not at right angles", where, _ORIGINAL)
        return
    if len(depths) == 1:
        yield Problem("STOP", "a single slice is not a volume", where, "give the whole series")
        return
    if len(depths) < FEW_SLICES:
        yield Problem("WARN", f"only {len(depths)} slices", where, "check that the series is complete")
    yield from _spacing(depths, where)
    yield from _line(stack, depths, where)
    yield from _thickness(stack, depths, where)


def _spacing(depths: np.ndarray, where: str) -> Iterator[Problem]:
    steps = np.diff(depths)
    copies = int((steps <= SAME_POSITION_MM).sum())
    if copies:
        what = f"{copies} slice{'s lie' if copies > 1 else ' lies'} on a position already taken"
        remedy = "send each phase as a series of its own, without copies"
        yield Problem("STOP", f"{what} (several phases or copies in one series)", where, remedy)
        return
    usual = float(np.median(steps))
    gaps = np.flatnonzero(steps > 1.5 * usual)
    if 0 < len(gaps) <= max(2, len(steps) // 10):
        missing = int(np.round(steps[gaps] / usual - 1).sum())
        what = (
            f"{max(missing, 1)} slice(s) missing near slice {gaps[0] + 1}: "
            f"the spacing jumps from {usual:.2f} to {steps[gaps].max():.2f} mm"
        )
        yield Problem("STOP", what, where, _RESEND)
        return
    off = float(np.abs(depths - np.linspace(depths[0], depths[-1], len(depths))).max())
    what = f"slice spacing varies from {steps.min():.2f} to {steps.max():.2f} mm: slices lie up to {off:.2g} mm off"
    if off > min(MAX_UNEVEN_MM, MAX_UNEVEN_SHARE * usual):
        yield Problem("STOP", f"{what} an even grid", where, "use a series with even slice spacing")
    elif off > WORTH_A_WORD_MM:
        yield Problem("WARN", f"{what} the even grid they are read onto", where, "use a series with even slice spacing")


def _line(stack: Stack, depths: np.ndarray, where: str) -> Iterator[Problem]:
    """Slices must be stacked along their normal: no shear, no slice out of line."""
    positions = np.array([item.position for item in stack.slices])
    orientation = stack.first.orientation
    assert orientation is not None  # noqa: S101 - see _placement
    normal = np.cross(orientation[0], orientation[1])
    sideways = positions - positions[0] - np.outer(depths - depths[0], normal)
    drift = sideways[-1] / max(depths[-1] - depths[0], SAME_POSITION_MM)
    degrees = float(np.degrees(np.arctan(np.linalg.norm(drift))))
    if degrees > MAX_TILT_DEGREES:
        yield Problem(
            "STOP",
            f"gantry tilt: the slices are sheared by {degrees:.1f} degrees",
            where,
            "load it in Slicer, which straightens it, and save the volume as .nrrd",
        )
        return
    off = float(np.linalg.norm(sideways - np.outer(depths - depths[0], drift), axis=1).max())
    if off > 0.5:
        yield Problem("STOP", f"slices are shifted sideways against each other by {off:.1f} mm", where, _ORIGINAL)


def _thickness(stack: Stack, depths: np.ndarray, where: str) -> Iterator[Problem]:
    thickness, spacing = stack.first.thickness, float(np.median(np.diff(depths)))
    if thickness and spacing > SAME_POSITION_MM and abs(thickness - spacing) > 0.1 * spacing:
        kind = "they overlap" if thickness > spacing else "there are gaps"
        yield Problem("WARN", f"slices are {thickness:g} mm thick but {spacing:.2f} mm apart ({kind})", where)


def _values(stack: Stack, where: str) -> Iterator[Problem]:
    """What the grey values mean."""
    modality = stack.first.text("Modality")
    is_saved_again = is_secondary_capture(stack.first)
    if not modality:
        yield Problem("STOP", "the headers do not say whether this is CT or MR", where, _ORIGINAL)
    elif (kind := _other_kind(stack, modality)) is not None:
        what = f"the headers contradict each other: the modality is {modality}, the kind of object {kind}"
        yield Problem("STOP", what, where, _ORIGINAL)
    kinds = {item.text("PhotometricInterpretation") for item in stack.slices}
    if kinds != {"MONOCHROME2"} or any((number(item.header, "SamplesPerPixel") or 1) > 1 for item in stack.slices):
        inverted = kinds == {"MONOCHROME1"}
        what = "grey values are stored inverted (MONOCHROME1)" if inverted else "colours or mixed pixel types"
        yield Problem("STOP", what, where, _ORIGINAL)
    rescales = {item.rescale for item in stack.slices}
    if None in rescales and len(rescales) > 1:
        count = sum(item.rescale is None for item in stack.slices)
        what = f"{count} of {len(stack.slices)} slices have no rescale values, the others have some"
        yield Problem("STOP", what, where, _ORIGINAL)
    elif modality == "CT" and None in rescales:
        saved = "secondary captures of a CT" if is_saved_again else "CT"
        yield Problem("STOP", f"{saved} without rescale values: there are no Hounsfield units", where, _ORIGINAL)
    elif any(rescale is not None and rescale[0] == 0 for rescale in rescales):
        yield Problem("STOP", "a rescale slope of 0 makes all voxels of a slice alike", where, _ORIGINAL)
    elif len(rescales) > 1:
        what = f"{len(rescales)} different rescale factors in one series: each slice is read with its own"
        yield Problem("WARN", what, where)
    units = {item.text("RescaleType").upper() for item in stack.slices} - {"", "US", "HU", "HU_MOD"}
    if modality == "CT" and units:
        named = sorted(units & _OTHER_UNITS) or ["another unit"]
        what = f"the values are no Hounsfield units ({', '.join(named)})"
        yield Problem("STOP", what, where, "give the CT in Hounsfield units, not a map made from it")
    if is_saved_again:
        what = "secondary captures (saved again as pictures): grey values may not be the scanner's"
        yield Problem("WARN", what, where, _ORIGINAL)


def _other_kind(stack: Stack, modality: str) -> str | None:
    """The kind of object, where it is an image of the other modality."""
    kinds = [getattr(item.header.get("SOPClassUID"), "name", "") for item in stack.slices]
    other = "MR" if modality == "CT" else "CT"
    return next((kind for kind in kinds if f"{other} Image" in kind), None)


def _identity(stack: Stack, where: str) -> Iterator[Problem]:
    patients = max(stack.distinct(field) for field in PATIENT)
    if patients > 1:
        what = f"the slices name {patients} different patients: they may be of several people"
        yield Problem("STOP", what, where, "give the slices of one patient, under one pseudonym")
        return
    own = {"StudyInstanceUID": "study", "SeriesInstanceUID": "series", "FrameOfReferenceUID": "frame of reference"}
    kinds = [f"{n} different {name} identifiers" for f, name in own.items() if (n := stack.distinct(f)) > 1]
    if kinds:
        what = f"the slices claim {' and '.join(kinds)}, as after anonymising each file by itself"
        remedy = "it was read as one volume since places and sizes agree: check that it is one"
        yield Problem("WARN", what, where, remedy)
    if any(not item.text("SOPInstanceUID") or not item.text("SeriesInstanceUID") for item in stack.slices):
        what = "empty identifiers (UIDs): results cannot be stored as DICOM that refers to these images"
        yield Problem("WARN", what, where, _ORIGINAL)
    files = {item.file: item.text("SOPInstanceUID") for item in stack.slices}
    shared = len(files) - len(set(files.values()))
    if shared and all(files.values()):
        what = f"{shared} files have the identifier (UID) of another: results cannot refer to single images"
        yield Problem("WARN", what, where, _ORIGINAL)
