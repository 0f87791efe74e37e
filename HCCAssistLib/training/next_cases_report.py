"""The ranking of unlabelled cases as a table, as JSON, and as a page with what the networks saw of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from HCCAssistLib.evaluation.crop_view import CropView
from HCCAssistLib.evaluation.ensemble_spread import MEANING, SOURCE
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_pages import case_stem
from HCCAssistLib.inference.scored import Scored
from HCCAssistLib.models.caveats import is_synthetic_model
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.results.stamp import stamp
from HCCAssistLib.training.next_cases import NextCase, NextCases
from HCCAssistLib.wording import plural, rounded

FORMAT = "hccassist-next/1"

COLUMNS = ("rank", "tied", "case_id", "spread_bits", "of", "unlabelled_findings", "set", "nearest_confirmed", "problem")
"""Of next.csv: a row for every unlabelled case, ranked ones first."""

POOLED, WHOLE, NOTHING_FOUND = "all target findings", "the case", "nothing found"

DISTANCES = (
    "Beside a finding stand the confirmed findings of other patients that are nearest to it among the values that the "
    "last layer of the members is given; each patient gives one at most. The distance is the root mean square over "
    "these values, each in standard deviations of the confirmed findings: two drawn at random lie about 1.4 apart. A "
    "neighbour shows what the networks take for alike, and is no evidence of what the finding is."
)


class Ranking(Report):
    """A page that reports no study."""

    @property
    def missing(self) -> None:
        """The guidelines for studies do not apply."""
        return None


def of_text(one: NextCase) -> str:
    """What the spread of a case is of."""
    if one.finding is None:
        return NOTHING_FOUND
    return POOLED if one.pooled else one.finding.label or WHOLE


def bits(spread: float) -> str:
    """A spread with three digits that count, since members of a large training differ little."""
    return f"{spread:.3g}"


def rank_text(one: NextCase) -> str:
    """``2``, or ``2 =`` of several that are equal."""
    return f"{one.rank} =" if one.tied else str(one.rank)


def sentence(found: NextCases) -> str:
    """What was ranked by what."""
    n, most = len(found.cases), math.log2(found.classes)
    cases = f"{n} unlabelled {plural('case', n)} ranked by the spread of {found.members} members"
    return f"{cases}; 0 bits: all members agree, {most:.3g} {'bit' if most == 1 else 'bits'}: they differ all they can"


def as_rows(found: NextCases) -> list[tuple[Any, ...]]:
    """Rows of next.csv."""
    rows: list[tuple[Any, ...]] = [
        (
            *(one.rank, int(one.tied), one.case_id, one.spread, of_text(one), one.unlabelled),
            one.finding.told if one.finding else "",
            "; ".join(f"{near.case_id} {near.label} {near.distance:.2f}" for near in one.nearest),
            "",
        )
        for one in found.cases
    ]
    blank = ("", "", "", "", "")
    rows += [("", "", name, *blank, " ".join(map(str, problems))) for name, problems in found.failed.items()]
    return rows


def as_json(found: NextCases, package: ModelPackage) -> dict[str, Any]:
    """The content of next.json."""
    return {
        "format": FORMAT,
        "research_use_only": True,
        "recipe": package.recipe.id,
        "model": package.card.name,
        "model_sha256": package.card.seal,
        "members": found.members,
        "spread": {"name": "mutual information", "unit": "bit", "most": math.log2(found.classes), "meaning": MEANING},
        "confirmed_findings": found.confirmed,
        "cases": [
            {
                "rank": one.rank,
                "tied": one.tied,
                "case_id": one.case_id,
                "spread": one.spread,
                "of": of_text(one),
                "unlabelled_findings": one.unlabelled,
                "probabilities_of_members": one.finding.probabilities.tolist() if one.finding else [],
                "set": one.finding.told if one.finding else "",
                "nearest": [
                    {"case_id": n.case_id, "finding": n.finding.label, "label": n.label, "distance": n.distance}
                    for n in one.nearest
                ],
            }
            for one in found.cases
        ],
        "failed": {name: [str(problem) for problem in problems] for name, problems in found.failed.items()},
        "warnings": [str(problem) for problem in found.problems],
    }


def report(found: NextCases, package: ModelPackage, *, most: int, synthetic: frozenset[str]) -> Report:
    """The page, with the pictures of the first cases.

    Args:
        found: the ranking.
        package: the model.
        most: cases with pictures.
        synthetic: ids of the cases that are phantoms.
    """
    card, n = package.card, len(found.cases)

    def stamp_of(case_id: str) -> str:
        return stamp(case=case_id in synthetic, model=is_synthetic_model(card))

    pages = Ranking(
        "What to annotate next",
        subtitle=f"{n} unlabelled {plural('case', n)}, model {card.name}",
        provenance={"recipe": f"{package.recipe.id}: {package.recipe.paper}", "model": card.name, "seal": card.seal},
    )
    pages.add_warnings([*found.problems, *(p for problems in found.failed.values() for p in problems)])
    pages.add_text(f"{sentence(found)}. {MEANING} {SOURCE}")
    rows = [(rank_text(o), o.case_id, bits(o.spread), of_text(o), str(o.unlabelled)) for o in found.cases]
    columns = ("Rank", "Case", "Spread (bits)", "Of", "Unlabelled findings")
    pages.add_table("Unlabelled cases, the widest spread first", columns, rows, note="=: of equal spread.")
    pages.attach_csv("next.csv", COLUMNS, as_rows(found))
    with pages.section("Beside confirmed cases"):
        pages.add_text(DISTANCES)
        for one in found.cases[:most]:
            _add_case(pages, one, stamp_of)
    return pages


def _add_case(pages: Report, one: NextCase, stamp_of: Callable[[str], str]) -> None:
    pages.add_heading(f"{rank_text(one)}. {one.case_id}")
    if one.finding is None:
        pages.add_text("The model finds nothing in it.")
        return
    told = f"; {one.finding.told}" if one.finding.told else ""
    pages.add_text(f"Spread {bits(one.spread)} bits, of {of_text(one)}{told}.")
    stem = case_stem("next", one.case_id)
    caption = ", ".join(filter(None, (f"Case {one.case_id}", one.finding.label)))
    _add_pictures(pages, stem, one.finding, caption, stamp_of(one.case_id))
    for number, near in enumerate(one.nearest, 1):
        of = f", {near.finding.label}" if near.finding.number and not near.finding.verdict else ""
        caption = f"Nearest {number}: case {near.case_id}{of}: {near.label}, distance {rounded(near.distance, 2)}"
        _add_pictures(pages, f"{stem}_{number}", near.finding, caption, stamp_of(near.case_id))
    if not one.nearest:
        pages.add_text("No finding of another patient is confirmed.")


def _add_pictures(pages: Report, stem: str, finding: Scored, caption: str, words: str) -> None:
    if finding.pictures:
        view = CropView(_named(finding), [one.side_mm for one in finding.pictures], stamp=words)
        pages.add_crops(stem, view, caption, unit="finding")


def _named(finding: Scored) -> dict[str, Any]:
    return {one.name: one.grey for one in finding.pictures}
