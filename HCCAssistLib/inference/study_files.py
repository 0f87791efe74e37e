"""A study as one file: all that a recipe may compute with, without a text that a reader or a hospital wrote."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.cohort.finding_labels import Finding
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study

FORMAT = "hccassist-study/4"


def write_study(study: Study, path: Path, columns: Collection[str] = ()) -> None:
    """Write one safetensors file, whole or not at all; the case is known by the file's name alone.

    Points, boxes and findings are numbered instead of named. Warnings and the histories of images stay behind: they
    were shown when the study was read, and name its files.

    Args:
        study: to write.
        path: of the file.
        columns: clinical values and labels that go with it (``Recipe.columns``); others may describe the patient.
    """
    from safetensors.numpy import save

    marked = {
        f"finding {key} {n}": one.mask
        for key, findings in study.findings.items()
        for n, one in enumerate(findings, 1)
        if one.mask is not None
    }
    images = {
        **{f"volume {key}": image for key, image in study.volumes.items()},
        **{f"mask {key}": image for key, image in study.masks.items()},
        **marked,
    }
    header = {
        "format": FORMAT,
        "affines": {name: image.geometry.affine.tolist() for name, image in images.items()},
        "points": {key: found.positions.tolist() for key, found in study.points.items()},
        "boxes": {key: [one.box.as_json() for one in drawn] for key, drawn in study.boxes.items()},
        "findings": {key: [_unnamed(one) for one in findings] for key, findings in study.findings.items()},
        "transforms": {key: np.asarray(one).tolist() for key, one in study.transforms.items()},
        "decimal_comma": study.decimal_comma,
        "values": {column: text for column, text in study.values.items() if column in columns},
    }
    arrays = {name: np.ascontiguousarray(image.array) for name, image in images.items()}
    with atomic_file(path) as part:
        part.write_bytes(save(arrays, metadata={"header": json.dumps(header)}))


def read_study_file(path: Path) -> Study:
    """Read what ``write_study`` wrote: the same voxels, grids, positions, classes and values.

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
        case_id = path.stem
        images = {n: Image(a, Geometry(a.shape, np.array(header["affines"][n])), case_id) for n, a in arrays.items()}
        return Study(
            case_id,
            volumes=_of_kind(images, "volume "),
            masks=_of_kind(images, "mask "),
            points={key: _point_list(key, places) for key, places in header["points"].items()},
            values={str(column): str(text) for column, text in header["values"].items()},
            boxes={
                key: tuple(LabelledBox(str(n), Box.from_json(one)) for n, one in enumerate(drawn, 1))
                for key, drawn in header["boxes"].items()
            },
            transforms={key: np.array(one, dtype=np.float64) for key, one in header["transforms"].items()},
            decimal_comma=bool(header["decimal_comma"]),
            findings={
                key: tuple(_finding(one, n, images.get(f"finding {key} {n}")) for n, one in enumerate(findings, 1))
                for key, findings in header["findings"].items()
            },
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the study cannot be read ({error})", path.name, "start the training again") from error


def _of_kind(images: Mapping[str, Image], kind: str) -> dict[str, Image]:
    return {name.removeprefix(kind): image for name, image in images.items() if name.startswith(kind)}


def _point_list(name: str, places: list[Any]) -> PointList:
    return PointList(name, tuple(Point(str(number), tuple(place)) for number, place in enumerate(places, 1)))


def _unnamed(finding: Finding) -> dict[str, Any]:
    """All but the mask and the name, which is a reader's text; code and subclass are words of the recipe."""
    return {name: value for name, value in finding.as_json().items() if name != "name"}


def _finding(entry: dict[str, Any], number: int, mask: Image | None) -> Finding:
    return Finding.from_json({**entry, "name": str(number)}, mask)
