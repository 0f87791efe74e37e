"""What calibrated sets of categories must show on phantoms with known truth; nothing here says anything of patients.

Coverage, size and flags of the sets of held-out masses; how many masses of none of the five categories are called
unlike anything seen (``phantoms/liver_mass/unseen.py``); and how many of each category where it was left out of what
the looks were learnt from. The last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from evidence import Goal, print_goals, show

from HCCAssistLib.cli.console import Progress
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.cohort.splits import folds as patient_folds
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.evaluation.conformal import Calibration
from HCCAssistLib.evaluation.intervals import proportion_interval
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.liver_mass.cases import PHANTOMS, PLANTED
from HCCAssistLib.phantoms.liver_mass.unseen import UNSEEN
from HCCAssistLib.recipes.liver_mass.evaluation import evaluate
from HCCAssistLib.recipes.liver_mass.looks import looks
from HCCAssistLib.recipes.liver_mass.masses import masses_of
from HCCAssistLib.recipes.liver_mass.performance import KINDS
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, MASSES, PHASES, TIME_POINT
from HCCAssistLib.recipes.liver_mass.sampling import CODES, pictures, sample_case
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.results.category_set import UNLIKE
from HCCAssistLib.training.calibration import FILE, OF_MEMBER, calibration_files, how_unusual, seen_features
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.run import Job, train
from HCCAssistLib.training.samples import Samples, joined

CASES, SEED, FOLDS = 160, 7, 3
PRESET = {"width": 0.2, "epochs": 8, "copies": 4, "sections": 3, "batch": 32}
UNLIKE_OTHERS = "E"
"""The kind whose looks the phantoms share with no other; those of the others overlap on purpose."""

UNSEEN_CASES, UNSEEN_SEED = 30, 1007
"""Each holds one mass of each unseen kind."""

Array = np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohort", type=Path, help="phantoms made before (hccassist phantom liver-mass)")
    parser.add_argument("--unseen", type=Path, help="phantoms of unseen kinds made before (the same with --unseen)")
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--epochs", type=int, default=PRESET["epochs"])
    parser.add_argument("--only", choices=("sets", "unseen"), help="one of the two parts")
    arguments = parser.parse_args()
    began = time.process_time()
    options = LIVER_MASS.resolve({**PRESET, "epochs": arguments.epochs})
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.cohort or Path(scratch) / "cohort"
        if not arguments.cohort:
            write_cohort(PHANTOMS, folder, cases=arguments.cases, seed=SEED, progress=Progress("phantoms").part)
        cohort = read_cohort(folder)
        goals: list[Goal] = []
        if arguments.only != "unseen":
            goals += of_sets(cohort, options, Path(scratch))
        if arguments.only != "sets":
            others = arguments.unseen or Path(scratch) / "unseen"
            if not arguments.unseen:
                made = Progress("phantoms of unseen kinds").part
                write_cohort(
                    PHANTOMS, others, cases=UNSEEN_CASES, seed=UNSEEN_SEED, unseen=True, workers=2, progress=made
                )
            goals += of_unseen(cohort, read_cohort(others, tolerant=True), options)
    print(f"CPU {time.process_time() - began:.0f} s")
    print_goals(goals)


def of_sets(cohort: Cohort, options: dict, scratch: Path) -> list[Goal]:
    """Train, and evaluate the sets of the held-out masses."""
    job = Job(LIVER_MASS, options, scratch / "model", "model", folds=FOLDS)
    model = load_model(train(cohort, job, progress=Progress("training"))[0])
    found = evaluate(cohort, model, {}, progress=Progress("evaluation"))
    sets = found.sets
    assert sets is not None
    print(f"options { ({name: options[name] for name in PRESET}) }, {FOLDS} folds")
    print(f"sets of {sets.basis}; accuracy {found.categories.accuracy.value:.3f}; held-out masses:")
    for one in sets.estimates:
        show(one.name, one)
    low, high = sets.coverage.interval.low or 0.0, sets.coverage.interval.high or 0.0
    size = sets.size.value or 0.0
    return [
        ("coverage: its binomial interval", [low, high], f"covers {sets.level:g}", low <= sets.level <= high),
        ("mean number of categories in a set", round(size, 3), "<= 2 of 5", size <= 2),
    ]


def of_unseen(cohort: Cohort, unseen: Cohort, options: dict) -> list[Goal]:
    """Count the masses of unseen kinds that are flagged, and those of each kind that was left out, with the others."""
    samples, kinds = first_pictures(cohort)
    look = looks(samples["image"], samples["diameter_mm"], options)
    other_look, other_kinds = unseen_looks(unseen, options)
    print(f"called unlike anything seen, at a level of {100 * UNLIKE:g} %:")
    judge, test = learnt_without(cohort, samples, look, kinds, "none", options)
    goals: list[Goal] = []
    for kind in UNSEEN:
        hit = shown(f"unseen kind: {kind}", judge(other_look[other_kinds == kind]))
        goals.append((f"{kind}, of no category: flagged", round(hit, 3), ">= 0.8", hit >= 0.8))
    p = judge(look[test])
    alarms = shown("ordinary ones", p)
    low = flags(p).interval.low or 0.0
    goals.append(("ordinary masses: flagged", round(alarms, 3), f"interval not above {UNLIKE:g}", low <= UNLIKE))
    print("where a kind was left out of what was learnt:")
    for kind in (one for one in KINDS if one in kinds[test]):
        judge, _ = learnt_without(cohort, samples, look, kinds, kind, options)
        hit = shown(f"{kind} left out: {kind}", judge(look[test & (kinds == kind)]))
        shown(f"{kind} left out: others", judge(look[test & (kinds != kind)]))
        if kind == UNLIKE_OTHERS:
            goals.append((f"kind {kind}, left out: flagged", round(hit, 3), ">= 0.8", hit >= 0.8))
    return goals


def shown(what: str, p: Array) -> float:
    """Print how many are flagged; their share."""
    found = flags(p)
    show(what, found)
    return found.value or 0.0


def first_pictures(cohort: Cohort) -> tuple[Samples, Array]:
    """The picture of each mass as a prediction sees it, and its kind."""
    options = LIVER_MASS.resolve({**PRESET, "sections": 1})
    classes, parts, kinds = cohort_spec(LIVER_MASS, options).finding_classes, [], []
    for case in cohort.cases:
        study = read_study(case, LIVER_MASS, options=options, classes=classes)
        parts.append(sample_case(study, case, options, np.random.default_rng(0)))
        kinds += [one.subclass or one.code for one in study.findings[MASSES]]
    return joined(parts), np.array(kinds)


def unseen_looks(cohort: Cohort, options: dict) -> tuple[Array, Array]:
    """The looks of masses without a category, and their kinds."""
    found, kinds = [], []
    for case in cohort.cases:
        study = read_study(case, LIVER_MASS, options=options)
        volumes = {phase: study.volumes[f"{TIME_POINT}/{phase}"] for phase in PHASES}
        masses = masses_of(study, options)
        images, _ = pictures(volumes, [(mass, mass.center) for mass in masses], options)
        found.append(looks(images, [mass.diameter_mm for mass in masses], options))
        kinds += str(case.values[PLANTED]).split()
    return np.concatenate(found), np.array(kinds)


def learnt_without(
    cohort: Cohort, samples: Samples, look: Array, kinds: Array, kind: str, options: dict
) -> tuple[Callable[[Array], Array], Array]:
    """How unusual looks are for members that learnt nothing of a kind, and which masses none of them learnt."""
    spec, case_ids = cohort_spec(LIVER_MASS, options), np.array([o.case_id for o in samples.origins])
    train_cases = tuple(case for case in cohort.cases if case.split != "test")
    part_of = patient_folds(Cohort(cohort.folder, train_cases), FOLDS, strata(cohort, spec), seed=SEED)
    fold = np.array([part_of.get(str(name), -1) for name in case_ids])[samples["case"]]
    results = []
    for number in range(FOLDS):
        learnt, held_out = ((fold >= 0) & other & (kinds != kind) for other in (fold != number, fold == number))
        kept = seen_features(samples.select(learnt), look[learnt], look[held_out])
        outputs = np.zeros((held_out.sum(), len(CODES)), np.float32)  # of a network, which takes no part
        results.append(MemberResult({}, {}, samples.select(held_out).without_inputs(), outputs, kept=kept))
    files = calibration_files(results)
    members = [files[OF_MEMBER.format(number)] for number in range(FOLDS)]
    return partial(how_unusual, Calibration.from_arrays(files[FILE]), members), fold < 0


def flags(p: Array) -> Estimate:
    hits = int((p <= UNLIKE).sum())
    return Estimate("flagged", hits / len(p), len(p), "mass", proportion_interval(hits, len(p)), successes=hits)


if __name__ == "__main__":
    main()
