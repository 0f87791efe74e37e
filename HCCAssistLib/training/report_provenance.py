"""What a report says of the run of an evaluation: model, cohort, options, scans that are not from elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from HCCAssistLib.errors import Problem
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.wording import plural


def provenance(run: Mapping[str, Any], model: LoadedModel) -> dict[str, str]:
    """What the figures rest on, for the foot of a report.

    Args:
        run: of ``EvaluatedCases``.
        model: that was evaluated.
    """
    card, recipe = model.package.card, model.package.recipe
    return {
        "recipe": f"{recipe.id}: {recipe.paper}",
        "model": card.name,
        "model.json seal": card.seal or "none",
        "weights sha256": ", ".join(run["weights_sha256"]),
        "training cohort sha256": str(card.training.get("cohort_digest", "")),
        "training seed": str(card.training.get("seed", "")),
        "run options": ", ".join(f"{name}={value}" for name, value in run["options"].items()),
        **cohort_provenance(run),
        "device": model.device,
    }


def cohort_provenance(run: Mapping[str, Any], which: str = "") -> dict[str, str]:
    """The cohort of a run; ``which`` (``"external "``) stands before each heading."""
    return {
        f"{which}cohort": run["cohort"],
        f"{which}cohort sha256": f"{run['cohort_sha256']} (rows and files of the evaluated cases)",
        f"{which}evaluated cases": ", ".join(run["cases"]),
        f"{which}cases left out": ", ".join(run["left_out"]) or "none",
    }


def not_external(own: Mapping[str, Collection[str]], external: Mapping[str, Collection[str]]) -> tuple[Problem, ...]:
    """The warning of external cases that are among the others: each case's scans by their digests, by case id."""
    known = {digest for digests in own.values() for digest in digests}
    again = [name for name, digests in external.items() if known & set(digests)]
    if not again:
        return ()
    what = f"{len(again)} of the external scans are scans of the other cohort too, so nothing is external about them"
    return (Problem("WARN", what, f"{plural('case', len(again))} {', '.join(again)}"),)
