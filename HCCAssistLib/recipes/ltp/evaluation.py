"""How well a model finds LTP on cases it has not seen: by patch as in the paper, by lesion and by patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from HCCAssistLib.cohort.cohort import Case, Cohort
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.baseline_table import BaselineTable
from HCCAssistLib.evaluation.binary import BinaryEvaluation, binary_evaluation
from HCCAssistLib.evaluation.cohort_description import cohort_flow, cohort_table
from HCCAssistLib.evaluation.example_cases import Example, ExampleCases
from HCCAssistLib.evaluation.flow import Flow
from HCCAssistLib.evaluation.froc import FrocCurve, VolumeFindings, froc, lesion_operating_point
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.result import CutOff, Estimate
from HCCAssistLib.inference.findings import DetectionResult
from HCCAssistLib.inference.model import LoadedModel
from HCCAssistLib.inference.study import Study, read_study
from HCCAssistLib.recipes.ltp.operating_point import TOLERANCE_MM
from HCCAssistLib.recipes.ltp.prediction import predict, probabilities
from HCCAssistLib.recipes.ltp.recipe import LTP, TIME_POINT, WINDOWS
from HCCAssistLib.recipes.ltp.sampling import batch_maker, sample_case
from HCCAssistLib.recipes.spec import Value
from HCCAssistLib.training.loop import outputs
from HCCAssistLib.training.samples import Samples, joined

SEED = 2023
"""Of the test patches, the same for every model, so that two models are compared on the same patches."""


@dataclass(frozen=True, eq=False, slots=True)
class LTPEvaluation:
    """Performance on unseen cases at three levels.

    Attributes:
        patch: on sampled patches, as in the paper.
        froc: lesions found against false positives per volume of the whole scan; None without any lesion.
        at_cutoff: lesion-level sensitivity and false positives per volume at the model's cut-off.
        patient: highest candidate of a patient against the patient's label.
        results: what the scan of each case gave, by case id.
        truth: annotated points of each case, LPS mm.
        examples: of a find, a miss and a false alarm at the cut-off of the scan.
        flow: from the cases of the table to those that were evaluated.
        characteristics: of the cases by split; None where the table describes none.
        problems: what is doubtful.
    """

    patch: BinaryEvaluation
    froc: FrocCurve | None
    at_cutoff: tuple[Estimate, Estimate]
    patient: BinaryEvaluation
    results: Mapping[str, DetectionResult]
    truth: Mapping[str, np.ndarray]
    examples: tuple[Example, ...]
    flow: Flow
    characteristics: BaselineTable | None
    problems: tuple[Problem, ...] = field(default=())


def evaluate(
    cohort: Cohort,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Callable[[str, float], None] | None = None,
) -> LTPEvaluation:
    """Evaluate a model on the cases of a cohort that it was not trained on.

    Args:
        cohort: with annotated points; the cases of the split ``test`` where there are such.
        model: of the recipe ``ltp``.
        run_options: of the scan.
        progress: told what is being done and how much of the whole is done.

    Raises:
        InputError: no case is left, or the cases show only one class.
    """
    cases, problems = unseen_cases(cohort, model)
    options = model.package.card.options
    parts: list[Samples] = []
    results: dict[str, DetectionResult] = {}
    truth: dict[str, np.ndarray] = {}
    volumes: list[VolumeFindings] = []
    shown = ExampleCases(tolerance_mm=TOLERANCE_MM, window=WINDOWS[0])
    for number, case in enumerate(cases):
        if progress:
            progress(f"case {case.case_id}", number / len(cases))
        study = read_study(case, LTP)
        _refuse_seen(study, model)
        parts.append(sample_case(case, {**options, "permute_labels": False}, _rng(case)))
        result = predict(study, model, {**run_options, "heatmap": False})
        results[case.case_id] = result
        lesions = study.points.get(f"{TIME_POINT}/ltp")
        truth[case.case_id] = lesions.positions if lesions else np.empty((0, 3))
        shown.see(study.volumes[f"{TIME_POINT}/arterial"], result, truth[case.case_id])
        volumes.append(
            VolumeFindings(
                case.patient_id,
                np.array([c.box.center for c in result.candidates]).reshape(-1, 3),
                np.array([c.probability for c in result.candidates]),
                truth[case.case_id],
                np.zeros(len(truth[case.case_id])),
            )
        )
    samples = joined(parts)
    if options.get("permute_labels"):
        samples = samples.permuted(SEED)
    cutoff = model.package.card.cutoff
    scan_cutoff = model.package.card.scan_cutoff or cutoff
    scores = np.mean(
        [
            probabilities(outputs(network, batch_maker(options), samples, device=model.device))
            for network in model.networks
        ],
        axis=0,
    )
    best: dict[str, float] = {}
    label: dict[str, int] = {}
    for volume in volumes:
        best[volume.patient] = max([best.get(volume.patient, 0.0), *volume.scores])
        label[volume.patient] = max(label.get(volume.patient, 0), int(len(volume.lesions) > 0))
    patients = list(best)
    return LTPEvaluation(
        patch=binary_evaluation(samples.labels, scores, samples.patients, unit="patch", cutoff=cutoff),
        froc=froc(volumes, tolerance_mm=TOLERANCE_MM) if any(len(v.lesions) for v in volumes) else None,
        at_cutoff=lesion_operating_point(volumes, scan_cutoff, tolerance_mm=TOLERANCE_MM),
        patient=binary_evaluation(
            [label[p] for p in patients],
            [best[p] for p in patients],
            patients,
            unit="patient",
            cutoff=scan_cutoff,
        ),
        results=results,
        truth=truth,
        examples=shown.examples,
        flow=cohort_flow(cohort, results, label=LTP.label),
        characteristics=cohort_table(cohort, results),
        problems=problems,
    )


def unseen_cases(cohort: Cohort, model: LoadedModel) -> tuple[tuple[Case, ...], tuple[Problem, ...]]:
    """The cases to evaluate on: the split ``test``, or all where the table names no split.

    Raises:
        InputError: there are none.
    """
    if any(case.split for case in cohort.cases):
        cases = cohort.of_split("test")
        if not cases:
            raise InputError("no case belongs to the split test", "cohort.csv", "mark the held-out cases as test")
        return cases, ()
    from HCCAssistLib.training.run import with_splits

    seed = model.package.card.training.get("seed", 0)
    drawn = with_splits(cohort, LTP, int(seed))
    trained = model.package.card.training.get("cases", {})
    counts = {split: len(drawn.of_split(split)) for split in ("train", "validation", "test")}
    if counts == trained and drawn.of_split("test"):
        what = "the table names no split; the test cases are those that training with the same seed had set aside"
        return drawn.of_split("test"), (Problem("WARN", what, "cohort.csv"),)
    what = "the table names no split; all cases are evaluated"
    return cohort.cases, (Problem("WARN", what, "cohort.csv", "check that none of the patients was trained on"),)


def _refuse_seen(study: Study, model: LoadedModel) -> None:
    """Stop on an image that the model was trained on: its figures would be worth nothing."""
    image = study.volumes[f"{TIME_POINT}/arterial"]
    if image.digest() in model.package.card.training.get("image_digests", ()):
        raise InputError(
            "the model was trained on this image",
            f"case {study.case_id}",
            "evaluate on other patients, or mark the case as train in cohort.csv",
        )


def _rng(case: Case) -> np.random.Generator:
    return np.random.default_rng([SEED, *case.case_id.encode()])


def report(found: LTPEvaluation, model: LoadedModel, *, title: str = "LTP detection: evaluation") -> Report:
    """The report of an evaluation, to be written or added to."""
    card = model.package.card
    pages = Report(
        title,
        subtitle=f"model {card.name}, {len(found.results)} unseen cases",
        provenance={
            "recipe": f"{LTP.id}: {LTP.paper}",
            "model": card.name,
            "weights sha256": ", ".join(model.package.weights_sha256),
            "training cohort sha256": str(card.training.get("cohort_digest", "")),
            "training seed": str(card.training.get("seed", "")),
            "test patches seed": str(SEED),
            "device": model.device,
        },
        covered=("purpose", "partitions", "preprocessing"),
    )
    if card.training.get("synthetic"):
        pages.add_warnings(
            [
                Problem(
                    "WARN",
                    "the model was trained on synthetic cases; nothing here says anything about patients",
                    f"model {card.name}",
                )
            ]
        )
    pages.add_warnings(found.problems)
    pages.add_text(
        "The model looks for local tumour progression (LTP) after ablation on arterial-phase CT. It is meant to help a "
        "reader in research, not to replace one. The truth is the points that a reader annotated. Cases of the split "
        "test are evaluated where the table names splits; an image that the model was trained on is refused."
    )
    pages.add_heading("Cases")
    pages.add_flow(found.flow)
    if found.characteristics:
        pages.add_cohort("Characteristics of the cases", found.characteristics)
    pages.add_text(
        "Patch level follows the paper: 20 shifted patches around each annotated point, 40 patches per patient away "
        "from all points. Lesion and patient level come from a scan of the whole region, which the paper did not do. "
        "Patches of one patient are not independent: trust the interval that resamples patients."
    )
    pages.add_binary_evaluation("Patch level", found.patch)
    if found.froc is None:
        pages.add_heading("Lesion level")
        pages.add_text("No case holds an annotated lesion, so there is nothing to find.")
    else:
        pages.add_froc("Lesion level", found.froc, found.at_cutoff)
    pages.add_binary_evaluation("Patient level", found.patient)
    scan = next(iter(found.results.values()))
    pages.add_examples("Example cases", found.examples, cutoff=CutOff(scan.threshold, scan.threshold_source))
    pages.add_heading("Calibration and clinical utility")
    pages.add_text(
        "Not given. The network was trained on patches in a chosen mixture of classes, and a patient's score is the "
        "highest of many patches. Neither is a calibrated risk, so a calibration curve or a net benefit would mean "
        "nothing."
    )
    pages.add_model_card(card)
    return pages
