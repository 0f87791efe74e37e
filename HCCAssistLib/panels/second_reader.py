"""How far the readers of the chosen cohort agree, the cases in which they differ, and whose labels and marks count."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from HCCAssistLib.cohort.case import READINGS, TABLE
from HCCAssistLib.evaluation.display import estimate_text, interval_text
from HCCAssistLib.panels.cohort_choice import CohortChoice
from HCCAssistLib.panels.lane import Lane
from HCCAssistLib.panels.tables import fill, fit, prepare
from HCCAssistLib.panels.ui_files import Level, load, tell
from HCCAssistLib.recipes.registry import all_classes, all_columns, all_marks
from HCCAssistLib.response.second_reader import Chosen, PairOfReaders, Words, choose_reading, pairs_of_readers
from HCCAssistLib.wording import plural

TOLD = 12
"""Cases that a question names."""

JOINED = (
    ("majority", "what most readers say, voxel by voxel"),
    ("staple", "what most readers say, segments by STAPLE"),
)

Found = tuple[tuple[str, ...], tuple[PairOfReaders, ...]]
"""Readers, and pairs of them."""


class SecondReader:
    """Figures, differences and a choice; everything that reads or writes files does so in a thread.

    Args:
        section: collapsible; nothing is read while it is closed.
        choice: method and cohort.
        on_open: told the id of a case to open.
        on_written: the cohort was written.
    """

    def __init__(
        self,
        section: Any,
        *,
        choice: CohortChoice,
        on_open: Callable[[str], None],
        on_written: Callable[[], None],
    ) -> None:
        self._section, self._choice = section, choice
        self._on_open, self._on_written = on_open, on_written
        self._lane = Lane()
        self._key: tuple[Any, ...] = ()
        self._found: Found = (), ()
        self._said: tuple[str, Level] = "", "note"
        self.ui = ui = load("second_reader", section.layout())
        prepare(ui.agreementTable, (_("Of"), _("Figure"), _("Value"), _("95 % interval"), _("n")), stretched=0)
        prepare(ui.differencesTable, (_("Case"), _("They differ in")), stretched=1)
        section.connect("contentsCollapsed(bool)", lambda _collapsed: self.refresh())
        ui.readersBox.connect("currentIndexChanged(int)", lambda _index: self._show_pair())
        ui.differencesTable.connect("cellDoubleClicked(int,int)", lambda row, _column: self._open(row))
        ui.countsButton.connect("clicked(bool)", lambda _checked: self._ask())
        self._show((), ())

    def refresh(self) -> None:
        """Compare the readers again where another cohort is chosen, or somebody read a case since."""
        folder = self._choice.folder
        if self._section.collapsed or self._lane.busy:
            return
        if folder is None or self._choice.is_new:
            self._key = ()
            self._show((), ())
            return
        key = _key_of(folder)
        if key != self._key:
            if key[0] != (self._key or (None,))[0]:
                self._said = "", "note"
            self._key = key
            self._show((), ())
            tell(self.ui.agreementLabel, _("Comparing the readers ..."))
            self._lane.do(partial(pairs_of_readers, folder, _words()), partial(self._compared, key))

    def poll(self) -> None:
        """Take up what was found or written meanwhile."""
        self._lane.poll()

    def close(self) -> None:
        """Begin nothing more."""
        self._lane.close()

    def _compared(self, key: tuple[Any, ...], found: Found | None, problem: str) -> None:
        if found is None:
            tell(self.ui.agreementLabel, problem, "stop")
        elif key == self._key:
            self._show(*found)
        self.refresh()

    def _show(self, readers: tuple[str, ...], pairs: tuple[PairOfReaders, ...]) -> None:
        ui, self._found = self.ui, (readers, pairs)
        ui.readersBox.clear()
        ui.countsBox.clear()
        for pair in pairs:
            words = _("{first} and {second}, {n} cases").format(
                first=pair.readers[0], second=pair.readers[1], n=pair.cases
            )
            ui.readersBox.addItem(words)
        ui.readersBox.visible = len(pairs) > 1
        for how, text in JOINED if pairs else ():
            ui.countsBox.addItem(_(text), how)
        for reader in readers if pairs else ():
            ui.countsBox.addItem(_("what {reader} says").format(reader=reader), reader)
        for widget in (ui.whatCountsLabel, ui.countsBox, ui.countsButton):
            widget.visible = bool(pairs)
        ui.countsButton.enabled = bool(pairs)
        tell(ui.countsNote, *self._said)
        self._show_pair()

    def _show_pair(self) -> None:
        ui, (readers, pairs) = self.ui, self._found
        pair = pairs[ui.readersBox.currentIndex] if pairs and ui.readersBox.currentIndex >= 0 else None
        rows = [
            (
                of.split("/")[-1],
                one.name,
                estimate_text(one),
                interval_text(one.interval),
                f"{one.n} {plural(one.unit, one.n)}",
            )
            for of, one in (pair.figures if pair is not None else ())
        ]
        ui.agreementTable.visible = bool(rows)
        ui.agreementTable.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            fill(ui.agreementTable, row, texts)
        fit(ui.agreementTable)
        differences = list(pair.differences.items()) if pair is not None else []
        ui.differencesTable.visible = bool(differences)
        ui.differencesTable.setRowCount(len(differences))
        for row, (case, words) in enumerate(differences):
            fill(ui.differencesTable, row, (case, "; ".join(words)))
        ui.differencesTable.resizeRowsToContents()
        fit(ui.differencesTable)
        if pair is None:
            alone = _("Only {reader} read this cohort. Open a case for another reader to compare.")
            none = _("No case of this cohort was read by two readers.")
            tell(ui.agreementLabel, alone.format(reader=readers[0]) if len(readers) == 1 else none if readers else "")
            return
        words = _("{first} (first) and {second} (second), {cases}; they differ in {n}.")
        first, second = pair.readers
        told = words.format(first=first, second=second, cases=_cases(pair.cases), n=len(differences))
        tell(ui.agreementLabel, "\n".join([told, *pair.notes]))

    def _open(self, row: int) -> None:
        self._on_open(str(self.ui.differencesTable.item(row, 0).text()))

    def _ask(self) -> None:
        """Find out what would change, then ask."""
        folder, how = self._choice.folder, str(self.ui.countsBox.itemData(self.ui.countsBox.currentIndex) or "")
        if folder is None or not how or self._lane.busy:
            return
        self._busy(_("Looking what would change ..."))
        work = partial(choose_reading, folder, how, _words(), write=False)
        self._lane.do(work, partial(self._asked, folder, how))

    def _asked(self, folder: Path, how: str, found: Chosen | None, problem: str) -> None:
        if found is None:
            self._tell(problem, "stop")
        elif not found.changes:
            self._tell("\n".join([_("Nothing would change."), *_undecided(found)]), "note")
        elif slicer.util.confirmOkCancelDisplay(_question(found), _("HCCAssist - Readers")):
            self._busy(_("Writing ..."))
            self._lane.do(partial(choose_reading, folder, how, _words(), write=True), self._written)
        else:
            self._tell(_("Nothing was written."), "note")

    def _written(self, found: Chosen | None, problem: str) -> None:
        if found is None:
            self._tell(problem, "stop")
        else:
            done = _("Changed: {cases}. What each reader marked is kept.").format(cases=_cases(len(found.changes)))
            self._tell("\n".join([done, *_undecided(found)]), "ok")
        self._on_written()
        self.refresh()

    def _busy(self, text: str) -> None:
        self.ui.countsButton.enabled = False
        tell(self.ui.countsNote, text)

    def _tell(self, text: str, level: Level) -> None:
        self._said = text, level
        self.ui.countsButton.enabled = bool(self._found[1])
        tell(self.ui.countsNote, text, level)


def _words() -> Words:
    return Words(all_marks(), all_classes(), tuple(all_columns()))


def _key_of(folder: Path) -> tuple[Any, ...]:
    """What tells a cohort and its readings from what they were before."""
    found = []
    for path in [folder / TABLE, *sorted((folder / READINGS).glob("*"))]:
        try:
            found.append((path.name, path.stat().st_mtime_ns))
        except OSError:
            continue
    return folder, *found


def _question(found: Chosen) -> str:
    lines = [_("{cases} would change:").format(cases=_cases(len(found.changes)))]
    lines += [f"{case}: {words}" for case, words in list(found.changes.items())[:TOLD]]
    if len(found.changes) > TOLD:
        lines.append(_("... and {n} more").format(n=len(found.changes) - TOLD))
    kept = _("Their former versions and what each reader marked are kept.")
    return "\n".join([*lines, *_undecided(found), kept])


def _cases(n: int) -> str:
    return f"{n} {plural('case', n)}"


def _undecided(found: Chosen) -> list[str]:
    """Cases that stay as they are, with why."""
    text = _("{case} stays as it is: no agreement on {what}.")
    told = [text.format(case=case, what="; ".join(what)) for case, what in list(found.undecided.items())[:TOLD]]
    return told + ([_("... and {n} more").format(n=len(found.undecided) - TOLD)] if len(found.undecided) > TOLD else [])
