"""A study as one file: voxels, masks and points, without a name, text or path of what it was read from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study

FORMAT = "hccassist-study/1"


def write_study(study: Study, path: Path) -> None:
    """Write one safetensors file, whole or not at all.

    Labels of points, histories, clinical values, boxes and labelled findings stay behind: samples hold what is needed
    of them.
    """
    from safetensors.numpy import save

    images = {
        **{f"volume {n}": v for n, v in study.volumes.items()},
        **{f"mask {n}": m for n, m in study.masks.items()},
    }
    header = {
        "format": FORMAT,
        "case_id": study.case_id,
        "affines": {name: image.geometry.affine.tolist() for name, image in images.items()},
        "points": {name: found.positions.tolist() for name, found in study.points.items()},
    }
    arrays = {name: np.ascontiguousarray(image.array) for name, image in images.items()}
    with atomic_file(path) as part:
        part.write_bytes(save(arrays, metadata={"header": json.dumps(header)}))


def read_study_file(path: Path) -> Study:
    """Read what ``write_study`` wrote: the same voxels, grids and positions.

    Raises:
        InputError: not there, damaged or of another format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get("header", "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        if header.get("format") != FORMAT:
            raise ValueError("unknown format")
        case_id = str(header["case_id"])
        images = {n: Image(a, Geometry(a.shape, np.array(header["affines"][n])), case_id) for n, a in arrays.items()}
        return Study(
            case_id,
            volumes=_of_kind(images, "volume "),
            masks=_of_kind(images, "mask "),
            points={name: _point_list(name, places) for name, places in header["points"].items()},
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the study cannot be read ({error})", path.name, "start the training again") from error


def _of_kind(images: Mapping[str, Image], kind: str) -> dict[str, Image]:
    return {name.removeprefix(kind): image for name, image in images.items() if name.startswith(kind)}


def _point_list(name: str, places: list[Any]) -> PointList:
    return PointList(name, tuple(Point(str(number), tuple(place)) for number, place in enumerate(places, 1)))
