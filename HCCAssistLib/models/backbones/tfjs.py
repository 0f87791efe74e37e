"""A Keras ResNet-50 as TensorFlow.js writes it: model.json with shards, in a folder or in the archive of a package."""

from __future__ import annotations

import gzip
import math
import tarfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json
from HCCAssistLib.models.backbones.variant import Variant
from HCCAssistLib.models.backbones.weights import FILE_LIMIT, Description

if TYPE_CHECKING:
    from torch import Tensor

MODEL, NAME = "model.json", "resnet50-keras"
JSON_LIMIT = 8 * 2**20
MEMBERS = 1000
"""Files that an archive may hold."""

TRAILER = 2**20
"""Bytes of padding after the last file."""

Read = Callable[[str], bytes | None]
"""The content of a file by its path within the source; None where there is none."""


def read_tfjs(source: Path) -> tuple[dict[str, Tensor], Description]:
    """Weights under torchvision's names, and what the model says of itself.

    A convolution's bias becomes a shift of the running mean behind it, which is exact; the first convolution takes red,
    green and blue instead of Keras' blue, green and red.

    Args:
        source: a folder with model.json at any depth, or a .tgz of one.

    Raises:
        InputError: there is no such model, or it is no ResNet-50.
    """
    if source.is_dir():
        found = sorted(source.rglob(MODEL), key=lambda path: (len(path.parts), path))[:1]
        if not found:
            raise InputError(f"there is no {MODEL} of a network", source.name)
        return _converted(found[0].parent, _in_folder(found[0].parent, source), source.name)
    members = _members(source)
    place = next((path.parent for path in sorted(members) if path.name == MODEL), None)
    if place is None:
        raise InputError(f"the archive holds no {MODEL} of a network", source.name)
    return _converted(place, lambda name: members.get(_normal(place / name)), source.name)


def _members(source: Path) -> dict[PurePosixPath, bytes]:
    """The plain files of an archive by their path; nothing is unpacked to the disk."""
    members: dict[PurePosixPath, bytes] = {}
    total = 0
    try:
        with gzip.open(source) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts:
                    raise InputError(f"the archive would write outside its folder ({member.name!r})", source.name)
                total += member.size
                if len(members) >= MEMBERS or total > FILE_LIMIT:
                    raise InputError("the archive is far larger than a backbone", source.name)
                if (file := archive.extractfile(member) if member.isfile() else None) is not None:
                    members[path] = file.read()
            stream.read(TRAILER)  # tarfile stops before the end of the file, where its checksum stands
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        what = f"the archive cannot be read, is damaged or cut short ({error})"
        raise InputError(what, source.name, "get it again from its source") from error
    return members


def _normal(path: PurePosixPath | Path) -> PurePosixPath:
    parts: list[str] = []
    for part in path.parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
    return PurePosixPath(*parts)


def _in_folder(place: Path, top: Path) -> Read:
    def read(name: str) -> bytes | None:
        path = (place / name).resolve()
        if not path.is_relative_to(top.resolve().parent) or not path.is_file() or path.stat().st_size > FILE_LIMIT:
            return None
        return path.read_bytes()

    return read


def _converted(place: Path | PurePosixPath, read: Read, where: str) -> tuple[dict[str, Tensor], Description]:
    text = read(MODEL)
    try:
        if text is None or len(text) > JSON_LIMIT:
            raise ValueError("too large")
        model = parse_json(text)
        layers = {one["config"]["name"]: one for one in model["modelTopology"]["model_config"]["config"]["layers"]}
        variant = _variant(layers)
        manifests = model["weightsManifest"]
        arrays = _arrays(manifests, read, where)
        weights = _torchvision(arrays)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise InputError("this is not the model.json of a Keras ResNet-50 in layers", where) from error
    return weights, Description(NAME, variant, _licence(read), _origin(read))


def _variant(layers: Mapping[str, Any]) -> Variant:
    """What the layers tell; their inputs are scaled as in all Keras applications of this network."""
    strides = [max(layers[f"res3a_branch2{letter}"]["config"]["strides"]) for letter in "ab"]
    epsilon = {one["config"]["epsilon"] for one in layers.values() if one["class_name"] == "BatchNormalization"}
    if sorted(strides) != [1, 2] or len(epsilon) != 1:
        raise InputError("the layers of model.json are not those of a ResNet-50")
    padding = layers["pool1_pad"]["config"]["padding"] if "pool1_pad" in layers else [[0, 0], [0, 0]]
    padded: Literal[0, 1] = 1 if padding == [[1, 1], [1, 1]] else 0
    return Variant("1x1" if strides[0] == 2 else "3x3", epsilon.pop(), "caffe", padded)


def _arrays(manifests: Any, read: Read, where: str) -> dict[str, npt.NDArray[np.float32]]:
    """All weights by their name in Keras."""
    arrays = {}
    for manifest in manifests:
        shards = [read(str(name)) for name in manifest["paths"] if PurePosixPath(str(name)).name == str(name)]
        if len(shards) != len(manifest["paths"]) or None in shards:
            raise InputError("a part of the weights is missing", where, "give the whole folder or archive")
        content = b"".join(shard for shard in shards if shard is not None)
        offset = 0
        for entry in manifest["weights"]:
            count = math.prod(entry["shape"])
            if entry["dtype"] != "float32" or offset + 4 * count > len(content):
                raise InputError("the weights are cut short, or not of 32-bit floats", where)
            arrays[entry["name"]] = np.frombuffer(content, "<f4", count, offset).reshape(entry["shape"])
            offset += 4 * count
        if offset != len(content):
            raise InputError("the parts of the weights hold more than model.json tells of", where)
    return arrays


def _torchvision(arrays: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Tensor]:
    import torch

    from HCCAssistLib.models.backbones.resnet50 import STAGES

    found: dict[str, npt.NDArray[np.float32]] = {}

    def convolution(keras: str, normalised: str, name: str, norm: str) -> None:
        found[f"{name}.weight"] = arrays[f"{keras}/kernel"].transpose(3, 2, 0, 1)
        found[f"{norm}.weight"], found[f"{norm}.bias"] = arrays[f"{normalised}/gamma"], arrays[f"{normalised}/beta"]
        found[f"{norm}.running_mean"] = arrays[f"{normalised}/moving_mean"] - arrays[f"{keras}/bias"]
        found[f"{norm}.running_var"] = arrays[f"{normalised}/moving_variance"]

    convolution("conv1", "bn_conv1", "conv1", "bn1")
    found["conv1.weight"] = found["conv1.weight"][:, ::-1]
    for stage, (_, count) in enumerate(STAGES, start=1):
        for block in range(count):
            at, name = f"{stage + 1}{'abcdef'[block]}_branch", f"layer{stage}.{block}"
            for number, letter in enumerate("abc", start=1):
                convolution(f"res{at}2{letter}", f"bn{at}2{letter}", f"{name}.conv{number}", f"{name}.bn{number}")
            if block == 0:
                convolution(f"res{at}1", f"bn{at}1", f"{name}.downsample.0", f"{name}.downsample.1")
    last = next(name for name, array in arrays.items() if name.endswith("/kernel") and array.ndim == 2)
    found["fc.weight"], found["fc.bias"] = arrays[last].T, arrays[last.replace("/kernel", "/bias")]
    return {name: torch.from_numpy(np.array(array, order="C")) for name, array in found.items()}


def _licence(read: Read) -> str:
    for name in ("LICENSE", "../LICENSE"):
        if text := read(name):
            first = text.decode("utf-8", "replace").strip().splitlines()
            return first[0][:80] if first else ""
    return ""


def _origin(read: Read) -> str:
    for name in ("package.json", "../package.json"):
        if text := read(name):
            try:
                told = parse_json(text)
                return f"npm {str(told['name'])[:80]} {str(told['version'])[:40]}"
            except (ValueError, KeyError, TypeError):
                break
    return "a TensorFlow.js model"
