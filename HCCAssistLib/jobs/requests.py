"""What a worker is asked to do, in a folder: arrays that it maps into memory, and one JSON file about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.cohort.finding_labels import Finding
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.options import Value

FORMAT = "hccassist-request/1"
FILE = "request.json"


@dataclass(frozen=True, slots=True)
class Request:
    """A prediction to make.

    Attributes:
        model: folder of the model package.
        options: of the run; see the recipe.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
    """

    model: Path
    options: Mapping[str, Value] = field(default_factory=dict)
    device: str = "auto"


def write_request(study: Study, request: Request, folder: Path) -> None:
    """Write a request and the study it is about; the JSON comes last, so a folder that has it is complete.

    Args:
        study: what to work on.
        request: what to do with it.
        folder: a new one, in a folder that is there.

    Raises:
        OSError: the disk is full.
    """
    folder.mkdir()
    files: list[str] = []

    def stored(image: Image) -> dict[str, Any]:
        files.append(f"{len(files)}.npy")
        np.save(folder / files[-1], image.array, allow_pickle=False)
        return {
            "file": files[-1],
            "geometry": image.geometry.as_json(),
            "name": image.name,
            "history": list(image.history),
        }

    content = {
        "format": FORMAT,
        "model": str(request.model),
        "options": dict(request.options),
        "device": request.device,
        "case_id": study.case_id,
        "volumes": {key: stored(image) for key, image in study.volumes.items()},
        "masks": {key: stored(image) for key, image in study.masks.items()},
        "points": {
            key: {"name": found.name, "points": [asdict(point) for point in found.points]}
            for key, found in study.points.items()
        },
        "boxes": {
            key: [{"label": one.label, **one.box.as_json()} for one in drawn] for key, drawn in study.boxes.items()
        },
        "findings": {
            key: [{**one.as_json(), "mask": None if one.mask is None else stored(one.mask)} for one in findings]
            for key, findings in study.findings.items()
        },
        "values": dict(study.values),
        "transforms": {key: np.asarray(one).tolist() for key, one in study.transforms.items()},
        "decimal_comma": study.decimal_comma,
        "warnings": [asdict(warning) for warning in study.warnings],
    }
    write_json(folder / FILE, content)


def read_request(folder: Path) -> tuple[Study, Request]:
    """Read what ``write_request`` wrote; the voxels stay on disk until they are used.

    Raises:
        InputError: not a request, or a damaged one.
    """
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise InputError("not a request of a known format", FILE)
        study = Study(
            case_id=content["case_id"],
            volumes={key: _image(folder, entry) for key, entry in content["volumes"].items()},
            points={key: _points(entry) for key, entry in content["points"].items()},
            masks={key: _image(folder, entry) for key, entry in content["masks"].items()},
            boxes={
                key: tuple(LabelledBox(one["label"], Box.from_json(one)) for one in drawn)
                for key, drawn in content["boxes"].items()
            },
            findings={
                key: tuple(_finding(folder, one) for one in findings) for key, findings in content["findings"].items()
            },
            values=content["values"],
            transforms={key: np.array(one, dtype=np.float64) for key, one in content["transforms"].items()},
            decimal_comma=bool(content["decimal_comma"]),
            warnings=tuple(Problem(**entry) for entry in content["warnings"]),
        )
        return study, Request(Path(content["model"]), content["options"], content["device"])
    except (OSError, KeyError, TypeError, EOFError) as error:
        raise InputError("the request is damaged", FILE, "run again") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the request is damaged", FILE, "run again") from error


def _image(folder: Path, entry: dict[str, Any]) -> Image:
    array = np.load(folder / Path(entry["file"]).name, mmap_mode="r", allow_pickle=False)
    return Image(array, Geometry.from_json(entry["geometry"]), entry["name"], tuple(entry["history"]))


def _finding(folder: Path, entry: dict[str, Any]) -> Finding:
    return Finding.from_json(entry, _image(folder, entry["mask"]) if entry["mask"] else None)


def _points(entry: dict[str, Any]) -> PointList:
    points = (Point(p["label"], tuple(p["position"]), p["description"], p["visible"]) for p in entry["points"])
    return PointList(entry["name"], tuple(points))
