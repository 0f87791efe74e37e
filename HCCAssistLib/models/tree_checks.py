"""Whether arrays are decision trees: damaged ones would answer with a wrong probability, or never end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError

MOST_NODES = 50_000_000
"""Nodes of all trees: far above any forest of clinical variables, far below what fills the memory."""

_TYPES: Mapping[str, tuple[str, type]] = {
    "unknown": ("iu", np.int32),
    "starts": ("iu", np.int32),
    "feature": ("iu", np.int32),
    "threshold": ("f", np.float64),
    "left": ("iu", np.int32),
    "right": ("iu", np.int32),
    "missing_left": ("b", np.bool_),
    "probability": ("f", np.float64),
    "samples": ("iu", np.int32),
}
_ROUNDING = 1e-9

Arrays = dict[str, npt.NDArray[Any]]


def check_ensemble(variables: Sequence[str], given: Mapping[str, npt.ArrayLike]) -> Arrays:
    """The arrays of an ensemble, contiguous, read-only and of their types.

    Args:
        variables: names of the columns.
        given: arrays by the name of the attribute of ``TreeEnsemble``.

    Raises:
        InputError: what they are not.
    """
    if not variables or not all(isinstance(n, str) and n and n.isprintable() for n in variables):
        raise _damaged("a variable has no name")
    if len(set(variables)) < len(variables):
        raise _damaged("two variables have one name")
    arrays = {name: _typed(name, value) for name, value in given.items()}
    n, starts, nodes = len(variables), arrays["starts"], len(arrays["feature"])
    sizes = dict.fromkeys(arrays, nodes) | {"unknown": n, "starts": len(starts)}
    for name, array in arrays.items():
        if array.shape != (sizes[name],):
            raise _damaged(f"{name} has the shape {array.shape} where {(sizes[name],)} is due")
    if not 0 < nodes <= MOST_NODES or not len(starts):
        raise _damaged(f"{len(starts)} trees of {nodes} nodes")
    if starts[0] != 0 or (np.diff(starts) <= 0).any() or starts[-1] >= nodes:
        raise _damaged("the trees do not begin one after the other")
    if (arrays["unknown"] < 0).any():
        raise _damaged("a count of missing values is negative")
    _check_numbers(arrays)
    _check_ways(arrays, n)
    _check_shares(arrays)
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def read_entries(arrays: Mapping[str, npt.NDArray[Any]], names: Sequence[str]) -> tuple[tuple[str, ...], Arrays]:
    """The names of the variables and the other arrays of a file.

    Raises:
        InputError: an array is missing or unknown, or the names are no text.
    """
    wanted = {"variables", *names}
    if wanted != set(arrays):
        missing, strange = sorted(wanted - set(arrays)), sorted(set(arrays) - wanted)
        raise _damaged(f"{', '.join(missing) or 'nothing'} is missing, {', '.join(strange) or 'nothing'} is unknown")
    stored = np.asarray(arrays["variables"])
    if stored.dtype != np.uint8 or stored.ndim != 1:
        raise _damaged("the names of the variables are no text")
    try:
        variables = tuple(stored.tobytes().decode().split("\n"))
    except UnicodeDecodeError as error:
        raise _damaged("the names of the variables are no text") from error
    return variables, {name: arrays[name] for name in names}


def _damaged(what: str) -> InputError:
    return InputError(f"the decision trees are damaged: {what}", remedy="install the model again from its source")


def _typed(name: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    kinds, dtype = _TYPES[name]
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise _damaged(f"{name} is no array") from error
    if array.dtype.kind not in kinds and not (kinds == "f" and array.dtype.kind in "iu"):
        raise _damaged(f"{name} holds values of the type {array.dtype}")
    if dtype is np.int32 and array.size and (array.max() > np.iinfo(dtype).max or array.min() < np.iinfo(dtype).min):
        raise _damaged(f"{name} holds a number that is no index")
    return np.array(array, dtype=dtype, order="C")


def _check_numbers(arrays: Arrays) -> None:
    if not np.isfinite(arrays["threshold"]).all():
        raise _damaged("a threshold is NaN or infinite")
    probability = arrays["probability"]
    if not ((probability >= 0) & (probability <= 1)).all():  # NaN is neither
        raise _damaged("a probability is not between 0 and 1")
    if (arrays["samples"] < 1).any():
        raise _damaged("a node without a patient")


def _check_ways(arrays: Arrays, variables: int) -> None:
    """Every node but the roots is the child of one earlier node of its tree: no circle, nothing shared or lost."""
    feature, left, right, starts = (arrays[name] for name in ("feature", "left", "right", "starts"))
    nodes = len(feature)
    if ((feature < -1) | (feature >= variables)).any():
        raise _damaged(f"a node asks for a variable that is none of {variables}")
    leaf = feature < 0
    if (left[leaf] != -1).any() or (right[leaf] != -1).any():
        raise _damaged("a leaf has a child")
    inner = np.flatnonzero(~leaf)
    tree = np.searchsorted(starts, np.arange(nodes), side="right") - 1
    ends = np.append(starts[1:], nodes)[tree]
    for child in (left[inner], right[inner]):
        if (child <= inner).any() or (child >= ends[inner]).any():
            raise _damaged("a child lies before its parent or outside its tree")
    parents = np.bincount(np.concatenate([left[inner], right[inner]]), minlength=nodes)
    expected = np.ones(nodes, int)
    expected[starts] = 0
    if (parents != expected).any():
        raise _damaged("a node is the child of two others or of none")


def _check_shares(arrays: Arrays) -> None:
    """The patients of a node are those of its children, and the roots are fitted on the same patients."""
    samples, events = arrays["samples"].astype(np.int64), arrays["samples"] * arrays["probability"]
    inner = np.flatnonzero(arrays["feature"] >= 0)
    left, right = arrays["left"][inner], arrays["right"][inner]
    if (samples[inner] != samples[left] + samples[right]).any():
        raise _damaged("the patients of a node are not those of its children")
    if (np.abs(events[inner] - events[left] - events[right]) > _ROUNDING * samples[inner]).any():
        raise _damaged("the events of a node are not those of its children")
