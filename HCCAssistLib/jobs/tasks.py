"""The background tasks of the panels, and the list of all tasks.

Each takes ``progress(share)`` and values that JSON can write, and returns such values.
"""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.nearest import nearest
from HCCAssistLib.jobs.prediction import devices, load_recipe, predict

Progress = Callable[[float], None]


def computer(_progress: Progress) -> dict[str, Any]:
    """PyTorch as a computing process meets it.

    Returns:
        ``python``; ``torch``, the version, or None with the ``reason`` why it does not start; ``gpu``, the name of the
        CUDA card it computes on, or None; ``cuda``, the version of CUDA it was built for, or None.
    """
    found: dict[str, Any] = {"python": platform.python_version(), "torch": None, "gpu": None, "cuda": None}
    try:
        import torch

        found["torch"] = torch.__version__
        found["cuda"] = torch.version.cuda
        found["gpu"] = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    except Exception as error:  # a half-installed library fails in any way
        found["reason"] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return found


def verify(progress: Progress, *, store: str, names: list[str]) -> dict[str, str]:
    """Whether installed models are still what was installed: the reason by name, empty for a good one."""
    from HCCAssistLib.models.store import ModelStore

    found = {}
    for done, name in enumerate(names):
        progress(done / len(names))
        try:
            ModelStore(Path(store)).get(name)
            found[name] = ""
        except InputError as error:
            found[name] = str(error)
    return found


def install(_progress: Progress, *, store: str, source: str, replace: bool = False) -> str:
    """Install a model, a folder or a .zip; its name."""
    from HCCAssistLib.models.store import ModelStore

    return ModelStore(Path(store)).install(Path(source), replace=replace).card.name


def remove(_progress: Progress, *, store: str, name: str) -> str:
    """Remove an installed model; its name."""
    from HCCAssistLib.models.store import ModelStore

    ModelStore(Path(store)).remove(name)
    return name


def compare(progress: Progress, *, cohort: str, models: list[str], out: str, device: str) -> dict[str, Any]:
    """Run models on the cases of a cohort that none of them learned from, the first one the control.

    Args:
        cohort: its folder.
        models: folders of the packages.
        out: folder of the report; finished cases in it are not run again.
        device: to run on.

    Returns:
        ``words``, a sentence each; ``report``, the page.
    """
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.models.package import read_package
    from HCCAssistLib.recipes.registry import all_columns
    from HCCAssistLib.training import compared

    read = read_cohort(Path(cohort), tolerant=True, known=all_columns())
    packages = compared.named(read_package(Path(model)) for model in models)
    found, page = compared.compare(
        read, packages, {}, out=Path(out), device=device, progress=lambda _what, share: progress(share)
    )
    return {"words": compared.in_words(found), "report": str(page)}


def report(progress: Progress, *, training: str) -> str:
    """Write the report of a training, named by its folder, that ended without one; the page."""
    from HCCAssistLib.jobs.runs.late_report import late_report

    return str(late_report(Path(training), lambda _what, share: progress(share)))


def dry_run(
    _progress: Progress,
    *,
    cohort: str,
    recipe: str,
    options: dict[str, Any],
    folds: int,
    repeats: int,
    seed: int,
    device: str,
) -> list[str]:
    """What a training would take, a sentence each; nothing is kept. Arguments are those of ``training.job.Job``."""
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.recipes.registry import all_columns, get_recipe
    from HCCAssistLib.training import dry_run
    from HCCAssistLib.training.job import Job

    read = read_cohort(Path(cohort), tolerant=True, known=all_columns())
    job = Job(
        recipe=get_recipe(recipe),
        options=options,
        out=Path(),
        name="try",
        seed=seed,
        folds=folds,
        repeats=repeats,
        device=device,
        workers=os.cpu_count() or 1,
    )
    return dry_run.dry_run(read, job.checked(read)).in_words()


def backbones(_progress: Progress, *, folder: str) -> list[dict[str, Any]]:
    """The installed backbones: ``name``, ``sha256``, ``size``, ``variant``, ``licence``, and why one cannot be used."""
    from HCCAssistLib.models.backbones.store import BackboneStore

    return [
        {
            "name": one.name,
            "sha256": one.sha256,
            "size": one.path.stat().st_size,
            "variant": one.description.variant.title if one.description else "",
            "licence": (one.description.licence if one.description else "") or "not stated",
            "reason": one.reason,
        }
        for one in BackboneStore(Path(folder)).entries()
    ]


def install_backbone(progress: Progress, *, folder: str, source: str) -> list[dict[str, Any]]:
    """Install a backbone from a file or folder; what is installed then."""
    from HCCAssistLib.models.backbones.store import BackboneStore

    BackboneStore(Path(folder)).install(Path(source))
    return backbones(progress, folder=folder)


def remove_backbone(progress: Progress, *, folder: str, name: str) -> list[dict[str, Any]]:
    """Remove an installed backbone; what is installed then."""
    from HCCAssistLib.models.backbones.store import BackboneStore

    BackboneStore(Path(folder)).remove(name)
    return backbones(progress, folder=folder)


def phase(_progress: Progress, *, voxels: str, geometry: dict[str, Any], header: str) -> dict[str, Any]:
    """What the header and the voxels of a volume say about its contrast phase.

    Args:
        voxels: file of the array ``[k, j, i]`` (.npy).
        geometry: of the array, as ``Geometry.as_json``.
        header: a DICOM file of the series, or empty.

    Returns:
        ``header``, a PhaseGuess as a dict, or None; ``voxels``, a ContrastEvidence as a dict.
    """
    import numpy as np

    from HCCAssistLib.imaging.enhancement import contrast_evidence
    from HCCAssistLib.imaging.geometry import Geometry
    from HCCAssistLib.imaging.image import Image

    array = np.load(voxels, mmap_mode="r", allow_pickle=False)
    evidence = contrast_evidence(Image(array, Geometry.from_json(geometry)))
    plain = {key: None if value != value else value for key, value in asdict(evidence).items()}  # JSON has no NaN
    return {"header": _header_guess(header), "voxels": plain}


def _header_guess(header: str) -> dict[str, Any] | None:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    from HCCAssistLib.dicom.phases import guess_phase

    try:
        return asdict(guess_phase(dcmread(header, stop_before_pixels=True))) if header else None
    except (OSError, InvalidDicomError, ValueError):
        return None


def sample(_progress: Progress, *, recipe: str, folder: str) -> str:
    """Make the sample case of a recipe, unless it is there; the folder of the case."""
    return str(_sample_module(recipe).make_sample(Path(folder)))


def remove_samples(_progress: Progress, *, recipe: str, folder: str) -> str:
    """Remove what was kept of the sample cases of a recipe; the folder."""
    _sample_module(recipe).remove_sample(Path(folder))
    return folder


def _sample_module(recipe: str) -> ModuleType:
    from HCCAssistLib.recipes.registry import get_recipe

    method = get_recipe(recipe).package.rpartition(".")[2]
    return importlib.import_module(f"HCCAssistLib.phantoms.{method}.sample")


_BACKBONES = (backbones, install_backbone, remove_backbone)
_PANELS = (
    computer,
    verify,
    install,
    remove,
    compare,
    report,
    dry_run,
    nearest,
    *_BACKBONES,
    phase,
    sample,
    remove_samples,
)
_WORKER = (devices, load_recipe, predict)

TASKS: dict[str, Callable[..., Any]] = {task.__name__: task for task in (*_PANELS, *_WORKER)}
"""By name: what a process can be told to do."""
