"""The section of a report on the segments of a second rater."""

from __future__ import annotations

from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_pages import prefixed
from HCCAssistLib.training.second_rater import RatedPatient, SecondRater
from HCCAssistLib.wording import plural, rounded


def add_second_rater(pages: Report, found: SecondRater) -> None:
    """Add AUC by both raters, how far their segments agree, and who changes the risk group."""
    title = f"Second rater {found.name}"
    pages.cover("rater_variability")
    pages.add_heading(title)
    pages.add_warnings(found.problems)
    pages.add_warnings(problem for problems in found.left_out.values() for problem in problems)
    n, changed = len(found.patients), len(found.changed)
    agreed = ""
    if found.dice:
        median, low, high = (rounded(value, 3) for value in found.dice)
        agreed = f" The Dice coefficient of the two segments has a median of {median} ({low} to {high})."
    pages.add_text(
        f"The tumours of {n} {plural('patient', n)} as a second rater drew them, with the same model and cut-off: "
        f"{changed} {plural('patient', changed)} would be in the other risk group.{agreed}"
    )
    first, second = found.areas
    areas = [prefixed("first rater", first), prefixed("second rater", second)]
    pages.add_estimates(f"{title}: AUC on the same patients", areas)
    if found.comparison:
        pages.add_estimates(f"{title}: second rater minus first", found.comparison.differences)
        tests = [("AUC", found.comparison.delong), ("right and wrong calls", found.comparison.mcnemar)]
        pages.add_tests(f"{title}: tests", tests)
    columns = ("Case", "Risk, first rater", "Risk, second rater", "Group, first", "Group, second", "Dice")
    note = "Those whose risk group changes come first."
    ordered = sorted(found.patients, key=lambda one: one.high == one.high_again)
    pages.add_table(f"{title}: patients", columns, [_row(one) for one in ordered], note=note, data=found.as_json())


def _row(one: RatedPatient) -> tuple[str, ...]:
    dice = "box" if one.dice is None else rounded(one.dice, 3)
    groups = ("high" if one.high else "low", "high" if one.high_again else "low")
    return one.case_id, rounded(one.risk, 2), rounded(one.again, 2), *groups, dice
