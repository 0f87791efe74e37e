"""How hard the phantoms are: what simple measures under the segments tell of the objective response, and size alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.phantoms.tace.cases import RESPONSE, TIME_POINT, mask_of
from HCCAssistLib.phantoms.tace.features import Features, measure
from HCCAssistLib.phantoms.tace.truth import TACEPhantom

OBJECTIVE = ("CR", "PR")
MEASURES = tuple(field.name for field in fields(Features))
VOLUME, MEAN_HU = ("log_volume",), ("mean_hu",)
FOLDS = 5


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
        names, first, of = np.unique(self.patients, return_index=True, return_inverse=True)
        dealt = np.random.default_rng(seed).permutation(self.responses[first])
        assert len(dealt) == len(names)  # noqa: S101  one response for each patient
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


def response_auc(tumours: Tumours, name: str, of: Sequence[str] = MEASURES, *, seed: int = 0) -> Estimate:
    """AUC of the objective response by a logistic regression, cross-validated with the tumours of a patient together.

    Args:
        tumours: of at least as many patients with and without response as there are folds.
        name: of the figure.
        of: measures that the regression is given.
        seed: of the folds.

    Returns:
        With the interval of a bootstrap over patients.

    Raises:
        InputError: too few patients with or without response.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    objective = tumours.objective
    fewest = min(len(np.unique(tumours.patients[objective == value])) for value in (0, 1))
    if fewest < FOLDS:
        raise InputError(f"{fewest} patients of one kind are too few", remedy=f"make {FOLDS} of each, or more")
    chosen = tumours.measures[:, [MEASURES.index(one) for one in of]]
    scores = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        chosen,
        objective,
        groups=tumours.patients,
        cv=StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed),
        method="decision_function",
    )
    return replace(auc(objective, scores, unit="tumour", groups=tumours.patients), name=name)


def _table(rows: Sequence[tuple[Features, str, str]]) -> Tumours:
    if not rows:
        raise InputError("there are no such cases", "cohort.csv", "make a larger cohort")
    measures, responses, patients = zip(*rows, strict=True)
    return Tumours(np.array([np.asarray(one) for one in measures]), np.array(responses), np.array(patients))
