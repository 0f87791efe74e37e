"""How hard the phantoms are: what simple measures under the segments tell of the objective response, and size alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.bootstrap import DRAWS
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.phantoms.liver.regression import crossed_scores, regression
from HCCAssistLib.phantoms.liver.tumour_features import Features, measure
from HCCAssistLib.phantoms.tace.cases import RESPONSE, TIME_POINT, mask_of
from HCCAssistLib.phantoms.tace.truth import TACEPhantom

OBJECTIVE = ("CR", "PR")
MEASURES = tuple(field.name for field in fields(Features))


@dataclass(frozen=True, eq=False, slots=True)
class Tumours:
    """The tumours of some cases, one per row.

    Attributes:
        measures: as in ``MEASURES``, ``(n, 7)``.
        responses: of the patient of each, ``(n,)``.
        patients: ``(n,)``.
    """

    measures: npt.NDArray[np.float64]
    responses: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]

    @property
    def objective(self) -> npt.NDArray[np.int64]:
        """Whether the patient had an objective response, ``(n,)``."""
        return np.isin(self.responses, OBJECTIVE).astype(np.int64)

    def permuted(self, seed: int) -> Tumours:
        """The same with the responses dealt out to the patients anew."""
        _, first, of = np.unique(self.patients, return_index=True, return_inverse=True)
        dealt = np.random.default_rng(seed).permutation(self.responses[first])
        return replace(self, responses=dealt[of])


def tumours_in(cases: Sequence[Case]) -> Tumours:
    """The tumours of the cases of a cohort.

    Raises:
        InputError: no cases, a case without its files, or files that cannot be read.
    """
    rows: list[tuple[Features, str, str]] = []
    for case in cases:
        volume, path = case.volume_path(TIME_POINT, "arterial"), case.annotation_path(TIME_POINT, "tumour")
        if volume is None or path is None:
            raise InputError("there is no arterial CT, or no segment of a tumour", f"case {case.case_id}")
        image = read_image(volume)
        rows += [
            (measure(image, mask_on(one, image.geometry)), case.values[RESPONSE], case.patient_id)
            for one in read_segments(path)
        ]
    return _table(rows)


def tumours_of(phantoms: Iterable[TACEPhantom]) -> Tumours:
    """The tumours of phantoms that were not written; one patient for each.

    Raises:
        InputError: no phantoms.
    """
    return _table(
        [
            (measure(one.arterial, mask_of(one, number)), one.response, f"patient {patient}")
            for patient, one in enumerate(phantoms)
            for number in range(1, len(one.tumours) + 1)
        ]
    )


def fitted_scores(tumours: Tumours, *, seed: int = 0) -> npt.NDArray[np.float64]:
    """Scores of objective response by a logistic regression on all measures, ``(n,)``.

    Cross-validated, the tumours of a patient together, so that no score is of a tumour that was fitted to.

    Args:
        tumours: of at least as many patients with and without response as there are folds.
        seed: of the folds.

    Raises:
        InputError: too few patients with or without response.
    """
    return crossed_scores(tumours.measures, tumours.objective, "objective response", groups=tumours.patients, seed=seed)


def transferred_scores(train: Tumours, test: Tumours) -> npt.NDArray[np.float64]:
    """Scores of the tumours of another cohort by the regression as it was fitted to the first, ``(n,)``.

    Raises:
        InputError: the first cohort has responses of one kind only.
    """
    if len(np.unique(train.objective)) < 2:
        raise InputError("all patients have the same objective response", remedy="make more cases")
    fitted = regression().fit(train.measures, train.objective)
    return np.asarray(fitted.decision_function(test.measures), dtype=np.float64)


def rule_scores(tumours: Tumours, measure: str) -> npt.NDArray[np.float64]:
    """One measure as the score, turned to the side that suits it best on these very tumours, ``(n,)``."""
    scores = tumours.measures[:, MEASURES.index(measure)]
    responding = tumours.objective > 0
    # the mean difference of all pairs' signs: above 0 where tumours that respond have more of it
    side = np.sign(scores[responding][:, None] - scores[~responding][None, :]).mean()
    return scores if side >= 0 else -scores


def tumour_auc(tumours: Tumours, scores: npt.NDArray[np.float64], name: str, *, draws: int = DRAWS) -> Estimate:
    """AUC of objective response over tumours, with the interval of a bootstrap over patients as ``clustered``."""
    return replace(auc(tumours.objective, scores, unit="tumour", groups=tumours.patients, draws=draws), name=name)


def patient_auc(tumours: Tumours, scores: npt.NDArray[np.float64], name: str) -> Estimate:
    """AUC of objective response over patients, by the mean score of the tumours of each."""
    _, first, of = np.unique(tumours.patients, return_index=True, return_inverse=True)
    mean = np.bincount(of, weights=scores) / np.bincount(of)
    return replace(auc(tumours.objective[first], mean, unit="patient"), name=name)


def _table(rows: Sequence[tuple[Features, str, str]]) -> Tumours:
    if not rows:
        raise InputError("there are no such cases", "cohort.csv", "make a larger cohort")
    measures, responses, patients = zip(*rows, strict=True)
    return Tumours(np.array([astuple(one) for one in measures]), np.array(responses), np.array(patients))
