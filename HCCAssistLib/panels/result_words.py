"""What a panel tells of a result, in the words of its kind: a summary, how far the review is, what verdicts mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.panels.words import phase_words
from HCCAssistLib.results.cutoff import CutOff, cutoff_value
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.scene.presenters.detection import score_text
from HCCAssistLib.scene.review_counts import Counts
from HCCAssistLib.wording import plural


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """What verdicts are called for results of one kind.

    Attributes:
        told: of a finding that has the verdict.
        buttons: text and tip of the button that gives it.
        no: verdict of the button beside the one for ``ACCEPTED``.
    """

    told: Mapping[Verdict, str]
    buttons: Mapping[Verdict, tuple[str, str]]
    no: Verdict


DETECTION = VerdictWords(
    {
        Verdict.PENDING: "to review",
        Verdict.ACCEPTED: "accepted",
        Verdict.REJECTED: "rejected",
        Verdict.OTHER: "other tumour",
    },
    {
        Verdict.ACCEPTED: ("Accept", "This is what was looked for"),
        Verdict.REJECTED: ("Reject", "This is no tumour: a vessel, a shunt, normal tissue"),
        Verdict.OTHER: (
            "Other tumour",
            "Another tumour, not what was looked for: neither a positive nor a negative of a cohort",
        ),
    },
    Verdict.REJECTED,
)

CLASSIFICATION = VerdictWords(
    {
        Verdict.PENDING: "to review",
        Verdict.ACCEPTED: "agreed",
        Verdict.REJECTED: "rejected",
        Verdict.OTHER: "other category",
        Verdict.UNSURE: "unsure",
    },
    {
        Verdict.ACCEPTED: ("Agree", "It belongs to the category with the highest score"),
        Verdict.UNSURE: ("Unsure", "It cannot be put into a category; it gets no label in a cohort"),
        Verdict.OTHER: ("Another category", "It belongs to another category than the one with the highest score"),
    },
    Verdict.UNSURE,
)


WIDE_SPREAD = 0.3
"""A spread of the networks from which on they disagree."""


def verdict_words(task: str) -> VerdictWords:
    """Those of results of a kind."""
    return CLASSIFICATION if task == "classification" else DETECTION


def summary(result: Any) -> str:
    """The result in a sentence or two; empty for a risk, which is a picture of its own."""
    return _SUMMARIES[result.kind](result) if result.kind in _SUMMARIES else ""


def counts_text(task: str, counts: Counts) -> str:
    """How far a review is, in the words of its kind: ``2 agreed, 1 unsure, 3 to review``."""
    told = verdict_words(task).told
    numbers = {
        Verdict.ACCEPTED: counts.accepted,
        Verdict.REJECTED: counts.rejected,
        Verdict.OTHER: counts.other,
        Verdict.UNSURE: counts.unsure,
        Verdict.PENDING: counts.pending,
    }
    always = {Verdict.ACCEPTED, verdict_words(task).no, Verdict.PENDING}
    parts = [f"{number} {_(told[one])}" for one, number in numbers.items() if number or one in always]
    text = ", ".join(parts)
    return text + (_("; {hidden} judged below the threshold").format(hidden=counts.hidden) if counts.hidden else "")


def finding_text(result: Any, number: int | None) -> str:
    """The chosen finding of a classification in words: the two categories with the highest scores, and its groups."""
    found = next((one for one in result.findings if one.number == number), None)
    if result.kind != "classification" or found is None:
        return ""
    first, second = sorted(found.probabilities, key=found.probabilities.__getitem__, reverse=True)[:2]
    scores = [f"{code}, {result.categories[code]}: {score_text(found.probabilities[code])}" for code in (first, second)]
    groups = [f"{_(name.replace('_', ' '))} {score_text(p)}" for name, p in result.grouped(found.probabilities).items()]
    text = f"{number}: {'; '.join([*scores, *groups])}."
    if networks_disagree(found):
        text += " " + _("The networks disagree.")
    return f"{text} {set_text(found)}"


def set_text(finding: Any) -> str:
    """The categories that cannot be excluded, in a sentence."""
    found = finding.category_set
    if found is None:
        return str(_("No calibrated set."))
    return str(_("Set: {categories} ({basis}).").format(categories=found.text, basis=found.basis))


def networks_disagree(finding: Any) -> bool:
    """Whether another category is highest for one of the networks, or their scores lie far apart."""
    others = any(max(one, key=one.__getitem__) != finding.predicted for one in finding.by_network)
    return others or (spread_width(finding) or 0.0) >= WIDE_SPREAD


def spread_width(finding: Any) -> float | None:
    """Between the lowest and the highest score of the predicted category; None of a single network."""
    if not finding.spread:
        return None
    low, high = finding.spread[finding.predicted]
    return float(high - low)


def _detection(result: Any) -> str:
    """How many candidates there are at the threshold, where they were looked for, and what none does not mean."""
    cutoff = CutOff(result.threshold, result.threshold_source)
    value, shown, found = cutoff_value(cutoff), len(result.shown), len(result.candidates)
    where = result.searched.region if result.searched is not None else ""
    only = _(" Only the {where} was searched.").format(where=where) if where and where != "whole volume" else ""
    if shown:
        text = _("{shown} of {found} {candidates} at or above {value}.").format(
            shown=shown, found=found, candidates=plural("candidate", found), value=value
        )
    else:
        text = _("No candidate at or above {value}. This does not exclude a tumour.").format(value=value)
        text += _(" {found} below it: move the threshold to see them.").format(found=found) if found else ""
    return str(text + only + "\n" + _("Threshold: {source}.").format(source=cutoff.source))


def _classification(result: Any) -> str:
    """How many findings got which category, from which volumes; that a score is no diagnosis."""
    number = len(result.findings)
    if not number:
        return str(_("No finding was marked."))
    predicted = Counter(finding.predicted for finding in result.findings)
    each = ", ".join(
        f"{predicted[code]} {code} ({name})" for code, name in result.categories.items() if predicted[code]
    )
    used = ", ".join(_(phase_words(place.rsplit("/", 1)[-1])) for place in result.volumes)
    kind = _("finding") if number == 1 else _("findings")
    text = _(
        "{number} {kind} by highest score: {each}.\nFrom: {used}. A score is no diagnosis; only marked findings count."
    )
    told = text.format(number=number, kind=kind, each=each, used=used)
    return "\n".join(filter(None, [_patient(result), str(told)]))


def _patient(result: Any) -> str:
    """What the findings that count say of the patient; empty where nothing is pooled."""
    if result.patient is None:
        return ""
    code = max(result.patient, key=result.patient.__getitem__)
    targets = sum(finding.target for finding in result.findings)
    kind = _("target") if targets == 1 else _("targets")
    groups = "".join(
        f", {_(one.replace('_', ' '))} {score_text(p)}" for one, p in result.grouped(result.patient).items()
    )
    text = _("Patient, mean over {targets} {kind}: {code} ({name}) {score}{groups}.")
    name, score = result.categories[code], score_text(result.patient[code])
    return str(text.format(targets=targets, kind=kind, code=code, name=name, score=score, groups=groups))


_SUMMARIES = {"detection": _detection, "classification": _classification}
