"""A group that trains its own model on the desk: what the tests of the training panel share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCTraining" / "HCCTraining.py"
sys.path.append(str(ROOT / "Testing" / "unit"))

LESION = (6.0, -8.0, 4.0)
"""LPS mm, in every positive case."""

SPLITS = ("train", "train", "train", "train", "validation", "validation", "test", "test")


def cohort(folder: Path, splits: tuple[str, ...] = SPLITS) -> Path:
    """Small arterial CTs, every other one with a bright ball that is marked as a local tumour progression."""
    from HCCAssistLib.cohort.cohort import write_cohort_table
    from HCCAssistLib.cohort.points import Point, PointList, write_points
    from HCCAssistLib.imaging.files import write_image
    from HCCAssistLib.imaging.geometry import Geometry
    from HCCAssistLib.imaging.image import Image

    grid = Geometry.from_parts((14, 66, 62), (0.75, 0.8, 4.0), (-22.0, -28.0, -26.0))
    k, j, i = np.indices(grid.shape)
    distance = np.linalg.norm(grid.to_world(np.stack([i, j, k], -1)) - np.array(LESION), axis=-1)
    rows = []
    for number, split in enumerate(splits):
        case = folder / "cases" / f"c{number}" / "post"
        case.mkdir(parents=True)
        array, ltp = np.random.default_rng(number).normal(60, 8, grid.shape), number % 2
        if ltp:
            array += 90 * np.clip((8.0 - distance) / 2 + 0.5, 0, 1)
            write_points(PointList("ltp", (Point("LTP-1", LESION),)), case / "ltp.mrk.json")
        write_image(Image(array.round().astype(np.int16), grid, f"c{number}"), case / "arterial.nrrd")
        rows.append({"case_id": f"c{number}", "split": split, "ltp": ltp, "synthetic": 1})
    write_cohort_table(folder, rows)
    return folder


def choose_cohort(desk: Any, widget: Any, folder: Path | str) -> None:
    """Choose a folder, and wait for the facts of its table."""
    widget.ui.cohortFolder.currentPath = str(folder)
    looked(desk, widget)


def looked(desk: Any, widget: Any) -> None:
    """Wait until the facts of the table are known, where there is one."""
    desk.process_events()
    desk.wait_until(lambda: not (widget.panel.form._soon.active or widget.panel.form._facts.busy), 30)
    desk.wait_until(lambda: "Looking" not in widget.ui.trainingFacts.text, 30)


def fill_small(desk: Any, widget: Any, name: str = "small", **more: str) -> None:
    """The smallest training of the detector that learns something."""
    ui = widget.ui
    desk.choose(ui.cohortMethodBox, "Local tumour progression after ablation")
    desk.choose(ui.trainingPreset, "quick: to try things out")
    options = {"width": "0.05", "hard_negatives": "0", "epochs": "6", "learning_rate": "0.01", "averaging": "0", **more}
    if not ui.trainingOptionsButton.checked:
        desk.click(ui.trainingOptionsButton)
    fields = widget.panel.form.form.fields
    for option, text in options.items():
        desk.type(fields[option].widget, text)
    if fields["augment"].widget.checked:
        desk.click(fields["augment"].widget)
    desk.type(ui.trainingName, name)
    looked(desk, widget)


def running(desk: Any, widget: Any, seconds: float = 60) -> None:
    """Wait until the training that is chosen is at work."""
    desk.wait_until(lambda: widget.ui.jobProgress.visible and widget.ui.jobCancelButton.enabled, seconds)


def ended(desk: Any, widget: Any, seconds: float = 60) -> None:
    """Wait until the training that is chosen is not at work any more."""
    desk.wait_until(lambda: not widget.panel.watch.acting and not widget.ui.jobProgress.visible, seconds)
    desk.process_events()


def stored_training(
    root: Path, training_id: str, *, kind: str = "done", created: float = 1.8e9, epochs: int = 5, **more: Any
) -> Path:
    """A training as its processes leave it behind on the disk; its folder.

    Args:
        root: of all trainings.
        training_id: of this one.
        kind: of its last word; ``""`` where it has none.
        created: seconds since 1970.
        epochs: that its only member finished.
        more: of ``Training``.
    """
    from HCCAssistLib.files import write_json
    from HCCAssistLib.jobs.runs.events import RunEvent
    from HCCAssistLib.jobs.runs.runs import run_folder
    from HCCAssistLib.jobs.runs.training_file import Training
    from HCCAssistLib.jobs.runs.training_folder import PREPARED, TrainingFolder
    from HCCAssistLib.recipes.registry import get_recipe

    options = get_recipe("ltp").resolve({}, preset="quick")
    asked = {
        "name": f"model-{training_id}",
        "recipe": "ltp",
        "options": options,
        "cohort": str(root / "cohort"),
        **more,
    }
    folder = root / "trainings" / training_id
    folder.mkdir(parents=True)
    Training(id=training_id, created=created, **{**asked, **more}).write(folder)
    plan = {"fold": 0, "repeat": 0, "seed": int(training_id, 36)}
    write_json(folder / PREPARED, {"digest": "d" * 64, "plans": [plan], "problems": []})
    (member,) = TrainingFolder(folder).members
    told = [RunEvent("started", created)]
    for n in range(1, epochs + 1):
        losses = {"train_loss": 1 / n, "validation_loss": 0.1 + 1 / n}
        told.append(
            RunEvent(
                "epoch",
                created + n,
                n / epochs,
                what=f"epoch {n}",
                stage="final",
                epoch=n,
                epochs=epochs,
                losses=losses,
            )
        )
    said = [RunEvent("started", created), RunEvent("progress", created + 1, 0.5, 60.0, what="epoch 5: loss 0.2")]
    if kind:
        last = RunEvent(kind, created + 9, message="The disk is full." if kind == "failed" else "")  # type: ignore[arg-type]
        told, said = [*told, last], [*said, last]
    for place, events in ((folder, said), (root / run_folder(member.key), told)):
        (place / "events").mkdir(parents=True)
        lines = "".join(json.dumps(event.as_json()) + "\n" for event in events)
        (place / "events" / "0000000000001-aaaaaa.jsonl").write_text(lines)
    return folder
