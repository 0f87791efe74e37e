"""A volume from whatever a person has: one file, or a folder of DICOM slices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from HCCAssistLib.dicom.series import read_series
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.imaging.image import Image


def read_volume(path: Path | str, *, name: str = "") -> Image:
    """The volume of a file or of a folder of DICOM slices, in LPS millimetres and the units it is stored in.

    Warnings of a DICOM series are kept in ``history``; use ``read_series`` to have them as values.

    Args:
        path: a file that ``read_image`` reads, or a DICOM folder.
        name: pseudonymous label of the image, used in messages; the file's name where it is empty.

    Raises:
        InputError: a missing, damaged or unsuitable file or series.
    """
    path = Path(path)
    if not path.is_dir():
        return read_image(path, name=name)
    image, warnings = read_series(path, name=name)
    return replace(image, history=(*image.history, *(f"warning: {warning}" for warning in warnings)))
