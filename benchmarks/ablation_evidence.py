"""What the ablation recipe must show on phantoms with known truth; nothing here says anything about patients.

On the held-out cases of a cohort of phantoms: AUC, C-index and log-rank test of the four models of one package beside
what they were designed for, the true scores, simple rules and a regression on measures; the same with permuted
outcomes; and what the training of one member takes. The last lines are one JSON object per goal.

Each phase of the phantoms gets its true transform, as a person may give it, unless ``--register`` is asked for: the
registration has benchmarks of its own, and would take nine tenths of the time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from evidence import above, at_chance, print_goals, show

from HCCAssistLib.cli.console import Progress
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.evaluation.display import p_value
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.phantoms.ablation.cases import PHANTOMS
from HCCAssistLib.phantoms.ablation.evidence import (
    MEASURES,
    early_auc,
    patients_in,
    true_scores,
    with_values,
    write_true_transforms,
)
from HCCAssistLib.phantoms.ablation.scores import model_targets
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.recurrence_patients import Patients, rule_scores, transferred_scores
from HCCAssistLib.recipes.ablation.evaluation import evaluate
from HCCAssistLib.recipes.ablation.recipe import ABLATION
from HCCAssistLib.training.run import Job, train

CASES, SEED = 220, 7
SPLIT = (7, 2, 5)
"""To train, to validate and to test: more to test than in the paper, so that intervals are narrow enough to tell."""

FOLDS = 3
CORES, MEMBER_S = 2, 120.0

MARGIN = "smallest margin"


class Clock(Progress):
    """Progress that notes when the first member was begun and when it ended its last epoch."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.noted: dict[str, tuple[float, float]] = {}

    def __call__(self, what: str, done: float) -> None:
        """Report, and note the time that has passed and the processor's."""
        super().__call__(what, done)
        for stage in ("reading the cohort", "network 1 of"):
            if what.startswith(stage):
                self.noted[stage] = (time.monotonic(), time.process_time())

    @property
    def member_s(self) -> tuple[float, float]:
        """Wall and CPU seconds of the first member."""
        (began, began_cpu), (ended, ended_cpu) = self.noted.values()
        return ended - began, ended_cpu - began_cpu


def without_margin(patients: Patients) -> Patients:
    """The patients with what can be measured in the images alone."""
    return replace(patients, measures=np.delete(patients.measures, MEASURES.index(MARGIN), axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohort", type=Path, help="phantoms made before, with more than a few to test")
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--register", action="store_true", help="register the phases instead of giving transforms")
    arguments = parser.parse_args()
    clocks = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.cohort or Path(scratch) / "cohort"
        if not arguments.cohort:
            phantoms = replace(PHANTOMS, split=SPLIT)
            write_cohort(phantoms, folder, cases=arguments.cases, seed=SEED, progress=Progress("phantoms").part)
            if not arguments.register:
                write_true_transforms(read_cohort(folder).cases)
        cohort = read_cohort(folder)
        found = {}
        for name, permuted in (("as they are", False), ("permuted", True)):
            options = ABLATION.resolve({"permute_labels": permuted}, preset="quick")
            clock = clocks[name] = Clock(name)
            job = Job(ABLATION, options, Path(scratch) / f"model-{permuted}", "evidence", SEED, folds=arguments.folds)
            package, _ = train(cohort, job, progress=clock)
            found[name] = evaluate(cohort, load_model(package), {}, progress=Progress(f"{name}: held-out")).models
            if not permuted:
                print(f"DL_Clinical takes the signature of {ABLATION.printed(package.card.training['signature_of'])}")
        fit, cases = ([case for case in cohort.cases if (case.split == "test") is test] for test in (False, True))
        learnt, test, best = patients_in(fit), patients_in(cases), true_scores(cases)
        values = transferred_scores(with_values(fit), with_values(cases))
    print(f"{len(fit)} phantoms to learn from in {arguments.folds} folds, {len(cases)} held out; preset quick")
    print("AUC of early recurrence (95 % interval), n patients of whom it is known")
    aucs = {name: one.at_cutoff.estimates["AUC"] for name, one in found["as they are"].items()}
    shuffled = {name: one.at_cutoff.estimates["AUC"] for name, one in found["permuted"].items()}
    wanted = model_targets()
    for name, one in aucs.items():
        show(ABLATION.printed(name), one)
        show("  its true score", early_auc(test, best[name], name))
        print(f"    of endlessly many patients         {wanted[name].auc:.3f}")
    show("the risk itself", early_auc(test, best["risk"], "risk"))
    rules = [early_auc(test, rule_scores(test, number), name) for number, name in enumerate(MEASURES) if name != MARGIN]
    measured = early_auc(test, transferred_scores(*(without_margin(one) for one in (learnt, test))), "measures")
    margin = early_auc(test, -test.measures[:, MEASURES.index(MARGIN)], MARGIN)
    for name, one in (("true smallest margin", margin), ("regression on measures", measured)):
        show(name, one)
    show("regression on values", early_auc(test, values, "values"))
    for one in rules:
        show(f"rule: {one.name}", one)
    print("C-index of all patients, and log-rank test of the risk groups")
    for name, one in found["as they are"].items():
        show(f"{ABLATION.printed(name)} (designed {wanted[name].c_index:.3f})", one.groups.concordance)
        print(f"    log-rank P {p_value(one.groups.test.p) if one.groups.test else 'one group'}")
    print("AUC with permuted outcomes")
    for name, one in shuffled.items():
        show(ABLATION.printed(name), one)
    wall, cpu = clocks["as they are"].member_s
    at_best = f"on {CORES} free cores {cpu / CORES:.0f} s at best"
    print(f"one member: {wall:.0f} s of wall time, {cpu:.0f} s of CPU time; {at_best}")
    reached = {name: one.value or 0.0 for name, one in aucs.items()}
    print_goals(
        [
            above("AUC of PrePost over Pre", reached["prepost"], reached["pre"]),
            above("AUC of PrePost over every simple rule", reached["prepost"], *(one.value or 0.0 for one in rules)),
            above("AUC of DL_Clinical over Clinical", reached["dl_clinical"], reached["clinical"]),
            at_chance("permuted outcomes, PrePost", shuffled["prepost"]),
            ("CPU seconds of one quick member / 2 cores", round(cpu / CORES, 1), "<= 120", cpu / CORES <= MEMBER_S),
        ]
    )


if __name__ == "__main__":
    main()
