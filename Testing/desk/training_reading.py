"""A group that trains its own model on the desk: what the tests of the training panel share."""

from __future__ import annotations

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
    widget.ui.trainingCohort.currentPath = str(folder)
    looked(desk, widget)


def looked(desk: Any, widget: Any) -> None:
    """Wait until the facts of the table are known, where there is one."""
    desk.process_events()
    desk.wait_until(lambda: not (widget.panel.form._soon.active or widget.panel.form._facts.busy), 30)
    desk.wait_until(lambda: "Looking" not in widget.ui.trainingFacts.text, 30)


def fill_small(desk: Any, widget: Any, name: str = "small", **more: str) -> None:
    """The smallest training of the detector that learns something."""
    ui = widget.ui
    desk.choose(ui.trainingRecipe, "Local tumour progression after ablation")
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
