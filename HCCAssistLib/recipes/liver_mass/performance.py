"""The figures of an evaluation of liver masses: by category as in the paper, by session, and malignant or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from HCCAssistLib.errors import Problem
from HCCAssistLib.evaluation.agreement import fleiss_kappa
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.binary import BinaryEvaluation, binary_evaluation
from HCCAssistLib.evaluation.by_size import accuracy_by_size
from HCCAssistLib.evaluation.calibration import Calibration, calibration
from HCCAssistLib.evaluation.categories import CategoryEvaluation, category_evaluation
from HCCAssistLib.evaluation.crop_view import CropView
from HCCAssistLib.evaluation.discrimination import RocCurve, auc, roc
from HCCAssistLib.evaluation.evaluated import evaluation_json
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.ordinal import ordinal_auc, ordinal_scores
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.sessions import SessionSpread, spreads
from HCCAssistLib.evaluation.set_coverage import SetCoverage, set_coverage
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.recipes.liver_mass.evaluated_case import EvaluatedCase
from HCCAssistLib.recipes.liver_mass.judged_mass import JudgedMass, malignant
from HCCAssistLib.recipes.liver_mass.prediction import DISAGREE
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, MALIGNANT, SUBTYPES, phases_of
from HCCAssistLib.recipes.liver_mass.sampling import CODES
from HCCAssistLib.results.classification import ClassificationResult
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.stamp import stamp
from HCCAssistLib.training.evaluated_cases import EvaluatedCases
from HCCAssistLib.wording import plural

SEED = 2018
"""Of the shuffled categories on which a model with shuffled labels is tested."""

KINDS = tuple(kind for code in CODES for kind in (code, *(name for name, of in SUBTYPES.items() if of == code)))
"""Categories, each followed by its subtypes."""

ORDINAL_AUC, PROBABILITY_AUC = "AUC of the ordinal score", "AUC of the probability of A or B"
CALLED_MALIGNANT = CutOff(4.0, "the ordinal score of a mass that is called A or B")


@dataclass(frozen=True, eq=False, slots=True)
class MassEvaluation:
    """Performance on unseen cases.

    Attributes:
        masses: all that were judged, case after case.
        categories: the category with the highest mean probability of the sessions.
        sessions: accuracy, both AUCs and the sensitivity of each category and subtype, in each session.
        agreement: Fleiss' kappa of the sessions; None where there is one.
        malignancy: A and B against C, D and E by the predicted category, as in the paper: a score of four levels.
        probability_auc: of the mean probability of A or B, which the paper does not give.
        curves: ROC of the ordinal score and of the probability; empty where all masses are of one class.
        calibration: of that probability; None where all masses are of one class.
        by_size: accuracy by the diameter of the mass.
        sets: how often the calibrated sets hold the right category; None of a model that is not calibrated.
        crops: what the network saw of each mass, in their order.
        results: by case id.
        left_out: cases that were to be evaluated and could not be, by case id, with what is wrong.
        flow: from the cases of the table to those that were evaluated.
        characteristics: of the cases by split; None where the table describes none.
        period: whether the evaluated cases are later than the others; empty where the table tells no years.
        run: what the figures rest on.
        problems: what is doubtful.
    """

    masses: tuple[JudgedMass, ...]
    categories: CategoryEvaluation
    sessions: tuple[SessionSpread, ...]
    agreement: Estimate | None
    malignancy: BinaryEvaluation
    probability_auc: Estimate
    curves: tuple[tuple[str, RocCurve, Estimate], ...]
    calibration: Calibration | None
    by_size: tuple[Estimate, ...]
    sets: SetCoverage | None
    crops: tuple[CropView, ...]
    results: Mapping[str, ClassificationResult]
    left_out: Mapping[str, tuple[Problem, ...]]
    flow: Flow
    characteristics: BaselineTable | None
    period: str
    run: Mapping[str, Any]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def session_count(self) -> int:
        """How many sessions the model has."""
        return len(self.sessions[0].values)

    @property
    def median_accuracy(self) -> Estimate:
        """Of the sessions, with their range."""
        return self.sessions[0].estimate(n=len(self.masses), unit="mass")

    @property
    def sentence(self) -> str:
        """How many masses were given the right category."""
        found, n = self.categories.accuracy.successes, len(self.masses)
        of = f"the mean of {self.session_count} sessions" if self.session_count > 1 else "the model's only session"
        return f"{found} of {n} {plural('mass', n)} are given the right category by {of}."

    @property
    def headline(self) -> Estimate:
        """Balanced accuracy."""
        return self.categories.balanced_accuracy

    def summary(self) -> list[tuple[str, Estimate]]:
        """Level and figure of the short table on the terminal."""
        chosen = [self.categories.accuracy, self.categories.balanced_accuracy]
        chosen += [self.median_accuracy] if self.session_count > 1 else []
        each = {code: of["sensitivity"] for code, of in self.categories.by_category.items()}
        each |= self.categories.by_subclass
        chosen += [replace(each[kind], name=f"sensitivity of {kind}") for kind in KINDS if kind in each]
        chosen += [self.malignancy.estimates["AUC"], self.probability_auc]
        chosen += [self.agreement] if self.agreement else []
        chosen += [self.sets.coverage, self.sets.size, self.sets.singletons, self.sets.unlike] if self.sets else []
        return [("mass", estimate) for estimate in chosen]

    def as_json(self) -> dict[str, Any]:
        """Every figure at full precision, what it rests on, and what went wrong; curves are in report.json."""
        curves = ("roc", "precision_recall")
        figures = {
            "mass": self.categories.as_json(),
            "sessions": [one.as_json() for one in self.sessions],
            "agreement": self.agreement.as_json() if self.agreement else None,
            "malignant": {name: value for name, value in self.malignancy.as_json().items() if name not in curves},
            "probability_auc": self.probability_auc.as_json(),
            "calibration": self.calibration.as_json() if self.calibration else None,
            "by_size": [one.as_json() for one in self.by_size],
            "category_sets": self.sets.as_json() if self.sets else None,
            "period": self.period,
        }
        return evaluation_json(self, figures)


def performance(found: EvaluatedCases[EvaluatedCase], model: LoadedModel) -> MassEvaluation:
    """The figures of the finished cases."""
    card = model.package.card
    patient_of = {case.case_id: case.patient_id for case in found.cases}
    masses = [
        JudgedMass(case_id, patient_of[case_id], finding, reference)
        for case_id, one in found.done.items()
        for finding, reference in zip(one.result.findings, one.references, strict=True)
    ]
    if card.options.get("permute_labels"):
        masses = _permuted(masses)
    patients = [one.patient_id for one in masses]
    truth = [one.reference.category for one in masses]
    labels = [code in MALIGNANT for code in truth]
    scores = [one.malignant for one in masses]
    malignancy = _malignancy(labels, [one.predicted for one in masses], patients)
    area = auc(labels, scores, unit="mass", groups=patients)
    probability = replace(area, name=PROBABILITY_AUC, note=f"{area.note}; the paper gives no such figure")
    both = len(set(labels)) == 2
    count = len(masses[0].sessions)
    named = [Counter(one.named) for one in masses]
    results = {case_id: one.result for case_id, one in found.done.items()}
    warned = {  # the agreement of the sessions is a figure of its own
        name: [problem for problem in result.warnings if DISAGREE not in problem.what]
        for name, result in results.items()
    }
    return MassEvaluation(
        masses=tuple(masses),
        categories=category_evaluation(
            truth,
            [one.predicted for one in masses],
            CODES,
            patients,
            unit="mass",
            subclasses=[one.reference.subtype for one in masses],
        ),
        sessions=spreads(_session(masses, labels, number) for number in range(count)),
        agreement=None
        if count < 2
        else fleiss_kappa(
            [[votes[code] for code in CODES] for votes in named], unit="mass", groups=patients, reader="session"
        ),
        malignancy=malignancy,
        probability_auc=probability,
        curves=(
            ("ordinal score", roc(labels, ordinal_scores([m.predicted for m in masses])), malignancy.estimates["AUC"]),
            ("probability", roc(labels, scores), probability),
        )
        if both
        else (),
        calibration=calibration(labels, scores, patients, unit="mass", bins=5) if both else None,
        by_size=accuracy_by_size(
            [one.right for one in masses],
            [np.nan if one.finding.diameter_mm is None else one.finding.diameter_mm for one in masses],
            patients,
            unit="mass",
        ),
        sets=_sets(masses, truth, patients),
        crops=_views(found, model),
        results=results,
        left_out=found.left_out,
        flow=found.flow(LIVER_MASS.label, card),
        characteristics=found.characteristics(LIVER_MASS),
        period=found.period,
        run=found.run,
        problems=found.problems(card, warned),
    )


def _sets(masses: Sequence[JudgedMass], truth: Sequence[str], patients: Sequence[str]) -> SetCoverage | None:
    sets = [one.finding.category_set for one in masses]
    known = [one for one in sets if one is not None]
    return set_coverage(known, truth, patients, unit="mass") if len(known) == len(sets) else None


def _malignancy(labels: Sequence[bool], predicted: Sequence[str], patients: Sequence[str]) -> BinaryEvaluation:
    """By the ordinal score: a mass with 4 is called A or B."""
    scores = ordinal_scores(predicted)
    found = binary_evaluation(labels, scores, patients, unit="mass", cutoff=CALLED_MALIGNANT)
    area = ordinal_auc(labels, predicted, unit="mass", groups=patients)
    return replace(found, estimates={**found.estimates, "AUC": area})


def _session(masses: Sequence[JudgedMass], labels: Sequence[bool], number: int) -> dict[str, float | None]:
    """The figures of one session."""
    named = [one.named[number] for one in masses]
    right = [name == one.reference.category for name, one in zip(named, masses, strict=True)]
    figures: dict[str, float | None] = {
        "accuracy": float(np.mean(right)),
        ORDINAL_AUC: ordinal_auc(labels, named, unit="mass").value,
        PROBABILITY_AUC: auc(labels, [malignant(one.sessions[number]) for one in masses], unit="mass").value,
    }
    for code in KINDS:
        own = [hit for hit, m in zip(right, masses, strict=True) if code in (m.reference.category, m.reference.subtype)]
        figures[f"{code}: sensitivity"] = float(np.mean(own)) if own else None
    return figures


def _permuted(masses: Sequence[JudgedMass]) -> list[JudgedMass]:
    """Categories shuffled between all masses, as those of the training were."""
    order = np.random.default_rng(SEED).permutation(len(masses))
    drawn = [masses[number].reference for number in order]
    return [
        replace(one, reference=replace(one.reference, category=other.category, subtype=other.subtype))
        for one, other in zip(masses, drawn, strict=True)
    ]


def _views(found: EvaluatedCases[EvaluatedCase], model: LoadedModel) -> tuple[CropView, ...]:
    phases, synthetic = phases_of(model.package.card.options), found.synthetic
    return tuple(
        CropView(
            dict(zip(phases, crops, strict=True)),
            reference.side_mm,
            stamp(case=case.case_id in synthetic, model=found.done[case.case_id].result.run.synthetic_model),
        )
        for case in found.cases
        for crops, reference in zip(found.done[case.case_id].crops, found.done[case.case_id].references, strict=True)
    )
