"""The worker: a process that stays warm, takes commands as JSON lines on stdin and answers with events on stdout.

Commands: ``{"command": "predict", "job": 1, "folder": ...}`` and ``{"command": "cancel", "job": 1}``. When stdin
ends, because whoever started it closed or crashed, it removes its folder and is gone, in the middle of whatever.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.errors import Cancelled, HCCAssistError
from HCCAssistLib.files import disk_is_full
from HCCAssistLib.jobs.requests import Request, read_request
from HCCAssistLib.recipes.registry import get_recipe

if TYPE_CHECKING:
    from HCCAssistLib.inference.loaded_model import LoadedModel

IDLE_SECONDS = 900.0
"""A worker that nobody asks for so long gives its memory back."""

PROGRESS_SECONDS = 0.1

NO_MEMORY = "There is not enough memory. Scan a smaller region, or close other programs."

NO_SPACE = "The disk for temporary files is full. Free some space, and run again."

Say = Callable[..., None]


def main(folder: Path, idle_seconds: float = IDLE_SECONDS, recipe: str = "") -> int:
    """Work until stdin ends or nothing is asked for a long time.

    Args:
        folder: the worker's own, removed when stdin ends.
        idle_seconds: without a command, after which it ends.
        recipe: whose code is loaded before the first job needs it.
    """
    say = _answers()
    commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    cancelled: set[int] = set()
    threading.Thread(target=_listen, args=(commands, cancelled, folder), daemon=True).start()
    import torch  # before the first job needs it

    models: dict[tuple[str, str], LoadedModel] = {}
    say("ready", devices=["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
    if recipe:
        get_recipe(recipe).module("prediction")
    while True:
        try:
            command = commands.get(timeout=idle_seconds)
        except queue.Empty:
            return 0
        job = int(command["job"])
        try:
            _predict(job, Path(command["folder"]), models, say, partial(cancelled.__contains__, job))
            say("done", job=job)
        except Cancelled:
            say("cancelled", job=job)
        except HCCAssistError as error:
            say("failed", job=job, message=str(error))
        except (MemoryError, torch.OutOfMemoryError):
            models.clear()
            say("failed", job=job, message=NO_MEMORY)
        except Exception as error:
            message = f"The computation failed ({type(error).__name__}). Please report this."
            if isinstance(error, OSError) and disk_is_full(error):
                message = NO_SPACE
            say("failed", job=job, message=message, details=traceback.format_exc())


def _predict(
    job: int, folder: Path, models: dict[tuple[str, str], LoadedModel], say: Say, cancelled: Callable[[], bool]
) -> None:
    from HCCAssistLib.results.files import write_result

    if cancelled():
        raise Cancelled
    say("started", job=job)
    study, request = read_request(folder)
    model = _model(request, models)
    began = said = time.monotonic()

    def progress(share: float) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= PROGRESS_SECONDS:
            said = now
            remaining = (now - began) * (1 - share) / share if share > 0.02 else None
            say("progress", job=job, share=share, remaining=remaining)

    predict = model.package.recipe.module("prediction").predict
    write_result(predict(study, model, request.options, progress=progress, cancelled=cancelled), folder / "result")


def _model(request: Request, models: dict[tuple[str, str], LoadedModel]) -> LoadedModel:
    """The model of a request; the last one stays in memory, known by the digests of its weights."""
    from HCCAssistLib.inference.loaded_model import choose_device, load_model
    from HCCAssistLib.models.package import read_package

    package = read_package(request.model)
    device = choose_device(request.device)
    key = (json.dumps([package.card.as_json(), package.weights_sha256], sort_keys=True, default=str), device)
    if key not in models:
        models.clear()
        models[key] = load_model(package, device=device)
    return models[key]


def _listen(commands: queue.SimpleQueue[dict[str, Any]], cancelled: set[int], folder: Path) -> None:
    for line in sys.stdin:
        command = json.loads(line)
        if command["command"] == "cancel":
            cancelled.add(int(command["job"]))
        else:
            commands.put(command)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # whatever is being computed, nobody waits for it any more


def _answers() -> Say:
    """Say an event on what was stdout; a library that prints goes to stderr from now on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(event: str, **content: Any) -> None:
        out.write(json.dumps({"event": event, **content}) + "\n")
        out.flush()

    return say


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]))
