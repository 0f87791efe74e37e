"""Volumes from and to files: NIfTI, NRRD, MetaImage and folders of DICOM slices."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import SimpleITK as sitk

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import atomic_file, disk_fault
from HCCAssistLib.imaging.header_checks import HEADER_LIMIT
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.itk import from_itk, quiet, to_itk
from HCCAssistLib.imaging.metaimage_header import check_metaimage
from HCCAssistLib.imaging.nifti import read_nifti
from HCCAssistLib.imaging.nrrd_header import check_nrrd, check_one_volume

NIFTI = (".nii", ".nii.gz")
NRRD = (".nrrd", ".nhdr")
METAIMAGE = (".mha", ".mhd")
_OTHERS = {
    (".dcm", ".ima", ".dicom"): ("a single DICOM file", "give the folder that holds the whole series"),
    (".hdr", ".img", ".hdr.gz", ".img.gz"): (
        "half of an Analyze or NIfTI pair",
        "Analyze does not say left and right: convert the DICOM series again, to .nii.gz",
    ),
    (".mgz", ".mgh"): ("a FreeSurfer volume", "convert it with mri_convert to .nii.gz"),
    (".mnc",): ("a MINC volume", "convert it with mnc2nii to .nii"),
    (".raw", ".zraw", ".raw.gz", ".img.raw"): ("voxels alone", "give the .mhd or .nhdr file beside it"),
    (".mrb", ".mrml"): ("a scene of Slicer", "open it in Slicer and save the volume as .nrrd"),
    (".zip", ".tar", ".tgz", ".tar.gz", ".rar", ".7z"): ("an archive", "unpack it and give what is inside"),
}
"""Files that people give in place of a volume, what they are, and what to give instead."""

NIFTI_HEADER = 352
"""Bytes before the voxels in a NIfTI-1 file of ours."""

READABLE = (*NIFTI, *NRRD, *METAIMAGE)
WRITABLE = (".nrrd", ".nii.gz", ".nii", ".mha")


def read_image(path: Path | str, *, name: str = "") -> Image:
    """The volume of a file, in LPS millimetres and the units it is stored in.

    Integers stay integers (16-bit where they fit). A folder of DICOM slices is read by
    ``HCCAssistLib.dicom.volume.read_volume``.

    Args:
        path: ``.nii``, ``.nii.gz``, ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd``.
        name: pseudonymous label of the image, used in messages; the file's name where it is empty.

    Raises:
        InputError: a missing, damaged or unsuitable file: several volumes, colours, NaN, a sheared grid or one
            without a position in the patient, or of a size that no patient has.
    """
    path = Path(path)
    where = name or path.name
    if path.is_dir():
        raise InputError("this is a folder, not a file", where, "give the file of the volume")
    if not path.is_file():
        raise InputError("there is no such file", where, "check the name and the folder")
    suffix = _suffix(path, READABLE, where)
    with _located(where):
        if suffix in NIFTI:
            return read_nifti(path, name)
        if suffix in NRRD:
            check_one_volume(path)
            scale = check_nrrd(path)
        else:
            scale = check_metaimage(path)
        try:
            with quiet():
                volume = sitk.ReadImage(str(path))
        except RuntimeError as error:
            # SimpleITK's own message holds the full path, which may name a patient.
            raise InputError("the file is damaged or cut short", remedy="copy or export it again") from error
        image = from_itk(volume, name)
        geometry = image.geometry.in_mm(scale)
        geometry.check_size("" if scale == 1.0 else f"units of {scale:g} mm")
        return replace(image, geometry=geometry)


def write_image(image: Image, path: Path | str, *, packed: bool = True) -> None:
    """Write a volume so that the file is complete or not there at all; the voxels' type is kept.

    Args:
        image: any volume; true/false voxels become 0 and 1.
        path: ``.nrrd`` or ``.mha``, ``.nii.gz`` (packed always) or ``.nii`` (never); an existing file is replaced.
        packed: whether to pack the voxels, which for a scan with its noise takes long and saves two fifths.

    Raises:
        InputError: an ending or a voxel type that cannot be written, or the folder is missing.
        HCCAssistError: the disk is full or not writable.
    """
    path = Path(path)
    suffix = _suffix(path, WRITABLE, path.name)
    volume = to_itk(image)
    try:
        with atomic_file(path, ending=suffix) as part:
            try:
                with quiet():
                    sitk.WriteImage(volume, str(part), useCompression=packed and suffix != ".nii")
                whole = _payload(part, suffix, packed) >= image.array.nbytes
            except RuntimeError:
                whole = False
            if not whole:
                part.write_bytes(bytes(max(image.array.nbytes, 1 << 20)))  # says what the disk has against it
                raise InputError("the file cannot be written", path.name, "check the folder and the disk")
    except FileNotFoundError as error:
        raise InputError("the file cannot be written", path.name, "check that the folder exists") from error
    except OSError as error:
        raise HCCAssistError(f"{path.name} cannot be written: {disk_fault(error)}") from error


def _payload(path: Path, suffix: str, packed: bool) -> float:
    """Bytes of voxels in a file that was just written; infinite where SimpleITK is to be believed.

    On a full disk SimpleITK 2.5 cuts NIfTI and unpacked NRRD files short without a word.
    """
    if suffix == ".nrrd" and not packed:
        with path.open("rb") as file:
            header = file.read(HEADER_LIMIT).find(b"\n\n") + 2
        return path.stat().st_size - header
    if suffix not in NIFTI:
        return math.inf
    if suffix == ".nii":
        return path.stat().st_size - NIFTI_HEADER
    total = 0
    with suppress(EOFError, zlib.error, gzip.BadGzipFile), gzip.open(path) as file:
        while found := file.read(1 << 22):
            total += len(found)
    return total - NIFTI_HEADER


def _suffix(path: Path, known: tuple[str, ...], where: str) -> str:
    for suffix in known:
        if path.name.lower().endswith(suffix):
            return suffix
    raise _unknown(path, known, where)


def _unknown(path: Path, known: tuple[str, ...], where: str) -> InputError:
    endings = f"use one of {', '.join(known)}"
    for suffixes, (what, remedy) in _OTHERS.items():
        if path.name.lower().endswith(suffixes) and known is READABLE:
            return InputError(f"this is {what}, which is not read here", where, f"{remedy}, or {endings}")
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(132)
        if head[128:] == b"DICM":
            return InputError("this is a single DICOM file", where, "give the folder that holds the whole series")
    return InputError("the ending of the file's name is not known", where, endings)


@contextmanager
def _located(where: str) -> Iterator[None]:
    """Put the file's name into problems that were found deeper down."""
    try:
        yield
    except InputError as error:
        raise InputError(replace(problem, where=problem.where or where) for problem in error.problems) from error
