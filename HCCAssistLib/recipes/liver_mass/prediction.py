"""The category of each marked mass: all masses in one batch, through all sessions of the model."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import Cancelled, InputError, Problem
from HCCAssistLib.explain.empty_maps import empty_map_problems
from HCCAssistLib.imaging.geometry import Box
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.orientation import stored_slice
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.recipes.liver_mass.augmentation import center_crop
from HCCAssistLib.recipes.liver_mass.checks import mass_problems, volume_problems
from HCCAssistLib.recipes.liver_mass.explanation import Scores, in_patient, probabilities, scores_and_maps
from HCCAssistLib.recipes.liver_mass.looks import looks
from HCCAssistLib.recipes.liver_mass.masses import SOURCES, Mass, field_of_view, masses_of
from HCCAssistLib.recipes.liver_mass.recipe import CATEGORIES, LIVER_MASS, MALIGNANT, MASSES, TIME_POINT, phases_of
from HCCAssistLib.recipes.liver_mass.sampling import CODES, pictures
from HCCAssistLib.recipes.liver_mass.sections import frame
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.category_set import CategorySet
from HCCAssistLib.results.classification import ClassificationResult, Finding
from HCCAssistLib.training.calibration import category_sets
from HCCAssistLib.wording import plural

GROUPS = {"malignant": MALIGNANT}
NAMED = 5
"""Masses that a warning names."""

DISAGREE = "sessions of the model disagree"
"""How the warning is recognized that tells of masses which the sessions take for different ones."""


def predict(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ClassificationResult:
    """Classify the masses that a reader marked.

    Args:
        study: with the phases that the model sees, and ``baseline/masses`` as points, segments or boxes.
        model: of the recipe ``liver-mass``.
        run_options: of one run; see the recipe.
        progress: called with the part done, 0 to 1.
        cancelled: asked between the steps.

    Raises:
        InputError: a phase that is missing or given twice, no mass, or one that lies outside a phase or in air.
        Cancelled: the person asked to stop.
    """
    began = time.perf_counter()
    options, chosen = model.package.card.options, LIVER_MASS.resolve(run_options, run=True)

    def step(done: float) -> None:
        if cancelled and cancelled():
            raise Cancelled("the prediction was cancelled")
        if progress:
            progress(done)

    volumes = _phases(study, options)
    masses = masses_of(study, options)
    if not masses:
        raise InputError("no mass is marked", MASSES, "place a point in each mass, or draw a segment or a box")
    doubts = [*volume_problems(volumes, masses), *mass_problems(volumes, masses, options)]
    if stops := [problem for problem in doubts if problem.level == "STOP"]:
        raise InputError(stops)
    step(0.3)
    images, hu = pictures(volumes, [(mass, mass.center) for mass in masses], options)
    step(0.5)
    scores, maps = _scores(model, images, heat=bool(chosen["heatmap"]))
    look = looks(images, [mass.diameter_mm for mass in masses], options)
    sets = category_sets(model.package, scores.mean(axis=0), look, CODES)
    names = [mass.label for mass in masses]
    cold = empty_map_problems(maps, names, raised="the predicted category", where=MASSES) if maps is not None else ()
    step(0.9)
    reference = next(iter(volumes.values()))
    sides = [field_of_view(mass.diameter_mm, options) for mass in masses]
    frames = [frame(mass.center, side, reference.geometry) for mass, side in zip(masses, sides, strict=True)]
    warnings = (
        *study.warnings,
        *doubts,
        *_doubts(masses, hu, scores, options, model.package.card.training),
        *cold,
        *model_warnings(model.package.card),
    )
    places = {f"{TIME_POINT}/{phase}": volume for phase, volume in volumes.items()}
    result = ClassificationResult(
        categories=CATEGORIES,
        findings=tuple(
            _finding(mass, scores[:, n], frames[n], stored_slice(reference.geometry, mass.center), sets[n])
            for n, mass in enumerate(masses)
        ),
        volumes={place: volume.geometry for place, volume in places.items()},
        run=model.run_record(study, [*places, *_marks(study)], chosen, began=began),
        groups=GROUPS,
        warnings=warnings,
        heatmaps=in_patient(maps, frames, places) if maps is not None else {},
    )
    step(1.0)
    return result


def _phases(study: Study, options: Mapping[str, Value]) -> dict[str, Image]:
    phases = phases_of(options)
    missing = [phase for phase in phases if f"{TIME_POINT}/{phase}" not in study.volumes]
    if missing:
        what = f"there is no {' and no '.join(missing)} phase, and the model sees {', '.join(phases)}"
        raise InputError(what, remedy="give it, or use a model of the phases that there are")
    return {phase: study.volumes[f"{TIME_POINT}/{phase}"] for phase in phases}


def _marks(study: Study) -> list[str]:
    """Names of what marks the masses, as a run record has them."""
    findings = enumerate(study.findings.get(MASSES, ()), 1)
    return [
        *([f"{MASSES} points"] if MASSES in study.points else []),
        *([f"{MASSES} roi"] if MASSES in study.boxes else []),
        *([MASSES] if MASSES in study.masks else []),
        *(f"{MASSES} finding {number}" for number, one in findings if one.mask is not None),
    ]


def _scores(
    model: LoadedModel, images: npt.NDArray[np.uint8], *, heat: bool
) -> tuple[Scores, npt.NDArray[np.float32] | None]:
    import torch

    batch = center_crop(torch.from_numpy(images).to(model.device))
    if heat:
        return scores_and_maps(model.networks, batch)
    return probabilities(model.networks, batch), None


def _finding(mass: Mass, scores: Scores, box: Box, slice_number: int, of: CategorySet | None) -> Finding:
    return Finding(
        number=mass.number,
        label=mass.label,
        center=mass.center,
        probabilities=_by_code(scores.mean(axis=0)),
        box=box,
        slice=slice_number,
        by_network=tuple(_by_code(one) for one in scores) if len(scores) > 1 else (),
        diameter_mm=None if mass.diameter_source == "default" else mass.diameter_mm,
        category_set=of,
    )


def _by_code(scores: npt.NDArray[np.float64]) -> dict[str, float]:
    return {code: min(1.0, float(score)) for code, score in zip(CODES, scores / scores.sum(), strict=True)}


def _doubts(
    masses: Sequence[Mass],
    hu: npt.NDArray[np.float32],
    scores: Scores,
    options: Mapping[str, Value],
    training: Mapping[str, Any],
) -> Iterator[Problem]:
    """What a reader must know of the masses: assumed sizes, what was never trained on, sessions that disagree."""
    if assumed := [mass.label for mass in masses if mass.diameter_source == "default"]:
        size = f"{float(options['default_diameter']):g} mm"
        what = f"{_listed(assumed)}: the diameter is {SOURCES['default']} of {size}, which sets the frame"
        yield Problem("WARN", what, MASSES, "type the size beside the point, or draw a line, a segment or a box")
    seen = training.get("seen", {})
    if limits := seen.get("diameter_mm"):
        odd = [f"{m.label} ({m.diameter_mm:.0f} mm)" for m in masses if not limits[0] <= m.diameter_mm <= limits[1]]
        if odd:
            what = f"{_listed(odd)}: outside the sizes of the training, {limits[0]:.0f} to {limits[1]:.0f} mm"
            yield Problem("WARN", what, MASSES, "do not rely on the category")
    for channel, (phase, limits) in enumerate(seen.get("hu", {}).items()):
        values = zip(masses, hu[:, channel], strict=True)
        odd = [f"{mass.label} ({value:.0f} HU)" for mass, value in values if not limits[0] <= value <= limits[1]]
        if odd:
            what = (
                f"{_listed(odd)}: outside what masses of the training measure in the {phase} phase, "
                f"{limits[0]:.0f} to {limits[1]:.0f} HU"
            )
            yield Problem(
                "WARN", what, f"{TIME_POINT}/{phase}", "is this the phase, and does the mark lie in the mass?"
            )
    votes = [Counter(CODES[code] for code in scores[:, n].argmax(axis=1)) for n in range(len(masses))]
    split = [
        f"{mass.label} ({', '.join(f'{count} for {code}' for code, count in vote.most_common())})"
        for mass, vote in zip(masses, votes, strict=True)
        if len(vote) > 1
    ]
    if split:
        what = f"the {len(scores)} {DISAGREE} about {_listed(split)}"
        yield Problem("WARN", what, MASSES, "look at the spread of the probabilities")


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more {plural('mass', rest)}" if rest > 0 else "")
