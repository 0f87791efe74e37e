"""The demo of the classification of liver masses: several masses in one case, and the network beside mean values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.phantoms.demo import Demo, Row
from HCCAssistLib.phantoms.liver_mass.cases import PLANTED
from HCCAssistLib.recipes.liver_mass.recipe import MASSES

if TYPE_CHECKING:
    from HCCAssistLib.evaluation.report import Report
    from HCCAssistLib.inference.loaded_model import LoadedModel
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.results.classification import ClassificationResult

LEAST_MASSES = 3


def evidence(pages: Report, cohort: Cohort, model: LoadedModel, found: Any) -> list[Row]:
    """A rule on mean values and the pointing game, added to the report; their rows of the short table."""
    from HCCAssistLib.phantoms.liver_mass.evidence import accuracy, masses_in, mean_hu_rule, pointing

    options = model.package.card.options
    train, test = (masses_in(cohort.of_split(split), options) for split in ("train", "test"))
    rule = accuracy(mean_hu_rule(train, test), test, "accuracy of the mean HU")
    pages.add_heading("Beside mean values")
    pages.add_text("A logistic regression on the mean HU in the middle of a mass in each phase, from the same cases.")
    pages.add_estimates("Mean HU", (rule,))
    peaks, chance = pointing(model.networks, test)
    pages.cover("explainability")
    pages.add_heading("Does the heat map point at the mass?")
    pages.add_text(
        "Grad-CAM of frames that lie beside the mass. A map hits where its peak lies in the mass; a peak anywhere "
        f"would hit in {chance:.2f} of the maps."
    )
    pages.add_estimates("Pointing game", (peaks,))
    return [("mass, mean HU", rule), ("mass, heat map", peaks)]


def describe(result: ClassificationResult, study: Study) -> tuple[str, Sequence[str], Sequence[Sequence[object]]]:
    """A sentence on how many of the planted categories were found; headings and rows of the masses."""
    planted = [finding.code for finding in study.findings[MASSES]]
    codes = list(result.categories)
    called = [codes[int(np.argmax([f.probabilities[c] for c in codes]))] for f in result.findings]
    right = sum(one == other for one, other in zip(planted, called, strict=True))
    rows = [
        (f.number, truth, code, f"{f.probabilities[code]:.2f}", result.categories[code])
        for f, truth, code in zip(result.findings, planted, called, strict=True)
    ]
    sentence = f"{right} of {len(planted)} planted categories found"
    return sentence, ("mass", "planted", "category", "probability", "name"), rows


DEMO = Demo(
    cases=100,
    least_cases=20,
    title="Categories of liver masses on held-out phantoms",
    training={"epochs": 16, "batch": 32, "averaging": 0.99, "width": 0.25, "copies": 3, "sections": 3},
    run={},
    shows=lambda row: len(str(row[PLANTED]).split()) >= LEAST_MASSES,
    evidence=evidence,
    describe=describe,
)
