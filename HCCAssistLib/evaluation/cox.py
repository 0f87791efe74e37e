"""Cox regression."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.optional import statsmodels
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest, Interval
from HCCAssistLib.evaluation.survival import checked_follow_up


@dataclass(frozen=True, slots=True)
class HazardRatio:
    """Of one covariate of a Cox model: the ratio per unit of the covariate, and its Wald test."""

    ratio: Estimate
    test: HypothesisTest

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"ratio": self.ratio.as_json(), "test": self.test.as_json()}


def cox_hazard_ratios(
    times: npt.ArrayLike,
    events: npt.ArrayLike,
    covariates: Mapping[str, npt.ArrayLike],
    *,
    unit: str = "patient",
    level: float = 0.95,
) -> tuple[HazardRatio, ...]:
    """Hazard ratios of one Cox model with all covariates; ties by Efron's method, Wald intervals.

    Args:
        times, events: ``(n,)`` follow-up.
        covariates: values ``(n,)`` by name.
        unit: what was followed.
        level: confidence level.

    Raises:
        InputError: no events, a covariate that is missing somewhere or constant.
        HCCAssistError: statsmodels is not installed.
    """
    check_level(level)
    regression = statsmodels("duration.hazard_regression", "Cox regression")
    followed, happened = checked_follow_up(times, events)
    n = len(followed)
    if not happened.any():
        raise InputError("there was no event: a hazard ratio cannot be estimated")
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in covariates.items()}
    for name, values in columns.items():
        if values.shape != followed.shape or not np.isfinite(values).all():
            raise InputError(f"a value is missing, or there are not {n} of them", f"covariate {name!r}")
        if values.min() == values.max():
            raise InputError("every value is the same", f"covariate {name!r}", "leave it out of the model")
    design = np.stack(list(columns.values()), axis=1)
    scale = design.std(axis=0)
    model = regression.PHReg(followed, (design - design.mean(axis=0)) / scale, happened.astype(int), ties="efron")
    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fit = model.fit(disp=0)
    converged = not any("converge" in str(warning.message).lower() for warning in said)
    results = []
    for name, standardized, error, unit_scale in zip(columns, fit.params, fit.bse, scale, strict=True):
        results.append(
            _hazard_ratio(
                name,
                float(standardized / unit_scale),
                float(error / unit_scale),
                unit_scale,
                converged,
                n,
                unit,
                level,
                int(happened.sum()),
            )
        )
    return tuple(results)


def _hazard_ratio(
    name: str, slope: float, error: float, scale: float, converged: bool, n: int, unit: str, level: float, events: int
) -> HazardRatio:
    method = "Cox regression (Efron ties, Wald)"
    title, test_name = f"hazard ratio of {name}", "Wald test in Cox regression with Efron ties"
    # A group without events drives the estimate to infinity; its standard error then exceeds any real one.
    if not math.isfinite(error) or error * scale > 20 or abs(slope) * scale > 15:
        reason = "undefined: the likelihood has no maximum (a group without events)"
    else:
        reason = "" if converged else "undefined: the regression did not converge"
    if reason:
        missing = Interval.missing(reason, method, level)
        return HazardRatio(
            Estimate(title, None, n, unit, missing, note=reason),
            HypothesisTest(test_name, None, n, unit, reason=reason),
        )
    half = float(norm.ppf((1 + level) / 2)) * error
    interval = Interval(math.exp(slope - half), math.exp(slope + half), method, level)
    z = slope / error
    return HazardRatio(
        Estimate(title, math.exp(slope), n, unit, interval, note=f"{events} events"),
        HypothesisTest(test_name, float(2 * norm.sf(abs(z))), n, unit, "Z", z, details={"coefficient": slope}),
    )
