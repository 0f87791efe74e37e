"""How a member of a recurrence model is trained: one fit; the cut-off is chosen on what no member was trained on.

The paper takes its cut-offs (0.598 with the tumour alone, 0.503 with its surroundings) by the largest Youden index on
the training group, which its networks had learnt. Here each case is scored by the members that it was held out of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.cutoffs import youden_cutoff
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.models.curves import CURVES, curves_as_json
from HCCAssistLib.recipes.hepatectomy.baseline import fitted
from HCCAssistLib.recipes.hepatectomy.explanation import early
from HCCAssistLib.recipes.hepatectomy.recipe import EARLY_RECURRENCE, OUTCOME
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.assembled import Assembled
from HCCAssistLib.training.held_out_scores import held_out_scores, reference_curve
from HCCAssistLib.training.loop import Logits
from HCCAssistLib.training.member import Member
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.samples import Samples
from HCCAssistLib.training.simple_rules import BASELINES

MEASURED = ("size_mm", "hu", "slice_mm")
"""What is measured of each case."""


def settled(options: Mapping[str, Value]) -> dict[str, Value]:
    """The options as they are.

    Raises:
        InputError: what is clipped ends before it begins.
    """
    if not float(options["clip_low"]) < float(options["clip_high"]):
        what = f"what is clipped ends at {options['clip_high']:g} HU before it begins at {options['clip_low']:g} HU"
        raise InputError(what, "option clip_high", "give a higher one")
    return dict(options)


def studies_kept(options: Mapping[str, Value]) -> frozenset[str]:
    """None: the VOIs are all that is looked at."""
    return frozenset()


def fit_member(member: Member) -> MemberResult:
    """Train one network; the epoch with the highest AUC of validation is kept.

    The loss would not do: a network that is sure of itself and wrong about a few has a higher one than a network that
    has hardly begun to learn.
    """
    found = member.fit("final", member.train, member.validation, metric=_area, span=(0.0, 0.98))
    logits = member.outputs(member.network(found), member.held_out)
    facts = {
        "seen": {name: _range(member.train[name]) for name in MEASURED},
        BASELINES: fitted(member.train),
    }
    return MemberResult.of({"": found}, member.held_out, logits, facts)


def _area(samples: Samples, logits: Logits) -> float:
    return auc(samples.labels, early(logits), unit="patient").value or 0.0


def assemble(results: Sequence[MemberResult], *, chosen_on: str) -> Assembled:
    """Cut-off and figures on the scores of held-out cases, their survival, and what all members were trained on.

    A case that several members (repeats) were not trained on has the mean of their scores. Those who were lost before
    two years count in the survival alone.

    Args:
        results: of the members.
        chosen_on: these cases, in words.
    """
    held_out = held_out_scores(results, early)
    patients, truth, scores = held_out.known(OUTCOME)
    source = f"{chosen_on}, each patient scored by networks that were not trained on it"
    cutoff = youden_cutoff(truth, scores, chosen_on=source)
    found = binary_evaluation(truth, scores, patients, unit="case", cutoff=cutoff).estimates
    alike = f"{source}; the cut-off was chosen on the same patients"
    curve = reference_curve(held_out, cutoff, event="recurrence", source=alike)
    seen = [result.facts["seen"] for result in results]
    return Assembled(
        cutoffs={EARLY_RECURRENCE: cutoff},
        default_cutoff=EARLY_RECURRENCE,
        estimates=[found[name] for name in ("AUC", "sensitivity", "specificity")],
        facts={
            "seen": {name: _joined([one[name] for one in seen]) for name in MEASURED},
            BASELINES: [result.facts[BASELINES] for result in results],
        },
        extras={CURVES: curves_as_json({EARLY_RECURRENCE: curve})},
    )


def _range(values: Any) -> list[float]:
    return [round(float(values.min()), 2), round(float(values.max()), 2)]


def _joined(limits: Sequence[Sequence[float]]) -> list[float]:
    return [min(low for low, _ in limits), max(high for _, high in limits)]
