"""The figures of an evaluation of LTP detection: by patch as in the paper, by lesion and by patient."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import TABLE, Case
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.binary import BinaryEvaluation, binary_evaluation
from HCCAssistLib.evaluation.by_size import sensitivity_by_size
from HCCAssistLib.evaluation.evaluated import evaluation_json
from HCCAssistLib.evaluation.example_cases import Example, ExampleCases
from HCCAssistLib.evaluation.flagged import sensitivity_on_lesions
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.froc import FrocCurve, froc, lesion_operating_point
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.slice_view import SliceView, slice_view
from HCCAssistLib.evaluation.values import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.ltp.evaluated_case import SEED, EvaluatedCase
from HCCAssistLib.recipes.ltp.operating_point import TOLERANCE_MM
from HCCAssistLib.recipes.ltp.recipe import LABEL, LTP, TIME_POINT, WINDOWS
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.stamp import stamp
from HCCAssistLib.training.evaluated_cases import EvaluatedCases
from HCCAssistLib.training.samples import joined


@dataclass(frozen=True, eq=False, slots=True)
class PatchScores:
    """The sampled patches: class, score, patient ``(n,)`` and centre ``(n, 3)`` of each, and the model's cut-off."""

    labels: npt.NDArray[np.integer[Any]]
    scores: FloatArray
    patients: npt.NDArray[np.str_]
    centers: npt.NDArray[np.floating[Any]]
    cutoff: CutOff


@dataclass(frozen=True, eq=False, slots=True)
class LTPEvaluation:
    """Performance on unseen cases at three levels.

    Attributes:
        patch: on sampled patches, as in the paper.
        froc: lesions found against false positives per volume of the whole scan; None without any lesion.
        at_cutoff: lesion-level sensitivity and false positives per volume at the model's cut-off.
        patient: highest candidate of a patient against the label of the table.
        on_lesions: share of the positive patients who are flagged by a candidate on a true lesion.
        by_size: share of the lesions found at the cut-off, by their size.
        results: what the scan of each case gave, by case id.
        volumes: its candidates and the annotated points, by case id.
        left_out: cases that were to be evaluated and could not be, by case id, with what is wrong.
        patients: whose case it is, by case id.
        labels: of the table, by patient: of those of whom all cases could be evaluated.
        highest: score of each of these patients: that of the surest candidate.
        patches: that the patch level rests on.
        scan_cutoff: of candidates and patients.
        sizes_mm: of the annotated lesions, NaN where not known, by case id.
        examples: of a find, a miss and a false positive at the cut-off of the scan.
        views: the most telling slice of each case, by case id; none of a case where nothing is to be seen.
        flow: from the cases of the table to those that were evaluated.
        characteristics: of the cases by split; None where the table describes none.
        run: model, options, cohort, cases, versions and device: what the figures rest on.
        problems: what is doubtful.
    """

    patch: BinaryEvaluation
    froc: FrocCurve | None
    at_cutoff: tuple[Estimate, Estimate]
    patient: BinaryEvaluation
    on_lesions: Estimate
    by_size: tuple[Estimate, ...]
    results: Mapping[str, DetectionResult]
    volumes: Mapping[str, VolumeFindings]
    left_out: Mapping[str, tuple[Problem, ...]]
    patients: Mapping[str, str]
    labels: Mapping[str, int]
    highest: Mapping[str, float]
    patches: PatchScores
    scan_cutoff: CutOff
    sizes_mm: Mapping[str, FloatArray]
    examples: tuple[Example, ...]
    views: Mapping[str, SliceView]
    flow: Flow
    characteristics: BaselineTable | None
    run: Mapping[str, Any]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def sentence(self) -> str:
        """How many positive patients were flagged, and how many of them by a candidate on a true lesion."""
        if not self.on_lesions.n:
            return "No evaluated patient is positive."
        return f"{self.on_lesions.note} (within {TOLERANCE_MM:g} mm of an annotated point)."

    @property
    def headline(self) -> Estimate:
        """CPM; the AUC of patients where no volume has a lesion."""
        return self.froc.cpm if self.froc else self.patient.estimates["AUC"]

    def summary(self) -> list[tuple[str, Estimate]]:
        """Level and figure of the short table on the terminal."""
        chosen = [("lesion", estimate) for estimate in self.at_cutoff] + [("patient", self.on_lesions)]
        for level, evaluation in (("patient", self.patient), ("patch", self.patch)):
            chosen += [(level, evaluation.estimates[name]) for name in ("sensitivity", "specificity", "AUC", "AP")]
        if self.froc:
            chosen += [("lesion", estimate) for estimate in (*self.froc.at_rates[3:5], self.froc.cpm)]
        return chosen

    def as_json(self) -> dict[str, Any]:
        """Every figure at full precision, what it rests on, and what went wrong; curves are in report.json."""

        def level(evaluation: BinaryEvaluation) -> dict[str, Any]:
            curves = ("roc", "precision_recall")
            return {name: value for name, value in evaluation.as_json().items() if name not in curves}

        lesion = [*self.at_cutoff, *self.by_size]
        lesion += [*self.froc.at_rates, self.froc.cpm] if self.froc else []
        figures = {
            "patch": level(self.patch),
            "lesion": {"estimates": {estimate.name: estimate.as_json() for estimate in lesion}},
            "patient": {**level(self.patient), "flagged_on_a_lesion": self.on_lesions.as_json()},
        }
        return evaluation_json(self, figures)


def performance(found: EvaluatedCases[EvaluatedCase], model: LoadedModel) -> LTPEvaluation:
    """The figures of the finished cases.

    Raises:
        InputError: no patient is left of whom all cases could be evaluated.
    """
    card, cases, done, left_out = model.package.card, found.cases, found.done, found.left_out
    results = {case.case_id: done[case.case_id].result for case in cases}
    volumes = {case.case_id: _findings(case, done[case.case_id]) for case in cases}
    samples = joined([done[case.case_id].patches for case in cases])
    if card.options.get("permute_labels"):
        samples = samples.permuted(SEED)
    scores = np.concatenate([done[case.case_id].scores for case in cases])
    shown = ExampleCases(tolerance_mm=TOLERANCE_MM, window=WINDOWS[0])
    views: dict[str, SliceView] = {}
    for case in cases:
        result, lesions = results[case.case_id], volumes[case.case_id].lesions
        words = stamp(case=case.case_id in found.synthetic, model=result.run.synthetic_model)
        shown.see(case.case_id, partial(_image, case), result, lesions, stamp=words)
        if (place := _shown_place(result, lesions)) is not None:
            views[case.case_id] = slice_view(
                _image(case),
                result.shown or result.candidates[:1],
                lesions,
                place,
                WINDOWS[0],
                cutoff=result.threshold,
                stamp=words,
            )
    # Of a patient with a case that could not be evaluated nobody knows whether he is flagged, nor whether he should be.
    torn = {case.patient_id for case in found.held_out.cohort.cases if case.case_id in left_out}
    labels, best = _patients(cases, volumes, torn)
    if not labels:
        what = "no patient is left of whom all cases could be evaluated"
        raise InputError([*(p for problems in left_out.values() for p in problems), Problem("STOP", what, TABLE)])
    positive = {patient for patient, label in labels.items() if label}
    findings = list(volumes.values())
    return LTPEvaluation(
        patch=binary_evaluation(samples.labels, scores, samples.patients, unit="patch", cutoff=card.cutoff("patch")),
        froc=froc(findings, tolerance_mm=TOLERANCE_MM) if any(len(v.lesions) for v in findings) else None,
        at_cutoff=lesion_operating_point(findings, card.cutoff(), tolerance_mm=TOLERANCE_MM),
        patient=binary_evaluation(
            list(labels.values()), list(best.values()), list(labels), unit="patient", cutoff=card.cutoff()
        ),
        on_lesions=sensitivity_on_lesions(findings, positive, card.cutoff(), tolerance_mm=TOLERANCE_MM),
        by_size=sensitivity_by_size(
            findings, [done[case.case_id].sizes_mm for case in cases], card.cutoff(), tolerance_mm=TOLERANCE_MM
        ),
        results=results,
        volumes=volumes,
        left_out=left_out,
        patients={case.case_id: case.patient_id for case in cases},
        labels=labels,
        highest=best,
        patches=PatchScores(samples.labels, scores, samples.patients, samples["center_lps"], card.cutoff("patch")),
        scan_cutoff=card.cutoff(),
        sizes_mm={case.case_id: done[case.case_id].sizes_mm for case in cases},
        examples=shown.examples(),
        views=views,
        flow=found.flow(LTP.label, card),
        characteristics=found.characteristics(LTP),
        run=found.run,
        problems=(
            *found.problems(card, {name: one.warnings for name, one in results.items()}),
            *_half_seen(sorted(torn & {case.patient_id for case in cases})),
        ),
    )


def _patients(
    cases: Sequence[Case], volumes: Mapping[str, VolumeFindings], torn: Collection[str]
) -> tuple[dict[str, int], dict[str, float]]:
    """Label of the table and highest score of each patient: the highest of the patient's cases."""
    labels: dict[str, int] = {}
    best: dict[str, float] = {}
    for case in cases:
        patient = case.patient_id
        if patient not in torn:
            labels[patient] = max(labels.get(patient, 0), int(case.values[LABEL]))
            best[patient] = max([best.get(patient, 0.0), *volumes[case.case_id].scores])
    return labels, best


def _findings(case: Case, one: EvaluatedCase) -> VolumeFindings:
    candidates = one.result.candidates
    return VolumeFindings(
        case.patient_id,
        np.array([c.box.center for c in candidates]).reshape(-1, 3),
        np.array([c.probability for c in candidates]),
        one.lesions,
        np.zeros(len(one.lesions)),
    )


def _shown_place(result: DetectionResult, lesions: FloatArray) -> npt.ArrayLike | None:
    """Where to look at a case: the surest candidate at the cut-off, else a missed lesion, else the surest candidate."""
    if not result.shown and len(lesions):
        return np.asarray(lesions[0])
    return result.candidates[0].box.center if result.candidates else None


def _image(case: Case) -> Image:
    return read_study(case, LTP).volumes[f"{TIME_POINT}/arterial"]


def _half_seen(patients: Sequence[str]) -> tuple[Problem, ...]:
    if not patients:
        return ()
    what = "a case of the patient could not be evaluated, so the patient level leaves the patient out"
    return (Problem("WARN", what, f"patient{'s' if len(patients) > 1 else ''} {', '.join(patients)}"),)
