"""LTP training: the paper's 2640 patches against two pipelines of MONAI, side by side.

Every pipeline trains the same network on the same patches with the five axial-plane kinds of augmentation; the peers
call its layers one after the other. One thread; CPU seconds of the process, the least of several turns of each, since
what others do on a machine slows all of them. The last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable

import numpy as np
import torch

from HCCAssistLib.cli.process import tune
from HCCAssistLib.recipes.ltp.network import build, loss, windowed
from HCCAssistLib.recipes.ltp.recipe import WINDOWS
from HCCAssistLib.recipes.ltp.sampling import STORED, batch_maker
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.training.loop import fit
from HCCAssistLib.training.plan import Plan
from HCCAssistLib.training.samples import Origin, Samples

PATCHES = 2640
BATCH = 64
TURNS = 3
GOALS = {"epoch against MONAI fused": 4.0, "epoch against MONAI chained": 6.5}


def noise_samples(count: int) -> Samples:
    rng = np.random.default_rng(0)
    arrays = {
        "voxels": rng.normal(70, 30, (count, 8, STORED, STORED)).astype(np.int16),
        "label": (np.arange(count) % 3 == 0).astype(np.uint8),
        "case": np.zeros(count, np.int32),
    }
    return Samples(arrays, (Origin("noise", "noise", "train"),))


def ours(samples: Samples, epochs: int, device: str) -> None:
    options = get_recipe("ltp").resolve({})
    plan = Plan(epochs, epochs, BATCH, 1e-3, seed=0, device=device)
    few = samples.select(np.arange(BATCH))
    fit(lambda: build(options), batch_maker(options), loss, samples, few, plan, key="benchmark")


def monai_epoch(samples: Samples, transform: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """The usual way: a DataLoader over windowed patches, transforms one by one, then the same layers as they stand."""
    from torch.utils.data import DataLoader, Dataset

    network = build(get_recipe("ltp").resolve({}))
    first = (STORED - network.patch_shape[-1]) // 2
    out = slice(first, first + network.patch_shape[-1])

    class Patches(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(samples)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            grey = windowed(torch.from_numpy(samples["voxels"][index]), WINDOWS)
            return torch.as_tensor(transform(grey))[..., out, out], int(samples.labels[index])

    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for patches, labels in DataLoader(Patches(), batch_size=BATCH, shuffle=True):
        optimizer.zero_grad()
        loss(network.head(network.features(patches)), {"label": labels}).backward()
        optimizer.step()


def chained() -> Callable[[torch.Tensor], torch.Tensor]:
    from monai import transforms as m

    return m.Compose(  # type: ignore[no-any-return]
        [
            m.RandFlip(prob=0.5, spatial_axis=1),
            m.RandFlip(prob=0.5, spatial_axis=2),
            m.RandRotate(range_x=np.pi, prob=1.0, padding_mode="border"),
            m.RandZoom(prob=1.0, min_zoom=(1.0, 0.87, 0.87), max_zoom=(1.0, 1.15, 1.15)),
            m.RandAffine(prob=1.0, shear_range=(0, 0, 0.15, 0, 0, 0), padding_mode="border"),
            m.RandAffine(prob=1.0, translate_range=(0, 3, 3), padding_mode="border"),
        ]
    )


def fused() -> Callable[[torch.Tensor], torch.Tensor]:
    from monai import transforms as m

    return m.Compose(  # type: ignore[no-any-return]
        [
            m.RandFlip(prob=0.5, spatial_axis=1),
            m.RandFlip(prob=0.5, spatial_axis=2),
            m.RandAffine(
                prob=1.0,
                rotate_range=(np.pi, 0, 0),
                shear_range=(0, 0, 0.15, 0, 0, 0),
                translate_range=(0, 3, 3),
                scale_range=(0, 0.15, 0.15),
                padding_mode="border",
            ),
        ]
    )


def cpu_seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer patches; the peers are scaled up")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    tune()  # memory is kept between batches, as the command does, for the peers too
    torch.set_num_threads(1)
    torch.manual_seed(0)
    count = 640 if arguments.quick else PATCHES
    few = BATCH * (2 if arguments.quick else 4)
    samples = noise_samples(count)
    part = samples.select(np.arange(few))
    peers = {"MONAI fused": fused(), "MONAI chained": chained()}
    ours(part, 1, arguments.device)  # what only a first epoch does
    mine, wall, theirs = math.inf, math.inf, dict.fromkeys(peers, math.inf)
    for _ in range(TURNS):
        began = time.perf_counter()
        mine = min(mine, cpu_seconds(lambda: ours(samples, 1, arguments.device)))
        wall = min(wall, time.perf_counter() - began)
        for name, transform in peers.items():
            taken = cpu_seconds(lambda transform=transform: monai_epoch(part, transform))  # type: ignore[misc]
            theirs[name] = min(theirs[name], taken * count / few)
    print(f"ours            {count / mine:7.0f} patches/s   {mine:6.2f} CPU s per epoch")
    lines = []
    for name, peer in theirs.items():
        print(f"{name:15s} {count / peer:7.0f} patches/s   {peer:6.2f} CPU s per epoch ({few} patches timed)")
        goal = f"epoch against {name}"
        lines.append((goal, round(peer / mine, 2), GOALS[goal], ">="))
    if arguments.device == "cpu":
        lines.append(("paper-size training, 10 epochs, CPU s", round(mine * PATCHES * 10 / count, 1), 40.0, "<="))
    else:
        lines.append(("paper-size training, 10 epochs, s", round(wall * PATCHES * 10 / count, 1), 5.0, "<="))
    for goal, value, target, sense in lines:
        met = value >= target if sense == ">=" else value <= target
        print(json.dumps({"goal": goal, "value": value, "target": f"{sense} {target:g}", "met": met}))


if __name__ == "__main__":
    main()
