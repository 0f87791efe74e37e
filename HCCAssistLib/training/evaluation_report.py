"""What the reports of all evaluations share: their beginning, who was evaluated, the model, scans seen twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from HCCAssistLib.errors import Problem
from HCCAssistLib.evaluation.evaluated import Evaluation
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.models.card import card_rows
from HCCAssistLib.wording import plural

Found = TypeVar("Found", bound=Evaluation)


def begin_report(
    title: str,
    found: Found,
    model: LoadedModel,
    external: Found | None,
    counted: Callable[[Found], str],
    **more: str,
) -> Report:
    """An empty report that tells which model was evaluated on what.

    Args:
        title: of the report.
        found: on unseen cases.
        model: that was evaluated.
        external: on a cohort from elsewhere, None where there is none.
        counted: what an evaluation counts (``"12 unseen cases"``).
        more: of the provenance.
    """
    named = f" of {found.run['cohort']}" if found.run["cohort"] else ""
    beside = f", beside {counted(external)} of {external.run['cohort']}" if external else ""
    pages = Report(
        title,
        subtitle=f"model {model.package.card.name}, {counted(found)}{named}{beside}",
        provenance={
            **_provenance(found.run, model),
            **more,
            **(_of_cohort(external.run, "external ") if external else {}),
        },
        covered=("purpose", "partitions", "preprocessing", *(["external"] if external else [])),
    )
    if any("training" in purpose for stage in found.flow.stages for purpose in stage.elsewhere):
        pages.cover("internal")
    return pages


def add_evaluated(pages: Report, found: Evaluation) -> None:
    """Who was evaluated: the flow of cases and what they are like."""
    pages.add_heading("Who was evaluated")
    pages.add_flow(found.flow)
    if found.characteristics:
        pages.add_cohort("Characteristics of the cases", found.characteristics)


def add_model(pages: Report, model: LoadedModel) -> None:
    """All that the model's card tells."""
    card = model.package.card
    pages.cover("model", "training", "cutoff")
    pages.add_heading("Model")
    pages.add_table("Model card", ("Item", "Content"), card_rows(card, full=True), data=card.as_json())


def not_external(own: Mapping[str, Collection[str]], external: Mapping[str, Collection[str]]) -> tuple[Problem, ...]:
    """The warning of external cases that are among the others: each case's scans by their digests, by case id."""
    known = {digest for digests in own.values() for digest in digests}
    again = [name for name, digests in external.items() if known & set(digests)]
    if not again:
        return ()
    what = f"{len(again)} of the external scans are scans of the other cohort too, so nothing is external about them"
    return (Problem("WARN", what, f"{plural('case', len(again))} {', '.join(again)}"),)


def _provenance(run: Mapping[str, Any], model: LoadedModel) -> dict[str, str]:
    card, recipe = model.package.card, model.package.recipe
    return {
        "recipe": f"{recipe.id}: {recipe.paper}",
        "model": card.name,
        "model.json seal": card.seal or "none",
        "weights sha256": ", ".join(run["weights_sha256"]),
        "training cohort sha256": str(card.training.get("cohort_digest", "")),
        "training seed": str(card.training.get("seed", "")),
        "run options": ", ".join(f"{name}={value}" for name, value in run["options"].items()),
        **_of_cohort(run),
        "device": model.device,
    }


def _of_cohort(run: Mapping[str, Any], which: str = "") -> dict[str, str]:
    return {
        f"{which}cohort": run["cohort"],
        f"{which}cohort sha256": f"{run['cohort_sha256']} (rows and files of the evaluated cases)",
        f"{which}evaluated cases": ", ".join(run["cases"]),
        f"{which}cases left out": ", ".join(run["left_out"]) or "none",
    }
