"""The result of the chosen scan: what was run, its findings at the threshold, a reader's verdicts, the views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.errors import InputError
from HCCAssistLib.panels.findings_table import Column, FindingsTable
from HCCAssistLib.panels.result_words import counts_text, finding_text, summary, verdict_words
from HCCAssistLib.panels.threshold_bar import STEP, ThresholdBar
from HCCAssistLib.panels.ui_files import load, merged, tell
from HCCAssistLib.panels.verdict_bar import VerdictBar
from HCCAssistLib.panels.view_bar import ViewBar
from HCCAssistLib.panels.view_picker import ViewPicker
from HCCAssistLib.panels.words import recipe_words
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.review import Verdict
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.scene.patients import scan_label


class ReviewPanel:
    """Shows the result of a session's chosen scan and takes a reader's verdicts on it.

    Args:
        place: layout to be added to.
        session: of the scene; ``session.current`` is what is shown.
        columns: of the table, given a function that tells the present review.
        window: the window in which the key chords work.
        settings: keeps the reader's name.
        cutoff: the cut-off of the model that made a run, None where it is not installed any more.
        on_changed: a verdict, a comment or the threshold changed.
        on_chosen: another finding was chosen.
    """

    def __init__(
        self,
        place: Any,
        *,
        session: Any,
        columns: Callable[[Callable[[], Any]], Sequence[Column]],
        window: Any,
        settings: Any,
        cutoff: Callable[[RunRecord], CutOff | None],
        on_changed: Callable[[], None],
        on_chosen: Callable[[], None] = lambda: None,
    ) -> None:
        self._session, self._cutoff_of, self._on_changed = session, cutoff, on_changed
        self._on_chosen = on_chosen
        recipe = session.recipe
        self._problem = ""
        head = load("review_panel", place)
        self._table = FindingsTable(
            place, columns=columns(lambda: session.current), on_chosen=self.choose, on_text=self._comment
        )
        self._verdicts = VerdictBar(
            place,
            window=window,
            settings=settings,
            words=verdict_words(recipe.task),
            categories=recipe.label.names if recipe.task == "classification" else {},
            on_verdict=self._judge,
            on_undo=self._undo,
            on_step=self._step,
        )
        self._threshold = ThresholdBar(place, on_cutoff=self._to_cutoff)
        self._threshold.ui.ThresholdBar.visible = recipe.task == "detection"
        self._judges = recipe.task != "risk"  # which has no findings to judge
        self._table.ui.FindingsTable.visible = self._verdicts.ui.VerdictBar.visible = self._judges
        self._views = ViewBar(place, window=window)
        self._picker = ViewPicker(on_picked=self._picked)
        self.ui = merged(head, *(part.ui for part in (self._table, self._verdicts, self._threshold, self._views)))
        self.ui.thresholdSlider.connect("valueChanged(double)", self._move_threshold)

    @property
    def reader(self) -> str:
        """The name or initials that go with a verdict."""
        return self._verdicts.reader

    def listen(self, on: bool) -> None:
        """Whether key chords and clicks into the views are the panel's: only while the module is open."""
        self._verdicts.listen(on and self._judges)
        self._views.listen(on)
        if on:
            self._picker.watch()
        else:
            self._picker.leave()

    def close(self) -> None:
        """The panel goes."""
        self._picker.leave()
        self._verdicts.close()
        self._views.close()

    def refresh(self) -> None:
        """Show the result of the chosen scan as it is now."""
        review = self._session.current
        result = review.result if review is not None else None
        findings = shown_findings(result) if result is not None else ()
        self._table.show(findings, review.chosen if review is not None else None)
        ui = self.ui
        ui.scanLabel.text = _scan_words(review) if review is not None else _("No result of this scan yet.")
        ui.resultLabel.text = summary(result) if result is not None else ""
        ui.resultLabel.visible = bool(ui.resultLabel.text)
        tell(ui.findingLabel, finding_text(result, review.chosen) if result is not None else "")
        broken = review.changed if review is not None else ""
        tell(ui.problemLabel, broken or self._problem, "stop")
        tell(ui.changedLabel, _changed_words(self._session.recipe, review) if review is not None else "", "warn")
        tell(ui.warningsLabel, _warnings(result) if result is not None else "", "warn")
        numbers = self._table.numbers
        chosen = review is not None and review.chosen in numbers
        threshold = getattr(result, "threshold", None)
        self._verdicts.refresh(
            there=bool(numbers) and not broken,
            chosen=bool(chosen and not broken),
            predicted=_predicted(result, review.chosen) if chosen and not broken else "",
            can_undo=review is not None and review.can_undo and not broken,
            counts=counts_text(result.kind, review.counts) if result is not None and result.findings else "",
        )
        self._threshold.refresh(there=threshold is not None and not broken)
        if threshold is not None and abs(ui.thresholdSlider.value - threshold) > STEP:
            ui.thresholdSlider.value = threshold
        self._views.refresh(heat=_heat_words(self._session.recipe, review, numbers) if review is not None else "")

    def begin(self) -> None:
        """A new result, drawn already: the first finding to review is chosen; of a risk the first place seen."""
        self._problem = ""
        self.refresh()
        if self._judges:
            self._step(1)
        elif (review := self._session.current) is not None and review.labels:
            self.choose(review.labels[0].number)

    def choose(self, number: int | None, jump: bool = True) -> None:
        """Let a finding be the one that buttons and keys are about, and take the views there."""
        review = self._session.current
        if review is not None:
            review.choose(number, jump=jump)
            self.refresh()
            self._on_chosen()

    def _judge(self, verdict: str, category: str = "") -> None:
        review = self._session.current
        if review is None or review.chosen is None or not self._has_reader():
            self.refresh()
            return
        number = review.chosen
        if self._done(lambda: review.judge(number, Verdict(verdict), self._verdicts.reader, category=category)):
            following = review.next_unjudged(self._table.numbers, after=number)
            if following is not None:
                review.choose(following)
                self._on_chosen()
        self._after()

    def _comment(self, number: int, text: str) -> None:
        review = self._session.current
        if review is not None and self._has_reader():
            self._done(lambda: review.comment(number, text, self._verdicts.reader))
        self._after()

    def _undo(self) -> None:
        review = self._session.current
        if review is not None and review.can_undo:
            self._done(lambda: review.choose(review.undo()))
        self._after()

    def _step(self, step: int) -> None:
        """To the row before, or to the next one to review; to the next row where all are judged."""
        review, numbers = self._session.current, self._table.numbers
        if review is None or not numbers:
            return
        row = numbers.index(review.chosen) if review.chosen in numbers else -1
        following = review.next_unjudged(numbers, after=review.chosen) if step > 0 else None
        if following is None:
            following = numbers[min(max(row + step, 0), len(numbers) - 1)]
        self.choose(following)

    def _to_cutoff(self) -> None:
        review = self._session.current
        cutoff = self._cutoff_of(review.result.run) if review is not None else None
        if cutoff is not None:
            self._done(lambda: review.set_threshold(cutoff.value, cutoff.source))
            self._after()

    def _move_threshold(self, value: float) -> None:
        review = self._session.current
        if review is not None and abs(review.result.threshold - value) > STEP:
            self._done(lambda: review.set_threshold(value))
            self._after()

    def _picked(self, slice_node: Any, position: tuple[int, int]) -> None:
        review = self._session.current
        number = review.number_at(slice_node, position) if review is not None else None
        if number is not None:
            self.choose(number, jump=False)

    def _has_reader(self) -> bool:
        if self._verdicts.reader:
            return True
        self._problem = _("A verdict goes with its reader: write your initials below, once.")
        self.ui.readerEdit.setFocus()
        return False

    def _done(self, work: Callable[[], Any]) -> bool:
        """Do something with the review; what the library refuses is shown."""
        try:
            work()
        except InputError as error:
            self._problem = str(error)
            return False
        self._problem = ""
        return True

    def _after(self) -> None:
        self.refresh()
        self._on_changed()


def shown_findings(result: Any) -> Sequence[Any]:
    """The findings that a reader sees: those at the threshold where the result has one."""
    found: Sequence[Any] = result.shown if result.kind == "detection" else result.findings
    return found


def _heat_words(recipe: Recipe, review: Any, numbers: Sequence[int]) -> str:
    """What the heat map is of, among the findings that are shown; empty where there is none."""
    if not review.findings:
        phases = [recipe_words(recipe, place) for place in review.drawn.heatmaps]
        return str(_("Heat map over: {places}.").format(places="; ".join(phases))) if phases else ""
    heat = [str(number) for number in numbers if review.has_heat(number)]
    return str(_("Heat map of {numbers}.").format(numbers=", ".join(heat))) if heat else ""


def _predicted(result: Any, number: int) -> str:
    """The category of a finding; empty where findings have none."""
    found = next((finding for finding in result.findings if finding.number == number), None)
    return str(getattr(found, "predicted", ""))


def _scan_words(review: Any) -> str:
    run = review.result.run
    name = scan_label(review.scan) if review.scan is not None else _("a scan that is no longer there")
    text = _("{scan}: model {model}, {device}, {seconds:.0f} s")
    return text.format(scan=name, model=run.model, device=run.device, seconds=run.seconds)


def _changed_words(recipe: Recipe, review: Any) -> str:
    places = ", ".join(recipe_words(recipe, place) for place in review.inputs_changed)
    return (
        _("Changed since the run: {places}. The result is of what it was then.").format(places=places) if places else ""
    )


def _warnings(result: Any) -> str:
    return "\n".join(f"\N{BULLET} {warning}" for warning in result.warnings)
