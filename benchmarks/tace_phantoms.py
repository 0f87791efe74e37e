"""How hard the phantoms of tace-response are; nothing here says anything about patients.

AUC of the objective response by simple measures under the segments (texture at two scales, rim, necrosis, shunts,
volume, mean HU), cross-validated with the tumours of a patient together, beside volume and mean HU alone, with
permuted responses, with phantoms whose tumours tell nothing, and on another scanner without refitting; then the time
that a case takes. No recipe and no network is needed. The last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from HCCAssistLib.evaluation.display import estimate_text, interval_text
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.phantoms.tace.cases import RESPONSE, make_case, write_case
from HCCAssistLib.phantoms.tace.evidence import (
    MEASURES,
    Tumours,
    fitted_scores,
    patient_auc,
    rule_scores,
    transferred_scores,
    tumour_auc,
    tumours_of,
)
from HCCAssistLib.phantoms.tace.scores import STRENGTH, response_of
from HCCAssistLib.phantoms.tace.truth import TACEPhantom

CASES, SEED, SHUFFLES, TIMED = 160, 7, 20, 20


def show(estimate: Estimate) -> float:
    limits = estimate.clustered or estimate.interval
    print(
        f"  {estimate.name:32s} {estimate_text(estimate)} ({interval_text(limits)}), n = {estimate.n} {estimate.unit}s"
    )
    return estimate.value or 0.0


def made(cases: int, seed: int, latent: list[float], strength: float, scanner: str) -> Iterator[TACEPhantom]:
    for number in range(cases):
        phantom = make_case((seed, number), response_of(seed, number), strength=strength, scanner=scanner)
        latent += phantom.scores.tumours
        yield phantom


def table(
    title: str,
    cases: int,
    *,
    seed: int = SEED,
    strength: float = STRENGTH,
    scanner: str = "internal",
    fitted_to: Tumours | None = None,
) -> tuple[Tumours, float]:
    """The tumours of a cohort, and the AUC of all measures."""
    latent: list[float] = []
    tumours = tumours_of(made(cases, seed, latent, strength, scanner))
    scores = fitted_scores(tumours) if fitted_to is None else transferred_scores(fitted_to, tumours)
    print(f"{title}: {len(np.unique(tumours.patients))} patients, {len(tumours.patients)} tumours")
    show(tumour_auc(tumours, np.array(latent), "the planted score itself"))
    found = show(tumour_auc(tumours, scores, "all measures"))
    show(patient_auc(tumours, scores, "all measures, mean of a patient"))
    return tumours, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    cases = parser.parse_args().cases
    tumours, found = table(f"strength {STRENGTH}", cases)
    alone = {}
    for measure in MEASURES:
        alone[measure] = show(tumour_auc(tumours, rule_scores(tumours, measure), f"{measure} alone, at best"))
    dealt = [tumours.permuted(seed) for seed in range(SHUFFLES)]
    areas = [tumour_auc(one, fitted_scores(one), "permuted", draws=2).value or 0.0 for one in dealt]
    chance = float(np.mean(areas))
    print(f"  permuted responses               {chance:.2f} ({min(areas):.2f}-{max(areas):.2f}) of {SHUFFLES} shuffles")
    _, nothing = table("strength 0", cases, strength=0.0)
    table("another scanner, not refitted", cases, seed=SEED + 1, scanner="external", fitted_to=tumours)
    with tempfile.TemporaryDirectory() as scratch:
        times = []
        for number in range(TIMED):
            began, row = time.process_time(), {RESPONSE: response_of(SEED, number)}
            folder = Path(scratch) / str(number)
            write_case(folder, (SEED, number), row, background=None, field="liver", scanner="internal")
            times.append(time.process_time() - began)
    print(f"made and written: {np.mean(times):.2f} s of one core a case, the slowest of {TIMED} {max(times):.2f} s")
    single = max(alone["log_volume"], alone["mean_hu"])
    goals = [
        ("AUC by all measures", round(found, 3), "0.85 to 0.95", 0.85 <= found <= 0.95),
        ("AUC by volume or mean HU alone, at best", round(single, 3), "< 0.65", single < 0.65),
        ("AUC with permuted responses, mean", round(chance, 3), "0.45 to 0.55", 0.45 <= chance <= 0.55),
        ("AUC where the tumours tell nothing", round(nothing, 3), "0.40 to 0.60", 0.4 <= nothing <= 0.6),
        ("seconds for the slowest case", round(max(times), 2), "<= 1.5", max(times) <= 1.5),
    ]
    for goal, value, target, met in goals:
        print(json.dumps({"goal": goal, "value": value, "target": target, "met": bool(met)}))


if __name__ == "__main__":
    main()
