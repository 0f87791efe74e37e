"""How hard the phantoms are: what simple measures under the segment tell of early recurrence, and size alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort_spec import follow_up
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS
from HCCAssistLib.evaluation.concordance import c_index
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.phantoms.hepatectomy.truth import HepatectomyPhantom
from HCCAssistLib.phantoms.liver.regression import crossed_scores, regression
from HCCAssistLib.phantoms.liver.tumour_features import Features, measure
from HCCAssistLib.recipes.hepatectomy.recipe import OUTCOME, TIME_POINT

MEASURES = tuple(field.name for field in fields(Features))

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Patients:
    """The patients of some cases, one per row.

    Attributes:
        measures: of the tumour, as in ``MEASURES``, ``(n, 7)``.
        months: of follow-up, ``(n,)``.
        events: whether they ended with a recurrence, ``(n,)``.
    """

    measures: Vector
    months: Vector
    events: npt.NDArray[np.bool_]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Whether it is known if the recurrence came early, ``(n,)``."""
        return self.events | (self.months > OUTCOME.horizon_months)

    @property
    def early(self) -> npt.NDArray[np.int64]:
        """1 of an early recurrence, otherwise 0, of those of whom it is known too, ``(n,)``."""
        return (self.events & (self.months <= OUTCOME.horizon_months)).astype(np.int64)

    def permuted(self, seed: int) -> Patients:
        """The same with the outcomes dealt out anew."""
        dealt = np.random.default_rng(seed).permutation(len(self.months))
        return replace(self, months=self.months[dealt], events=self.events[dealt])


def patients_in(cases: Sequence[Case]) -> Patients:
    """The patients of the cases of a cohort.

    Raises:
        InputError: no cases, a case without its files or its outcome, or files that cannot be read.
    """
    rows: list[tuple[Features, float, bool]] = []
    for case in cases:
        volume, path = case.volume_path(TIME_POINT, "arterial"), case.annotation_path(TIME_POINT, "tumour")
        if volume is None or path is None:
            raise InputError("there is no arterial CT, or no segment of a tumour", f"case {case.case_id}")
        image, (segment,) = read_image(volume), read_segments(path)
        rows.append((measure(image, mask_on(segment, image.geometry)), *follow_up(case, OUTCOME)))
    return _table(rows)


def patients_of(phantoms: Iterable[HepatectomyPhantom]) -> Patients:
    """The patients of phantoms that were not written.

    Raises:
        InputError: no phantoms.
    """
    return _table([(measure(one.arterial, one.segment), one.scores.months, one.scores.event) for one in phantoms])


def fitted_scores(patients: Patients, *, seed: int = 0) -> Vector:
    """Scores of early recurrence by a logistic regression on all measures, ``(n,)``; NaN where that is not known.

    Cross-validated, so that no score is of a patient that was fitted to.

    Args:
        patients: of each kind at least as many as there are folds.
        seed: of the folds.

    Raises:
        InputError: too few patients with or without early recurrence.
    """
    known, scores = patients.known, np.full(len(patients.months), np.nan)
    scores[known] = crossed_scores(patients.measures[known], patients.early[known], "early recurrence", seed=seed)
    return scores


def transferred_scores(train: Patients, test: Patients) -> Vector:
    """Scores of the patients of another cohort by the regression as it was fitted to the first, ``(n,)``.

    Raises:
        InputError: the first cohort has outcomes of one kind only.
    """
    known = train.known
    if len(np.unique(train.early[known])) < 2:
        raise InputError("all patients had the same outcome", remedy="make more cases")
    fitted = regression().fit(train.measures[known], train.early[known])
    return np.asarray(fitted.decision_function(test.measures), dtype=np.float64)


def rule_scores(patients: Patients, measure_name: str) -> Vector:
    """One measure as the score, turned to the side that suits it best on these very patients, ``(n,)``."""
    scores = patients.measures[:, MEASURES.index(measure_name)]
    early, late = scores[patients.early > 0], scores[patients.known & (patients.early == 0)]
    # the mean difference of all pairs' signs: above 0 where early recurrences have more of it
    return scores if np.sign(early[:, None] - late[None, :]).mean() >= 0 else -scores


def early_auc(patients: Patients, scores: Vector, name: str) -> Estimate:
    """AUC of early recurrence, of the patients of whom it is known."""
    known = patients.known
    return replace(auc(patients.early[known], scores[known], unit="patient"), name=name)


def concordance(patients: Patients, scores: Vector, name: str, *, draws: int = DRAWS) -> Estimate:
    """C-index of the scores, of all patients."""
    return replace(c_index(patients.months, patients.events, scores, draws=draws), name=name)


def _table(rows: Sequence[tuple[Features, float, bool]]) -> Patients:
    if not rows:
        raise InputError("there are no such cases", "cohort.csv", "make a larger cohort")
    measures, months, events = zip(*rows, strict=True)
    return Patients(np.array([astuple(one) for one in measures]), np.array(months), np.array(events, dtype=np.bool_))
