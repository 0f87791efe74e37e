"""Speed of the TACE recipe: inscribed square, cached features against naive epochs, a patient, and Grad-CAM of MONAI.

One thread; process CPU seconds, which a busy machine does not disturb. The scan and the patches are noise and the
backbone's weights are random: times do not depend on what they show. A training of the paper's size is extrapolated
from timed steps. The last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch
from liver_mass import cpu_seconds
from monai.visualize import GradCAM
from torch import nn

from HCCAssistLib.cli.process import tune
from HCCAssistLib.cohort.finding_labels import findings_of_segments
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel, load_model
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.backbones.resnet50 import ResNet50
from HCCAssistLib.models.package import write_package
from HCCAssistLib.recipes import registry
from HCCAssistLib.recipes.tace import prediction
from HCCAssistLib.recipes.tace.augmentation import VARIANTS, augmented
from HCCAssistLib.recipes.tace.bodies import as_input, variant_features
from HCCAssistLib.recipes.tace.explanation import scores_and_maps
from HCCAssistLib.recipes.tace.inscribed_square import largest_square
from HCCAssistLib.recipes.tace.network import FEATURES, build, loss
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, SIZE, TACE, TUMOURS
from HCCAssistLib.recipes.tace.sampling import batch_maker
from HCCAssistLib.training.loop import fit
from HCCAssistLib.training.plan import Plan
from HCCAssistLib.training.samples import Origin, Samples

SIDE = 200
"""Pixels along each side of the mask: a tumour of 14 cm in a usual scan."""

TRAINED, VALIDATED = 1687, 268
"""Patches of the paper's training and of the cohort that it watched."""

OPTIONS = TACE.resolve({"backbone": "0" * 64}, preset="paper")
EPOCHS, BATCH = int(OPTIONS["epochs"]), int(OPTIONS["batch"])


def tumour_mask(side: int = SIDE) -> npt.NDArray[np.bool_]:
    """An uneven outline with a few holes."""
    row, column = np.indices((side, side)) - side / 2
    outline = side / 2.2 * (1 + 0.1 * np.sin(5 * np.arctan2(row, column)))
    mask: npt.NDArray[np.bool_] = np.hypot(row, column) < outline
    mask[np.random.default_rng(0).random(mask.shape) < 0.0005] = False
    return mask


def by_trying_all(mask: npt.NDArray[np.bool_]) -> int:
    """Side of the largest square, every place of every side, the largest first."""
    for side in range(min(mask.shape), 0, -1):
        for row in range(mask.shape[0] - side + 1):
            for column in range(mask.shape[1] - side + 1):
                if mask[row : row + side, column : column + side].all():
                    return side
    return 0


def noise_patches(count: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 1, SIZE, SIZE), dtype=np.uint8)


def samples_of(features: npt.NDArray[np.float32]) -> Samples:
    labels = (np.arange(len(features)) % 4).astype(np.uint8)
    case = np.zeros(len(features), np.int32)
    return Samples({"features": features, "label": labels, "case": case}, (Origin("all", "all", "train"),))


def with_cache(backbone: ResNet50, repeats: int) -> tuple[float, float]:
    """CPU seconds of the features of all patches, and of all epochs on them."""
    some = noise_patches(4)
    each = cpu_seconds(lambda: variant_features(backbone, some), repeats) / len(some)
    plain = each / len(VARIANTS)
    rng = np.random.default_rng(0)
    train, validation = (
        samples_of(rng.random((count, len(VARIANTS), FEATURES), dtype=np.float32)) for count in (TRAINED, VALIDATED)
    )
    began = time.process_time()
    fit(lambda: build(OPTIONS), batch_maker(OPTIONS), loss, train, validation, Plan.of(OPTIONS, seed=0), key="cached")
    return each * TRAINED + plain * VALIDATED, time.process_time() - began


def naively(backbone: ResNet50, repeats: int) -> float:
    """CPU seconds of all epochs that run the backbone in every step, without a graph through it; channels-last."""
    network = build(OPTIONS)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, fused=True)
    images = torch.from_numpy(noise_patches(BATCH))
    generator = torch.Generator().manual_seed(0)
    targets = {"label": torch.arange(BATCH) % 4}

    def features(patches: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            x = as_input(patches).contiguous(memory_format=torch.channels_last)
            return backbone.pooled(backbone.features(x))

    def step() -> None:
        shown = augmented(images, torch.randint(len(VARIANTS), (BATCH,), generator=generator))
        optimizer.zero_grad()
        loss(network(features(shown)), targets).backward()
        optimizer.step()

    train = cpu_seconds(step, repeats) / BATCH
    validate = cpu_seconds(lambda: network(features(images)), repeats) / BATCH
    return EPOCHS * (TRAINED * train + VALIDATED * validate)


def noise_study() -> Study:
    """A tumour of 5 cm in a volume of 512 x 512 x 100."""
    grid = Geometry.from_parts((100, 512, 512), (0.75, 0.75, 1.0), (-191.6, -191.6, -49.5))
    voxels = np.random.default_rng(0).normal(70, 14, grid.shape).astype(np.int16)
    voxels[:, :40] = -1000
    k, j, i = np.indices((60, 80, 80))
    ball = (((i - 40) * 0.75) ** 2 + ((j - 40) * 0.75) ** 2 + (k - 30.0) ** 2 < 25**2).astype(np.uint8)
    segment = Segment("T1", Image(ball, grid.crop((200, 220, 20), ball.shape)))
    findings, _ = findings_of_segments([segment], None)
    return Study("noise", {ARTERIAL: Image(voxels, grid)}, findings={TUMOURS: findings})


@contextmanager
def random_model(backbone: ResNet50) -> Iterator[LoadedModel]:
    """A model of one member behind the backbone, which is taken as the installed one."""
    parts: dict[str, Any] = {"input_spec": {}, "training": {}, "software": {}}
    with (
        tempfile.TemporaryDirectory() as scratch,
        mock.patch.object(registry, "RECIPES", {TACE.id: TACE}),
        mock.patch.object(prediction, "backbone_of", lambda *_: backbone),
    ):
        weights = [{"": build(OPTIONS).state_dict()}]
        yield load_model(write_package(Path(scratch) / "m", weights, name="m", recipe=TACE, options=OPTIONS, **parts))


class Tapped(nn.Module):
    """Backbone and layer with the last feature map as a layer that MONAI can hook."""

    def __init__(self, backbone: ResNet50, layer: nn.Module) -> None:
        super().__init__()
        self.backbone, self.layer, self.tap = backbone, layer, nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layer(self.backbone.pooled(self.tap(self.backbone.features(x))))
        return found


def grad_cam(backbone: ResNet50, repeats: int, count: int = 6) -> tuple[float, float]:
    """CPU seconds of ours and of MONAI's, for the same patches and network; MONAI needs a graph through it."""
    images, layer = noise_patches(count), build(OPTIONS).eval()
    of = np.arange(count)
    ours = cpu_seconds(lambda: scores_and_maps([layer], backbone, images, of, heat=True), repeats)  # type: ignore[list-item]
    x = as_input(torch.from_numpy(images)).contiguous(memory_format=torch.channels_last)
    for weights in backbone.parameters():
        weights.requires_grad_(True)
    cam = GradCAM(Tapped(backbone, layer).eval(), "tap")
    monai = cpu_seconds(lambda: cam.compute_map(x), repeats)
    return ours, monai


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    tune()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    mask = tumour_mask()
    square = cpu_seconds(lambda: largest_square(mask), 20)
    began = time.process_time()
    tried = by_trying_all(mask)
    all_squares = time.process_time() - began
    assert tried == largest_square(mask).side
    backbone = ResNet50().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    features, epochs = with_cache(backbone, arguments.repeats)
    naive = naively(backbone, arguments.repeats)
    study = noise_study()
    with random_model(backbone) as model:
        patient = cpu_seconds(lambda: prediction.predict(study, model, {}), arguments.repeats)
    ours, monai = grad_cam(backbone, arguments.repeats)
    ratio = naive / (features + epochs)
    fewer = EPOCHS * (TRAINED + VALIDATED) / (len(VARIANTS) * TRAINED + VALIDATED)
    print(f"largest square in {SIDE} x {SIDE} pixels: {1000 * square:.2f} CPU ms, trying all {all_squares:.2f} CPU s")
    print(
        f"{EPOCHS} epochs of {TRAINED} + {VALIDATED} patches: features {features:.0f} and epochs {epochs:.1f} CPU s, "
        f"naively {naive:.0f} CPU s; {fewer:.1f} times fewer passes through the backbone"
    )
    print(f"three patches of a patient with Grad-CAM, 512 x 512 x 100: {patient:.2f} CPU s")
    print(f"Grad-CAM of 6 patches: ours {ours:.2f} CPU s, MONAI {monai:.2f} CPU s")
    goals = (
        ("largest square in a mask of 200 x 200 pixels, CPU ms", 1000 * square, 5.0, "<="),
        ("54 epochs on cached features against naive ones, times", ratio, 15.0, ">="),
        ("three patches of a patient with Grad-CAM, CPU s", patient, 1.5, "<="),
        ("Grad-CAM against MONAI, times", monai / ours, 2.0, ">="),
    )
    for goal, value, target, sense in goals:
        met = value >= target if sense == ">=" else value <= target
        print(json.dumps({"goal": goal, "value": round(value, 2), "target": f"{sense} {target:g}", "met": bool(met)}))


if __name__ == "__main__":
    main()
