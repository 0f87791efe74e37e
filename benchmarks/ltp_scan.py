"""LTP scan of a box: a loop over patches, MONAI's sliding window and the dense scan, side by side.

One thread; process CPU seconds, which a busy machine does not disturb much. At the finest stride the two patchwise
ways run on some layers only and are scaled up, since every layer costs them the same. The last lines are one JSON
object per goal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import psutil
import torch
from monai.inferers import sliding_window_inference

from HCCAssistLib.errors import Cancelled
from HCCAssistLib.recipes.ltp.network import LTPNetwork, windowed
from HCCAssistLib.recipes.ltp.recipe import WINDOWS
from HCCAssistLib.recipes.ltp.sliding_window.dense_scan import scan, scan_patchwise
from HCCAssistLib.recipes.ltp.sliding_window.scan_grid import ScanGrid

STRIDES = ((4, 8, 8), (2, 4, 4))
VARIANTS = ((3, "context"), (2, "context"), (3, "strict"), (2, "strict"))
MEMORY = tuple((border, pools, s) for border in ("context", "strict") for pools in (3, 2) for s in (8, 4, 1))
MIB = 1 << 20


@dataclass(frozen=True)
class Job:
    """A box to scan: the volume it lies in, and the patches."""

    hu: np.ndarray
    grid: ScanGrid
    network: LTPNetwork

    def box(self) -> torch.Tensor:
        """The windowed voxels that the patches see."""
        margin = (0, self.network.margin, self.network.margin)
        spans = zip(self.grid.starts, (8, 32, 32), margin, strict=True)
        cut = tuple(slice(s[0] - m, s[-1] + size + m) for s, size, m in spans)
        return windowed(torch.from_numpy(self.hu[cut]), WINDOWS)

    def layers(self, count: int) -> Job:
        return Job(self.hu, ScanGrid(self.grid.first, self.grid.stride, (count, *self.grid.shape[1:])), self.network)


def loop(job: Job, batch: int = 64) -> np.ndarray:
    """Every patch cut from the windowed box, 64 at a time."""
    box, (d, h, w) = job.box(), job.network.patch_shape
    sz, sy, sx = job.grid.stride
    places = list(np.ndindex(job.grid.shape))
    scores = []
    with torch.inference_mode():
        for n in range(0, len(places), batch):
            part = [(z * sz, y * sy, x * sx) for z, y, x in places[n : n + batch]]
            patches = torch.stack([box[:, z : z + d, y : y + h, x : x + w] for z, y, x in part])
            scores.append(torch.sigmoid(job.network(patches)))
    return torch.cat(scores).numpy().reshape(job.grid.shape)


def monai(job: Job, batch: int = 64) -> np.ndarray:
    """MONAI's sliding window in the usual way: each window filled with its probability."""
    box, roi = job.box(), job.network.patch_shape
    overlap = [1 - (step + 0.5) / size for step, size in zip(job.grid.stride, roi, strict=True)]
    scores = []

    def predict(patches: torch.Tensor) -> torch.Tensor:
        scores.append(torch.sigmoid(job.network(patches)))
        return scores[-1].view(-1, 1, 1, 1, 1).expand(-1, 1, *roi).contiguous()

    with torch.inference_mode():
        sliding_window_inference(box[None], roi, batch, predict, overlap=overlap)
    return torch.cat(scores).numpy().reshape(job.grid.shape)


def dense(job: Job) -> np.ndarray:
    return scan(job.network, job.hu, WINDOWS, job.grid)


def cpu_seconds(work: Callable[[], np.ndarray], repeats: int) -> tuple[float, np.ndarray]:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def decisive(pools: int, border: str, hu: np.ndarray) -> LTPNetwork:
    """Random weights whose probabilities spread over 0 to 1, so that differences show."""
    torch.manual_seed(0)
    network = LTPNetwork(pools, border).eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:  # contrast survives all layers, as in a trained network
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    middle = ScanGrid((20, 60, 60), (1, 30, 30), (4, 4, 4))
    with torch.no_grad():
        logits = torch.logit(torch.from_numpy(scan_patchwise(network, hu, WINDOWS, middle)).double())
        network.fc3.bias.sub_(logits.median())
        for parameter in network.fc3.parameters():
            parameter.mul_(2 / logits.std())
    return network


def volume(shape: tuple[int, int, int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    k, j, i = np.indices(shape, sparse=True)
    smooth = 80 + 40 * np.sin(i / 15) + 30 * np.cos(j / 23) + 20 * np.sin(k / 3)
    return (smooth + rng.normal(0, 25, shape)).astype(np.int16)


def peak_rate() -> float:
    """Multiply-adds per CPU second of the best convolution or matrix product that torch offers on one thread."""
    last = torch.channels_last_3d
    x = torch.randn(2, 64, 10, 34, 34).contiguous(memory_format=last)
    w = torch.randn(64, 64, 3, 3, 3).contiguous(memory_format=last)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    with torch.inference_mode():
        convolution = 2 * 64 * 8 * 32 * 32 * 64 * 27 / cpu_seconds(lambda: torch.conv3d(x, w), 8)[0]
        product = 1024**3 / cpu_seconds(lambda: a @ b, 8)[0]
    return float(max(convolution, product))


def dense_macs(job: Job) -> tuple[float, float]:
    """Multiply-adds of one dense pass of the context net, slab by slab; and without those that multiply padding."""
    layers, *counts = job.grid.shape
    size = np.array([(n - 1) * s + 46 for n, s in zip(counts, job.grid.stride[1:], strict=True)])
    convolutions = []
    for channels, out, depth in ((3, 16, 8), (16, 32, 4), (32, 64, 2)):
        size = size - 2
        convolutions.append((float(size.prod()) * depth * out * channels * 27, (3 * depth - 2) / (3 * depth)))
        size = size // 2
    head = float(np.prod(counts)) * ((8192 if job.network.pools == 2 else 1024) * 512 + 512 * 128 + 128)
    return (
        layers * (sum(macs for macs, _ in convolutions) + head),
        layers * (sum(macs * used for macs, used in convolutions) + head),
    )


def extra_memory(border: str, pools: int, stride: int, tiles: int = 6) -> float:
    """MiB that a scan of 512 x 512 x 300 voxels adds to the process, its result excepted; run in a fresh process."""
    hu = np.full((300, 512, 512), 60, dtype=np.int16)
    network = LTPNetwork(pools, border)
    scan(network, hu[:16, :64, :64], WINDOWS, ScanGrid.covering((16, 64, 64), (4, 8, 8)))
    grid = ScanGrid.covering(hu.shape, (max(1, stride // 2), stride, stride))
    done = 0

    def enough() -> bool:
        nonlocal done
        done += 1
        return done > tiles

    process = psutil.Process()
    base = process.memory_info().rss
    highest, running = base, True

    def watch() -> None:
        nonlocal highest
        while running:
            highest = max(highest, process.memory_info().rss)
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        scan(network, hu, WINDOWS, grid, cancelled=enough)
    except Cancelled:
        pass
    finally:
        running = False
        watcher.join()
    return (highest - base - 4 * float(np.prod(grid.shape))) / MIB


def memory_of_all() -> float:
    worst = 0.0
    for border, pools, stride in MEMORY:
        command = [sys.executable, __file__, "--memory", border, str(pools), str(stride)]
        mib = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"  {border:8} {pools} pools, in-plane stride {stride}: {mib:5.0f} MiB", flush=True)
        worst = max(worst, mib)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a box of 128 x 96 x 24 instead of 320 x 256 x 48")
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory:
        border, pools, stride = arguments.memory
        print(extra_memory(border, int(pools), int(stride)))
        return
    depth, height, width = (24, 96, 128) if arguments.quick else (48, 256, 320)
    hu = volume((depth + 20, height + 100, width + 100))
    region = (slice(10, 10 + depth), slice(50, 50 + height), slice(50, 50 + width))
    speed: dict[tuple[int, str, tuple[int, int, int]], tuple[float, float]] = {}
    worst, over_floor = 0.0, {}
    for pools, border in VARIANTS:
        network = decisive(pools, border, hu)
        for stride in STRIDES:
            job = Job(hu, ScanGrid.covering(hu.shape, stride, region), network)
            dense(job)
            rate, ours = 0.0, float("inf")
            for _ in range(9 if stride == STRIDES[0] else 3):  # in turns: a busy machine slows both
                rate = max(rate, peak_rate())
                seconds, scores = cpu_seconds(partial(dense, job), 1)
                ours = min(ours, seconds)
            some = job.layers(job.grid.shape[0] if stride == STRIDES[0] else min(3, job.grid.shape[0]))
            share = some.grid.shape[0] / job.grid.shape[0]
            looped, reference = cpu_seconds(partial(loop, some), 1)
            windows, other = cpu_seconds(partial(monai, some), 1)
            difference = float(np.abs(scores[: len(reference)] - reference).max())
            worst = max(worst, difference)
            speed[pools, border, stride] = looped / share / ours, windows / share / ours
            print(f"{border}, {pools} pools, stride {stride}: {np.prod(job.grid.shape)} patches")
            print(f"  loop over patches   {looped / share:8.2f} CPU s  {looped / share / ours:6.1f} x")
            note = f"max difference {np.abs(other - reference).max():.1e}"
            print(f"  MONAI               {windows / share:8.2f} CPU s  {windows / share / ours:6.1f} x  {note}")
            spread = f"probabilities {reference.min():.2f} to {reference.max():.2f}"
            print(f"  HCCAssist           {ours:8.2f} CPU s           max difference {difference:.1e}, {spread}")
            if border == "context":
                nominal, needed = (macs / rate for macs in dense_macs(job))
                over_floor[pools, stride] = ours / nominal
                print(
                    f"  floor {nominal:.2f} s at {2 * rate / 1e9:.0f} GFLOP/s: {ours / nominal:.2f} x"
                    f" ({ours / needed:.2f} x without the multiplications by padding)"
                )
            sys.stdout.flush()
    print("extra memory on 512 x 512 x 300 voxels")
    memory = memory_of_all()
    coarse, fine = STRIDES
    goals = [
        ("scan at 8 x 8 x 4, context, against the loop and MONAI, times", min(speed[3, "context", coarse]), 20.0, True),
        ("scan at 4 x 4 x 2, context, against the loop and MONAI, times", min(speed[3, "context", fine]), 30.0, True),
        ("largest difference from patch by patch, all networks and strides", worst, 1e-5, False),
        ("scan time over its floor, context, 8 x 8 x 4, times", over_floor[3, coarse], 1.2, False),
        ("extra memory at any stride, MiB", memory, 300.0, False),
        (
            "strict network against MONAI, all strides, times",
            min(ratios[1] for (_, border, _), ratios in speed.items() if border == "strict"),
            4.0,
            True,
        ),
    ]
    for goal, value, target, at_least in goals:
        met = value >= target if at_least else value <= target
        print(json.dumps({"goal": goal, "value": value, "target": target, "met": bool(met)}))


if __name__ == "__main__":
    main()
