"""What a recipe makes of its trained members: cut-offs, figures and whatever else the model package holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from HCCAssistLib.evaluation.confusion import ConfusionMatrix
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.models.caveats import NO_INFORMATION, OPTIMISTIC
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.member_result import MemberResult


@dataclass(frozen=True, slots=True)
class Assembled:
    """Given back by a recipe's ``training.assemble``.

    Attributes:
        cutoffs: by name; none where the recipe has no cut-off.
        default_cutoff: name of the one that a prediction begins with.
        estimates: figures on the samples of validation.
        descriptions: figures of what was fitted, such as the importance of a variable, which rate no performance.
        facts: of the recipe, for the training record of the card.
        extras: more files of the package by name: arrays or JSON.
    """

    cutoffs: Mapping[str, CutOff] = field(default_factory=dict)
    default_cutoff: str = ""
    estimates: Sequence[Estimate] = ()
    descriptions: Sequence[Estimate] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)


def class_accuracy(results: Sequence[MemberResult], codes: Sequence[str], *, unit: str) -> tuple[Estimate, Estimate]:
    """Share of the samples of validation, each judged by the member that was not trained on it, that are right.

    Beside it the no-information rate: what naming the commonest class always would have.

    Args:
        results: of the members, with outputs ``(n, classes)``.
        codes: of the classes, in the order of the outputs.
        unit: what a sample is.
    """
    truth = np.concatenate([result.validation.labels for result in results]).astype(int)
    called = np.concatenate([result.outputs.argmax(axis=1) for result in results])
    counts = np.zeros((len(codes), len(codes)), dtype=int)
    np.add.at(counts, (truth, called), 1)
    found: Estimate = ConfusionMatrix(tuple(codes), tuple(map(tuple, counts.tolist()))).metrics(unit=unit)["all"][
        "accuracy"
    ]
    commonest = int(counts.sum(axis=1).argmax())
    right = int(counts[commonest].sum())
    note = f"naming {codes[commonest]} always"
    rate = Estimate(
        NO_INFORMATION,
        right / found.n if found.n else None,
        found.n,
        unit,
        Interval.missing("a share of these very samples"),
        successes=right,
        note=note if found.n else found.note,
    )
    return found, rate


def metrics(estimates: Sequence[Estimate], chosen_on: str) -> dict[str, Any]:
    """Figures for the model card; they rest on the samples that chose the epoch and the cut-off, and say so."""
    note = "the epoch and the cut-off were chosen on these very samples: expect less on unseen patients"
    return {
        e.name: replace(
            e, name=f"{e.name}, {chosen_on} {OPTIMISTIC}", note="; ".join(filter(None, (e.note, note)))
        ).as_json()
        for e in estimates
    }
