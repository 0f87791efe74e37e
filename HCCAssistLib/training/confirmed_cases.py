"""The confirmed findings of a cohort as a model sees them, and those of them that lie nearest to another finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort_spec import CENSORED, CohortSpec
from HCCAssistLib.cohort.fingerprints import fingerprint
from HCCAssistLib.evaluation.nearest import nearest
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.scored import Scored, ScoredCase, scored_case
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.labels import Classes
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.kept_cases import KnownFiles, digests
from HCCAssistLib.training.scored_files import SCORED_FILES

Row = tuple[str, Scored, str]
"""Case id, a finding of it, and its label in words."""


@dataclass(frozen=True, eq=False, slots=True)
class Confirmed:
    """A finding whose label is known, beside one whose label is not.

    Attributes:
        case_id: whose it is.
        finding: as the model sees it.
        label: in words.
        distance: as ``nearest`` measures it.
    """

    case_id: str
    finding: Scored
    label: str
    distance: float


@dataclass(frozen=True, eq=False, slots=True)
class Scorer:
    """Applies a model to cases, or takes what is kept of them.

    Attributes:
        package: the model.
        device: to compute on.
        load: the model when a case is not kept; loading it takes seconds.
        options: of a prediction, resolved.
        pictures: whether what the networks saw is wanted.
        folder: where scored cases are kept; None where they are not.
        known: digests of files that were read before; None to read each of them.
    """

    package: ModelPackage
    device: str
    load: Callable[[], LoadedModel]
    options: Mapping[str, Value]
    pictures: bool
    folder: Path | None = None
    known: KnownFiles | None = None

    def __call__(self, case: Case, *, confirmed: bool) -> ScoredCase:
        """Score a case.

        Args:
            case: of a cohort.
            confirmed: what readers marked, where that is something else than what a model finds.

        Raises:
            InputError: as the prediction.
        """
        made_with = {
            "model_sha256": self.package.card.seal,
            "options": dict(self.options),
            "device": self.device,
            "software": software_versions(),
            "confirmed": confirmed,
            "pictures": self.pictures,
            "files": digests(case, self.known),
            "row": dict(case.values),
        }
        kept = SCORED_FILES.kept(made_with, case, self.folder) if self.folder else None
        if kept is not None:
            return kept
        study = read_study(case, self.package.recipe, options=self.package.card.options)
        found = scored_case(study, self.load(), self.options, confirmed=confirmed, pictures=self.pictures)
        found = replace(found, scans=tuple(fingerprint(volume) for volume in study.volumes.values()))
        if self.folder:
            SCORED_FILES.keep(found, made_with, case, self.folder)
        return found


def confirmed_in(found: ScoredCase, labels: Sequence[str], spec: CohortSpec) -> list[tuple[Scored, str]]:
    """The findings of a case whose label is known, each with it in words."""
    if spec.finding_classes:
        pairs = zip(found.findings, labels, strict=True)
        return [(one, _in_words(label, spec)) for one, label in pairs if label]
    (label,) = labels
    if not label or label == CENSORED:
        return []
    return [(one, one.verdict or _in_words(label, spec)) for one in found.findings]


def beside(finding: Scored, patient: str, rows: Sequence[Row], patients: Mapping[str, str]) -> tuple[Confirmed, ...]:
    """The nearest confirmed findings, one of each patient.

    Args:
        finding: whose neighbours are wanted.
        patient: whose it is, of whom none is wanted; empty where he has no case.
        rows: the confirmed findings.
        patients: by case id.
    """
    rows = [row for row in rows if row[1].network == finding.network]
    if not rows:
        return ()
    features = np.stack([one.features.ravel() for _, one, _ in rows])
    found = nearest(finding.features.ravel(), patient, features, [patients[name] for name, _, _ in rows])
    return tuple(Confirmed(rows[one.row][0], *rows[one.row][1:], one.distance) for one in found)


def _in_words(label: str, spec: CohortSpec) -> str:
    if isinstance(spec.label, Classes):
        return f"{label}, {spec.label.names[spec.label.code_of(label)]}" if spec.label.code_of(label) else label
    return "early event" if label == "1" else "no early event"
