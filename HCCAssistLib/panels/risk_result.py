"""A risk in the panel: a bar with the cut-off, what decided, what each clinical value added, what it does not mean."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.labels import TimeToEvent, Variable
from HCCAssistLib.panels.clinical_form import values_of
from HCCAssistLib.panels.part import Part, Shared
from HCCAssistLib.panels.ui_files import load, tell
from HCCAssistLib.results.cutoff import cutoff_text
from HCCAssistLib.results.risk import ClinicalValue, RiskResult
from HCCAssistLib.scene.presenters.detection import score_text

HIGH, LOW, EMPTY = "#b3432b", "#2f6f9f", "#c8c8c8"
"""Colours of the groups, and of what is left of a bar."""

HALF = 50
"""Percent of the width that the largest contribution to either side takes."""


class RiskResultPart(Part):
    """The result of the chosen scan as bars and sentences.

    Args:
        shared: of the panel.
        words: what gives each probability, in words, by its name.
    """

    def __init__(self, shared: Shared, words: Mapping[str, str]) -> None:
        self._session, self._words = shared.session, words
        self._node: Any = None
        self.ui = load("risk_result", shared.sections.resultsButton.layout())

    def bind(self, node: Any | None) -> None:
        """The clinical values of the scene, which may be others by now."""
        self._node = node

    def refresh(self) -> None:
        """Show the result as it is now."""
        review, recipe = self._session.current, self._session.recipe
        self.ui.RiskResult.visible = review is not None
        if review is not None:
            result = review.result
            self.ui.riskLabel.text = risk_html(result, recipe.label, self._words)
            self.ui.contributionsLabel.text = contributions_html(result, recipe.variables, self._words)
            self.ui.contributionsLabel.visible = bool(result.contributions)
            clinical = clinical_html(result.clinical, recipe.variables)
            self.ui.clinicalUsedLabel.text = clinical
            self.ui.clinicalUsedLabel.visible = bool(clinical)
            tell(self.ui.clinicalChangedLabel, self._changed(review.chosen_inputs.values), "warn")

    def _changed(self, before: Mapping[str, str]) -> str:
        """Which clinical values are others now than those of the run, in a sentence; empty where none are."""
        variables = self._session.recipe.variables
        now = values_of(self._node, variables) if self._node is not None else before
        titles = [one.title for one in variables if now.get(one.column) != before.get(one.column)]
        text = _("Changed since the run: {titles}. The result is of what it was then.")
        return text.format(titles=", ".join(titles)) if titles else ""


def risk_html(result: RiskResult, outcome: TimeToEvent, words: Mapping[str, str]) -> str:
    """The risk as a bar from 0 to 1 with the cut-off below it, and the words that go with it."""
    color = HIGH if result.group == "high" else LOW
    title = _("Risk of recurrence within {months:g} months: {risk}").format(
        months=outcome.horizon_months, risk=_beside_cutoff(result)
    )
    group = ""
    if result.group is not None:
        name = _("high risk") if result.group == "high" else _("low risk")
        group = f" &nbsp; <span style='color:{color}'><b>{html.escape(name)}</b></span>"
    lines = [f"<b>{html.escape(title)}</b>{group}", _bar(result.probability, color)]
    if result.cutoff is not None:
        lines.append(_mark(result.cutoff.value))
        lines.append(html.escape(_("High from the cut-off on: {cutoff}.").format(cutoff=cutoff_text(result.cutoff))))
    lines.append(html.escape(_("Decided by: {model}.").format(model=words.get(result.decides, result.decides))))
    others = [
        f"{words.get(name, name)} {score_text(value)}"
        for name, value in result.probabilities.items()
        if name != result.decides
    ]
    if others:
        lines.append(html.escape(_("Beside it: {others}.").format(others="; ".join(others))))
    lines.append(html.escape(_("A share of patients like those of the training, not this patient's fate. ")))
    lines[-1] += html.escape(_("Research use only."))
    return "".join(one if one.startswith("<table") else f"<div>{one}</div>" for one in lines)


def _beside_cutoff(result: RiskResult) -> str:
    """The risk with as many digits as tell it from the cut-off."""
    cutoff = result.cutoff.value if result.cutoff is not None else None
    if cutoff is None or f"{result.probability:.2f}" != f"{cutoff:.2f}":
        return score_text(result.probability)
    digits = next((n for n in (3, 4, 5) if f"{result.probability:.{n}f}" != f"{cutoff:.{n}f}"), 5)
    return f"{result.probability:.{digits}f}"


def contributions_html(result: RiskResult, variables: Sequence[Variable], words: Mapping[str, str]) -> str:
    """What each variable added to the base rate, as bars to both sides, the strongest first; empty without any."""
    if not result.contributions:
        return ""
    unknown = {value.column for value in result.clinical if value.state == "missing"}
    titles = {
        **words,
        **{one.column: f"{one.title} ({_('unknown')})" if one.column in unknown else one.title for one in variables},
    }
    base = result.probability - sum(result.contributions.values())
    most = max(abs(value) for value in result.contributions.values()) or 1.0
    ordered = sorted(result.contributions.items(), key=lambda item: -abs(item[1]))
    rows = "".join(_signed(titles.get(name, name), value, most) for name, value in ordered)
    told = _("Base rate of the training {base:.2f}, {sum:+.2f} by the values below, makes {risk}.")
    text = told.format(base=base, sum=result.probability - base, risk=score_text(result.probability))
    head = _("What each value added in this patient")
    return f"<div><b>{html.escape(head)}</b></div><div>{html.escape(text)}</div><table width='100%'>{rows}</table>"


def clinical_html(values: Sequence[ClinicalValue], variables: Sequence[Variable]) -> str:
    """Which clinical values were used, and which were not known; empty where the model takes none."""
    by_column = {variable.column: variable for variable in variables}
    texts: dict[str, list[str]] = {"given": [], "imputed": [], "missing": []}
    for value in values:
        texts[value.state].append(html.escape(_told(value, by_column.get(value.column))))
    heads = {
        "given": _("Clinical values: {values}."),
        "imputed": _("<b>Unknown, taken in their stead: {values}.</b>"),
        "missing": _("<b>Unknown, decided without: {values}.</b>"),
    }
    return "<br>".join(heads[state].format(values=", ".join(told)) for state, told in texts.items() if told)


def _told(value: ClinicalValue, variable: Variable | None) -> str:
    title, unit = (variable.title, f" {variable.unit}".rstrip()) if variable is not None else (value.column, "")
    if value.used is None:
        return title
    choice = variable.choices.get(value.used) if variable is not None else None
    return f"{title} {choice or f'{value.used:g}{unit}'}"


def _bar(share: float, color: str) -> str:
    """Two cells: as wide as the share, and the rest."""
    filled = min(max(round(100 * share), 1), 99)
    cells = f"<td width='{filled}%' bgcolor='{color}'>&nbsp;</td><td width='{100 - filled}%' bgcolor='{EMPTY}'></td>"
    return f"<table width='100%' cellspacing='0' cellpadding='0'><tr>{cells}</tr></table>"


def _mark(share: float) -> str:
    """An arrow below a bar."""
    place, arrow = min(max(round(100 * share), 1), 99), "\N{BLACK UP-POINTING TRIANGLE}"
    text = f"{arrow}&nbsp;{share:.2f}"
    if share <= 0.5:
        cells = f"<td width='{place}%'></td><td width='{100 - place}%'>{text}</td>"
    else:
        cells = f"<td width='{place}%' align='right'>{share:.2f}&nbsp;{arrow}</td><td width='{100 - place}%'></td>"
    return f"<table width='100%' cellspacing='0' cellpadding='0'><tr>{cells}</tr></table>"


def _signed(title: str, value: float, most: float) -> str:
    """A row: the name, what lowers to the left of the middle, what raises to the right, the number."""
    width = max(round(2 * HALF * abs(value) / most), 1)
    rest = 100 - width
    bar = f"<td width='{width}%' bgcolor='{HIGH if value > 0 else LOW}'>&nbsp;</td>"
    gap = f"<td width='{rest}%'></td>" if rest else ""
    inner = "<table width='100%' cellspacing='0' cellpadding='0'><tr>{}</tr></table>"
    left = inner.format(gap + bar) if value < 0 else ""
    right = inner.format(bar + gap) if value > 0 else ""
    name = html.escape(title[:1].upper() + title[1:])
    number = f"{value:+.2f}"
    number = number[1:] if float(number) == 0 else number
    return (
        f"<tr><td width='38%'>{name}</td><td width='24%'>{left}</td><td width='24%'>{right}</td>"
        f"<td width='14%' align='right'>{number}</td></tr>"
    )
