"""The parts of the training panel: capture, begin, watch, harvest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.jobs.cluster.profile import profile_names
from HCCAssistLib.jobs.events import Event
from HCCAssistLib.jobs.runs.trainings import Trainings
from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.panels.background import Background
from HCCAssistLib.panels.capture import Capture
from HCCAssistLib.panels.cluster_connections import ClusterConnections
from HCCAssistLib.panels.cluster_profile import ClusterProfile
from HCCAssistLib.panels.cluster_prompts import ClusterPrompts
from HCCAssistLib.panels.cohort_browser import CohortBrowser
from HCCAssistLib.panels.cohort_choice import CohortChoice
from HCCAssistLib.panels.second_reader import SecondReader
from HCCAssistLib.panels.training_form import Asked, TrainingForm
from HCCAssistLib.panels.training_harvest import TrainingHarvest
from HCCAssistLib.panels.training_jobs import TrainingJobs
from HCCAssistLib.panels.training_watch import TrainingWatch
from HCCAssistLib.recipes.registry import RECIPES


class TrainingPanel:
    """Composes the parts; each is told by the others only what it asks for here.

    Args:
        sections: the module's own widgets, each with a layout.
        trainings: of this computer.
        store: of installed models.
        background: runs what takes long.
        settings: keep cohort and method.

    Attributes:
        parts: with their widgets.
    """

    def __init__(
        self, sections: Any, *, trainings: Trainings, store: ModelStore, background: Background, settings: Any
    ) -> None:
        self._trainings, self._background = trainings, background
        place = sections.trainingPlace.layout()
        self.prompts = ClusterPrompts(sections.choicePlace.layout())
        self.connections = ClusterConnections(self.prompts)
        self.watch = TrainingWatch(trainings, self.connections.executor)
        recipes = tuple(RECIPES.values())
        self.choice = CohortChoice(
            sections.choicePlace.layout(), recipes=recipes, settings=settings, on_changed=self._cohort_changed
        )
        self.capture = Capture(
            sections.captureSection.layout(),
            choice=self.choice,
            settings=settings,
            wake=_awake,
            on_added=self._cohort_changed,
        )
        self.cases = CohortBrowser(
            sections.casesSection.layout(), choice=self.choice, wake=_awake, on_opened=self._case_opened
        )
        self.readers = SecondReader(
            sections.readersSection,
            choice=self.choice,
            on_open=self.cases.open_case,
            on_written=self._cohort_changed,
        )
        self._sections = sections
        self.form = TrainingForm(
            place,
            choice=self.choice,
            taken=self._taken,
            on_start=self._start,
            on_dry_run=self._dry_run,
            on_cancel=lambda: background.cancel("dry_run"),
        )
        self.jobs = TrainingJobs(place, watch=self.watch)
        self.harvest = TrainingHarvest(self.jobs.ui, trainings=trainings, store=store, background=background)
        self.clusters = ClusterProfile(place, connections=self.connections, on_changed=self._clusters_changed)
        cohort = (self.choice, self.capture, self.cases, self.readers)
        self.parts = (self.prompts, *cohort, self.form, self.jobs, self.clusters)
        self._clusters_changed()

    def enter(self) -> None:
        """The panel is opened."""
        self.prompts.attend(True)
        self.watch.look_again()
        self.clusters.look()
        self.choice.refresh()

    def bind(self, node: Any | None) -> None:
        """Parameters of the scene; None where it closes or the panel is left."""
        self.jobs.bind(node)
        self.capture.bind(node)
        if node is None:
            self.cases.forget()

    def leave(self) -> None:
        """The panel is left: a cluster that asks for something is given up."""
        self.prompts.attend(False)

    def poll(self) -> None:
        """Take up what happened."""
        self.prompts.poll()
        self.connections.poll()
        self._background.poll(lambda _event: False)
        self.capture.poll()
        self.cases.poll()
        self.readers.poll()
        self.form.poll()
        if self.watch.poll() or self.jobs.unfinished:
            self.jobs.show(self.watch.last)
            self.harvest.show(self.watch.last)
            self.form.names_changed()

    def close(self) -> None:
        """The panel goes; trainings go on."""
        self.prompts.attend(False)
        self.watch.close()
        self.connections.close()
        self.capture.close()
        self.cases.close()
        self.readers.close()
        self.form.close()
        self.jobs.close()
        self._background.close()

    def _cohort_changed(self) -> None:
        self.capture.refresh()
        self.cases.refresh()
        self.readers.refresh()
        self.form.look()

    def _case_opened(self, case: Case, marked: bool) -> None:
        self._sections.captureSection.collapsed = False
        self.capture.show_case(case, marked=marked)

    def _clusters_changed(self) -> None:
        self.form.offer_engines(profile_names())
        self.watch.look_again()

    def _taken(self) -> set[str]:
        return {summary.training.name for summary in self.watch.last.summaries}

    def _start(self, asked: Asked) -> None:
        self.form.busy(_("Being started ..."))

        def work() -> str:
            return self._trainings.begin(
                asked.cohort,
                recipe=asked.recipe,
                name=asked.name,
                options=asked.options,
                engine="slurm" if asked.profile else "background",
                preset=asked.preset,
                folds=asked.folds,
                repeats=asked.repeats,
                seed=asked.seed,
                device=asked.device,
                profile=asked.profile,
            )

        def begun(training_id: str | None, problem: str) -> None:
            self.form.busy("")
            if training_id is None:
                self.form.told(problem, "stop")
                return
            text = _("{name} was begun. It goes on when Slicer is closed.")
            self.form.told(text.format(name=asked.name), "ok")
            self.jobs.choose(training_id)
            self.clusters.connect(asked.profile)

        self.watch.do(work, begun)

    def _dry_run(self, asked: Asked) -> None:
        arguments = {**asdict(asked), "cohort": str(asked.cohort)}
        del arguments["profile"], arguments["name"], arguments["preset"]

        def ended(event: Event) -> None:
            self.form.busy("")
            text = "\n".join(event.result) if event.kind == "done" else event.message or _("Cancelled.")
            self.form.told(text, {"done": "ok", "failed": "stop"}.get(event.kind, "note"))

        self._background.start("dry_run", arguments, ended)
        self.form.busy(_("One case is being tried ..."))


def _awake() -> None:
    """Whoever is asked for news all the time need not be woken."""
