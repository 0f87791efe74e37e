"""A radiologist at work with HCC Study: what its tests and the mistakes planted into it share."""

from __future__ import annotations

import os
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCStudy" / "HCCStudy.py"

STALL_S = 0.4
"""A coarse bound for a machine that others use; the goal is 0.1 s."""


def model_package(folder: Path) -> Path:
    """A small model package in a folder of its own name, with a figure in its card."""
    sys.path.append(str(ROOT / "Testing" / "unit"))
    from ltp_blob import blob_network, blob_package

    from HCCAssistLib.evaluation.result import Estimate, Interval
    from HCCAssistLib.results.cutoff import CutOff

    auc = Estimate("AUC", 0.91, 240, "patch", Interval(0.86, 0.95, "DeLong"))
    blob_package(
        folder,
        blob_network(),
        cutoffs={"patch": CutOff(0.437, "Youden index on 240 patches of the validation set")},
        input_spec={"patch": "8 x 32 x 32"},
        training={"trained_on": {"synthetic": 58, "patients": 0}, "cases": {"train": 48, "validation": 10, "test": 16}},
        software={"torch": "2.13.0"},
        metrics={"auc": auc.as_json()},
    )
    return folder / "blobs"


def zipped(package: Path, archive: Path) -> Path:
    """A .zip of a package."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in package.iterdir():
            file.write(path, f"{package.name}/{path.name}")
    return archive


def tampered(package: Path, folder: Path) -> Path:
    """A copy of a package with one bit of its weights changed."""
    copy = folder / "tampered" / package.name
    shutil.copytree(package, copy)
    path = copy / "weights-0.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    return copy


def volume(name: str, shape: tuple[int, int, int] = (12, 20, 24), value: int = 40) -> Any:
    """A small volume of one value in the scene."""
    import numpy as np
    import slicer

    from HCCAssistLib.imaging.geometry import Geometry
    from HCCAssistLib.imaging.image import Image
    from HCCAssistLib.scene.volumes import volume_from_image

    grid = Geometry.from_parts(shape, (1.5, 1.5, 4.0), (-10.0, -12.0, 5.0))
    return volume_from_image(Image(np.full(shape, value, np.int16), grid), slicer.mrmlScene, name)


def cells(table: Any) -> list[list[str]]:
    """The texts of a table's items."""
    found = []
    for row in range(table.rowCount):
        items = [table.item(row, column) for column in range(table.columnCount)]
        found.append([item.text() if item is not None else "" for item in items])
    return found


def row_of(widget: Any, name: str) -> Any:
    """The row of a volume in the table of roles."""
    return next(row for row in widget.roles.rows if row.node.GetName() == name)


def pip_failed() -> list[str]:
    """The answer to Slicer's own message that pip failed, which only its real packaging shows."""
    return ["OK"] if "SLICER_SOURCE_DIR" in os.environ else []


def rest(desk: Any, widget: Any, seconds: float = 30) -> None:
    """Wait until nothing goes on in the panel."""
    desk.process_events()
    desk.wait_until(lambda: not busy(widget), seconds)
    desk.process_events()


def busy(widget: Any) -> bool:
    """Whether something goes on that the panel will show."""
    return bool(widget._timer.active or widget._soon.active)


@contextmanager
def heartbeat(desk: Any) -> Iterator[list[float]]:
    """The gaps between beats of a timer, in seconds: how long nobody could click. Drawing of the views is left out."""
    from PySide6 import QtCore

    gaps: list[float] = []
    last = time.perf_counter()

    def beat() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    timer = QtCore.QTimer()
    timer.timeout.connect(beat)
    desk.process_events()
    desk.window.setUpdatesEnabled(False)
    timer.start(2)
    last = time.perf_counter()
    try:
        yield gaps
    finally:
        timer.stop()
        desk.window.setUpdatesEnabled(True)


def processes_of(widget: Any) -> Any:
    """Ids of what works in the background."""
    return widget.logic.tasks.pids


def gone(desk: Any, pid: int, seconds: float = 10) -> None:
    """Wait until a process has ended."""

    def ended() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:  # it may go between two questions
            return True

    desk.wait_until(ended, seconds)
