"""A cohort at a glance in words: a row for each case, and how many there are of each kind."""

from __future__ import annotations

from slicer.i18n import tr as _

from HCCAssistLib.cohort.overview import CaseOverview, Overview
from HCCAssistLib.wording import plural


def row_texts(one: CaseOverview) -> tuple[str, ...]:
    """Case, patient, label, split and what is wrong, short."""
    labels = dict.fromkeys(one.labels)
    counted = [f"{label} ({one.labels.count(label)})" if one.labels.count(label) > 1 else label for label in labels]
    faults = [place.split("/")[-1] for place in one.missing]
    others = len([problem for problem in one.problems if not problem.what.startswith("there is no ")])
    words = [_("no {places}").format(places=", ".join(faults))] if faults else []
    words += [_("{n} other").format(n=others) if faults else _("{n} to look at").format(n=others)] if others else []
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
