"""The LTP panel on a scan of 512 x 512 x 300 voxels: how long it ever holds the reader up, and what it costs.

The panel runs on the stand-in desktop, its views hidden: they are drawn by software there, and their times would say
nothing about Slicer's. What is timed is the panel's own work in the scene's thread, and the worker. The last lines are
one JSON object per goal.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.inference.study import Study
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.local import LocalExecutor
from HCCAssistLib.jobs.requests import Request
from HCCAssistLib.results.detection import Candidate, DetectionResult
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.scene.rendering import rendering_available

TESTING = Path(__file__).parents[1] / "Testing"
sys.path += [str(TESTING / "desk"), str(TESTING / "unit")]  # the desk, and a model that needs no training
MIB = 1 << 20
LARGE = Geometry.from_parts((300, 512, 512), (0.75, 0.75, 1.0), (-191.0, -191.0, -150.0))
USUAL = Geometry.from_parts((60, 512, 512), (0.75, 0.75, 4.0), (-191.0, -191.0, -120.0))
NEVER = float("inf")
REPEATS = 3
"""A stall is the longest of a run, and the shortest of so many runs: a machine that others use holds everybody up."""
CANDIDATES = 30
"""As many as a search ever keeps."""


def body(grid: Geometry) -> tuple[Image, Image]:
    """Soft tissue with noise and three bright balls, and a liver of 1.6 litres."""
    rng = np.random.default_rng(0)
    array = np.full(grid.shape, -1000, np.int16)
    inside = (slice(None), slice(90, 420), slice(70, 440))
    array[inside] = rng.normal(60, 12, array[inside].shape)
    liver = np.zeros(grid.shape, np.uint8)
    depth = grid.shape[0]
    liver[depth // 4 : 3 * depth // 4, 130:330, 90:270] = 1
    reach = np.maximum(1, np.rint(8 / grid.spacing)).astype(int)
    for share, j, i in ((0.3, 200, 150), (0.5, 260, 200), (0.7, 180, 220)):
        k = int(share * depth)
        array[k - reach[2] : k + reach[2], j - reach[1] : j + reach[1], i - reach[0] : i + reach[0]] += 90
    image = Image(array, grid)
    return image, image.with_array(liver, "liver")


def many(grid: Geometry) -> DetectionResult:
    """A result with as many candidates as there can be, and heat over the whole liver."""
    rng = np.random.default_rng(1)
    candidates = []
    for number in range(1, CANDIDATES + 1):
        x, y, z = rng.uniform(-60, 60, 3)
        corners = tuple((x + a, y + b, z) for a, b in ((-12, -12), (12, -12), (12, 12), (-12, 12)))
        box = Box((x, y, z), (24.0, 24.0, 8.0))
        candidates.append(Candidate(number, box, 1 - number / 40, 150, (146, 154), corners, 24.0, 5.0))
    warm = Geometry.from_parts((120, 200, 200), (0.75, 0.75, 1.0), (-75.0, -75.0, -60.0))
    heat = np.zeros(warm.shape, np.float32)
    for candidate in candidates:
        i, j, k = np.rint(warm.to_index(candidate.box.center)).astype(int)
        heat[max(0, k - 4) : k + 4, max(0, j - 16) : j + 16, max(0, i - 16) : i + 16] = rng.random()
    run = RunRecord("ltp", {}, "blobs", ("0",), {}, "cpu", {}, 1.0)
    return DetectionResult(tuple(candidates), 0.3, "a benchmark", grid, run, (), Image(heat, warm))


class AtOnce:
    """An executor that has a result ready."""

    devices = ("cpu",)

    def __init__(self, result: DetectionResult) -> None:
        self.result = result
        self.events: list[Event] = []

    def warm_up(self) -> None:
        pass

    def submit(self, _study: Any, _request: Request) -> int:
        self.events = [Event(1, "done", 1.0, result=self.result)]
        return 1

    def poll(self) -> list[Event]:
        return [self.events.pop(0)] if self.events else []

    def cancel(self, _job: int) -> None:
        self.events = []


class Desk:
    """The panel on the desk with what it has to do with a stop-watch."""

    def __init__(self) -> None:
        from ltp_reading import MODULE
        from slicer_desk.desktop import start

        self.desk = start()
        self.widget = self.desk.open(MODULE)
        self.ui = self.widget.ui
        self.desk.layout_manager._viewport.hide()
        self.process = psutil.Process()

    def load(self, image: Image, liver: Image) -> Any:
        """A scan with its liver, as a person chose them."""
        import slicer

        from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

        slicer.mrmlScene.Clear(False)
        volume = volume_from_image(image, slicer.mrmlScene, "CT", Window(level=100, width=300))
        segments = segmentation_from_masks({"liver": liver}, volume, slicer.mrmlScene, "segments", surfaces=False)
        self.ui.input_post_arterial_volume.setCurrentNode(volume)
        self.ui.input_post_liver_segment.setCurrentNode(segments)
        self.ui.input_post_liver_segment.setCurrentSegmentID(segments.GetSegmentation().GetNthSegmentID(0))
        self.wait(lambda: not self.widget.logic.session.busy)
        return volume

    def timed(self, work: Callable[[], Any]) -> float:
        """Milliseconds that a piece of work holds the panel up."""
        began = time.perf_counter()
        work()
        return 1e3 * (time.perf_counter() - began)

    def wait(self, done: Callable[[], bool]) -> tuple[float, float]:
        """Let the panel go on until something is done: its longest stall in ms, and the highest memory in MiB."""
        longest, highest, last = 0.0, 0.0, time.perf_counter()
        end = last + 300
        while not done():
            if last > end:
                raise TimeoutError(self.ui.statusLabel.text)
            self.desk.process_events()
            longest = max(longest, time.perf_counter() - last)
            highest = max(highest, self.process.memory_info().rss / MIB)
            time.sleep(0.001)
            last = time.perf_counter()
        return 1e3 * longest, highest


def large_scan(panel: Desk) -> dict[str, float]:
    """Detect and cancel on 512 x 512 x 300 voxels with a warm worker."""
    executor = panel.widget.logic.executor
    image, liver = body(LARGE)
    panel.desk.choose(panel.ui.option_stride, "standard")
    found, highest = {"detect": NEVER, "search": NEVER, "slicer": 0.0}, 0.0
    worker = psutil.Process(executor.pid)

    def done() -> bool:
        nonlocal highest
        highest = max(highest, worker.memory_info().rss / MIB)
        return not panel.ui.cancelButton.enabled

    for _ in range(REPEATS):
        panel.load(image, liver)
        before = panel.process.memory_info().rss / MIB
        found["detect"] = min(found["detect"], panel.timed(panel.ui.runButton.click))
        stall, own = panel.wait(done)
        assert panel.ui.statusLabel.text.startswith("Done"), panel.ui.statusLabel.text
        found["search"] = min(found["search"], stall)
        found["slicer"] = max(found["slicer"], own - before)
    cancelled = []
    for wait in (0.1, 1.0, 2.5):
        panel.ui.runButton.click()
        end = time.perf_counter() + wait
        panel.wait(lambda end=end: time.perf_counter() > end)
        began = time.perf_counter()
        panel.ui.cancelButton.click()
        panel.wait(lambda: not panel.ui.cancelButton.enabled)
        cancelled.append(time.perf_counter() - began)
    return found | {"worker": highest, "cancel": max(cancelled)}


def first_box(panel: Desk) -> float:
    """Seconds from the click on Detect to the first box, on a usual scan with a liver and a warm worker."""
    import slicer

    image, liver = body(USUAL)
    taken = []
    for _ in range(3):
        panel.load(image, liver)
        began = time.perf_counter()
        panel.ui.runButton.click()
        panel.wait(lambda: slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsROINode") > 0)
        taken.append(time.perf_counter() - began)
        panel.wait(lambda: not panel.ui.cancelButton.enabled)
    return min(taken)


def many_boxes(panel: Desk) -> dict[str, float]:
    """Drawing, filtering, reviewing and finding again 30 candidates with their heat."""
    image, liver = body(LARGE)
    scan = panel.load(image, liver)
    logic, ui = panel.widget.logic, panel.ui
    real, logic.session.executor = logic.session.executor, AtOnce(many(LARGE))
    found = dict.fromkeys(("draw", "slide", "review", "restore"), NEVER)
    try:
        for turn in range(REPEATS + 1):  # all but the first one take the one before away
            ui.runButton.click()
            stalls = {"draw": panel.wait(lambda: not ui.cancelButton.enabled)[0]}
            assert ui.table.rowCount == 28
            moves = [panel.timed(lambda v=v: setattr(ui.thresholdSlider, "value", v)) for v in np.linspace(0, 1, 51)]
            ui.thresholdSlider.value = 0.3
            steps = []
            for row in range(10):
                steps.append(panel.timed(lambda row=row: ui.table.selectRow(row)))
                steps.append(panel.timed(ui.acceptButton.click))
            while logic.session.current.can_undo:  # or the panel asks before it replaces the review
                ui.undoButton.click()
            logic.session.forget()  # as when a scene is loaded
            found_again = panel.timed(lambda: (logic.session.restore(), logic.session.choose(scan)))
            stalls |= {"slide": max(moves), "review": max(steps), "restore": found_again}
            if turn:
                found = {name: min(found[name], stalls[name]) for name in found}
    finally:
        logic.session.executor = real
    return found


def worker(model: Path) -> tuple[float, float]:
    """Seconds from nothing to ready, and milliseconds beyond the computation of a warm worker."""
    from ltp_blob import blob_image, straight_grid

    study = Study("case", {"post/arterial": blob_image(straight_grid())})
    starts, overheads = [], []
    for _ in range(3):
        executor = LocalExecutor(recipe="ltp")
        began = time.perf_counter()
        executor.warm_up()
        while not executor.devices:
            time.sleep(0.001)
        starts.append(time.perf_counter() - began)
        for _ in range(4):
            began, event = time.perf_counter(), None
            job = executor.submit(study, Request(model, {"stride": "fast"}, "cpu"))
            while event is None:
                event = next((e for e in executor.poll() if e.job == job and e.kind == "done"), None)
                time.sleep(0.0005)
            overheads.append(time.perf_counter() - began - event.result.run.seconds)
        executor.close()
    return min(starts), 1e3 * float(np.median(overheads))


def main() -> None:
    problem = rendering_available()
    if problem is not None:
        print(f"SKIPPED: {problem}")
        return
    from ltp_blob import blob_model

    with tempfile.TemporaryDirectory() as folder:
        model = blob_model(Path(folder), pools=3).package.folder  # as the recipe's default
        os.environ["HCCASSIST_MODELS"] = folder
        cold, overhead = worker(model)
        print(f"worker: ready {cold:.2f} s after it was started, {overhead:.0f} ms beyond the computation when warm")
        panel = Desk()
        panel.wait(lambda: not panel.widget.logic.session.busy)
        first = first_box(panel)
        print(f"512 x 512 x 60 voxels with a liver: first box {first:.2f} s after the click")
        large = large_scan(panel)
        print("512 x 512 x 300 voxels:", json.dumps({name: round(value, 1) for name, value in large.items()}))
        boxes = many_boxes(panel)
        print(f"{CANDIDATES} candidates, ms:", json.dumps({name: round(value, 1) for name, value in boxes.items()}))
        panel.desk.close_module()
    goals = [
        ("stall by the click on Detect, 512 x 512 x 300 voxels, ms", large["detect"], 100),
        ("longest stall while the scan is handed over, searched and drawn, ms", large["search"], 100),
        ("longest stall while 30 boxes and their heat are drawn, ms", boxes["draw"], 100),
        ("longest stall while the threshold slides over 30 candidates, ms", boxes["slide"], 100),
        ("longest stall by choosing a row or a verdict, ms", boxes["review"], 100),
        ("stall by finding a saved review again, ms", boxes["restore"], 100),
        ("from Cancel to idle, s", large["cancel"], 0.5),
        ("worker from nothing to ready, s", cold, 1.0),
        ("warm worker beyond the computation, ms", overhead, 20),
        ("first box on a usual scan with a liver, warm worker, s", first, 10),
        ("memory added on the side of Slicer, MiB", large["slicer"], 300),
        ("highest memory of the worker, MiB", large["worker"], 2048),
    ]
    for goal, value, target in goals:
        print(json.dumps({"goal": goal, "value": round(value, 3), "target": target, "met": bool(value <= target)}))


if __name__ == "__main__":
    try:
        main()
    except Exception:
        traceback.print_exc()  # the desk keeps what nobody catches for its tests
        raise SystemExit(1) from None
