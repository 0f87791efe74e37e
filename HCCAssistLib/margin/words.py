"""An ablation margin in sentences for a report."""

from __future__ import annotations

from HCCAssistLib.evaluation.result import Interval
from HCCAssistLib.margin.ablation_margin import AblationMargin
from HCCAssistLib.margin.liver_border import SUBCAPSULAR_MM
from HCCAssistLib.wording import rounded


def sentences(margin: AblationMargin) -> tuple[str, ...]:
    """What was measured, how sure it is, what does not count and what is doubtful, a sentence each."""
    found = [f"Smallest margin {_mm(margin.smallest_mm)}{_limits(margin.smallest_interval, 1, False)}."]
    for (limit, share), interval in zip(margin.under.items(), margin.under_intervals, strict=True):
        what = "lies outside the ablation zone" if limit == 0 else f"has a margin under {limit:g} mm"
        found.append(f"{rounded(share, 0, percent=True)} %{_limits(interval, 0, True)} of the tumour's surface {what}.")
    if margin.liver_known:
        left = rounded(margin.share_left_out, 0, percent=True)
        found.append(f"{left} % of the surface, within {SUBCAPSULAR_MM:g} mm of the liver's surface, was left out.")
    else:
        found.append("No segment of the liver was given: surface at the liver's border counts as any other.")
    if margin.registration_mm is None:
        found.append("The error of the registration is not known, so no interval is given.")
    else:
        n = margin.smallest_interval.draws
        size = f"{margin.registration_mm:g} mm (root mean square)"
        found.append(f"Intervals: {n} random rigid registrations, as wrong as the landmarks' error of {size}.")
    return (*found, *(str(problem) for problem in margin.warnings))


def _mm(value: float) -> str:
    return f"{rounded(value, 1)} mm"


def _limits(interval: Interval, digits: int, percent: bool) -> str:
    if interval.low is None or interval.high is None:
        return ""
    low, high = (rounded(value, digits, percent=percent) for value in (interval.low, interval.high))
    level = rounded(interval.level, 0, percent=True)
    return f" ({level} % interval {low} to {high}{' %' if percent else ' mm'})"
