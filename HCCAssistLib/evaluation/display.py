"""Numbers as a reader sees them: rounded once, half up, from full precision."""

from __future__ import annotations

from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.wording import plural, rounded

NOT_GIVEN = "\N{EM DASH}"


def p_value(p: float | None) -> str:
    """A P value with three decimals, "< .001" below that and "> .999" above, as radiology journals print it."""
    if p is None:
        return NOT_GIVEN
    if p < 0.001:
        return "< .001"
    if p > 0.999:
        return "> .999"
    return rounded(p, 3).removeprefix("0")


def p_equation(p: float | None) -> str:
    """``P = .040`` or ``P < .001``, for a picture; ``P not given`` where there is none."""
    text = p_value(p)
    return "P not given" if p is None else f"P {text}" if text[0] in "<>" else f"P = {text}"


def interval_text(interval: Interval, digits: int = 3, *, percent: bool = False) -> str:
    """Both limits, or a dash."""
    if interval.low is None or interval.high is None:
        return NOT_GIVEN
    low, high = (rounded(limit, digits, percent=percent) for limit in (interval.low, interval.high))
    return f"{low}, {high}"


def estimate_text(estimate: Estimate, digits: int = 3, *, percent: bool = False) -> str:
    """The estimate alone, with its counts where it is a proportion: ``0.969 (155/160)``."""
    if estimate.value is None:
        return NOT_GIVEN
    text = rounded(estimate.value, digits, percent=percent)
    return text if estimate.successes is None else f"{text} ({estimate.successes}/{estimate.n})"


def key_interval(estimate: Estimate) -> Interval:
    """The interval to believe where one alone is shown: of patients resampled where there is such."""
    clustered = estimate.clustered
    return clustered if clustered and clustered.low is not None else estimate.interval


def key_texts(estimate: Estimate) -> tuple[str, str, str]:
    """The estimate, what it was counted on, and its interval: ``80.0 %``, ``12 of 15 lesions``, ``95 % CI ...``."""
    percent = estimate.successes is not None
    count = f"{estimate.n} {plural(estimate.unit, estimate.n)}"
    if estimate.value is None:
        return NOT_GIVEN, count, ""
    digits, interval = 1 if percent else 2, key_interval(estimate)
    value = rounded(estimate.value, digits, percent=percent) + (" %" if percent else "")
    detail = f"{estimate.successes} of {count}" if percent else count
    return value, detail, f"{100 * interval.level:g} % CI {interval_text(interval, digits, percent=percent)}"
