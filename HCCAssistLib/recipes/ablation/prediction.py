"""The risk of early recurrence after ablation, by all models of a package that the inputs allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from HCCAssistLib.errors import Cancelled, InputError, Problem
from HCCAssistLib.explain.empty_maps import empty_map_problems
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.models.curves import curve_name
from HCCAssistLib.models.trees import TreeEnsemble
from HCCAssistLib.recipes.ablation.checks import study_problems, time_points_of
from HCCAssistLib.recipes.ablation.clinical import COLUMNS, clinical_of_study
from HCCAssistLib.recipes.ablation.explanation import in_patient, scores_and_maps, scores_of
from HCCAssistLib.recipes.ablation.recipe import (
    ABLATION,
    FIXED,
    FULLEST_FIRST,
    LIVER,
    NETWORKS,
    PHASES,
    POST,
    REGIONS,
    SIGNATURE,
    TIME_POINTS,
    TREES,
)
from HCCAssistLib.recipes.ablation.sampling import SHAPE, as_input
from HCCAssistLib.recipes.ablation.time_point import TimePoint, time_point_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.risk import ClinicalValue, RiskResult

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False, slots=True)
class _Answers:
    """What the models of a package make of a patient.

    Attributes:
        probabilities: by model.
        contributions: of each model of trees: of each variable to its probability.
        warnings: why some models do not answer, and what trees learnt nothing about.
        used_clinical: whether a clinical value had influence.
    """

    probabilities: Mapping[str, float]
    contributions: Mapping[str, Mapping[str, float]]
    warnings: tuple[Problem, ...]
    used_clinical: bool


def predict(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> RiskResult:
    """Predict how probable a recurrence within two years of the ablation is.

    The group is that of the fullest model that the inputs allow: clinical values and a network's signature; both time
    points; the one before the ablation. ``decides`` names it.

    Args:
        study: four T1-weighted phases and ``pre/tumour`` before the ablation, the same phases and ``post/ablation``
            after it where they are there, clinical values where they are known, and transforms that a person gives.
        model: of the recipe ``ablation-recurrence``.
        run_options: of one run; see the recipe.
        progress: called with the part done, 0 to 1.
        cancelled: asked between the steps.

    Raises:
        InputError: a phase or a region is missing or of the wrong kind, a registration failed, or a clinical value
            cannot be.
        Cancelled: the person asked to stop.
    """
    began = time.perf_counter()
    card, chosen = model.package.card, ABLATION.resolve(run_options, run=True)

    def step(done: float) -> None:
        if cancelled and cancelled():
            raise Cancelled("the prediction was cancelled")
        if progress:
            progress(done)

    step(0.0)
    doubts = list(study_problems(study, card.options))
    if stops := [problem for problem in doubts if problem.level == "STOP"]:
        raise InputError(stops)
    clinical = clinical_of_study(study)
    seen: dict[str, TimePoint] = {}
    for number, name in enumerate(time_points_of(study)):
        step(0.05 + 0.4 * number)
        seen[name] = time_point_of(study, name, card.options)
    step(0.85)
    answers, heatmaps = _answers(model, study, seen, clinical, heat=bool(chosen["heatmap"]))
    step(0.98)
    decides = next(name for name in FULLEST_FIRST if name in answers.probabilities)
    result = RiskResult(
        probabilities=answers.probabilities,
        decides=decides,
        cutoff=card.cutoffs.get(decides),
        run=model.run_record(study, _used(study, seen, answers.used_clinical), chosen, began=began, clinical=COLUMNS),
        volumes={f"{name}/{FIXED}": study.volumes[f"{name}/{FIXED}"].geometry for name in seen},
        boxes={REGIONS[name]: one.sections.box for name, one in seen.items()},
        clinical=tuple(ClinicalValue(column, value, value) for column, value in clinical.items()),
        contributions=answers.contributions.get(decides, {}),
        curve=curve_name(model.package, decides),
        warnings=(
            *study.warnings,
            *doubts,
            *(problem for one in seen.values() for problem in one.problems),
            *_absent(seen),
            *answers.warnings,
            *_unseen(seen, clinical, card.training),
            *model_warnings(card),
        ),
        heatmaps=heatmaps,
        registrations={
            f"{name}/{phase}": registration.as_json()
            for name, one in seen.items()
            for phase, registration in one.registrations.items()
        },
    )
    step(1.0)
    return result


def _answers(
    model: LoadedModel,
    study: Study,
    seen: Mapping[str, TimePoint],
    clinical: Mapping[str, float | None],
    *,
    heat: bool,
) -> tuple[_Answers, dict[str, Image]]:
    """All probabilities, and the heat maps of the network that the deciding one rests on."""
    import torch

    stored = np.stack([seen[name].pictures if name in seen else np.zeros(SHAPE, np.float16) for name in TIME_POINTS])
    pictures = as_input(torch.from_numpy(stored[None]).to(model.device))
    present = torch.tensor([[name in seen for name in TIME_POINTS]], device=model.device)
    rated = model.package.card.cutoffs or dict.fromkeys(FULLEST_FIRST)  # what was never rated does not answer
    allowed = [name for name in NETWORKS if name in rated and (name != "prepost" or POST in seen)] or [NETWORKS[0]]
    signature = str(model.package.card.training.get("signature_of", ""))
    by_trees, added, warnings = {}, {}, list[Problem]()
    probabilities: dict[str, float] = {}
    known = any(value is not None for value in clinical.values())
    fullest = known and "dl_clinical" in model.trees and "dl_clinical" in rated and signature in allowed
    explained = signature if fullest else allowed[-1]
    maps = None
    for name in allowed:
        networks = model.named(name)
        if heat and name == explained:
            scores, maps = scores_and_maps(networks, pictures, present)
        else:
            scores = scores_of(networks, pictures, present)
        probabilities[name] = float(scores.mean())
    for name, trees in model.trees.items() if known else ():
        if name not in rated or (name == "dl_clinical" and signature not in allowed):
            continue
        values = {**clinical, **({SIGNATURE: probabilities[signature]} if name == "dl_clinical" else {})}
        found = trees.contributions(trees.row(values))
        by_trees[name] = float(found.probability[0])
        added[name] = dict(zip(trees.variables, map(float, found.of_variables[0]), strict=True))
    warnings += _missing_values(clinical, model.trees) if known else _no_values(model)
    if known and "dl_clinical" in model.trees and signature == "prepost" and POST not in seen:
        what = f"the model DL_Clinical does not answer: it needs {POST} MR, for the signature of both time points"
        warnings.append(Problem("WARN", what, POST, "give the four phases after the ablation"))
    cold = list(empty_map_problems(maps[None], [""], raised="the risk", where="images")) if maps is not None else []
    heatmaps = _heatmaps(study, seen, maps) if maps is not None and not cold else {}
    warnings += cold
    return _Answers({**probabilities, **by_trees}, added, tuple(warnings), known and bool(by_trees)), heatmaps


def _heatmaps(study: Study, seen: Mapping[str, TimePoint], maps: np.ndarray) -> dict[str, Image]:
    """By delayed phase; a network of one time point has a map of the first alone."""
    found = {}
    for (name, one), heat in zip(seen.items(), maps, strict=False):
        placed = in_patient(heat, one.sections.box, study.volumes[f"{name}/{FIXED}"].geometry)
        if placed is not None:
            found[f"{name}/{FIXED}"] = placed
    return found


def _used(study: Study, seen: Mapping[str, TimePoint], clinical: bool) -> list[str]:
    """Names of the inputs that the result rests on, as a run record has them."""
    names = []
    for name, one in seen.items():
        names += [f"{name}/{FIXED}", *(f"{name}/{phase}" for phase in PHASES if phase != FIXED)]
        place = REGIONS[name]
        if one.region.segment is None:
            names += [f"{place} roi"] if place in study.boxes else []
        else:
            names += [place] if place in study.masks else []
            names += [f"{place} finding {one.region.number}"] if one.region.number else []
        given = [phase for phase in one.registrations if f"{name}/{phase}" in study.transforms]
        names += [f"{name}/{phase} transform" for phase in given]
        computed = any(found.quality is not None for found in one.registrations.values())
        names += [f"{name}/{LIVER}"] if computed and f"{name}/{LIVER}" in study.masks else []
    return [*names, *(["clinical"] if clinical else [])]


def _absent(seen: Mapping[str, TimePoint]) -> Iterator[Problem]:
    if POST not in seen:
        what = "there is no MR after the ablation: the risk rests on what was seen before it"
        yield Problem("WARN", what, POST, "give the four phases after the ablation where they were made")


def _no_values(model: LoadedModel) -> Iterator[Problem]:
    if model.trees:
        names = " and ".join(map(ABLATION.printed, (name for name in TREES if name in model.trees)))
        what = f"no clinical value is known, so that the models {names} do not answer"
        yield Problem("WARN", what, "clinical values", f"fill in {', '.join(COLUMNS)}")


def _missing_values(clinical: Mapping[str, float | None], trees: Mapping[str, TreeEnsemble]) -> Iterator[Problem]:
    """Values that are not known: one warning for those that trees learnt to do without, one for all others."""
    lacking = [column for column, value in clinical.items() if value is None]
    if not lacking or not trees:
        return
    learnt = {column for column in lacking if all(one.unknown[one.variables.index(column)] for one in trees.values())}
    for columns, more in (
        ([c for c in lacking if c in learnt], "the trees decide without {it}"),
        (
            [c for c in lacking if c not in learnt],
            "no patient of the training lacked {it}, so the trees go the way of the majority, which nothing was learnt "
            "about",
        ),
    ):
        if columns:
            are, it = ("are", "them") if len(columns) > 1 else ("is", "it")
            what = f"{' and '.join(columns)} {are} not known: {more.format(it=it)}"
            yield Problem("WARN", what, "clinical values", f"fill {it} in where known")


def _unseen(
    seen: Mapping[str, TimePoint], clinical: Mapping[str, float | None], training: Mapping[str, Any]
) -> Iterator[Problem]:
    """What differs from all that the model was trained on."""
    limits: Mapping[str, Any] = training.get("seen", {})
    for name, one in seen.items():
        series = "prefer a series like those of the training"
        measured = {
            f"{name} size_mm": (one.sections.size_mm, "its size", one.region.where, "do not rely on the risk"),
            f"{name} slice_mm": (one.sections.step_mm, "the distance of the slices", f"{name}/{FIXED}", series),
        }
        for key, (value, what_of, where, remedy) in measured.items():
            if (text := _outside(value, limits.get(key), "mm")) is not None:
                yield Problem("WARN", f"{what_of}, {text}", where, remedy)
    for variable in ABLATION.variables:
        known = clinical[variable.column]
        if known is not None and (text := _outside(known, limits.get(variable.column), variable.unit)) is not None:
            yield Problem("WARN", f"{variable.column}, {text}", "clinical values", "is it right?")


def _outside(value: float, limits: Any, unit: str) -> str | None:
    """In words, where a value lies outside all of the training."""
    if not limits or limits[0] - 0.01 <= value <= limits[1] + 0.01:
        return None
    ending = f" {unit}" if unit else ""
    return f"{value:.4g}{ending}, is outside that of the training, {limits[0]:.4g} to {limits[1]:.4g}{ending}"
