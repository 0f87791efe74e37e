"""Whatever callers give, as plain numbers: what is missing is missing, and what is no number is refused.

Lists, arrays, masked arrays, tensors, and the Series and one-column DataFrames of pandas mean the same here: their
values in the order in which they stand. An index is never used to align them.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_MOST = 2.0**53
"""Whole numbers up to here are exact."""


def listed(values: Any, where: str) -> list[Any]:
    """One value after the other, None where one is missing (None, NaN, NaT, pandas' NA, masked).

    Raises:
        InputError: not one list of values.
    """
    array = values if isinstance(values, list | tuple) else _array(values, where, object)
    if any(isinstance(value, list | dict | set | np.ndarray) for value in array):
        raise InputError("each value must be one text or number", where)
    return [None if is_missing(value) else value for value in array]


def is_missing(value: Any) -> bool:
    """Whether a single value says that there is none; texts are never missing here."""
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return False


def floats(values: Any, where: str, *, dimensions: int = 1) -> FloatArray:
    """Numbers of one list (or table), NaN where one is missing.

    Texts count as the number that they spell, true and false as 1 and 0.

    Raises:
        InputError: anything that is not a number, complex numbers, dates, or another shape.
    """
    array = _array(values, where, None, dimensions)
    if array.dtype.kind in "cmMV":
        kind = {"c": "complex numbers", "m": "durations", "M": "dates", "V": "records"}[array.dtype.kind]
        raise InputError(f"the values are {kind}, not numbers", where, "give plain numbers (days, for a duration)")
    if array.dtype.kind == "O":
        plain = [math.nan if is_missing(value) else value for value in array.ravel().tolist()]
        if any(isinstance(v, complex | np.complexfloating | np.datetime64 | np.timedelta64) for v in plain):
            raise InputError("there is something that is not a number", where)
        array = np.array([*plain, None], dtype=object)[:-1].reshape(array.shape)
    try:
        found: FloatArray = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("there is something that is not a number", where) from error
    return found


def number(value: Any, where: str) -> float:
    """A single finite or infinite number.

    Raises:
        InputError: text, a list, nothing, or not a number.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0 and not np.ma.is_masked(value):
        value = value.item()
    if not isinstance(value, numbers.Real | np.bool_) or is_missing(value):
        raise InputError(f"a number is needed, not {value!r}", where)
    return float(value)


def whole(value: Any, where: str, *, least: int = 0) -> int:
    """A single whole number; 2.0 is one, 2.5 is not.

    Raises:
        InputError: anything else, or less than ``least``.
    """
    found = number(value, where)
    if not (least <= found <= _MOST and found.is_integer()):
        raise InputError(f"a whole number from {least} up is needed, not {value!r}", where)
    return int(found)


def count_table(table: Any, where: str = "table") -> IntArray:
    """Rows of counts.

    Raises:
        InputError: counts that are negative, fractional, missing or no numbers, or rows of different length.
    """
    try:
        counts = floats(table, where, dimensions=2)
    except InputError as error:
        raise InputError("a table of counts holds whole numbers, as many in every row", where) from error
    if not ((counts >= 0) & (counts == np.floor(counts))).all() or counts.sum() > _MOST:
        raise InputError(
            "a table holds counts: whole numbers from 0 up, none missing", where, "count units, not shares or weights"
        )
    return counts.astype(np.int64)


def samples_of(samples: Any, where: str) -> list[Any]:
    """The samples one after the other: of a sequence, the values of a mapping, or the columns of a DataFrame.

    Raises:
        InputError: not several samples.
    """
    if isinstance(samples, Mapping) or _is_frame(samples):
        return [samples[name] for name in samples]
    if isinstance(samples, str | bytes):
        raise InputError("several samples are needed, a list of each", where)
    try:
        return list(samples)
    except TypeError as error:
        raise InputError("several samples are needed, a list of each", where) from error


def _is_frame(values: Any) -> bool:
    return type(values).__name__ == "DataFrame" and hasattr(values, "columns")


def _array(values: Any, where: str, dtype: Any = None, dimensions: int = 1) -> npt.NDArray[Any]:
    """An array of so many dimensions with None or NaN in the place of what is masked; a single column is a list."""
    if isinstance(values, Mapping | set | frozenset):
        raise InputError("a list is needed; the order of what was given is not that of the rows", where)
    try:
        if isinstance(values, np.ma.MaskedArray):
            array = _without_mask(values)
        elif isinstance(values, list | tuple):
            array = np.asarray(_unmasked(values), dtype=dtype)
        elif hasattr(values, "dtype") and not isinstance(values, np.ndarray) and hasattr(values, "to_numpy"):
            array = values.to_numpy(dtype=object)  # a Series: its nullable types have no other way to say NA
        else:
            array = np.asarray(values, dtype=dtype)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InputError("there is something that is not a number, or the rows differ in length", where) from error
    if dimensions == 1 and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != dimensions:
        shape = "one list" if dimensions == 1 else "a table of rows and columns"
        raise InputError(f"{where} must be {shape}, not an array of shape {array.shape}", where)
    return array


def _without_mask(values: np.ma.MaskedArray) -> npt.NDArray[Any]:
    """The values with None in the place of those that are masked."""
    plain: npt.NDArray[Any] = np.array(values.data, dtype=object if np.ma.is_masked(values) else None)
    if np.ma.is_masked(values):
        plain[np.ma.getmaskarray(values)] = None
    return plain


def _unmasked(values: Sequence[Any]) -> list[Any]:
    """A list, and the lists in it, with None for what is missing."""
    plain: list[Any] = []
    for value in values:
        if type(value) in (float, int, bool, str):
            plain.append(value)
        elif isinstance(value, list | tuple):
            plain.append(_unmasked(value))
        elif isinstance(value, np.ma.MaskedArray) and value.ndim:
            plain.append(_without_mask(value).tolist())
        else:
            plain.append(None if is_missing(value) else value)
    return plain
