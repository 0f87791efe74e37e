"""The content of .nrrd files: lines of text, then packed voxels."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.geometry import Geometry

TYPES = {"u1": "unsigned char", "i2": "short", "u2": "unsigned short"}

GZIP = 31
"""What zlib calls a gzip file, with the largest window."""


def encode(
    layers: Sequence[npt.NDArray[Any]],
    geometry: Geometry,
    lines: Sequence[str] = (),
    *,
    level: int,
    strategy: int = zlib.Z_DEFAULT_STRATEGY,
) -> bytes:
    """The content of a .nrrd file.

    Args:
        layers: voxels ``[k, j, i]`` on ``geometry``, of one of the ``TYPES``; several come as a list in each voxel.
        geometry: their grid.
        lines: of the header, after those that every file has.
        level: of zlib, 1 to 9.
        strategy: of zlib.
    """
    several = len(layers) > 1
    i, j, k = geometry.size_ijk.astype(int)
    axes = " ".join(_vector(axis) for axis in geometry.affine[:3, :3].T)
    header = [
        "NRRD0004",
        f"type: {TYPES[layers[0].dtype.str[1:]]}",
        f"dimension: {4 if several else 3}",
        "space: left-posterior-superior",
        f"sizes: {f'{len(layers)} ' if several else ''}{i} {j} {k}",
        f"space directions: {'none ' if several else ''}{axes}",
        f"kinds: {'list ' if several else ''}domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(geometry.origin)}",
        *lines,
    ]
    voxels = np.stack(layers, axis=-1) if several else layers[0]
    little = np.ascontiguousarray(voxels, dtype=voxels.dtype.newbyteorder("<"))
    packer = zlib.compressobj(level, wbits=GZIP, strategy=strategy)
    return b"".join(["\n".join(header).encode(), b"\n\n", packer.compress(little.data), packer.flush()])


def _vector(values: npt.NDArray[np.float64]) -> str:
    return f"({','.join(repr(float(value)) for value in values)})"
