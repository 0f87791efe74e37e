"""How often calibrated sets hold the right category, and how much they leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS, bootstrap_interval
from HCCAssistLib.evaluation.by_size import share_of_rows
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.scores import numbered_groups
from HCCAssistLib.results.category_set import CategorySet
from HCCAssistLib.wording import rounded


@dataclass(frozen=True, eq=False, slots=True)
class SetCoverage:
    """The sets of held-out rows.

    Attributes:
        coverage: share of the sets that hold the right category.
        size: mean number of categories in a set.
        singletons: share of the sets of one category.
        unlike: share of the rows that are called unlike anything seen.
        by_category: coverage of the rows of each category that occurs.
        level: that the sets were made for.
        basis: what they were calibrated on, in words.
    """

    coverage: Estimate
    size: Estimate
    singletons: Estimate
    unlike: Estimate
    by_category: Mapping[str, Estimate]
    level: float
    basis: str

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """All figures, in the order of a report."""
        each = (replace(one, name=f"{code}: {one.name}") for code, one in self.by_category.items())
        return (self.coverage, self.size, self.singletons, self.unlike, *each)

    @property
    def sentence(self) -> str:
        """Coverage and size in words."""
        covered, n = self.coverage.successes, self.coverage.n
        return (
            f"{covered} of {n} sets hold the right category, where {100 * self.level:g} % are to; a set holds "
            f"{rounded(self.size.value or 0.0, 2)} categories in the mean."
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "level": self.level,
            "calibrated_on": self.basis,
            "coverage": self.coverage.as_json(),
            "mean_size": self.size.as_json(),
            "singletons": self.singletons.as_json(),
            "unlike_anything_seen": self.unlike.as_json(),
            "by_category": {code: one.as_json() for code, one in self.by_category.items()},
        }


def set_coverage(
    sets: Sequence[CategorySet],
    truth: Sequence[str],
    groups: Sequence[object] | None,
    *,
    unit: str,
    draws: int = DRAWS,
    seed: int = 0,
) -> SetCoverage:
    """Coverage and size of the sets of rows whose category is known.

    Args:
        sets: ``(rows,)``, all of one level.
        truth: ``(rows,)`` category.
        groups: ``(rows,)``, the patient of each row; None where every row is another patient.
        unit: what a row is.
        draws, seed: of the bootstrap over patients.

    Raises:
        InputError: no row, rows that do not fit, or sets of several levels.
    """
    if not sets or len(sets) != len(truth) or len({one.level for one in sets}) > 1:
        raise InputError("there is not one set of one level for every row", "category sets")
    patient = numbered_groups(groups, len(sets))
    codes = np.array(list(truth))

    def share(name: str, hits: Sequence[bool], inside: Any = slice(None)) -> Estimate:
        hit = np.array(hits, dtype=np.float64)[inside]
        found = share_of_rows(hit, patient[inside], unit, draws=draws, seed=seed, level=0.95)
        return replace(found, name=name)

    held = [code in one.codes for one, code in zip(sets, truth, strict=True)]
    sizes = np.array([len(one.codes) for one in sets], dtype=np.float64)
    names, of = np.unique(patient, return_inverse=True)
    summed, rows = np.bincount(of, weights=sizes), np.bincount(of).astype(np.float64)
    level = sets[0].level
    return SetCoverage(
        coverage=replace(share("sets that hold the right category", held), note=f"{100 * level:g} % are to"),
        size=Estimate(
            name="mean number of categories in a set",
            value=float(sizes.mean()),
            n=len(sizes),
            unit=unit,
            interval=bootstrap_interval(
                lambda weights: (weights @ summed) / (weights @ rows), len(names), draws=draws, seed=seed
            ),
            clusters=len(names),
        ),
        singletons=share("sets of one category", [len(one.codes) == 1 for one in sets]),
        unlike=share("called unlike anything seen", [one.unlike for one in sets]),
        by_category={
            code: share("sets that hold it", held, codes == code) for code in sets[0].p_values if (codes == code).any()
        },
        level=level,
        basis=sets[0].basis,
    )
