"""The tasks of a warm worker: predictions of any recipe, by models that stay in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.errors import is_out_of_memory
from HCCAssistLib.inference.torch_import import import_torch

if TYPE_CHECKING:
    from HCCAssistLib.inference.loaded_model import LoadedModel
    from HCCAssistLib.jobs.child import Progress

RESULT = "result"

_models: dict[tuple[str, str], LoadedModel] = {}


def devices(_progress: Progress) -> list[str]:
    """What PyTorch computes on here; it is loaded on the way."""
    import_torch()
    import torch

    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def load_recipe(_progress: Progress, *, recipe: str) -> None:
    """Load the code of a recipe before the first prediction needs it."""
    from HCCAssistLib.recipes.registry import get_recipe

    get_recipe(recipe).module("prediction")


def predict(progress: Progress, *, folder: str) -> None:
    """Work on the request in a folder; the result lies in it afterwards, in ``RESULT``."""
    from HCCAssistLib.jobs.requests import read_request
    from HCCAssistLib.results.files import write_result

    study, request = read_request(Path(folder))
    try:
        model = _loaded(request.model, request.device)
        run = model.package.recipe.module("prediction").predict
        result = run(study, model, request.options, progress=progress, cancelled=progress.cancelled)
    except Exception as error:
        if is_out_of_memory(error):
            _models.clear()
        raise
    write_result(result, Path(folder) / RESULT)


def _loaded(folder: Path, device: str) -> LoadedModel:
    """A model; the last one stays in memory, known by all that its card says, the digests of its files included."""
    from HCCAssistLib.inference.loaded_model import choose_device, load_model
    from HCCAssistLib.models.package import read_package

    package = read_package(folder)
    key = json.dumps(package.card.as_json(), sort_keys=True, default=str), choose_device(device)
    if key not in _models:
        _models.clear()
        _models[key] = load_model(package, device=key[1])
    return _models[key]
