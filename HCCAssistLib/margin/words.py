"""An ablation margin in words: sentences for a report, rows for a table."""

from __future__ import annotations

from HCCAssistLib.evaluation.result import Interval
from HCCAssistLib.margin.ablation_margin import AblationMargin
from HCCAssistLib.margin.liver_border import SUBCAPSULAR_MM
from HCCAssistLib.margin.record import BY_LANDMARKS, MarginRecord
from HCCAssistLib.registration.registration import Registration
from HCCAssistLib.wording import rounded

HEADINGS = ("figure", "value", "95 % interval")

NOT_KNOWN = "not known"

_SOURCES = {
    "rigid": "the scans were registered rigidly",
    "deformable": "the scans were registered with a deformation",
    "person": "the registration is a person's",
}


def rows(margin: AblationMargin) -> list[tuple[str, str, str]]:
    """The figures for a table with ``HEADINGS``."""
    smallest = margin.smallest_interval
    found = [("smallest margin", _mm(margin.smallest_mm), _within(smallest, 1, False) or NOT_KNOWN)]
    for (limit, share), interval in zip(margin.under.items(), margin.under_intervals, strict=True):
        what = "surface outside the zone" if limit == 0 else f"surface under {limit:g} mm"
        found.append((what, f"{rounded(share, 0, percent=True)} %", _within(interval, 0, True) or NOT_KNOWN))
    left = f"{rounded(margin.share_left_out, 0, percent=True)} %" if margin.liver_known else "none: no liver segment"
    return [*found, ("left out at the liver's surface", left, ""), ("surface that counts", _cm2(margin.area_mm2), "")]


def registered(record: MarginRecord) -> tuple[str, ...]:
    """How the scans came together, how well they fit, and what the intervals rest on, a sentence each."""
    registration = record.registration
    by_person = registration.source == "person" and registration.notes  # which say so
    told = "; ".join((*(() if by_person else (_SOURCES[registration.source],)), *registration.notes))
    found = [f"Registration: {told}.", *fit_in_words(registration)]
    if record.margin.registration_mm is None:
        return (*found, "Its error is not known: there are no intervals. Give landmarks or the error in mm.")
    by = "by landmarks" if record.error_from == BY_LANDMARKS else "as a person states it"
    n = record.margin.smallest_interval.draws
    size = rounded(record.margin.registration_mm, 1)
    return (*found, f"Its error is {size} mm (root mean square) {by}; intervals hold {n} random registrations.")


def fit_in_words(registration: Registration) -> tuple[str, ...]:
    """How well the scans fit, in a sentence; none where that was not measured."""
    quality = registration.quality
    if quality is None:
        return ()
    return (
        f"It moves the liver by {rounded(quality.shift_mm, 1)} mm; two starts ended"
        f" {rounded(quality.starts_mm, 1)} mm apart; agreement of edges {rounded(quality.edges_after, 2)}.",
    )


def left_out(margin: AblationMargin) -> str:
    """What became of the surface at the liver's border."""
    if not margin.liver_known:
        return "No segment of the liver was given: surface at the liver's border counts as any other."
    left = rounded(margin.share_left_out, 0, percent=True)
    return f"{left} % of the surface, within {SUBCAPSULAR_MM:g} mm of the liver's surface, was left out."


def sentences(margin: AblationMargin) -> tuple[str, ...]:
    """What was measured, how sure it is, and what does not count, a sentence each."""
    found = [f"Smallest margin {_mm(margin.smallest_mm)}{_limits(margin.smallest_interval, 1, False)}."]
    for (limit, share), interval in zip(margin.under.items(), margin.under_intervals, strict=True):
        what = "lies outside the ablation zone" if limit == 0 else f"has a margin under {limit:g} mm"
        found.append(f"{rounded(share, 0, percent=True)} %{_limits(interval, 0, True)} of the tumour's surface {what}.")
    found.append(left_out(margin))
    if margin.registration_mm is None:
        found.append("The error of the registration is not known, so no interval is given.")
    else:
        n = margin.smallest_interval.draws
        size = f"{margin.registration_mm:g} mm (root mean square)"
        found.append(f"Intervals: {n} random rigid registrations, as wrong as the registration's error of {size}.")
    return tuple(found)


def _mm(value: float) -> str:
    return f"{rounded(value, 1)} mm"


def _cm2(area: float) -> str:
    return f"{rounded(area / 100, 1)} cm\N{SUPERSCRIPT TWO}"


def _within(interval: Interval, digits: int, percent: bool) -> str:
    if interval.low is None or interval.high is None:
        return ""
    low, high = (rounded(value, digits, percent=percent) for value in (interval.low, interval.high))
    return f"{low} to {high}{' %' if percent else ' mm'}"


def _limits(interval: Interval, digits: int, percent: bool) -> str:
    within = _within(interval, digits, percent)
    return f" ({rounded(interval.level, 0, percent=True)} % interval {within})" if within else ""
