"""The response of each tumour: the mean over its patches and all members, and the patient's over the targets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import Cancelled, InputError, Problem
from HCCAssistLib.explain.empty_maps import empty_map_problems
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.orientation import stored_slice
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.bodies import backbone_of
from HCCAssistLib.recipes.tace.checks import tumour_problems, volume_problems
from HCCAssistLib.recipes.tace.explanation import Scores, in_patient, scores_and_maps
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, GROUPS, PAPER_SLICE_MM, RESPONSES, TACE, TUMOURS, with_backbone
from HCCAssistLib.recipes.tace.sampling import CODES, by_tumour, pictures
from HCCAssistLib.recipes.tace.tumours import Tumour, tumours_of
from HCCAssistLib.results.classification import ClassificationResult, Finding, Patch, Probabilities
from HCCAssistLib.wording import plural

MOST_PATCHES = 3
NAMED = 5
"""Tumours that a warning names."""

MEASURES = {"diameter_mm": ("sizes", "mm"), "hu": ("mean values", "HU")}
"""What is compared with the tumours of the training."""


def predict(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ClassificationResult:
    """Predict the response of the tumours that a reader drew.

    The patient's probabilities are the mean of those of the target tumours, each of which counts once however many
    patches it has; where no segment is tagged ``target``, all of them are targets.

    Args:
        study: with the arterial phase before the treatment, and ``pre/tumour``, one segment for each tumour.
        model: of the recipe ``tace-response``.
        run_options: of one run; see the recipe.
        progress: called with the part done, 0 to 1.
        cancelled: asked between the steps.

    Raises:
        InputError: the model's backbone is not installed, no CT or no segment is there, a segment is no tumour, or
            the scan is one after TACE.
        Cancelled: the person asked to stop.
    """
    began = time.perf_counter()
    card, chosen = model.package.card, TACE.resolve(run_options, run=True)

    def step(done: float) -> None:
        if cancelled and cancelled():
            raise Cancelled("the prediction was cancelled")
        if progress:
            progress(done)

    backbone = backbone_of(card.options, model.device, card) if with_backbone(card.options) else None
    step(0.1)
    volume = study.volumes.get(ARTERIAL)
    if volume is None:
        raise InputError("there is no arterial phase", ARTERIAL, "give the arterial phase before the treatment")
    if not study.findings.get(TUMOURS):
        raise InputError("no tumour is segmented", TUMOURS, "draw a segment for each tumour")
    doubts = list(volume_problems(volume))
    if doubts:
        raise InputError(doubts)
    tumours = tumours_of(study, card.options)
    doubts = list(tumour_problems(tumours))
    if stops := [problem for problem in doubts if problem.level == "STOP"]:
        raise InputError(stops)
    step(0.2)
    patches = [patch for one in tumours for patch in one.patches]
    images = pictures(volume, patches, card.options)
    step(0.3)
    of = by_tumour(tumours)
    scores, maps = scores_and_maps(
        model.networks, backbone, images, of, heat=bool(chosen["heatmap"]), device=model.device
    )
    step(0.9)
    body, boxes = backbone or model.networks[0], [patch.box for patch in patches]
    heat = in_patient(maps, boxes, volume.geometry, body) if maps is not None else None
    names = [tumours[n].label for n in of]
    cold = empty_map_problems(maps, names, raised="the predicted response", where=TUMOURS) if maps is not None else ()
    findings = tuple(_finding(one, scores[:, of == n], volume.geometry) for n, one in enumerate(tumours))
    targets = [finding.probabilities for finding in findings if finding.target]
    result = ClassificationResult(
        categories=RESPONSES,
        findings=findings,
        volumes={ARTERIAL: volume.geometry},
        run=model.run_record(study, [ARTERIAL, *_segments(study)], chosen, began=began),
        groups=GROUPS,
        patient=_by_code(np.array([[one[code] for code in CODES] for one in targets])) if targets else None,
        warnings=(
            *study.warnings,
            *doubts,
            *_doubts(tumours, card.options, card.training),
            *cold,
            *model_warnings(card),
        ),
        heatmaps={ARTERIAL: heat} if heat is not None else {},
    )
    step(1.0)
    return result


def _segments(study: Study) -> list[str]:
    """Names of the segments, as a run record has them."""
    findings = enumerate(study.findings[TUMOURS], 1)
    return [
        *([TUMOURS] if TUMOURS in study.masks else []),
        *(f"{TUMOURS} finding {number}" for number, one in findings if one.mask is not None),
    ]


def _finding(tumour: Tumour, scores: Scores, geometry: Geometry) -> Finding:
    """A tumour with the scores ``(networks, patches, 4)`` of its patches."""
    patches = tuple(
        Patch(patch.box, stored_slice(geometry, patch.box.center), _by_code(scores[:, n]))
        for n, patch in enumerate(tumour.patches)
    )
    return Finding(
        number=tumour.number,
        label=tumour.label,
        center=tumour.center,
        probabilities=_by_code(scores.reshape(-1, len(CODES))),
        box=patches[0].box,
        slice=patches[0].slice,
        by_network=tuple(_by_code(one) for one in scores) if len(scores) > 1 else (),
        diameter_mm=tumour.diameter_mm,
        target=tumour.target,
        patches=patches,
    )


def _by_code(scores: npt.NDArray[np.float64]) -> Probabilities:
    """The mean of ``(n, 4)``."""
    mean = scores.mean(axis=0)
    return {code: min(1.0, float(score)) for code, score in zip(CODES, mean / mean.sum(), strict=True)}


def _doubts(tumours: Sequence[Tumour], options: Mapping[str, Value], training: Mapping[str, Any]) -> Iterator[Problem]:
    """What a reader must know: slices and sizes other than those of the training, few patches, no target."""
    if not any(one.target for one in tumours):
        what = "no tumour is marked as a target, so that there is no response of the patient"
        yield Problem("WARN", what, TUMOURS, "tag the segments that count with target yes")
    seen = training.get("seen", {})
    spacing = tumours[0].slice_mm
    if abs(spacing - PAPER_SLICE_MM) > 0.1 * PAPER_SLICE_MM:
        limits = seen.get("slice_mm")
        trained = f", and {limits[0]:.3g} to {limits[1]:.3g} mm in the training" if limits else ""
        what = f"the slices are {spacing:.3g} mm apart, where they were {PAPER_SLICE_MM:g} mm in the paper{trained}"
        yield Problem("WARN", what, ARTERIAL, "neighbouring patches show other parts of a tumour than in the paper")
    few = [one for one in tumours if len(one.patches) < MOST_PATCHES]
    if few and options["channels"] == "grey":
        listed = _listed([f"{one.label} ({len(one.patches)})" for one in few])
        what = f"fewer than {MOST_PATCHES} slices show enough of {listed} for a patch"
        yield Problem("WARN", what, TUMOURS, "the mean rests on so many patches")
    for name, (what_of, unit) in MEASURES.items():
        if limits := seen.get(name):
            values = [(one.label, float(getattr(one, name))) for one in tumours]
            odd = [f"{label} ({value:.0f} {unit})" for label, value in values if not limits[0] <= value <= limits[1]]
            if odd:
                what = (
                    f"{_listed(odd)}: outside the {what_of} of the training, {limits[0]:.0f} to {limits[1]:.0f} {unit}"
                )
                yield Problem("WARN", what, TUMOURS, "do not rely on the response")


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more {plural('tumour', rest)}" if rest > 0 else "")
