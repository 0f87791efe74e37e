"""What the hepatectomy recipe must show on phantoms with known truth; nothing here says anything about patients.

Models are trained on one cohort of phantoms and tested on another one, of other patients: AUC and C-index of the tumour
alone (SS) and with its surroundings (NSS) beside the true risk, a regression on measures of the tumour, and size and
mean HU alone; and a model of permuted outcomes, tested on permuted ones. The last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence import at_chance, print_goals, show

from HCCAssistLib.cli.console import Progress
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.hepatectomy.cases import PHANTOMS
from HCCAssistLib.phantoms.hepatectomy.evidence import MEASURES, early_auc, patients_in
from HCCAssistLib.phantoms.hepatectomy.scores import RECURRENCE, STRENGTH
from HCCAssistLib.phantoms.recurrence_patients import rule_scores, transferred_scores
from HCCAssistLib.phantoms.recurrence_targets import targets
from HCCAssistLib.recipes.hepatectomy.evaluation import evaluate
from HCCAssistLib.recipes.hepatectomy.recipe import HEPATECTOMY, NOT_SEGMENTED, SEGMENTED
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.recurrence import RecurrenceEvaluation
from HCCAssistLib.training.run import train

CASES, SEED, TESTED_SEED = 220, 7, 1007


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="of each of the two cohorts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cohorts = []
        for seed in (SEED, TESTED_SEED):
            folder = Path(scratch) / str(seed)
            write_cohort(PHANTOMS, folder, cases=arguments.cases, seed=seed, progress=Progress("phantoms").part)
            cohorts.append(read_cohort(folder))
        cohort, others = cohorts
        others = replace(others, cases=tuple(replace(case, split="test") for case in others.cases))

        def evaluated(name: str, **more: bool | str) -> RecurrenceEvaluation[Any]:
            options = HEPATECTOMY.resolve(more, preset="quick")
            began = time.monotonic()
            package, _ = train(cohort, Job(HEPATECTOMY, options, Path(scratch) / name, name), progress=Progress(name))
            print(f"{name}: trained in {time.monotonic() - began:.0f} s, reading of the cases included", flush=True)
            return evaluate(others, load_model(package), {})

        alone, around = evaluated("SS", voi=SEGMENTED), evaluated("NSS", voi=NOT_SEGMENTED)
        permuted = evaluated("permuted", permute_labels=True)
        fit, test = patients_in(cohort.of_split("train")), patients_in(others.cases)
    print("other phantoms, AUC of early recurrence (95 % interval), n patients")
    aucs = {
        name: one.figures.at_cutoff.estimates["AUC"]
        for name, one in (("SS", alone), ("NSS", around), ("permuted", permuted))
    }
    measured = early_auc(test, transferred_scores(fit, test), "regression on measures")
    rules = [early_auc(test, rule_scores(test, MEASURES.index(name)), name) for name in ("log_volume", "mean_hu")]
    for name, one in [*aucs.items(), *((one.name, one) for one in (measured, *rules))]:
        show(name, one)
    for name, expected in (
        ("the risk itself", targets(RECURRENCE)),
        ("what the tumour shows", targets(RECURRENCE, STRENGTH)),
    ):
        print(f"  {name:34s} {expected.auc:.3f}, C-index {expected.c_index:.3f}, expected of endlessly many patients")
    for name, found in (("SS", alone), ("NSS", around)):
        show(f"C-index, {name}", found.figures.groups.concordance)
        for simple in found.beside:  # fitted to the patients that the network learnt from
            show(f"AUC, {name} minus {simple.name}", simple.comparison.differences[0])
    least = min(one.comparison.differences[0].interval.low or 0.0 for one in alone.beside)
    beaten = ("AUC, SS minus size or mean HU: least lower limit", round(least, 3), "> 0", least > 0)
    print_goals([beaten, at_chance("permuted outcomes", aucs["permuted"])])


if __name__ == "__main__":
    main()
