"""How a member of a TACE model is trained: one fit of the layer behind the backbone, or of the small network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.baseline import fitted
from HCCAssistLib.recipes.tace.bodies import STANDS_IN, settled_body
from HCCAssistLib.recipes.tace.recipe import with_backbone
from HCCAssistLib.recipes.tace.sampling import CODES
from HCCAssistLib.training.assembled import Assembled, class_accuracy
from HCCAssistLib.training.member import Member
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.simple_rules import BASELINES

MEASURED = ("diameter_mm", "hu", "slice_mm")
"""What is measured of each tumour."""


def settled(options: Mapping[str, Value]) -> dict[str, Value]:
    """The options with what stands for "as installed" settled: which backbone, or the small network.

    Raises:
        InputError: a backbone that is asked for by name and not installed, or a window that ends before it begins.
    """
    if not float(options["window_low"]) < float(options["window_high"]):
        what = f"the window ends at {options['window_high']:g} HU before it begins at {options['window_low']:g} HU"
        raise InputError(what, "option window_high", "give a higher one")
    return {**options, **settled_body(options)}


def studies_kept(options: Mapping[str, Value]) -> frozenset[str]:
    """None: the patches, or what the backbone makes of them, are all that is looked at."""
    return frozenset()


def fit_member(member: Member) -> MemberResult:
    """Train one network, and the simple rules beside it; the epoch with the lowest loss of validation is kept."""
    found = member.fit("final", member.train, member.validation, span=(0.0, 0.98))
    logits = member.outputs(member.network(found), member.validation)
    facts = {
        "seen": {name: _range(member.train[name]) for name in MEASURED},
        BASELINES: fitted(member.train),
        "caveats": [] if with_backbone(member.plan.options) else [STANDS_IN],
        "weights": sum(tensor.numel() for tensor in found.weights.values()),
    }
    return MemberResult.of({"": found}, member.validation, logits, facts)


def assemble(results: Sequence[MemberResult], *, chosen_on: str) -> Assembled:
    """Accuracy of the patches that each member was not trained on, and what all of them were trained on.

    Args:
        results: of the members.
        chosen_on: these patches, in words.
    """
    seen = [result.facts["seen"] for result in results]
    facts = {
        "seen": {name: _joined([one[name] for one in seen]) for name in MEASURED},
        BASELINES: [result.facts[BASELINES] for result in results],
        "caveats": results[0].facts["caveats"],
        "learning_weights": results[0].facts["weights"],
    }
    return Assembled(estimates=class_accuracy(results, CODES, unit="patch"), facts=facts)


def _range(values: Any) -> list[float]:
    return [round(float(values.min()), 2), round(float(values.max()), 2)]


def _joined(limits: Sequence[Sequence[float]]) -> list[float]:
    return [min(low for low, _ in limits), max(high for _, high in limits)]
