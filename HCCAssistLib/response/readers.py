"""Two readers' readings of the same cases beside each other, how far they agree, and whose counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.agreement import agreement_table, cohen_kappa
from HCCAssistLib.evaluation.limits_of_agreement import LimitsOfAgreement, limits_of_agreement
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.response.mrecist import Category
from HCCAssistLib.response.reading import Reading

Row = tuple[str, ...]

HEADINGS: Row = (
    *("case_id", "first_sum_pre_mm", "second_sum_pre_mm", "first_sum_post_mm", "second_sum_post_mm"),
    *("first_change_percent", "second_change_percent", "first_response", "second_response", "agree"),
)


@dataclass(frozen=True, slots=True)
class ReadersAgreement:
    """How far two readers agree on the cases that both read.

    Attributes:
        readers: first and second.
        cases: ids of the cases that both read, sorted.
        rows: of a table under ``HEADINGS``, a row for each case.
        response_kappa: Cohen's kappa of CR, PR, SD and PD, unweighted.
        objective_kappa: the same of objective response against none.
        sum_pre: differences of the sums of diameters before treatment, mm, first minus second; None for a single case.
        sum_post: the same at follow-up.
        left_out: ids of the cases that only one of them read.
    """

    readers: tuple[str, str]
    cases: tuple[str, ...]
    rows: tuple[Row, ...]
    response_kappa: Estimate
    objective_kappa: Estimate
    sum_pre: LimitsOfAgreement | None
    sum_post: LimitsOfAgreement | None
    left_out: tuple[str, ...]


def compare_readers(first: Mapping[str, Reading], second: Mapping[str, Reading]) -> ReadersAgreement:
    """Two readers' readings beside each other.

    Args:
        first, second: readings of one reader each, by the id of the case.

    Raises:
        InputError: readings of several readers in one, of the same reader in both, or no case that both read.
        HCCAssistError: statsmodels is not installed.
    """
    one, other = _reader(first, "first reader"), _reader(second, "second reader")
    if one == other:
        raise InputError(f"both readings are by {one}", "readers", "choose the readings of two readers")
    cases = tuple(sorted(first.keys() & second.keys()))
    if not cases:
        raise InputError("there is no case that both read", f"{one} and {other}", "compare readings of the same cases")
    pairs = [(first[case].response, second[case].response) for case in cases]
    rows = tuple(
        (
            *(case, f"{a.sum_pre:.1f}", f"{b.sum_pre:.1f}", f"{a.sum_post:.1f}", f"{b.sum_post:.1f}"),
            *(f"{a.percent_change:.1f}", f"{b.percent_change:.1f}", a.category, b.category),
            "yes" if a.category == b.category else "no",
        )
        for case, (a, b) in zip(cases, pairs, strict=True)
    )
    return ReadersAgreement(
        readers=(one, other),
        cases=cases,
        rows=rows,
        response_kappa=_kappa([(a.category, b.category) for a, b in pairs]),
        objective_kappa=_kappa([(a.is_objective, b.is_objective) for a, b in pairs]),
        sum_pre=_limits([(a.sum_pre, b.sum_pre) for a, b in pairs]),
        sum_post=_limits([(a.sum_post, b.sum_post) for a, b in pairs]),
        left_out=tuple(sorted(first.keys() ^ second.keys())),
    )


def majority(readings: Sequence[Reading]) -> Category:
    """The response that most readers of one case found.

    Raises:
        InputError: no reading, two of one reader, or as many readers for another response.
    """
    readers = [reading.reader for reading in readings]
    if not readings or len(set(readers)) < len(readers):
        raise InputError("a majority needs one reading by each of several readers", "readers", "choose them again")
    found = Counter(reading.response.category for reading in readings).most_common()
    if len(found) > 1 and found[0][1] == found[1][1]:
        told = ", ".join(f"{reading.reader} {reading.response.category}" for reading in readings)
        raise InputError(f"there is no majority ({told})", "readers", "choose one reader, or let another one read")
    return found[0][0]


def _kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> Estimate:
    return cohen_kappa(agreement_table([a for a, _ in pairs], [b for _, b in pairs]), unit="case")


def _limits(pairs: Sequence[tuple[float, float]]) -> LimitsOfAgreement | None:
    return limits_of_agreement([a for a, _ in pairs], [b for _, b in pairs], unit="case") if len(pairs) > 1 else None


def _reader(readings: Mapping[str, Reading], where: str) -> str:
    """The one reader of several readings.

    Raises:
        InputError: several, or none.
    """
    readers = sorted({reading.reader for reading in readings.values()})
    if len(readers) != 1:
        what = f"the readings are by {', '.join(readers)}" if readers else "there is no reading"
        raise InputError(what, where, "give the readings of one reader")
    return readers[0]
