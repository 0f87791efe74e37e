"""What the table of a cohort says before a training is begun; read in a thread."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.panels.ui_files import tell
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import RECIPES
from HCCAssistLib.scene.in_thread import InThread
from HCCAssistLib.training.table_facts import TableFacts, table_facts
from HCCAssistLib.wording import plural

TALLEST, LINE = 170, 17
"""Pixels of the list of faults, and of a line in it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the facts of a table depend on.

    Attributes:
        cohort: its folder.
        recipe: id of the method.
        options: of the training, resolved.
        folds, seed: of the training.
    """

    cohort: Path
    recipe: str
    options: Mapping[str, Value]
    folds: int
    seed: int

    def answer(self) -> TableFacts:
        """Look at the table."""
        recipe = RECIPES[self.recipe]
        return table_facts(self.cohort, recipe, self.options, folds=self.folds, seed=self.seed)


class TrainingFacts:
    """Shows the facts that belong to a question.

    Args:
        label: for the facts.
        browser: for the list of faults.
    """

    def __init__(self, label: Any, browser: Any) -> None:
        self._label, self._browser = label, browser
        self._thread: InThread[tuple[Question, TableFacts]] = InThread()
        self._asked: Question | None = None  # that is being looked at, or was
        self._known: tuple[Question, TableFacts] | None = None
        self._failed = ""

    @property
    def busy(self) -> bool:
        """Whether a table is being looked at."""
        return self._thread.busy

    def look(self, question: Question | None) -> None:
        """Look at a table, unless it was looked at for this question, or one is being looked at."""
        if question is not None and question != self._asked and not self._thread.busy:
            self._asked, self._failed = question, ""
            self._thread.begin(lambda: (question, question.answer()))

    def forget(self) -> None:
        """The table may have changed: it is looked at again."""
        self._asked = None

    def poll(self) -> bool:
        """Take up what was found; whether more is to come."""
        try:
            self._known = self._thread.take() or self._known
        except HCCAssistError as error:
            self._failed = str(error)
        return self._thread.busy

    def show(self, question: Question | None, problem: str) -> TableFacts | None:
        """Show what is known of a question, and give it back; None where it is not known.

        Args:
            question: None where there is no table to look at.
            problem: why there is none.
        """
        facts = self._known[1] if self._known and self._known[0] == question else None
        self._browser.visible = facts is not None and bool(facts.problems)
        if facts is None:
            looking = _("Looking at the table ...") if question is not None else ""
            tell(self._label, self._failed or problem or looking, "stop" if self._failed else "note")
            return None
        warnings = len(facts.problems) - facts.stops
        lines = [facts_words(facts.counts)] if facts.counts else []
        if facts.stops:
            lines.append(_("{n} of the faults below stop a training.").format(n=facts.stops))
        elif warnings:
            lines.append(_("The warnings below go into the model card."))
        else:
            lines.append(_("Nothing is wrong with the table. Images are looked at when the training begins."))
        tell(self._label, "\n".join(lines), "stop" if facts.stops else "warn" if warnings else "ok")
        words = {"STOP": _("stops"), "WARN": _("warning")}
        rows = "".join(f"<p><b>{words[one.level]}:</b> {html.escape(str(one))}</p>" for one in facts.problems)
        self._browser.setHtml(rows)
        self._browser.setFixedHeight(min(TALLEST, 14 + LINE * sum(2 + len(str(one)) // 60 for one in facts.problems)))
        return facts

    def close(self) -> None:
        """The panel goes."""
        self._thread.close()


def facts_words(counts: Mapping[str, Any]) -> str:
    """Sizes of a cohort in a sentence or two.

    >>> facts_words({"cases": 3, "patients": 2, "labels": {"0": 1, "1": 2}, "splits": {"": 3}})
    '3 cases of 2 patients. Labels: 1 x 0, 2 x 1. No split: patients are divided by the seed.'
    """
    cases, patients = (f"{counts[name]} {plural(name[:-1], counts[name])}" for name in ("cases", "patients"))
    text = _("{cases} of {patients}.").format(cases=cases, patients=patients)
    if labels := counts["labels"]:
        each = ", ".join(f"{n} x {name or _('no label')}" for name, n in labels.items())
        text += " " + _("Labels: {each}.").format(each=each)
    splits = counts["splits"]
    if set(splits) <= {""}:
        text += " " + _("No split: patients are divided by the seed.")
    else:
        text += " " + _("Split: {each}.").format(
            each=", ".join(f"{n} {name or _('not set')}" for name, n in splits.items())
        )
    return str(text)
