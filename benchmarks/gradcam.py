"""Grad-CAM of the LTP network: MONAI, pytorch-grad-cam and ours, side by side on the same patches.

One thread; process CPU seconds. pytorch-grad-cam takes part where it is installed (``pip install grad-cam``). The
last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch
from monai.visualize import GradCAM as MonaiGradCAM
from torch import Tensor, nn

from HCCAssistLib.explain.gradcam import gradcam
from HCCAssistLib.recipes.ltp.network import LTPNetwork

VARIANTS = ((3, "context"), (2, "context"), (3, "strict"), (2, "strict"))


class Tapped(nn.Module):
    """The network with a layer that the peers can hook, and a class for its one score."""

    def __init__(self, network: LTPNetwork) -> None:
        super().__init__()
        self.network = network
        self.tap = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.network.head(self.tap(self.network.features(x)))[:, None]


def cpu_seconds(ways: dict[str, Callable[[], Tensor]], repeats: int) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Best time and result of each way; taken in turns, so that a busy machine is as busy for all."""
    times = dict.fromkeys(ways, float("inf"))
    results = {name: work() for name, work in ways.items()}
    for _ in range(repeats):
        for name, work in ways.items():
            start = time.process_time()
            work()
            times[name] = min(times[name], time.process_time() - start)
    return times, results


def pytorch_grad_cam(network: Tapped, x: Tensor) -> Callable[[], Tensor] | None:
    try:
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    except ImportError as error:
        print(f"SKIPPED: pytorch-grad-cam cannot be imported ({error}); pip install grad-cam")
        return None
    cam = GradCAM(network, [network.tap])
    targets = [ClassifierOutputTarget(0)] * len(x)
    return lambda: torch.from_numpy(cam(x, targets))


def forward(network: LTPNetwork, x: Tensor) -> Tensor:
    with torch.no_grad():
        scores: Tensor = network(x.contiguous(memory_format=torch.channels_last_3d))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    against_peers, against_forward, differences = [], [], []
    for pools, border in VARIANTS:
        network = LTPNetwork(pools, border).eval()
        tapped = Tapped(network).eval()
        x = torch.rand(arguments.patches, 3, *network.patch_shape)
        last = x.contiguous(memory_format=torch.channels_last_3d)
        monai_cam = MonaiGradCAM(Tapped(network).eval(), "tap")
        ways = {
            "one forward pass": lambda network=network, x=x: forward(network, x),
            "MONAI": lambda cam=monai_cam, x=x: cam.compute_map(x, class_idx=0)[:, 0].detach(),
            "MONAI in our layout": lambda cam=monai_cam, x=last: cam.compute_map(x, class_idx=0)[:, 0].detach(),
            "HCCAssist": lambda network=network, x=x: gradcam(network, x),
        }
        other = pytorch_grad_cam(tapped, x)
        if other:
            ways["pytorch-grad-cam"] = other
        times, maps = cpu_seconds(ways, arguments.repeats)
        ours = times["HCCAssist"]
        difference = ((maps["HCCAssist"] - maps["MONAI"]).abs().max() / maps["MONAI"].max()).item()
        print(f"{border}, {pools} pools, {arguments.patches} patches")
        for name, seconds in times.items():
            print(f"  {name:20} {seconds * 1e3:8.1f} ms  {seconds / ours:5.2f} x")
        print(f"  difference from MONAI's raw map {difference:.1e} of its maximum", flush=True)
        against_peers += [seconds / ours for name, seconds in times.items() if name in ("MONAI", "pytorch-grad-cam")]
        against_forward.append(ours / times["one forward pass"])
        differences.append(difference)
    goals = (
        ("Grad-CAM against MONAI and pytorch-grad-cam, LTP network, times", min(against_peers), 2.0, True),
        ("Grad-CAM over one forward pass, LTP network, times", max(against_forward), 1.3, False),
        ("difference from MONAI's raw map, part of its maximum", max(differences), 1e-4, False),
    )
    for goal, value, target, at_least in goals:
        met = value >= target if at_least else value <= target
        print(json.dumps({"goal": goal, "value": value, "target": target, "met": bool(met)}))


if __name__ == "__main__":
    main()
