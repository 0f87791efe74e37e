"""The parts of the training panel: begin, watch, harvest."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from HCCAssistLib.jobs.cluster.profile import profile_names
from HCCAssistLib.jobs.runs.trainings import Trainings
from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.panels.background import Background
from HCCAssistLib.panels.cluster_connections import ClusterConnections
from HCCAssistLib.panels.cluster_profile import ClusterProfile
from HCCAssistLib.panels.cluster_prompts import ClusterPrompts
from HCCAssistLib.panels.training_form import Asked, TrainingForm
from HCCAssistLib.panels.training_harvest import TrainingHarvest
from HCCAssistLib.panels.training_jobs import TrainingJobs
from HCCAssistLib.panels.training_watch import TrainingWatch


class TrainingPanel:
    """Composes the parts; each is told by the others only what it asks for here.

    Args:
        place: layout to be added to.
        trainings: of this computer.
        store: of installed models.
        background: runs what takes long.
        settings: keep cohort and method.

    Attributes:
        parts: with their widgets.
    """

    def __init__(
        self, place: Any, *, trainings: Trainings, store: ModelStore, background: Background, settings: Any
    ) -> None:
        self._trainings, self._background = trainings, background
        self.prompts = ClusterPrompts(place)
        self.connections = ClusterConnections(self.prompts)
        self.watch = TrainingWatch(trainings, self.connections.executor)
        self.form = TrainingForm(
            place,
            settings=settings,
            taken=self._taken,
            on_start=self._start,
            on_dry_run=self._dry_run,
            on_cancel=lambda: background.cancel("dry_run"),
        )
        self.jobs = TrainingJobs(place, watch=self.watch)
        self.harvest = TrainingHarvest(self.jobs.ui, trainings=trainings, store=store, background=background)
        self.clusters = ClusterProfile(place, connections=self.connections, on_changed=self._clusters_changed)
        self.parts = (self.prompts, self.form, self.jobs, self.clusters)
        self._clusters_changed()

    def enter(self) -> None:
        """The panel is opened."""
        self.prompts.attend(True)
        self.watch.look_again()
        self.clusters.look()
        self.form.look()

    def bind(self, node: Any | None) -> None:
        """The scene that the plot is in; None where it closes or the panel is left."""
        self.jobs.bind(node)

    def leave(self) -> None:
        """The panel is left: a cluster that asks for something is given up."""
        self.prompts.attend(False)

    def poll(self) -> None:
        """Take up what happened."""
        self.prompts.poll()
        self.connections.poll()
        self._background.poll(lambda _event: False)
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
        self.form.close()
        self.jobs.close()
        self._background.close()

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
        raise NotImplementedError
