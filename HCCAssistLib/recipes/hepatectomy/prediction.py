"""The risk of early recurrence: the mean over all members, and the group by the model's cut-off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from HCCAssistLib.errors import Cancelled, InputError, Problem
from HCCAssistLib.explain.empty_maps import empty_map_problems
from HCCAssistLib.imaging.axial import slice_spacing
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.models.curves import curve_name
from HCCAssistLib.recipes.hepatectomy.checks import voi_problems, volume_problems
from HCCAssistLib.recipes.hepatectomy.explanation import in_patient, scores_and_map
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, EARLY_RECURRENCE, HEPATECTOMY, TUMOUR
from HCCAssistLib.recipes.hepatectomy.sampling import as_input
from HCCAssistLib.recipes.hepatectomy.tumour import Tumour, tumour_of
from HCCAssistLib.recipes.hepatectomy.voi import Voi, voi_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.risk import RiskResult


def predict(
    study: Study,
    model: LoadedModel,
    run_options: Mapping[str, Value],
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> RiskResult:
    """Predict how probable a recurrence within two years of the hepatectomy is.

    Args:
        study: with the arterial phase before the operation, and ``pre/tumour``, a segment; a box is enough for a model
            that sees the surroundings, too.
        model: of the recipe ``hepatectomy-recurrence``.
        run_options: of one run; see the recipe.
        progress: called with the part done, 0 to 1.
        cancelled: asked between the steps.

    Raises:
        InputError: no CT or no tumour is there, several are, or too little of it can be seen.
        Cancelled: the person asked to stop.
    """
    import torch

    began = time.perf_counter()
    card, chosen = model.package.card, HEPATECTOMY.resolve(run_options, run=True)

    def step(done: float) -> None:
        if cancelled and cancelled():
            raise Cancelled("the prediction was cancelled")
        if progress:
            progress(done)

    step(0.0)
    volume = study.volumes.get(ARTERIAL)
    if volume is None:
        raise InputError("there is no arterial phase", ARTERIAL, "give the arterial phase before the operation")
    if objections := list(volume_problems(volume)):
        raise InputError(objections)
    tumour = tumour_of(study, card.options)
    voi = voi_of(volume, tumour, card.options)
    doubts = list(voi_problems(voi, tumour, card.options))
    if stops := [problem for problem in doubts if problem.level == "STOP"]:
        raise InputError(stops)
    step(0.2)
    x = as_input(torch.from_numpy(voi.voxels[None]).to(model.device), card.options)
    scores, heat = scores_and_map(model.networks, x, heat=bool(chosen["heatmap"]))
    step(0.9)
    raised = "the risk"
    cold = list(empty_map_problems(heat[None], [""], raised=raised, where=ARTERIAL)) if heat is not None else []
    placed = in_patient(heat, voi.box, volume.geometry) if heat is not None and not cold else None
    result = RiskResult(
        probabilities={EARLY_RECURRENCE: float(scores.mean())},
        decides=EARLY_RECURRENCE,
        cutoff=card.default_cutoff,
        run=model.run_record(study, [ARTERIAL, *_marks(study, tumour)], chosen, began=began),
        volumes={ARTERIAL: volume.geometry},
        boxes={TUMOUR: voi.box},
        curve=curve_name(model.package, EARLY_RECURRENCE),
        warnings=(
            *study.warnings,
            *doubts,
            *_unseen(voi, tumour, slice_spacing(volume.geometry), card.training),
            *cold,
            *model_warnings(card),
        ),
        heatmaps={ARTERIAL: placed} if placed is not None else {},
    )
    step(1.0)
    return result


def _marks(study: Study, tumour: Tumour) -> list[str]:
    """Names of what marks the tumour, as a run record has them."""
    if tumour.segment is None:
        return [f"{TUMOUR} roi"] if TUMOUR in study.boxes else []
    return [*([TUMOUR] if TUMOUR in study.masks else []), f"{TUMOUR} finding {tumour.number}"]


def _unseen(voi: Voi, tumour: Tumour, slice_mm: float, training: Mapping[str, Any]) -> Iterator[Problem]:
    """What differs from all that the model was trained on."""
    seen = training.get("seen", {})
    of_tumour = ("do not rely on the risk", tumour.where)
    measured = {
        "size_mm": (max(tumour.box.size), "its size", "mm", *of_tumour),
        "hu": (voi.hu, "its mean", "HU", *of_tumour),
        "slice_mm": (slice_mm, "the distance of the slices", "mm", "prefer a series like those", ARTERIAL),
    }
    for name, (value, what_of, unit, remedy, where) in measured.items():
        limits = seen.get(name)
        if limits and not limits[0] - 0.01 <= value <= limits[1] + 0.01:
            trained = f"{limits[0]:.3g} to {limits[1]:.3g} {unit}"
            what = f"{what_of}, {value:.3g} {unit}, is outside that of the training, {trained}"
            yield Problem("WARN", what, where, remedy)
