"""What the LTP recipe must show on phantoms with known truth; nothing here says anything about patients.

On the held-out cases of a cohort of phantoms: lesions found against false positives beside a threshold on HU, patch
AUC, the same with permuted labels, and whether Grad-CAM points at the nodules and stops to when weights are lost. The
last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from HCCAssistLib.cli.console import Progress
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.evaluation.display import estimate_text, interval_text
from HCCAssistLib.evaluation.froc import FrocCurve
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.models.package import read_package
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.ltp.cases import PHANTOMS
from HCCAssistLib.phantoms.ltp.evidence import pointing_evidence, threshold_froc
from HCCAssistLib.recipes.ltp import evaluation
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.run import train

CASES, SEED = 144, 7


def show(name: str, curve: FrocCurve) -> None:
    print(f"{name}: {curve.lesions} lesions in {curve.volumes} volumes")
    for estimate in (*curve.at_rates, curve.cpm):
        print(f"  {estimate.name:58s} {estimate_text(estimate):14s} {interval_text(estimate.interval)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohort", type=Path, help="phantoms made before (hccassist phantom ltp, or the demo's)")
    parser.add_argument("--model", type=Path, help="model trained on them")
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    recipe = get_recipe("ltp")
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.cohort or Path(scratch) / "cohort"
        if not arguments.cohort:
            write_cohort(PHANTOMS, folder, cases=CASES, seed=SEED, field="liver", progress=Progress("phantoms").part)
        cohort = read_cohort(folder)
        if arguments.model:
            package = read_package(arguments.model, recipe="ltp")
        else:
            options = recipe.resolve({"epochs": arguments.epochs})
            job = Job(recipe, options, Path(scratch) / "model", "model", seed=SEED)  # as the demo trains its own
            package, _ = train(cohort, job, progress=Progress("train"))
        model = load_model(package)
        found = evaluation.evaluate(cohort, model, {}, progress=Progress("evaluate"))
        options = recipe.resolve({"epochs": 6, "hard_negatives": 0, "permute_labels": True})
        job = Job(recipe, options, Path(scratch) / "p", "permuted")
        shuffled, _ = train(cohort, job, progress=Progress("permuted"))
        permuted = evaluation.evaluate(cohort, load_model(shuffled), {"stride": "fast"}).patch.estimates["AUC"]
        threshold = threshold_froc(cohort)
        pointing = pointing_evidence(cohort, model.networks[0])
    auc = found.patch.estimates["AUC"]
    print(f"patch AUC            {estimate_text(auc)} ({interval_text(auc.clustered or auc.interval)}), n = {auc.n}")
    limits = permuted.clustered or permuted.interval
    print(f"with permuted labels {estimate_text(permuted)} ({interval_text(limits)}), n = {permuted.n}")
    assert found.froc is not None
    show("network", found.froc)
    show("threshold on HU", threshold)
    print(
        f"pointing game: {estimate_text(pointing.trained)} ({interval_text(pointing.trained.interval)}), "
        f"by chance {pointing.chance:.2f}"
    )
    for one in pointing.randomised:
        print(f"  {one.name}: {estimate_text(one)} ({interval_text(one.interval)}; {one.interval.method})")
    gain = (found.froc.cpm.value or 0.0) - (threshold.cpm.value or 0.0)
    covered = limits.low is not None and limits.high is not None and limits.low <= 0.5 <= limits.high
    trained, lost = pointing.trained.value or 0.0, pointing.randomised[-1].value or 0.0
    goals = [
        ("CPM of the network over the HU threshold", round(gain, 3), "> 0", gain > 0),
        ("permuted labels: interval of the patch AUC covers 0.5", [limits.low, limits.high], "covers 0.5", covered),
        (
            "pointing game: trained over all weights random",
            round(trained - lost, 3),
            "> 0",
            trained > lost,
        ),
    ]
    for goal, value, target, met in goals:
        print(json.dumps({"goal": goal, "value": value, "target": target, "met": bool(met)}))


if __name__ == "__main__":
    main()
