"""The groups that a split keeps in balance: the class of each case, its outcome, or the rarest category it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CENSORED, CohortSpec
from HCCAssistLib.cohort.finding_labels import finding_codes


@dataclass(frozen=True, slots=True)
class Strata:
    """Groups of cases.

    Attributes:
        what: in words, for messages: ``"response"``, ``"early event"``, ``"category"``.
        of: group of each case, by case id.
    """

    what: str
    of: Mapping[str, str]

    def must_fill_folds(self, group: str) -> bool:
        """Whether a fold without a patient of the group could not be used."""
        return group not in ("", CENSORED)


def strata(cohort: Cohort, spec: CohortSpec) -> Strata:
    """The groups of a cohort's cases.

    Findings are read from the annotations; a case counts for the category of its findings that the fewest cases have.

    Raises:
        InputError: a case whose label the table does not say.
    """
    if classes := spec.finding_classes:
        codes = {case.case_id: finding_codes(case, spec.inputs, classes) for case in cohort.cases}
        count = Counter(code for found in codes.values() for code in set(found))
        rarest = {name: min(set(found), key=lambda c: (count[c], c), default="") for name, found in codes.items()}
        return Strata(classes.column, rarest)
    what = "early event" if spec.outcome else spec.classes.column if spec.classes else ""
    return Strata(what, {case.case_id: spec.stratum(case) for case in cohort.cases})
