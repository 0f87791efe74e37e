"""The header of Slicer's .seg.nrrd files: which segment is which value of which layer."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry

HEADER_LIMIT = 4 * 1024 * 1024
LEVEL = 3
"""Of gzip: a mask stays small, and 9 takes four times as long."""

COLORS = ("0.90 0.35 0.25", "0.20 0.65 0.90", "0.95 0.80 0.25", "0.45 0.75 0.35", "0.75 0.45 0.80", "0.95 0.60 0.70")


class SegmentField(NamedTuple):
    """What the header says of one segment; None where it does not say. Tags are texts by name."""

    name: str
    layer: int | None
    value: int | None
    tags: Mapping[str, str] = MappingProxyType({})


def read_segment_fields(path: Path) -> list[SegmentField]:
    """The segments named in a .nrrd file's header; none for a plain labelmap.

    Raises:
        InputError: a damaged header.
    """
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        for line in file.read(HEADER_LIMIT).split(b"\n"):
            text = line.rstrip(b"\r").decode("utf-8", errors="replace")
            if not text:
                break
            key, found, value = text.partition(":=")
            if found:
                fields[key.strip()] = re.sub(r"\\(n|\\)", lambda m: "\n" if m[1] == "n" else "\\", value).strip()
    if "Segmentation_Extent" in fields:
        raise InputError("the segmentation is of an old kind", path.name, "load it in Slicer 4.10 and save it from 5")
    represented = fields.get("Segmentation_MasterRepresentation") or fields.get("Segmentation_SourceRepresentation")
    if "fractional" in (represented or "").lower():
        raise InputError(
            "the segmentation is a fractional labelmap, whose voxels are parts and not segments",
            path.name,
            "in Slicer's Segmentations module make the binary labelmap the source representation, and save again",
        )
    known = [re.fullmatch(r"Segment(\d+)_(ID|Name|LabelValue)", key) for key in fields]
    segments: list[SegmentField] = []
    for number in sorted({int(match[1]) for match in known if match}):
        prefix = f"Segment{number}_"
        name = fields.get(f"{prefix}Name") or fields.get(f"{prefix}ID") or f"Segment_{number + 1}"
        try:
            layer, label = (
                int(fields[key]) if (key := f"{prefix}{field}") in fields else None for field in ("Layer", "LabelValue")
            )
        except ValueError as error:
            raise InputError(f"the header of segment {name!r} is damaged", path.name) from error
        segments.append(SegmentField(name, layer, label, _tags(fields.get(f"{prefix}Tags", ""))))
    return segments


def encode(layers: Sequence[npt.NDArray[Any]], geometry: Geometry, segments: Sequence[SegmentField]) -> bytes:
    """The content of a .seg.nrrd file.

    Args:
        layers: labelmaps ``[k, j, i]`` on ``geometry``, of 8 or 16 bits.
        geometry: their grid.
        segments: names with layer and value.
    """
    several = len(layers) > 1
    i, j, k = geometry.size_ijk.astype(int)
    axes = " ".join(_vector(axis) for axis in geometry.affine[:3, :3].T)
    lines = [
        "NRRD0004",
        f"type: {'unsigned char' if layers[0].dtype == np.uint8 else 'unsigned short'}",
        f"dimension: {4 if several else 3}",
        "space: left-posterior-superior",
        f"sizes: {f'{len(layers)} ' if several else ''}{i} {j} {k}",
        f"space directions: {'none ' if several else ''}{axes}",
        f"kinds: {'list ' if several else ''}domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(geometry.origin)}",
    ]
    for number, (name, layer, value, tags) in enumerate(segments):
        lines += [
            f"Segment{number}_Color:={COLORS[number % len(COLORS)]}",
            # Slicer cuts a layer to the extent of its first segment, so every segment names the layer's.
            f"Segment{number}_Extent:=0 {i - 1} 0 {j - 1} 0 {k - 1}",
            f"Segment{number}_ID:=Segment_{number + 1}",
            f"Segment{number}_LabelValue:={value}",
            f"Segment{number}_Layer:={layer}",
            f"Segment{number}_Name:={_escaped(name)}",
            *([f"Segment{number}_Tags:={_escaped(_tag_text(tags))}"] if tags else []),
        ]
    lines += [
        "Segmentation_ContainedRepresentationNames:=Binary labelmap|",
        "Segmentation_MasterRepresentation:=Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset:=0 0 0",
    ]
    voxels = np.stack(layers, axis=-1) if several else layers[0]
    little = np.ascontiguousarray(voxels, dtype=voxels.dtype.newbyteorder("<"))
    return "\n".join([*lines, "", ""]).encode() + gzip.compress(little.data, LEVEL, mtime=0)


def _tags(text: str) -> dict[str, str]:
    """Slicer writes ``name:value|name:value|``; a value may hold further colons."""
    pairs = (part.partition(":") for part in text.split("|"))
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _tag_text(tags: Mapping[str, str]) -> str:
    return "".join(f"{name}:{value}|" for name, value in tags.items())


def _vector(values: npt.NDArray[np.float64]) -> str:
    return f"({','.join(repr(float(value)) for value in values)})"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
