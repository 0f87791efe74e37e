"""The ablation margin of one tumour: figures with intervals, and the margin at each point of its surface."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.result import Interval
from HCCAssistLib.imaging.geometry import FloatArray

FORMAT = "hccassist-ablation-margin/1"

LIMITS_MM = (0.0, 5.0, 10.0)
"""Margins that studies of ablation count by: residual tumour, the usual goal, the goal of some."""

DIGITS = 4
"""Decimals of mm and mm2 that are kept of each point: the file stays small, and comes back as it was."""

Place = tuple[float, float, float]


@dataclass(frozen=True, eq=False, slots=True)
class AblationMargin:
    """Signed margins at the surface of a tumour, positive where the ablation zone reaches beyond it.

    Attributes:
        points: of the tumour's surface on the scan before the ablation, LPS mm, ``(n, 3)``.
        margins: mm from each to the surface of the zone, positive inside the zone, ``(n,)``.
        areas: mm2 of the surface that each point stands for.
        counted: whether a point counts; not at the border of the liver.
        smallest_interval: of the smallest margin, mm.
        under_intervals: of the share of the surface under each of ``LIMITS_MM``.
        liver_known: whether a segment of the liver told which points lie at its border.
        registration_mm: error of the registration that the intervals rest on; None where none is known.
        warnings: what a person must know beside the figures.

    Raises:
        InputError: arrays that do not fit each other, numbers that are not finite, or no point that counts.
    """

    points: FloatArray
    margins: FloatArray
    areas: FloatArray
    counted: npt.NDArray[np.bool_]
    smallest_interval: Interval
    under_intervals: tuple[Interval, ...]
    liver_known: bool
    registration_mm: float | None
    warnings: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        counted = np.array(self.counted)
        numbers = {name: np.round(np.array(getattr(self, name), float), DIGITS) for name in _NUMBERS}
        n = len(counted)
        if counted.dtype != np.bool_ or counted.shape != (n,) or not counted.any():
            raise InputError("no point of the tumour's surface counts", "margin")
        if numbers["points"].shape != (n, 3) or any(numbers[name].shape != (n,) for name in _NUMBERS[1:]):
            raise InputError("points, margins and areas do not fit each other", "margin")
        if not all(np.isfinite(array).all() for array in numbers.values()) or numbers["areas"][counted].sum() <= 0:
            raise InputError("a point, a margin or an area is no number", "margin")
        if len(self.under_intervals) != len(LIMITS_MM):
            raise InputError(f"there is an interval for each of {len(LIMITS_MM)} margins", "margin")
        for name, array in {**numbers, "counted": counted}.items():
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def smallest_mm(self) -> float:
        """The smallest margin; negative where tumour lies outside the zone."""
        return float(self.margins[self.counted].min())

    @property
    def smallest_at(self) -> Place:
        """Where it is, LPS mm on the scan before the ablation."""
        number = np.flatnonzero(self.counted)[self.margins[self.counted].argmin()]
        x, y, z = self.points[number].tolist()
        return x, y, z

    @property
    def under(self) -> dict[float, float]:
        """The share of the tumour's surface, by area, whose margin is under each of ``LIMITS_MM``."""
        return dict(zip(LIMITS_MM, shares(self.margins[self.counted], self.areas[self.counted]).tolist(), strict=True))

    @property
    def area_mm2(self) -> float:
        """Surface of the tumour that counts."""
        return float(self.areas[self.counted].sum())

    @property
    def share_left_out(self) -> float:
        """Share of the tumour's surface at the border of the liver, which does not count."""
        return 1 - self.area_mm2 / float(self.areas.sum())

    def as_json(self) -> dict[str, Any]:
        """Figures, intervals and points as plain values."""
        return {
            "format": FORMAT,
            "smallest_mm": self.smallest_mm,
            "smallest_at_lps": list(self.smallest_at),
            "smallest_interval": self.smallest_interval.as_json(),
            "under": [
                {"mm": mm, "share": share, "interval": interval.as_json()}
                for (mm, share), interval in zip(self.under.items(), self.under_intervals, strict=True)
            ],
            "area_mm2": self.area_mm2,
            "share_left_out": self.share_left_out,
            "liver_known": self.liver_known,
            "registration_mm": self.registration_mm,
            "warnings": [
                {"what": problem.what, "where": problem.where, "remedy": problem.remedy} for problem in self.warnings
            ],
            "points_lps": self.points.tolist(),
            "margins_mm": self.margins.tolist(),
            "areas_mm2": self.areas.tolist(),
            "counted": self.counted.tolist(),
        }

    @classmethod
    def from_json(cls, data: Any) -> AblationMargin:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: another format, damaged, or figures that the points do not give.
        """
        found = data.get("format") if isinstance(data, dict) else None
        if found != FORMAT:
            what = f"not an ablation margin of a known format: {found!r}"
            raise InputError(what, "margin", "update HCCAssist, or measure again")
        try:
            margin = cls(
                points=np.array(data["points_lps"], float).reshape(-1, 3),
                margins=np.array(data["margins_mm"], float),
                areas=np.array(data["areas_mm2"], float),
                counted=np.array(data["counted"]),
                smallest_interval=_interval(data["smallest_interval"]),
                under_intervals=tuple(_interval(one["interval"]) for one in data["under"]),
                liver_known=bool(data["liver_known"]),
                registration_mm=data["registration_mm"],
                warnings=tuple(Problem("WARN", one["what"], one["where"], one["remedy"]) for one in data["warnings"]),
            )
            stated = [data["smallest_mm"], *(one["share"] for one in data["under"])]
            same = np.allclose(stated, [margin.smallest_mm, *margin.under.values()], rtol=0, atol=1e-9)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"the ablation margin is damaged: {error}", "margin", "measure again") from error
        if not same:
            raise InputError("the figures are not what the points give", "margin", "measure again")
        return margin


_NUMBERS = ("points", "margins", "areas")


def shares(margins: FloatArray, areas: FloatArray) -> FloatArray:
    """Shares of the area under each of ``LIMITS_MM``, ``(..., limits)``, for margins ``(..., n)``."""
    total = areas.sum()
    # the sum in another order can be larger by its last bit
    return np.stack([np.minimum(1.0, (margins < limit) @ areas / total) for limit in LIMITS_MM], axis=-1)


def _interval(data: Mapping[str, Any]) -> Interval:
    low, high = data["low"], data["high"]
    if any(value is not None and not math.isfinite(value) for value in (low, high)):
        raise ValueError("a limit of an interval is not finite")
    drawn = (data.get("draws"), data.get("dropped", 0), data.get("seed"))
    return Interval(low, high, data["method"], data["level"], data.get("reason", ""), *drawn)
