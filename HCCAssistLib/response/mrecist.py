"""The response to treatment by mRECIST, from the diameters of viable tumour.

Lencioni R, Llovet JM. Modified RECIST (mRECIST) assessment for hepatocellular carcinoma. Semin Liver Dis
2010;30:52-60.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from HCCAssistLib.errors import InputError

Category = Literal["CR", "PR", "SD", "PD"]

CATEGORIES: Mapping[Category, str] = MappingProxyType(
    {"CR": "complete response", "PR": "partial response", "SD": "stable disease", "PD": "progressive disease"}
)
OBJECTIVE: tuple[Category, ...] = ("CR", "PR")
"""Responses that count as objective."""

MOST_TARGETS = 2
"""Target lesions in the liver."""

PARTIAL, PROGRESSION = Fraction(-30, 100), Fraction(20, 100)
"""Change of the sum from which on there is a partial response, or progression."""


@dataclass(frozen=True, slots=True)
class Response:
    """What the diameters say.

    Attributes:
        category: CR, PR, SD or PD.
        sum_pre: sum of the diameters before treatment, mm.
        sum_post: the same at follow-up.
        percent_change: of the sum; -100 where nothing viable is left.
    """

    category: Category
    sum_pre: float
    sum_post: float
    percent_change: float

    @property
    def is_objective(self) -> bool:
        """Complete or partial."""
        return self.category in OBJECTIVE


def response(pre: Sequence[float], post: Sequence[float], *, new_lesion: bool = False) -> Response:
    """The response of one or two target lesions.

    Complete (CR) where the sum at follow-up is 0, partial (PR) where it fell by 30 % or more, progression (PD) where it
    rose by 20 % or more or a new lesion appeared, stable (SD) otherwise. The limits belong to PR and PD. Numbers count
    as they are written, so that 21.7 to 15.19 mm is a fall by 30 %. mRECIST counts a rise from the smallest sum since
    treatment began; with one follow-up that is the sum before treatment.

    >>> response([42.0, 18.0], [25.0, 17.0])
    Response(category='PR', sum_pre=60.0, sum_post=42.0, percent_change=-30.0)

    Args:
        pre: longest viable diameters before treatment, mm.
        post: of the same lesions at follow-up, in the same order; 0 where no viable tissue is left.
        new_lesion: whether a new lesion appeared.

    Raises:
        InputError: no target or more than two, one that was measured once only, what is no diameter, or a target that
            was not there before treatment.
    """
    if len(pre) != len(post):
        what = f"{len(pre)} targets were measured before treatment and {len(post)} at follow-up"
        raise InputError(what, "targets", "measure each at both times; 0 mm where no viable tissue is left")
    if not 1 <= len(pre) <= MOST_TARGETS:
        what = f"{len(pre)} target lesions" if pre else "there is no target lesion"
        raise InputError(what, "targets", f"choose one or {MOST_TARGETS}, the largest that can be measured well")
    before, after = ([_exact(mm, when) for mm in each] for each, when in ((pre, "before"), (post, "at follow-up")))
    if 0 in before:
        what = "a target lesion of 0 mm before treatment cannot respond"
        raise InputError(
            what, f"target {before.index(Fraction(0)) + 1}", "measure it before treatment, or leave it out"
        )
    change = (sum(after) - sum(before)) / sum(before)
    category: Category = "SD"
    if new_lesion or change >= PROGRESSION:
        category = "PD"
    elif sum(after) == 0:
        category = "CR"
    elif change <= PARTIAL:
        category = "PR"
    return Response(category, float(sum(before)), float(sum(after)), float(100 * change))


def _exact(mm: float, when: str) -> Fraction:
    """The number as it is written.

    Raises:
        InputError: no length.
    """
    if isinstance(mm, bool) or not isinstance(mm, int | float) or not math.isfinite(mm) or mm < 0:
        raise InputError(f"a diameter of {mm!r} mm {when} is none", "targets", "measure it again, in millimetres")
    return Fraction(repr(float(mm)))
