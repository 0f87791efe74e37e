"""The confirmed findings of a cohort that lie nearest to the findings of a patient who is looked at now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.fingerprints import fingerprint, same_scan
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.scored import Place, ScoredCase, scored_case
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.places import data_folder
from HCCAssistLib.recipes.of_cohort import objection
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.training.confirmed_cases import Confirmed, Scorer, beside, confirmed_in
from HCCAssistLib.training.kept_cases import KnownFiles, forget_others
from HCCAssistLib.training.unlabelled import labels_in

FILES = "files.json"
"""Within the folder of what is kept: digests of files by path, size and time."""

NONE_CONFIRMED = "no finding of the cohort is confirmed"
REMEDY = "label cases in HCC Training, or choose another cohort"


def kept_in(cohort: Path, package: ModelPackage) -> Path:
    """Where the scored cases of a cohort are kept for a model, among this person's own data."""
    place = hashlib.sha256(str(cohort.resolve()).encode()).hexdigest()
    return data_folder("scored") / f"{package.card.seal[:16]}-{place[:16]}"


@dataclass(frozen=True, eq=False, slots=True)
class NearestCases:
    """Confirmed findings beside those of a patient.

    Attributes:
        nearest: by number of the finding, the nearest first.
        confirmed: findings that were looked among, those of this patient left out.
        patients: behind them.
        own: ids of cases that were left out since they are of this patient.
        problems: what is doubtful.
    """

    nearest: Mapping[int, tuple[Confirmed, ...]]
    confirmed: int
    patients: int
    own: tuple[str, ...]
    problems: tuple[Problem, ...]


def nearest_cases(
    study: Study,
    package: ModelPackage,
    cohort: Cohort,
    run_options: Mapping[str, Value],
    *,
    device: str = "cpu",
    patient: str = "",
    places: Mapping[int, Place] | None = None,
    folder: Path | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> NearestCases:
    """Find the nearest confirmed findings of each finding of a study.

    None is of the same patient: neither of the one who is named, nor of one who has the same scan in the cohort.

    Args:
        study: of the patient.
        package: the model that the result is of.
        cohort: read with ``tolerant=True``.
        run_options: of the run that made the result.
        device: to compute on.
        patient: of the cohort, whose study it is; empty where he is not known to have a case.
        places: centres in LPS mm of what a detection found, by number.
        folder: where scored cases are kept: only new and changed ones are scored the next time.
        progress: told the share that is done.

    Raises:
        InputError: a cohort of another method, no confirmed finding of another patient, or a study that cannot be used.
    """
    recipe = package.recipe
    if other := objection(cohort.cases, recipe):
        raise InputError(other, TABLE, "choose a cohort of the method")
    options = recipe.resolve({**run_options, "heatmap": False}, run=True)
    labels, spec = labels_in(cohort, package), cohort_spec(recipe, package.card.options)
    labelled = [case for case in cohort.cases if any(labels[case.case_id])]
    if not labelled:
        raise InputError(NONE_CONFIRMED, TABLE, REMEDY)
    known = KnownFiles(folder / FILES) if folder else None
    if folder:
        forget_others(folder, {case.case_id for case in labelled})

    @cache
    def load() -> LoadedModel:
        return load_model(package, device=device)

    score = Scorer(package, device, load, options, pictures=True, folder=folder, known=known)
    mine = scored_case(study, load(), options, places=places)
    found: dict[str, ScoredCase] = {}
    unread: dict[str, tuple[Problem, ...]] = {}
    try:
        for number, case in enumerate(labelled, 1):
            progress(number / (len(labelled) + 1))
            try:
                found[case.case_id] = score(case, confirmed=True)
            except InputError as error:
                unread[case.case_id] = error.problems
    finally:  # also where it is cancelled
        if known:
            known.keep()
    what = f"{len(unread)} of {len(labelled)} labelled cases cannot be used and stand beside none"
    doubt = Problem("WARN", what, ", ".join(unread), "hccassist check lists the faults")
    rows = [(name, one, label) for name, of in found.items() for one, label in confirmed_in(of, labels[name], spec)]
    if not rows:
        first = next((problems[:1] for problems in unread.values()), ())
        raise InputError([*first, Problem("STOP", NONE_CONFIRMED, TABLE, REMEDY)])
    patients = {case.case_id: case.patient_id for case in cohort.cases}
    own = _own(study, patient, found, patients)
    others = [row for row in rows if patients[row[0]] not in own]
    if not others:
        what = "the only confirmed findings of the cohort are of this very patient"
        raise InputError(what, TABLE, "a neighbour is never of the same patient: " + REMEDY)
    return NearestCases(
        {one.number: beside(one, "", others, patients) for one in mine.findings},
        len(others),
        len({patients[name] for name, _, _ in others}),
        tuple(case.case_id for case in labelled if case.patient_id in own),
        (doubt,) if unread else (),
    )


def _own(study: Study, patient: str, found: Mapping[str, ScoredCase], patients: Mapping[str, str]) -> set[str]:
    """Patients of the cohort that the study may be of."""
    prints = [fingerprint(volume) for volume in study.volumes.values()]
    same = {
        patients[name]
        for name, one in found.items()
        if any(same_scan(mine, other) for mine in prints for other in one.scans)
    }
    return same | ({patient} if patient else set())
