"""A hand-made network that finds bright blobs, and a body with some: truth without training."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.models.package import ModelPackage, write_package
from HCCAssistLib.recipes.ltp.network import LTPNetwork, build
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.cutoff import CutOff

LTP = get_recipe("ltp")


def blob_network(pools: int = 2, border: str = "context") -> LTPNetwork:
    """Adds up how bright the middle of a patch is in the tumour window, and compares it with a few voxels."""
    network = build(LTP.resolve({"pools": pools, "border": border}))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.conv1.weight[0, 2, 1, 1, 1] = 1.0
        network.conv2.weight[0, 0, 1, 1, 1] = 1.0
        network.conv3.weight[0, 0, 1, 1, 1] = 1.0
        cells = torch.zeros(64, 2, 8, 8) if pools == 2 else torch.zeros(64, 1, 4, 4)
        middle = slice(2, 6) if pools == 2 else slice(1, 3)
        cells[0, :, middle, middle] = 1.0
        network.fc1.weight[0] = cells.flatten()
        network.fc2.weight[0, 0] = 1.0
        network.fc3.weight[0, 0] = 0.8 if pools == 2 else 5.0
        network.fc3.bias[0] = -8.0
    return network.eval()


def blob_model(folder: Path, **options: object) -> LoadedModel:
    return load_model(blob_package(folder, blob_network(**options)))  # type: ignore[arg-type]


def blob_package(folder: Path, network: LTPNetwork, **card: Any) -> ModelPackage:
    """Written as ``folder/blobs``; what ``card`` says replaces what its model card says otherwise."""
    said = {"cutoffs": {"patch": CutOff(0.5, "set by hand for a test")}, "default_cutoff": "patch", "training": {}}
    return write_package(
        folder / "blobs",
        [{"": network.state_dict()}],
        recipe=LTP,
        options=LTP.resolve({"pools": network.pools, "border": network.border}),
        **{"name": "blobs", **said, "input_spec": {}, "software": {}, **card},
    )


BLOBS = (((40.0, -20.0, 30.0), 8.0), ((-25.0, 15.0, -14.0), 6.0), ((-30.0, -28.0, 22.0), 10.0))
"""Centres in LPS mm and radii: no symmetry maps them onto one another."""


def blob_image(geometry: Geometry) -> Image:
    """Soft tissue with the bright blobs, sampled on any grid; made once for each, since nobody can change an image."""
    return _blob_image(geometry.shape, geometry.affine.tobytes())


@lru_cache(maxsize=4)
def _blob_image(shape: tuple[int, int, int], affine: bytes) -> Image:
    geometry = Geometry(shape, np.frombuffer(affine).reshape(4, 4))
    k, j, i = np.indices(geometry.shape)
    places = geometry.to_world(np.stack([i, j, k], -1))
    array = np.full(geometry.shape, 60.0)
    for center, radius in BLOBS:
        away = np.linalg.norm(places - np.array(center), axis=-1)
        array += 90 * np.clip((radius - away) / 2 + 0.5, 0, 1)
    return Image(array.round().astype(np.int16), geometry, "case-1")


def straight_grid() -> Geometry:
    shape, spacing = (30, 180, 190), (0.75, 0.8, 4.0)
    size = np.array(shape[::-1]) - 1
    return Geometry.from_parts(shape, spacing, (-size * spacing / 2 + (3.0, -5.0, 2.0)).tolist())


def close_grid() -> Geometry:
    """Half a patch around the blobs and no more, for tests that scan many volumes."""
    return Geometry.from_parts((24, 110, 152), (0.75, 0.8, 4.0), (-53.0, -52.0, -38.0))
