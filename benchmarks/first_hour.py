"""What a person waits for in the first hour, beside the same of an older checkout: ``--base FOLDER``.

Both sides work on the same files, in processes of their own and in turns. Figures are CPU seconds, user and system,
since a machine that others use disturbs them least; the median of several turns. The last lines are one JSON object per
goal, with both columns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERE = Path(__file__).resolve().parents[1]
SEED = (0, 7)
"""A synthetic patient of 512 x 512 x 61 voxels."""

CASES = 6
"""Of the cohort that is timed; it goes on in proportion to the 144 of the demonstration."""

STEP_MACS = 8.29e9
"""Multiplications of one training step on 64 patches, forward and backward."""

ONE_CORE = {"OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}

REFUSED = {"damaged.nrrd": "a damaged volume", "damaged": "a case with one", "series": "a folder without DICOM"}

Found = dict[str, Any]


# What one side does, with its own code: run by ``measured`` with that side on the path.


def make_model(folder: Path) -> Found:
    """An untrained network: it finds as much as is ever kept, which is the slowest that there is."""
    import torch
    from ltp_blob import blob_package

    from HCCAssistLib.recipes.ltp.network import LTPNetwork

    torch.manual_seed(0)
    return {"model": str(blob_package(folder, LTPNetwork()).folder)}


def make_case(folder: Path) -> Found:
    """The patient, and what cannot be read: a damaged volume, a case with one, and a series that is none."""
    from HCCAssistLib.imaging.files import read_image, write_image
    from HCCAssistLib.phantoms.liver.storage import AXIAL
    from HCCAssistLib.phantoms.ltp import cases

    cases.draw_storage = lambda _layout: AXIAL
    cases.write_case(folder / "case", SEED, {"ltp": 1}, background=None, field="abdomen", scanner="internal")
    scan = folder / "case/post/arterial.nrrd"
    write_image(read_image(scan), scan)  # packed, as Slicer saves it
    stored = scan.read_bytes()
    (folder / "damaged.nrrd").write_bytes(stored[:3000])
    (folder / "damaged/post").mkdir(parents=True)
    (folder / "damaged/post/arterial.nrrd").write_bytes(stored[:3000])
    (folder / "damaged/post/liver.seg.nrrd").write_bytes((folder / "case/post/liver.seg.nrrd").read_bytes())
    (folder / "series").mkdir()
    (folder / "series/1.dcm").write_text("no DICOM")
    return {}


def worker(folder: Path) -> Found:
    """CPU seconds of a worker until it is ready."""
    import psutil

    from HCCAssistLib.jobs.local import LocalExecutor

    executor = LocalExecutor()
    executor.warm_up()
    end = time.monotonic() + 120
    while not executor.devices or executor.pid is None:
        if time.monotonic() > end:
            raise TimeoutError("the worker did not start")
        time.sleep(0.001)
    used = psutil.Process(executor.pid).cpu_times()
    executor.close()
    return {"cpu": used.user + used.system}


def write_large(folder: Path) -> Found:
    """The request of a search on 512 x 512 x 300 voxels with a liver."""
    import torch
    from ltp_blob import blob_package
    from ltp_panel import LARGE, body

    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.jobs.requests import Request, write_request
    from HCCAssistLib.recipes.ltp.network import LTPNetwork

    torch.manual_seed(0)
    image, liver = body(LARGE)
    study = Study("case", {"post/arterial": image}, masks={"post/liver": liver})
    model = blob_package(folder, LTPNetwork()).folder
    write_request(study, Request(model, {"stride": "standard"}, "cpu"), folder / "request")
    return {}


def memory(folder: Path) -> Found:
    """The highest memory of a process that works on the request, MiB, and what it found."""
    import resource

    from HCCAssistLib.cli.process import tune

    tune()  # as a worker is
    from HCCAssistLib.jobs.requests import read_request
    from HCCAssistLib.models.package import read_package

    try:
        from HCCAssistLib.inference.loaded_model import load_model
    except ImportError:  # its name before
        from HCCAssistLib.inference.model import load_model  # type: ignore[import-not-found,no-redef]

    study, request = read_request(folder / "request")
    model = load_model(read_package(request.model))
    result = model.package.recipe.module("prediction").predict(study, model, request.options)
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"mib": highest, "scores": [candidate.probability for candidate in result.candidates]}


def stalls(folder: Path) -> Found:
    """Longest events of the panel in ms of its own thread's CPU time, each at its shortest of several runs."""
    import ltp_panel
    from ltp_blob import blob_model

    os.environ["HCCASSIST_MODELS"] = str(folder)
    blob_model(folder, pools=3)
    ltp_panel.time = SimpleNamespace(perf_counter=time.thread_time, sleep=time.sleep)
    panel = ltp_panel.Desk()
    began = time.monotonic()
    panel.wait(lambda: time.monotonic() > began + 20)  # the worker is ready then
    boxes = ltp_panel.many_boxes(panel)
    ui = panel.ui
    panel.load(*ltp_panel.body(ltp_panel.LARGE))
    run, searched = getattr(ui, "runButton", None) or ui.detectButton, []
    for _ in range(ltp_panel.REPEATS):
        run.click()
        searched.append(panel.wait(lambda: not ui.cancelButton.enabled)[0])
    print(json.dumps({"draw": boxes["draw"], "restore": boxes["restore"], "search": min(searched)}), flush=True)
    os._exit(0)  # the desk would be taken down piece by piece


def cohort(folder: Path) -> Found:
    """CPU seconds of a cohort of 144 cases, in proportion."""
    out = folder / f"cohort-{os.getpid()}"
    try:
        from HCCAssistLib.phantoms.cohort import phantoms_of, write_cohort
        from HCCAssistLib.recipes.registry import get_recipe

        write = partial(write_cohort, phantoms_of(get_recipe("ltp").package))
    except ImportError:  # its place before
        from HCCAssistLib.phantoms.ltp import write_cohort as write  # type: ignore[attr-defined,no-redef]
    began = time.process_time()
    write(out, cases=CASES, field="liver")
    return {"cpu": (time.process_time() - began) * 144 / CASES}


def training(folder: Path) -> Found:
    """A training step over what its multiplications take at the speed that the processor reaches now."""
    import torch
    from ltp_scan import peak_rate

    from HCCAssistLib.cli.process import tune
    from HCCAssistLib.recipes.ltp.network import LTPNetwork, loss

    tune()
    torch.set_num_threads(1)
    network = LTPNetwork().to(memory_format=torch.channels_last_3d).train()  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    patches = torch.rand(64, 3, *network.patch_shape)  # as ``windowed`` gives them
    labels = torch.arange(64) % 2
    try:
        loss(torch.zeros(64), targets := {"label": labels})
    except AttributeError:  # the labels alone, before
        targets = labels  # type: ignore[assignment]
    taken, rate = [], 0.0
    for _ in range(8):
        began = time.process_time()
        optimizer.zero_grad()
        loss(network(patches), targets).backward()
        optimizer.step()
        taken.append(time.process_time() - began)
        rate = max(rate, peak_rate())
    return {"over_floor": min(taken) * rate / STEP_MACS}


# The table.


class Side:
    """A checkout and its files, and what its code is timed on in processes of its own."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.checkout, self.folder = checkout, folder
        folder.mkdir()
        rooms = (checkout, checkout / "Testing/unit", checkout / "Testing/desk", checkout / "benchmarks")
        self._environment = {
            **{key: value for key, value in os.environ.items() if key not in (*ONE_CORE, "PYTHONDONTWRITEBYTECODE")},
            "PYTHONPATH": os.pathsep.join(map(str, rooms)),
            "QT_QPA_PLATFORM": "offscreen",
            "GOMP_SPINCOUNT": "0",  # this and the next as a worker has them
            "MALLOC_MMAP_THRESHOLD_": "1073741824",
            "MALLOC_TRIM_THRESHOLD_": "1073741824",
        }

    def environment(self, *, cores: bool) -> dict[str, str]:
        """Of a process that computes on all cores, or on one."""
        return {**self._environment, **({} if cores else ONE_CORE)}

    def measured(self, what: Callable[[Path], Found], *, cores: bool = False) -> Found:
        """What a function of this file returns with this side's code, on one core or all."""
        command = [sys.executable, "-P", str(Path(__file__).resolve()), "--measure", what.__name__, str(self.folder)]
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "check": False}
        done = subprocess.run(command, cwd=self.folder, env=self.environment(cores=cores), **pipes)
        if done.returncode:
            raise RuntimeError(f"{what.__name__} of {self.checkout.name}: {done.stderr[-800:]}")
        found: Found = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    def cpu(self, *command: str | Path, clock: bool = False) -> float:
        """CPU seconds of a process of Python on one core; with ``clock`` what the clock says, on all cores."""
        pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = self.environment(cores=clock)
        began = time.monotonic()
        process = subprocess.Popen([sys.executable, *map(str, command)], cwd=self.folder, env=environment, **pipes)
        _, _, used = os.wait4(process.pid, 0)
        return time.monotonic() - began if clock else used.ru_utime + used.ru_stime

    def predicted(self, path: Path, *options: str, clock: bool = False) -> float:
        """Seconds of the command on an input, from nothing to its end; see ``cpu``."""
        with tempfile.TemporaryDirectory() as out:
            to = ("--model", self.folder / "blobs", "--out", f"{out}/o")
            return self.cpu("-m", "HCCAssistLib.cli.main", "predict", path, *to, *options, clock=clock)


class Table:
    """The rows: what, the figures of this checkout and of the base, how the goal is meant, and the goal."""

    def __init__(self, own: Side, base: Side | None, files: Path, turns: int) -> None:
        self.own, self.files, self.turns = own, files, turns
        self.sides = [side for side in (own, base) if side is not None]

    def row(self, what: str, work: Callable[[Side], float], sense: str, goal: float, *, turns: int = 0) -> None:
        """Measure both sides, one after the other each time, and print the medians."""
        figures: dict[Side, list[float]] = {side: [] for side in self.sides}
        for _ in range(turns or self.turns):
            for side in self.sides:
                figures[side].append(work(side))
        mine, *rest = (round(statistics.median(figures[side]), 3) for side in self.sides)
        theirs = rest[0] if rest else None
        ratio = round(theirs / mine, 2) if theirs and mine else None
        figure = ratio if sense.startswith("ratio") else mine
        met = figure is not None and (figure >= goal if sense.endswith(">=") else figure <= goal)
        found = {"goal": what, "base": theirs, "value": mine, "ratio": ratio, "target": f"{sense} {goal:g}", "met": met}
        print(json.dumps(found), flush=True)

    def predict(self) -> None:
        """A prediction from start to end; the base draws no pictures, so ours is timed without and with them."""
        case, what = self.files / "case", "predict on 512 x 512 x 61, start to end"

        def work(side: Side, *own: str, clock: bool = False) -> float:
            return side.predicted(case, *(own if side is self.own else ()), clock=clock)

        self.row(f"{what}, CPU s", lambda side: work(side, "--no-pictures"), "ratio >=", 2.5)
        self.row(f"{what}, all cores, s", lambda side: work(side, "--no-pictures", clock=True), "ratio >=", 2.5)
        self.row(f"{what}, CPU s, pictures included", work, "ratio >=", 2.5)

    def refusal(self) -> None:
        """Inputs that cannot be read, until the sentence."""
        for name, what in REFUSED.items():
            self.row(f"refusal of {what}, CPU s", lambda s, n=name: s.predicted(self.files / n), "ratio >=", 5.0)  # type: ignore[misc]

    def worker(self) -> None:
        """A worker beside the import that it cannot do without."""

        def over_torch(side: Side) -> float:
            return float(side.measured(worker)["cpu"]) / side.cpu("-c", "import torch")

        self.row("worker until ready over import torch, CPU", over_torch, "<=", 1.15)

    def memory(self) -> None:
        """The highest memory of a search on many thin slices, and how far the scores differ."""
        for side in self.sides:
            side.measured(write_large)
        found = {side: side.measured(memory, cores=True) for side in self.sides}
        self.row("highest memory on 512 x 512 x 300, MiB", lambda side: float(found[side]["mib"]), "<=", 900, turns=1)
        scores = [found[side]["scores"] for side in self.sides]
        apart = max((abs(a - b) for a, b in zip(scores[0], scores[-1], strict=True)), default=0.0)
        self.row("largest difference of a score there", lambda _side: apart, "<=", 1e-6, turns=1)

    def stalls(self) -> None:
        """Events of the panel."""
        found = {side: side.measured(stalls) for side in self.sides}
        for key, what in {
            "draw": "drawing 30 boxes with heat",
            "restore": "finding a review again",
            "search": "searching",
        }.items():
            self.row(f"longest event while {what}, own ms", lambda s, k=key: float(found[s][k]), "<=", 50, turns=1)  # type: ignore[misc]

    def cohort(self) -> None:
        """The demonstration's cohort."""
        work = lambda side: float(side.measured(cohort)["cpu"])  # noqa: E731
        self.row("phantom cohort of 144 cases, CPU s", work, "ratio >=", 2.0)

    def training(self) -> None:
        """A step over its floor."""
        work = lambda side: float(side.measured(training)["over_floor"])  # noqa: E731
        self.row("LTP training step over its FLOP floor, fp32", work, "<=", 1.3)


PARTS = ("predict", "refusal", "worker", "memory", "stalls", "cohort", "training")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, help="a checkout of an older version, measured in turns with this one")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--turns", type=int, default=3, help="of each side")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        name, folder = args.measure
        print(json.dumps(globals()[name](Path(folder))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        files = Side(HERE, Path(scratch) / "files")
        own = Side(HERE, Path(scratch) / "own")
        base = Side(args.base.resolve(), Path(scratch) / "base") if args.base else None
        table = Table(own, base, files.folder, args.turns)
        if {"predict", "refusal"} & set(args.only):
            files.measured(make_case)
            for side in table.sides:
                side.measured(make_model)
        for part in args.only:
            getattr(table, part)()


if __name__ == "__main__":
    main()
