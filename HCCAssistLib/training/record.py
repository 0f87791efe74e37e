"""The training record of a model card: what the members were trained on, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from HCCAssistLib.cohort.synthetic import counted_apart
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.members import MemberPlan
from HCCAssistLib.training.reading import PackedCohort
from HCCAssistLib.training.samples import Samples

PARTS = ("train", "validation")


def cohort_record(packed: PackedCohort, recipe: Recipe, plans: Sequence[MemberPlan], *, table: str) -> dict[str, Any]:
    """What model.json says of the cohort, as soon as it has been read; it stays on this computer until then.

    Args:
        packed: the cohort and its samples.
        recipe: which method.
        plans: of all members, with the cases' own ids.
        table: of ``own_table``.
    """
    cohort, samples, known = packed.cohort, packed.samples, packed.samples.of_known(recipe.label)
    read = {name for plan in plans for name in (*plan.train, *plan.validation)}
    used = read & known.cases().keys()
    return {
        "cohort_digest": samples.digest(),
        "image_digests": [digest for origin in samples.origins for digest in origin.image_digests],
        "image_fingerprints": [
            list(one) for origin in samples.origins for one in packed.files.fingerprints[origin.case_id] if one
        ],
        "splits_drawn_from": table,
        "cases": {
            split: sum(c.split == split and c.case_id not in packed.excluded for c in cohort.cases)
            for split in (*PARTS, "test")
        },
        "excluded": dict(packed.excluded),
        "outcome_unknown": len(read) - len(used),
        "patients": len(set(known.patients)),
        "trained_on": counted_apart(case for case in cohort.cases if case.case_id in used),
        **_per_class(samples, recipe),
    }


def training_record(
    of_cohort: Mapping[str, Any],
    trained: Sequence[tuple[MemberPlan, MemberResult]],
    *,
    seed: int,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """What model.json says under ``training``.

    Args:
        of_cohort: of ``cohort_record``.
        trained: every member with its plan.
        seed: of the training.
        facts: of the recipe's own stages.
    """
    first, _ = trained[0]
    return {
        **of_cohort,
        "permuted_labels": bool(first.options.get("permute_labels", False)),
        "width": first.options.get("width", 1.0),
        "seed": seed,
        "folds": first.folds,
        "repeats": 1 + max(plan.repeat for plan, _ in trained),
        "members": [
            {
                "fold": plan.fold,
                "repeat": plan.repeat,
                "seed": plan.seed,
                "best_epoch": _of_networks(result, "best_epoch"),
                "precision": _of_networks(result, "precision"),
            }
            for plan, result in trained
        ],
        "history": [_of_networks(result, "history") for _, result in trained],
        **facts,
    }


def _per_class(samples: Samples, recipe: Recipe) -> dict[str, Any]:
    """Samples of each class by its code, for training and validation; nothing where there are no classes."""
    if "label" not in samples or not isinstance(recipe.label, Classes):
        return {}
    counts = {split: samples.of_split(split).counts() for split in PARTS}
    return {
        "samples_per_class": {
            split: {code: of_split.get(number, 0) for number, code in enumerate(recipe.label.codes)}
            for split, of_split in counts.items()
        }
    }


def _of_networks(result: MemberResult, name: str) -> Any:
    """Best epoch or course of a member; of each network by name where it has several."""
    found = {network: fit[name] for network, fit in result.fits.items()}
    return found[""] if set(found) == {""} else found
