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
from HCCAssistLib.evaluation.group_tests import checked_sample
from HCCAssistLib.evaluation.intervals import check_level
from HCCAssistLib.evaluation.optional import statsmodels
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest, Interval
from HCCAssistLib.evaluation.survival import checked_follow_up
from HCCAssistLib.wording import plural


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
    if not hasattr(covariates, "items") or not len(covariates.keys()):
        raise InputError("there is no covariate", "Cox regression")
    columns = {name: checked_sample(values, f"covariate {name!r}") for name, values in covariates.items()}
    for name, values in columns.items():
        if values.shape != followed.shape:
            raise InputError(f"there are {len(values)} values for {n} {plural(unit, n)}", f"covariate {name!r}")
        if values.min() == values.max():
            raise InputError("every value is the same", f"covariate {name!r}", "leave it out of the model")
    design = np.stack(list(columns.values()), axis=1)
    scale = design.std(axis=0)
    standardized = (design - design.mean(axis=0)) / scale
    if np.linalg.matrix_rank(standardized) < design.shape[1]:
        raise InputError(
            "the covariates determine one another, so no hazard ratio is defined", "Cox regression", "leave one out"
        )
    model = regression.PHReg(followed, standardized, happened.astype(int), ties="efron")
    with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = model.fit(disp=0)
        errors = fit.bse
    converged = not any("converge" in str(warning.message).lower() for warning in caught)
    results = []
    for name, slope, error, unit_scale in zip(columns, fit.params, errors, scale, strict=True):
        results.append(
            _hazard_ratio(
                name,
                float(slope / unit_scale),
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
    half = float(norm.ppf((1 + level) / 2)) * error
    # A group without events drives the estimate to infinity; its standard error then exceeds any real one.
    if not math.isfinite(error) or error * scale > 20 or abs(slope) * scale > 15:
        reason = "undefined: the likelihood has no maximum (a group without events)"
    elif abs(slope) + half > 700:
        reason = "undefined: too large to be written per unit of the covariate; give it in larger units"
    else:
        reason = "" if converged else "undefined: the regression did not converge"
    if reason:
        missing = Interval.missing(reason, method, level)
        return HazardRatio(
            Estimate(title, None, n, unit, missing, note=reason),
            HypothesisTest(test_name, None, n, unit, reason=reason),
        )
    interval = Interval(math.exp(slope - half), math.exp(slope + half), method, level)
    z = slope / error
    return HazardRatio(
        Estimate(title, math.exp(slope), n, unit, interval, note=f"{events} events"),
        HypothesisTest(test_name, float(2 * norm.sf(abs(z))), n, unit, "Z", z, details={"coefficient": slope}),
    )
