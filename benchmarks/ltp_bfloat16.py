"""LTP training with the first two convolutions in bfloat16 on a processor: is it faster, right, and as good?

Not an option of the recipe; this tells whether it should be one. Three answers: each convolution's gradients against
64-bit floats at the shapes of a batch, since some of oneDNN's are wrong in bfloat16; a step beside that of 32-bit
floats, in turns; and, with --seeds, trainings in pairs on phantoms, whose held-out patches and scans are compared.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional

from HCCAssistLib.cli.process import tune
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.ltp.cases import PHANTOMS
from HCCAssistLib.recipes.ltp import evaluation, network
from HCCAssistLib.recipes.ltp.network import LTPNetwork, loss, windowed
from HCCAssistLib.recipes.ltp.recipe import WINDOWS
from HCCAssistLib.recipes.ltp.training_features import _convolved_in_plane, features_in_blocks
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.run import train

HALF = torch.bfloat16
CASES, TRAINED, VALIDATED = 96, 16, 6
TOLERANCE = 0.01
"""Of a convolution's gradient; a rounding to bfloat16 is 0.004, and a wrong one is off by its own size."""


def features_in_16_bits(net: LTPNetwork, x: Tensor) -> Tensor:
    """``net.features`` with the first two convolutions and poolings in bfloat16; biases are added in 32 bits."""
    for layer in (net.conv1, net.conv2):
        # oneDNN's own layout takes 32-bit weights and rounds them itself
        maps = functional.conv3d(x.to_mkldnn(HALF), layer.weight, padding=layer.padding)
        pooled = functional.max_pool3d(maps, 2, 2).to_dense(torch.float32)
        x = functional.relu(pooled + layer.bias[:, None, None, None])  # type: ignore[index]
    return functional.relu(_convolved_in_plane(net.conv3, x))


def gradients(net: LTPNetwork, x: Tensor) -> dict[str, float]:
    """How far each convolution's gradients are from those in 64 bits, as a share of their norm."""
    apart = {}
    for name, layer in {"conv1": net.conv1, "conv2": net.conv2}.items():
        x = x.detach()
        maps = layer(x).detach()
        back = torch.randn_like(maps)
        shape = ([1] * 3, list(layer.padding), [1] * 3, False, [0] * 3, 1, (True, True, False))
        of = torch.ops.aten.convolution_backward
        weight = layer.weight.detach()
        exact = of(back.double(), x.double(), weight.double(), [0], *shape)
        found = of(back.to_mkldnn(HALF), x.to_mkldnn(HALF), weight, [0], *shape)
        for what, one, true in zip(("input", "weight"), found, exact, strict=False):
            one = (one.to_dense() if one.is_mkldnn else one).double()
            apart[f"{name}, {what}"] = float((one - true).norm() / true.norm())
        x = functional.relu(functional.max_pool3d(maps, 2))
    return apart


def step_ratio(net: LTPNetwork, x: Tensor, turns: int = 8) -> float:
    """CPU time of a step in 32-bit floats over that in bfloat16, the least of several turns of each."""
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    labels = {"label": torch.arange(len(x)) % 2}
    ways = (features_in_blocks, features_in_16_bits)
    taken = dict.fromkeys(ways, np.inf)
    for _ in range(turns + 1):  # what only a first step does is not the least
        for way in ways:
            began = time.process_time()
            optimizer.zero_grad()
            loss(net.head(way(net, x)), labels).backward()
            optimizer.step()
            taken[way] = min(taken[way], time.process_time() - began)
    return float(taken[features_in_blocks] / taken[features_in_16_bits])


def trained(cohort: Cohort, seed: int, epochs: int, *, half: bool, folder: Path) -> tuple[float, float]:
    """AUC of the held-out patches and CPM of the held-out scans of a model that was trained one way."""
    recipe = get_recipe("ltp")
    job = Job(recipe, recipe.resolve({"epochs": epochs}), folder / f"{seed}-{half}", "model", seed=seed, device="cpu")
    with patch.object(network, "features_in_blocks", features_in_16_bits) if half else nullcontext():
        package, _ = train(cohort, job)
    found = evaluation.evaluate(cohort, load_model(package), {})
    assert found.froc is not None
    return float(found.patch.estimates["AUC"].value or 0.0), float(found.froc.cpm.value or 0.0)


def some(cohort: Cohort) -> Cohort:
    """Few cases to train and validate on, and all that are held out."""
    split = {name: [case for case in cohort.cases if case.split == name] for name in ("train", "validation", "test")}
    return replace(cohort, cases=(*split["train"][:TRAINED], *split["validation"][:VALIDATED], *split["test"]))


def pairs(folder: Path, seeds: int, epochs: int) -> None:
    """Trainings from the same seeds in both ways, each pair printed, then the mean difference with its interval."""
    cohort = some(read_cohort(folder))
    held_out = sum(case.split == "test" for case in cohort.cases)
    differences = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(seeds):
            single, half = (trained(cohort, seed, epochs, half=h, folder=Path(scratch)) for h in (False, True))
            differences.append(np.subtract(half, single))
            print(f"seed {seed}: AUC, CPM {np.round(single, 4)} in 32 bits, {np.round(half, 4)} in 16", flush=True)
    for name, found in zip(("AUC of patches", "CPM"), np.array(differences).T, strict=True):
        low, high = stats.t.interval(0.95, len(found) - 1, found.mean(), stats.sem(found))
        interval = [round(float(low), 4), round(float(high), 4)]
        line = {"what": f"{name}, 16 bits less 32", "mean": round(float(found.mean()), 4), "interval": interval}
        print(json.dumps({**line, "seeds": len(found), "held-out cases": held_out}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=0, help="pairs of trainings; minutes each")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--cohort", type=Path, help="phantoms made before (hccassist phantom ltp)")
    arguments = parser.parse_args()
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        print("this processor has no instructions for bfloat16: nothing was compared")
        return 0
    tune()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = LTPNetwork()
    x = windowed(torch.randn(64, *net.patch_shape) * 40 + 80, WINDOWS)
    for what, one in gradients(net, x).items():
        print(json.dumps({"goal": f"gradient of {what}", "value": round(one, 5), "met": one <= TOLERANCE}))
    ratio = step_ratio(net.to(memory_format=torch.channels_last_3d), x)  # type: ignore[call-overload]
    print(json.dumps({"goal": "step in 32 bits over 16", "value": round(ratio, 2), "met": ratio >= 1.3}), flush=True)
    if arguments.seeds:
        with tempfile.TemporaryDirectory() as scratch:
            folder = arguments.cohort or Path(scratch) / "cohort"
            if not arguments.cohort:
                write_cohort(PHANTOMS, folder, cases=CASES, seed=7, field="liver")
            pairs(folder, arguments.seeds, arguments.epochs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
