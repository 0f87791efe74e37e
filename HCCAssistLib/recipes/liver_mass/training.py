"""How a member of a liver-mass model is trained: one fit, as the paper's sessions, which differ by their seeds.

The members' figures are those of masses on the pictures of their marks; ranges of size and of Hounsfield units go with
the model, so that a prediction can tell what it never saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from HCCAssistLib.recipes.liver_mass.looks import looks
from HCCAssistLib.recipes.liver_mass.recipe import phases_of
from HCCAssistLib.recipes.liver_mass.sampling import CODES
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.assembled import Assembled, class_accuracy
from HCCAssistLib.training.calibration import calibration_files, seen_features
from HCCAssistLib.training.member import Member
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.samples import Samples


def studies_kept(options: Mapping[str, Value]) -> frozenset[str]:
    """None: the pictures are all that is looked at."""
    return frozenset()


def fit_member(member: Member) -> MemberResult:
    """Train one network; the epoch with the lowest loss on the pictures of validation is kept."""
    found = member.fit("final", member.train, member.validation, span=(0.0, 0.98))
    train, held_out = member.train, member.validation
    logits = member.outputs(member.network(found), held_out)
    seen = [looks(part["image"], part["diameter_mm"], member.plan.options) for part in (train, held_out)]
    facts = {"seen": ranges(train, member.plan.options)}
    return MemberResult.of({"": found}, held_out, logits, facts, seen_features(train, *seen))


def ranges(samples: Samples, options: Mapping[str, Value]) -> dict[str, Any]:
    """Lowest and highest diameter in mm, and mean HU of a mass in each phase, among pictures."""
    hu = samples["hu"]
    return {
        "diameter_mm": _range(samples["diameter_mm"]),
        "hu": {phase: _range(hu[:, n]) for n, phase in enumerate(phases_of(options))},
    }


def assemble(results: Sequence[MemberResult], *, chosen_on: str) -> Assembled:
    """Accuracy of the pictures that each member was not trained on, what calibrates sets, and what all were trained on.

    Args:
        results: of the members.
        chosen_on: these pictures, in words.
    """
    seen = [result.facts["seen"] for result in results]
    phases = seen[0]["hu"]
    facts = {
        "diameter_mm": _joined([one["diameter_mm"] for one in seen]),
        "hu": {phase: _joined([one["hu"][phase] for one in seen]) for phase in phases},
    }
    return Assembled(
        estimates=class_accuracy(results, CODES, unit="picture"),
        facts={"seen": facts},
        extras=calibration_files(results),
    )


def _range(values: Any) -> list[float]:
    return [round(float(values.min()), 1), round(float(values.max()), 1)]


def _joined(limits: Sequence[Sequence[float]]) -> list[float]:
    return [min(low for low, _ in limits), max(high for _, high in limits)]
