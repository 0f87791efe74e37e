"""Numbers as a reader sees them: rounded once, half up, from full precision."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from HCCAssistLib.evaluation.result import CutOff, Estimate, Interval

NOT_GIVEN = "\N{EM DASH}"
_LARGE = 1e15
"""From here on (the limits of a hopeless hazard ratio) all digits would be noise."""


def rounded(value: float, digits: int, *, percent: bool = False) -> str:
    """A decimal number, half rounded away from zero.

    The shortest decimal that names the double is what gets rounded, so 0.125 gives 0.13 and 2.675 gives 2.68,
    as a reader with the printed number and a pencil would.
    """
    if abs(value) >= _LARGE:
        return f"{value:.2e}".replace("-", "\N{MINUS SIGN}")
    number = Decimal(repr(float(value))) * (100 if percent else 1)
    text = format(number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP), "f")
    if text.startswith("-") and not text.strip("-0."):
        return text[1:]
    return text.replace("-", "\N{MINUS SIGN}")


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


def plural(unit: str, n: int) -> str:
    """``1 patch``, ``2 patches``; also ``studies``, ``masses``, ``metastases``, ``regions of interest``."""
    if n == 1:
        return unit
    head, of, rest = unit.partition(" of ")
    if head.endswith(("series", "species")):
        many = head
    elif head.endswith("sis"):
        many = f"{head[:-2]}es"
    elif head.endswith("focus"):
        many = f"{head[:-2]}i"
    elif head.endswith("y") and head[-2:-1] not in "aeiou":
        many = f"{head[:-1]}ies"
    else:
        many = f"{head}es" if head.endswith(("ch", "s", "x", "sh", "z")) else f"{head}s"
    return f"{many}{of}{rest}"


def cutoff_text(cutoff: CutOff) -> str:
    """The rule, the value and the source of a cut-off."""
    return f"\N{GREATER-THAN OR EQUAL TO} {cutoff_value(cutoff)} ({cutoff.source})"


def cutoff_value(cutoff: CutOff) -> str:
    """Four significant digits, or as many as it takes not to print a cut-off below 1 as 1."""
    texts = (f"{cutoff.value:.{digits}g}" for digits in range(4, 18))
    return next((text for text in texts if float(text) != 1.0 or cutoff.value == 1.0), repr(cutoff.value))
