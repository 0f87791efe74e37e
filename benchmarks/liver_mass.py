"""Speed of the liver-mass recipe: 20 masses of a scan, the 52 variants, an epoch and Grad-CAM, beside MONAI.

One thread; process CPU seconds, which a busy machine does not disturb. The scan and the pictures are noise: times do
not depend on what they show. The last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai import transforms as m
from monai.visualize import GradCAM
from torch import nn
from torch.utils.data import DataLoader, Dataset

from HCCAssistLib.cli.process import tune
from HCCAssistLib.cohort.finding_labels import findings_of_points
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.study import Study
from HCCAssistLib.labels import Classes
from HCCAssistLib.models.package import write_package
from HCCAssistLib.recipes.liver_mass.augmentation import SHIFT, STORED, VARIANTS, augmented, center_crop
from HCCAssistLib.recipes.liver_mass.explanation import scores_and_maps
from HCCAssistLib.recipes.liver_mass.network import build
from HCCAssistLib.recipes.liver_mass.prediction import predict
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, MASSES, PHASES, SIZE, WINDOW_OF

MARKS, SESSIONS = 20, 5
WIDTHS = tuple(float(WINDOW_OF[phase].width) for phase in PHASES)


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    """Best of some repeats, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def noise_study() -> Study:
    """20 points in three volumes of 512 x 512 x 100."""
    grid = Geometry.from_parts((100, 512, 512), (0.75, 0.75, 2.5), (-191.6, -191.6, -123.8))
    rng = np.random.default_rng(0)
    volumes = {}
    for phase in PHASES:
        voxels = rng.normal(70, 14, grid.shape).astype(np.int16)
        voxels[:, :40] = -1000
        volumes[f"baseline/{phase}"] = Image(voxels, grid, phase)
    places = rng.uniform(-1, 1, (MARKS, 3)) * (90, 90, 90)
    points = PointList("masses", tuple(Point(f"M{n}", tuple(p), "30 mm") for n, p in enumerate(places.tolist())))
    label = LIVER_MASS.label
    assert isinstance(label, Classes)
    findings, _ = findings_of_points(points, label)
    return Study("noise", volumes, points={MASSES: points}, findings={MASSES: findings})


def random_model(folder: Path) -> LoadedModel:
    options = LIVER_MASS.resolve({})
    weights = []
    for seed in range(SESSIONS):
        torch.manual_seed(seed)
        weights.append({"": build(options).state_dict()})
    parts: dict[str, Any] = {"cutoffs": {}, "default_cutoff": "", "input_spec": {}, "training": {}, "software": {}}
    return load_model(write_package(folder / "m", weights, name="m", recipe=LIVER_MASS, options=options, **parts))


class Variants(Dataset):  # type: ignore[type-arg]
    """The same 52 of each picture, one by one, with transforms of MONAI."""

    def __init__(self, pictures: torch.Tensor) -> None:
        self.pictures = pictures
        self.middle = m.CenterSpatialCrop((SIZE, SIZE))
        self.ways = [self._way(variant) for variant in VARIANTS]

    @staticmethod
    def _way(variant: Any) -> Callable[[Any], Any]:
        steps: list[Any] = []
        if variant.noise_hu:
            steps.append(m.RandGaussianNoise(prob=1.0, std=variant.noise_hu / 290, sample_std=False))
        down, right = variant.shift
        top, left = SHIFT - down, SHIFT - right
        steps.append(m.SpatialCrop(roi_start=(top, left), roi_end=(top + SIZE, left + SIZE)))
        if variant.seen != SIZE:
            steps.append(m.CenterSpatialCrop((variant.seen, variant.seen)))
            steps.append(m.Resize((SIZE, SIZE), mode="bilinear"))
        if variant.quarters:
            steps.append(m.Rotate90(k=variant.quarters))
        return m.Compose(steps)

    def __len__(self) -> int:
        return len(self.pictures) * len(VARIANTS)

    def __getitem__(self, index: int) -> torch.Tensor:
        picture, variant = divmod(index, len(VARIANTS))
        return torch.as_tensor(self.ways[variant](self.pictures[picture].float() / 255))


def ours(pictures: torch.Tensor, batch: int = 104) -> None:
    rows = torch.arange(len(pictures) * len(VARIANTS))
    for some in rows.split(batch):
        which = some // len(VARIANTS)
        augmented(pictures[which], some % len(VARIANTS), which, WIDTHS)


def steps(pictures: torch.Tensor, *, with_variants: bool, batch: int = 100) -> None:
    """An epoch of forward and backward passes, on variants made on the way or on pictures that are there."""
    torch.manual_seed(0)
    network = build(LIVER_MASS.resolve({})).train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    ready = center_crop(pictures[:batch])
    for first in range(0, len(pictures), batch):
        which = torch.arange(first, first + batch)
        x = augmented(pictures[which], which % len(VARIANTS), which, WIDTHS) if with_variants else ready
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x.contiguous(memory_format=torch.channels_last)), which % 5)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


class Tapped(nn.Module):
    """The network with its last feature map as a layer that MONAI can hook."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network, self.tap = network, nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.network.head(self.tap(self.network.features(x)))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20, help="image sets that 52 variants are made of")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    tune()
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (200, len(PHASES), STORED, STORED), generator=rng, dtype=torch.uint8)
    few = pictures[: arguments.pictures]
    with tempfile.TemporaryDirectory() as scratch:
        model, study = random_model(Path(scratch)), noise_study()
        masses = cpu_seconds(lambda: predict(study, model, {}), arguments.repeats)
    mine = cpu_seconds(lambda: ours(few), arguments.repeats)
    loader = DataLoader(Variants(few), batch_size=104)
    peer = cpu_seconds(lambda: [None for _ in loader], 1)
    alone = cpu_seconds(lambda: steps(pictures, with_variants=False), arguments.repeats)
    epoch = cpu_seconds(lambda: steps(pictures, with_variants=True), arguments.repeats)
    network = build(LIVER_MASS.resolve({})).eval()
    x = center_crop(pictures[:64])
    cam = GradCAM(Tapped(network).eval(), "tap")
    monai_cam = cpu_seconds(lambda: cam.compute_map(x), arguments.repeats)
    our_cam = cpu_seconds(lambda: scores_and_maps([network], x), arguments.repeats)
    made = len(few) * len(VARIANTS)
    print(f"{MARKS} masses, {SESSIONS} sessions, 512 x 512 x 100 in three phases: {masses:.2f} CPU s")
    print(f"52 variants of {len(few)} image sets: ours {made / mine:.0f}/s, DataLoader + MONAI {made / peer:.0f}/s")
    print(f"200 image sets forward and backward: {alone:.2f} CPU s, with variants made on the way {epoch:.2f} CPU s")
    print(f"Grad-CAM of 64 image sets: ours {our_cam:.2f} CPU s, MONAI {monai_cam:.2f} CPU s")
    goals = (
        ("20 masses, warm, CPU s", masses, 1.0, "<="),
        ("52 variants against DataLoader + MONAI, times", peer / mine, 10.0, ">="),
        ("epoch over the network alone, times", epoch / alone, 1.25, "<="),
        ("Grad-CAM against MONAI, times", monai_cam / our_cam, 2.0, ">="),
    )
    for goal, value, target, sense in goals:
        met = value >= target if sense == ">=" else value <= target
        print(json.dumps({"goal": goal, "value": round(value, 2), "target": f"{sense} {target:g}", "met": bool(met)}))


if __name__ == "__main__":
    main()
