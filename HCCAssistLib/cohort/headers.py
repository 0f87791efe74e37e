"""What the headers of a case's volumes say: sizes and spacings, without any voxel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import SimpleITK as sitk

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.itk import quiet


def volume_sizes(case: Case, inputs: Sequence[InputSpec]) -> dict[str, str]:
    """``512 x 512 x 60, 0.78 x 0.78 x 5 mm`` of each volume that is there, by place.

    Args:
        case: of a cohort.
        inputs: of the method.
    """
    found: dict[str, str] = {}
    for need in (need for need in inputs if need.kind == "volume"):
        try:
            path = case.volume_path(need.time_point, need.name)
        except InputError:
            found[str(need)] = "there in several forms"
            continue
        if path is not None:
            found[str(need)] = f"{sum(1 for _ in path.iterdir())} DICOM files" if path.is_dir() else _size(path)
    return found


def _size(path: Path) -> str:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with quiet():
            reader.ReadImageInformation()
    except RuntimeError:
        return "damaged"
    size = " x ".join(str(n) for n in reader.GetSize()[:3])
    return f"{size}, {' x '.join(f'{step:.3g}' for step in reader.GetSpacing()[:3])} mm"
