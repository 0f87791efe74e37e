"""Speed of the recipe of early recurrence after hepatectomy: a training step, the VOI and Grad-CAM, beside plain ways.

One thread; process CPU seconds, which a busy machine does not disturb, the best of several turns. Weights are random,
and voxels noise but for Grad-CAM, whose time depends on how large the tumours are: those of a cohort of phantoms
(nothing of patients) and, beside them, a VOI without any 0. The last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from itertools import pairwise
from math import prod
from time import process_time

import numpy as np
import torch
from liver_mass import cpu_seconds
from ltp_scan import peak_rate
from monai.visualize import GradCAM
from torch import Tensor, nn
from torch.nn import functional

from HCCAssistLib.cli.process import tune
from HCCAssistLib.cohort.finding_labels import findings_of_segments
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import axis_aligned_grid, resample
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.inference.study import Study
from HCCAssistLib.phantoms.hepatectomy.cases import make_case, segment_of
from HCCAssistLib.phantoms.recurrence import wanted_early
from HCCAssistLib.recipes.hepatectomy.explanation import scores_and_map
from HCCAssistLib.recipes.hepatectomy.network import CUBE, FLAT, RecurrenceNetwork, build
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, HEPATECTOMY, TUMOUR, VOI_SHAPE
from HCCAssistLib.recipes.hepatectomy.sampling import as_input
from HCCAssistLib.recipes.hepatectomy.tumour import tumour_of
from HCCAssistLib.recipes.hepatectomy.voi import VOXEL_MM, voi_grid, voi_of

BATCH = 8

PHANTOMS, SEED = 24, 7

OPTIONS = HEPATECTOMY.resolve({}, preset="paper")


def same(x: Tensor, kernel: tuple[int, int, int], stride: int, fill: float) -> Tensor:
    """Padded by hand as TensorFlow's SAME is written down."""
    pads: list[int] = []
    for size, taps in zip(reversed(x.shape[2:]), reversed(kernel), strict=True):
        needed = max((-(-size // stride) - 1) * stride + taps - size, 0)
        pads += [needed // 2, needed - needed // 2]
    return functional.pad(x, pads, value=fill)


class Plain(nn.Module):
    """The same layers one after the other as Table S2 lists them, in torch's default layout."""

    def __init__(self, network: RecurrenceNetwork) -> None:
        super().__init__()
        self.layers = network

    def features(self, x: Tensor) -> Tensor:
        layers = self.layers
        for convolutions, kernel in (
            ((layers.conv1,), CUBE),
            ((layers.conv2,), CUBE),
            ((layers.conv3, layers.conv4), CUBE),
            ((layers.conv5, layers.conv6), FLAT),
        ):
            for one in convolutions:
                x = functional.relu(functional.conv3d(same(x, kernel, 1, 0.0), one.weight, one.bias))
            x = functional.max_pool3d(same(x, kernel, 2, -torch.inf), kernel, 2)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.layers.head(self.features(x))


class Tapped(Plain):
    """With the last pooling as a layer that MONAI can hook."""

    def __init__(self, network: RecurrenceNetwork) -> None:
        super().__init__(network)
        self.tap = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers.head(self.tap(self.features(x)))


def macs() -> tuple[float, float]:
    """Multiply-adds of one VOI forward, and forward with backward; the first layer's input needs no gradient."""
    size, forward, first = VOI_SHAPE, 0.0, 0.0
    for kernel, *widths in ((CUBE, 1, 32), (CUBE, 32, 64), (CUBE, 64, 128, 128), (FLAT, 128, 256, 256)):
        for incoming, outgoing in pairwise(widths):
            layer = float(prod(size) * incoming * outgoing * prod(kernel))
            first = first or layer
            forward += layer
        size = tuple(-(-one // 2) for one in size)  # type: ignore[assignment]
    forward += 25_600 * 512 + 512 * 256 + 256 * 128 + 128 * 2
    return forward, 3 * forward - first


def step(network: nn.Module, x: Tensor) -> Callable[[], None]:
    """Forward and backward, without the optimiser."""
    labels = torch.arange(len(x)) % 2

    def work() -> None:
        network.zero_grad()
        functional.cross_entropy(network(x), labels).backward()

    return work


def noise_study() -> Study:
    """A tumour of 60 x 50 x 55 mm in a volume of 512 x 512 x 100."""
    grid = Geometry.from_parts((100, 512, 512), (0.75, 0.75, 2.5), (-191.6, -191.6, -123.8))
    voxels = np.random.default_rng(0).normal(70, 14, grid.shape).astype(np.int16)
    k, j, i = np.indices((24, 90, 90), dtype=np.float32)
    inside = ((i - 45) * 0.75 / 30) ** 2 + ((j - 45) * 0.75 / 25) ** 2 + ((k - 12) * 2.5 / 27.5) ** 2 < 1
    segment = Segment("T1", Image(inside.astype(np.uint8), grid.crop((200, 220, 40), inside.shape)))
    findings, _ = findings_of_segments([segment], None)
    return Study("noise", {ARTERIAL: Image(voxels, grid)}, findings={TUMOUR: findings})


def phantom_vois() -> list[Tensor]:
    """What the network sees of the tumours of a cohort of phantoms: the tumour alone."""
    found = []
    for number in range(PHANTOMS):
        phantom = make_case((SEED, number), early=wanted_early(SEED, number))
        findings, _ = findings_of_segments([segment_of(phantom)], None)
        study = Study("phantom", {ARTERIAL: phantom.arterial}, findings={TUMOUR: findings})
        voi = voi_of(phantom.arterial, tumour_of(study, OPTIONS), OPTIONS)
        found.append(as_input(torch.from_numpy(voi.voxels[None]), OPTIONS))
    return found


def side(voi: Tensor) -> float:
    """Of a square as large as the box around what is shown, mm."""
    shown = (voi != 0).flatten(0, 2).any(dim=0).nonzero()
    return float((shown.amax(dim=0) - shown.amin(dim=0) + 1).double().prod().sqrt())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    tune()
    torch.set_num_threads(1)
    torch.manual_seed(0)

    network = build(OPTIONS)
    plain = Plain(RecurrenceNetwork())
    plain.layers.load_state_dict(network.state_dict())
    x = torch.rand(BATCH, 1, *VOI_SHAPE)
    assert torch.allclose(network.eval()(x), plain.eval()(x), atol=1e-5)
    ours = step(network.train(), x.contiguous(memory_format=torch.channels_last_3d))
    theirs = step(plain.train(), x)
    rate, fast, slow = 0.0, float("inf"), float("inf")
    for _ in range(repeats):  # in turns: a busy machine slows all of them
        rate = max(rate, peak_rate())
        fast = min(fast, cpu_seconds(ours, 1) / BATCH)
        slow = min(slow, cpu_seconds(theirs, 1) / BATCH)
    floor = macs()[1] / rate
    print(
        f"forward and backward of a VOI, batch {BATCH}: ours {fast:.2f} CPU s, plain {slow:.2f} CPU s; floor "
        f"{floor:.2f} s at {2 * rate / 1e9:.0f} GFLOP/s: {fast / floor:.2f} and {slow / floor:.2f} times it"
    )

    study = noise_study()
    volume, tumour = study.volumes[ARTERIAL], tumour_of(study, OPTIONS)
    everywhere = axis_aligned_grid(volume.geometry, VOXEL_MM)
    own = voi_grid(volume.geometry, tumour)
    whole, part = float("inf"), float("inf")
    for _ in range(repeats):
        whole = min(whole, cpu_seconds(lambda: resample(volume, everywhere, fill_value=AIR_HU), 1))
        part = min(part, cpu_seconds(lambda: resample(volume, own, fill_value=AIR_HU), 20))
    voi = cpu_seconds(lambda: voi_of(volume, tumour, OPTIONS), 20)
    print(
        f"linear resampling to 1 mm of 512 x 512 x 100 voxels: whole {1000 * whole:.0f}, VOI {1000 * part:.2f} CPU ms; "
        f"the VOI with its segment, checks and mean {1000 * voi:.2f}"
    )

    tapped, one = Tapped(plain.layers).eval(), x[:1]
    cam = GradCAM(tapped, "tap")
    networks = [network.eval()]
    map_ours = cpu_seconds(lambda: scores_and_map(networks, one, heat=True), repeats)
    map_monai = cpu_seconds(lambda: cam.compute_map(one, class_idx=1), repeats)
    with torch.inference_mode():
        forward = cpu_seconds(lambda: network(one), repeats)
    print(
        f"Grad-CAM of a VOI without any 0: ours {map_ours:.3f}, MONAI {map_monai:.3f} CPU s; one forward pass "
        f"{forward:.3f}, its floor {macs()[0] / rate:.3f}"
    )
    vois = phantom_vois()
    begin = process_time()
    scores_and_map(networks, vois[0], heat=True)
    first = process_time() - begin
    # each once, as a patient is: a box of a new size takes longer than one that was seen
    seconds, difference = [], 0.0
    for voi in vois:
        begin = process_time()
        _, heat = scores_and_map(networks, voi, heat=True)
        seconds.append(process_time() - begin)
        wanted = cam.compute_map(voi, class_idx=1)[0, 0, 0].detach().numpy()
        difference = max(difference, float(np.abs(heat - wanted / max(wanted.max(), 1e-30)).max()))
    sides = ", ".join(f"{mm:.0f}" for mm in np.percentile([side(voi) for voi in vois], (0, 25, 50, 75, 100)))
    print(
        f"Grad-CAM of {len(vois)} phantoms' tumours alone (sides of the box: smallest, quartiles, largest {sides} mm): "
        f"ours mean {np.mean(seconds):.3f}, largest {max(seconds):.3f} CPU s; the first one of a model {first:.3f}; "
        f"largest difference from MONAI's map {difference:.1e} of its maximum"
    )

    goals = (
        ("forward and backward of a VOI over its floor, times", fast / floor, 1.25, "<="),
        ("the same against the plain module, times", slow / fast, 1.0, ">="),
        ("resampling of the VOI against that of the whole volume, times", whole / part, 100.0, ">="),
        (
            f"Grad-CAM of phantoms' tumours (n = {PHANTOMS}) against MONAI, times",
            map_monai / np.mean(seconds),
            10.0,
            ">=",
        ),
        ("Grad-CAM of a VOI without any 0 against MONAI, times", map_monai / map_ours, 2.0, ">="),
    )
    for goal, value, target, sense in goals:
        met = value >= target if sense == ">=" else value <= target
        print(json.dumps({"goal": goal, "value": round(value, 2), "target": f"{sense} {target:g}", "met": bool(met)}))


if __name__ == "__main__":
    main()
