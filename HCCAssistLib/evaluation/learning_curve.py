"""What more cases would bring: how a figure grows with the patients that were trained on, and where it leads.

An inverse power law ``a - b n**-c`` through the figures of nested parts of a cohort (Figueroa et al. 2012, BMC Med
Inform Decis Mak 12:8; Mukherjee et al. 2003, J Comput Biol 10:119).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.evaluation.display import NOT_GIVEN
from HCCAssistLib.evaluation.result import Interval
from HCCAssistLib.wording import rounded

DRAWS = 1000
SIZES = 3
"""Numbers of patients that a law is drawn through at the least."""

PARAMETERS = 3
EXPONENTS = np.linspace(0.1, 2.0, 39)
FloatArray = npt.NDArray[np.float64]
METHOD = "bootstrap of the residuals of the trainings"


@dataclass(frozen=True, slots=True)
class Size:
    """Trainings on parts of one size.

    Attributes:
        patients: that were trained on.
        values: the figure on the test cases, one per training.
    """

    patients: int
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the trainings."""
        return float(np.median(self.values))

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {"patients": self.patients, "values": list(self.values), "median": self.median}


@dataclass(frozen=True, slots=True)
class Forecast:
    """The figure that a larger cohort is expected to give.

    Attributes:
        patients: to be trained on.
        value: of the law.
        interval: of the value.
        gain: of the law, over the largest size that was trained.
        gain_interval: of the gain.
    """

    patients: int
    value: float
    interval: Interval
    gain: float
    gain_interval: Interval

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "patients": self.patients,
            "value": self.value,
            "interval": self.interval.as_json(),
            "gain": self.gain,
            "gain_interval": self.gain_interval.as_json(),
        }


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """A figure of a method over the number of patients that it is trained on.

    >>> sizes = [Size(n, (0.9 - 0.8 / n,) * 3) for n in (10, 20, 40)]
    >>> curve = LearningCurve("AUC", tuple(sizes), test=30, best=1.0, seed=0)
    >>> round(curve.at(80), 3)
    0.89

    Attributes:
        name: of the figure; more is better.
        sizes: in rising order.
        test: test cases that it was measured on, always the same.
        best: the highest value that the figure can have.
        seed: of the bootstrap.
    """

    name: str
    sizes: tuple[Size, ...]
    test: int
    best: float = 1.0
    seed: int = 0

    def at(self, patients: int) -> float:
        """The law's value for a number of patients.

        Raises:
            ValueError: fewer than ``SIZES`` sizes.
        """
        return float(self._law(np.concatenate([one.values for one in self.sizes])[None], patients)[0])

    def forecast(self, patients: int) -> Forecast:
        """The figure for a larger cohort of the same kind.

        The interval is of the draw of the training patients and of the trainings alone: the test cases are taken as
        they are, and so is the law.

        Raises:
            ValueError: fewer than ``SIZES`` sizes.
        """
        values = np.concatenate([one.values for one in self.sizes])
        fitted = np.concatenate([np.full(len(one.values), self.at(one.patients)) for one in self.sizes])
        # of all sizes together, since a few trainings of each tell little of their spread by themselves
        apart = (values - fitted) * np.sqrt(len(values) / max(len(values) - PARAMETERS, 1))
        again = fitted + np.random.default_rng(self.seed).choice(apart, (DRAWS, len(values)))
        value, now = self.at(patients), self.at(self.sizes[-1].patients)
        if len(values) <= PARAMETERS:
            none = Interval.missing("too few trainings to tell their spread", METHOD)
            return Forecast(patients, value, none, value - now, none)
        drawn = self._law(again, patients)
        gains = drawn - self._law(again, self.sizes[-1].patients)
        return Forecast(patients, value, self._interval(drawn, value), value - now, self._interval(gains, value - now))

    @property
    def sentence(self) -> str:
        """What twice the patients would bring, in words."""
        last = self.sizes[-1]
        if len(self.sizes) < SIZES:
            return f"{len(self.sizes)} sizes are too few for a forecast; {SIZES} are needed."
        twice = self.forecast(2 * last.patients)
        low, high = twice.gain_interval.low, twice.gain_interval.high
        spread = NOT_GIVEN if low is None or high is None else f"{rounded(low, 3)} to {rounded(high, 3)}"
        what = "more cases of this kind are likely to help" if low else "that more cases would help is not shown"
        return (
            f"{self.name} is {rounded(self.at(last.patients), 3)} with {last.patients} patients; with {twice.patients} "
            f"it is forecast to be higher by {rounded(twice.gain, 3)} ({spread}): {what}."
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        more = [] if len(self.sizes) < SIZES else [self.forecast(round(f * self.sizes[-1].patients)) for f in (1.5, 2)]
        return {
            "figure": self.name,
            "test_cases": self.test,
            "sizes": [one.as_json() for one in self.sizes],
            "forecasts": [one.as_json() for one in more],
            "sentence": self.sentence,
        }

    def _interval(self, drawn: FloatArray, value: float) -> Interval:
        low, high = np.quantile(drawn, (0.025, 0.975))
        return Interval(float(min(low, value)), float(max(high, value)), METHOD, draws=DRAWS, seed=self.seed)

    def _law(self, values: FloatArray, patients: int) -> FloatArray:
        """``(draws,)`` values of the laws of least squares that never fall with more patients nor pass the best value.

        Args:
            values: ``(draws, trainings)``, the trainings of each size together.
            patients: to be trained on.
        """
        if len(self.sizes) < SIZES:
            raise ValueError(f"a law needs {SIZES} sizes")
        counts = np.repeat([float(one.patients) for one in self.sizes], [len(one.values) for one in self.sizes])
        mean = values.mean(1)
        found, least = mean.copy(), ((values - mean[:, None]) ** 2).sum(1)
        for exponent in EXPONENTS:
            x = counts**-exponent
            slope = ((x - x.mean()) * values).mean(1) / x.var()
            limit = mean - slope * x.mean()
            past = limit > self.best
            limit = np.where(past, self.best, limit)
            slope = np.where(past, -(x * (self.best - values)).sum(1) / (x * x).sum(), slope)
            error = ((values - limit[:, None] - slope[:, None] * x) ** 2).sum(1)
            better = (slope < 0) & (error < least)
            found = np.where(better, limit + slope * patients**-exponent, found)
            least = np.where(better, error, least)
        return found


def of_values(name: str, found: Sequence[tuple[int, float]], *, test: int, seed: int = 0) -> LearningCurve:
    """The curve of single trainings.

    Args:
        name: of the figure.
        found: patients and value of each training.
        test: test cases.
        seed: of the bootstrap.
    """
    counts = sorted({patients for patients, _ in found})
    sizes = tuple(Size(one, tuple(value for patients, value in found if patients == one)) for one in counts)
    return LearningCurve(name, sizes, test, seed=seed)
