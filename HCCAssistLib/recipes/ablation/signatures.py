"""The patients of a training, each with the scores of the networks that were not trained on him: the signatures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit

from HCCAssistLib.recipes.ablation.recipe import NETWORKS, OUTCOME, POST, TIME_POINTS
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.samples import Samples

OF_POST = TIME_POINTS.index(POST)


@dataclass(eq=False, slots=True)
class Patient:
    """One patient of a training.

    Attributes:
        case_id, patient_id: pseudonyms.
        months: of follow-up; shuffled where the labels were, as is what follows.
        event: whether they ended with a recurrence.
        post: whether there is MR after the ablation.
        clinical: in the order of the recipe, NaN where a value is not known.
        scores: of each network, by the members that the patient was held out of.
    """

    case_id: str
    patient_id: str
    months: float
    event: bool
    post: bool
    clinical: tuple[float, ...]
    scores: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in NETWORKS})

    @property
    def early(self) -> bool | None:
        """Whether the recurrence came early; None of a patient who was lost before that was known."""
        return OUTCOME.early(self.months, self.event)

    def signature(self, network: str) -> float | None:
        """The mean score of the members that were not trained on the patient.

        None where there is none, or where the network looks at two time points and the second is not there.
        """
        scores = self.scores[network] if self.post or network != "prepost" else []
        return float(np.mean(scores)) if scores else None


def rows_of(samples: Samples) -> list[dict[str, Any]]:
    """What trees need of each sample, as JSON: a member's result keeps no inputs."""
    return [
        {
            "case": samples.origins[case].case_id,
            "patient": samples.origins[case].patient_id,
            "months": float(months),
            "event": bool(event),
            "post": bool(present[OF_POST]),
            "clinical": [None if math.isnan(value) else float(value) for value in clinical],
        }
        for case, months, event, present, clinical in zip(
            *(samples[name] for name in ("case", "time", "event", "present", "clinical")), strict=True
        )
    ]


def patients_of(results: Sequence[MemberResult]) -> dict[str, Patient]:
    """All patients by case, in the order of their names, with the scores of those that did not learn from them.

    Args:
        results: of the members; their facts hold ``train`` and ``held_out``, each of ``rows_of``, and their outputs
            ``(n, 2)`` are the logits of both networks for the samples that were held out.
    """
    found: dict[str, Patient] = {}
    for result in results:
        for row in (*result.facts["train"], *result.facts["held_out"]):
            found.setdefault(row["case"], _patient(row))
    for result in results:
        for row, logits in zip(result.facts["held_out"], result.outputs, strict=True):
            for name, logit in zip(NETWORKS, logits, strict=True):
                found[row["case"]].scores[name].append(float(expit(np.float64(logit))))
    return dict(sorted(found.items()))


def parts_of(results: Sequence[MemberResult]) -> list[frozenset[str]]:
    """The cases that were held out of the members, each part once, however often it was repeated."""
    return list(dict.fromkeys(frozenset(row["case"] for row in result.facts["held_out"]) for result in results))


def _patient(row: Mapping[str, Any]) -> Patient:
    clinical = tuple(math.nan if value is None else float(value) for value in row["clinical"])
    months, event, post = float(row["months"]), bool(row["event"]), bool(row["post"])
    return Patient(row["case"], row["patient"], months, event, post, clinical)
