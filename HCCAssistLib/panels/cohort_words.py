"""A cohort at a glance in words: a row for each case, and how many there are of each kind."""

from __future__ import annotations

from slicer.i18n import tr as _

from HCCAssistLib.cohort.overview import CaseOverview, Overview
from HCCAssistLib.panels.words import recipe_words
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.wording import plural


def row_texts(one: CaseOverview) -> tuple[str, ...]:
    """Case, patient, label, split and what is wrong, short."""
    labels = dict.fromkeys(one.labels)
    counted = [f"{label} ({one.labels.count(label)})" if one.labels.count(label) > 1 else label for label in labels]
    missing = ", ".join(place.split("/")[-1] for place in one.missing)
    words = [_("no {places}").format(places=missing)] if missing else []
    words += [problem.what for problem in one.problems]
    return one.case.case_id, one.case.patient_id, ", ".join(counted) or "?", one.case.split, "; ".join(words)


def balance_text(found: Overview) -> str:
    """Cases, patients, patients by label, and cases by split."""
    if not found.cases:
        return str(_("The cohort holds no case yet."))
    counts = [
        f"{count} {plural(word, count)}" for word, count in (("case", len(found.cases)), ("patient", found.patients))
    ]
    text = _("{cases} of {patients}").format(cases=counts[0], patients=counts[1])
    held = ", ".join(f"{label} {count}" for label, count in found.balance.items())
    lines = [text + (_("; patients by label: {held}").format(held=held) if held else "")]
    if set(found.splits) != {""}:
        lines.append(_("Split: ") + ", ".join(f"{split or _('not set')} {n}" for split, n in found.splits.items()))
    return "\n".join(lines)


def case_text(one: CaseOverview, recipe: Recipe, more: str) -> str:
    """What there is to say of a case.

    Args:
        one: the case.
        recipe: of the cohort.
        more: of its scans, where their headers were read.
    """
    first = _("{case} of {patient}").format(case=one.case.case_id, patient=one.case.patient_id)
    if one.readers:
        first += "; " + _("also read by {readers}").format(readers=", ".join(one.readers))
    lines = [first, *(text for text in (more,) if text)]
    lines += [_("Missing: {place}.").format(place=recipe_words(recipe, place)) for place in one.missing]
    for problem in one.problems:
        text = str(problem).removeprefix(f"case {one.case.case_id}: ")
        lines.append(f"{text[:1].upper()}{text[1:]}")
    return "\n".join(lines)
