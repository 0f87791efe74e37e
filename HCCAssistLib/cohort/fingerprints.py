"""Whether two volumes show the same scan, however each was stored.

A scan is known by its profiles: the brightest voxel of every slice, along each of its three axes. Another order or
direction of the axes moves or turns a profile; padding is dark and leaves it alone; slices that were added or cut off
make it longer or shorter; another file, voxel type, spacing, offset or factor does not change its steps. So runs of
these steps, hashed, are compared: two scans that share enough runs along one axis are one.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.image import Image

Fingerprint = tuple[str, ...]
"""One text of hashes for each axis along which the scan can be told from others; empty where it cannot at all."""

RUN = 8
"""Slices in a run."""

DIFFERENT_IN_RUN = 4
"""Different values that a run must hold: runs of metal, of saturation and of air without noise are alike anywhere."""

KEPT = 24
"""Runs kept of an axis, those with the lowest hashes: the same ones of two copies, whatever else either holds."""

HASH_DIGITS = 12
SHARED_RUNS = 4
SHARED_PART = 0.25
"""Two axes match that share so many runs, and so much of the one with fewer runs. Other scans share none: a run
holds some 40 bits of noise."""


def fingerprint(image: Image) -> Fingerprint:
    """What ``same_scan`` needs of a volume: at most three short texts, to be kept as JSON; it names nobody.

    Volumes without noise (empty, of one value, masks) or of fewer than 11 slices along every axis have none: it is
    ``()``, and nothing is said about them.
    """
    parts = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hashes = _runs(_levels(image.array.max(axis=others)))
        if len(hashes) >= SHARED_RUNS:
            parts.append("".join(hashes[:KEPT]))
    return tuple(sorted(parts))


def same_scan(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two fingerprints are of the same scan, whole or cut, or with something drawn into it."""
    if _split("".join(one)).isdisjoint(_split("".join(other))):  # as most are
        return False
    return any(_match(_split(a), _split(b)) for a in one for b in other)


def _match(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= max(SHARED_RUNS, SHARED_PART * min(len(one), len(other)))


@lru_cache(maxsize=10_000)
def _split(text: str) -> frozenset[str]:
    return frozenset(text[n : n + HASH_DIGITS] for n in range(0, len(text), HASH_DIGITS))


def _levels(profile: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """The profile in whole steps: of the voxels' own grey levels where they have such, otherwise of 1."""
    values = profile.astype(np.float64)
    known = np.unique(values)[1:]  # slices of padding have the darkest value, which need be no multiple of the others
    if len(known) < DIFFERENT_IN_RUN:
        return np.empty(0, np.int64)
    steps = np.diff(known)
    if _are_whole(steps):
        values = values - known[-1]
    elif _are_whole(steps / steps.min()):  # such as grey levels between 0 and 1
        values = (values - known[-1]) / steps.min()
    levels: npt.NDArray[np.int64] = np.rint(values).astype(np.int64)  # floats without levels are often stored so
    factor = np.gcd.reduce(np.diff(np.unique(levels)[1:]))  # voxels that were stored as multiples
    return levels // max(int(factor), 1)


def _are_whole(steps: npt.NDArray[np.float64]) -> bool:
    return bool(steps.min() > 0.5 and np.abs(steps - np.rint(steps)).max() < 0.05)


def _runs(levels: npt.NDArray[np.int64]) -> list[str]:
    """Hashes of the runs of slices, the lowest first; a run read backwards has the same one."""
    hashes = set()
    for start in range(len(levels) - RUN + 1):
        run = levels[start : start + RUN]
        if len(np.unique(run)) >= DIFFERENT_IN_RUN:
            steps = np.diff(run).tolist()
            text = str(min(steps, [-step for step in reversed(steps)]))
            hashes.add(hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS])
    return sorted(hashes)
