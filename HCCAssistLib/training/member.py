"""One member of a model: trained by itself, wherever its folder and the pack of samples are.

The folder holds ``member.json`` (see ``members``) and receives checkpoints and, at the end, ``result.safetensors``. The
pack (see ``pack``) is only read and the same for all members of a model. Nothing else is read, least of all the cohort.
A member that was killed goes on from its last epoch, and comes to the same weights, bit for bit on a CPU with the same
number of threads; one that is finished does nothing. As a program it is ``jobs.runs.attempt``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.errors import Cancelled
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.training.loop import CANCELLED, Fit, Logits, SelectionMetric, fit, outputs
from HCCAssistLib.training.member_result import RESULT, MemberResult
from HCCAssistLib.training.members import MemberPlan
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.plan import Plan
from HCCAssistLib.training.samples import Samples

if TYPE_CHECKING:
    from torch import nn

    from HCCAssistLib.inference.study import Study

Progress = Callable[[str, float], None]
"""Told what is being done and how much of the whole is done, 0 to 1."""

EpochDone = Callable[[str, int, int, Mapping[str, float]], None]
"""Told which fit has finished an epoch, how many by now and at most, and the losses of this one."""


@dataclass(eq=False)
class Member:
    """What a recipe's ``training.fit_member`` works with.

    Attributes:
        plan: options, seed, and the cases to train and to validate on.
        folder: of its checkpoints and of what its stages keep.
        pack: samples and studies.
        device: to train on.
        progress: called with what is being done, and how much of this member.
        cancelled: called after every batch.
        epoch_done: called after every epoch.
        may_write: called before a file is written; raises where somebody else owns the folder by now.
    """

    plan: MemberPlan
    folder: Path
    pack: Pack
    device: str = "cpu"
    progress: Progress = field(default=lambda what, done: None)
    cancelled: Callable[[], bool] | None = None
    epoch_done: EpochDone = field(default=lambda stage, epoch, epochs, losses: None)
    may_write: Callable[[], None] = field(default=lambda: None)

    @cached_property
    def recipe(self) -> Recipe:
        """Which method."""
        return get_recipe(self.plan.recipe)

    @cached_property
    def _samples(self) -> Samples:
        return self.pack.samples(self.plan.samples)

    @property
    def train(self) -> Samples:
        """The samples to learn from."""
        return self._samples.of_cases(self.plan.train).of_known(self.recipe.label)

    @property
    def validation(self) -> Samples:
        """The samples of other patients."""
        return self.held_out.of_known(self.recipe.label)

    @property
    def held_out(self) -> Samples:
        """The samples of all patients who are not trained on: those of whom the outcome is not known, too."""
        return self._samples.of_cases(self.plan.validation)

    def study(self, case_id: str) -> Study:
        """The volumes of a case, where the recipe's ``training.studies_kept`` asked for them."""
        return self.pack.study(case_id)

    def fit(
        self,
        stage: str,
        train: Samples,
        validation: Samples,
        *,
        metric: SelectionMetric | None = None,
        epochs: int | None = None,
        network: str = "",
        span: tuple[float, float] = (0.0, 1.0),
    ) -> Fit:
        """Fit a network, or go on with the fit that was interrupted.

        Args:
            stage: names the fit and its checkpoint.
            train: to learn from.
            validation: decides which epoch is kept.
            metric: how it decides; the loss where None.
            epochs: fewer than the options allow.
            network: which one, for a recipe that trains several.
            span: where it begins and ends within the work of this member.
        """
        plan = Plan.of(self.plan.options, seed=self.plan.seed, device=self.device, epochs=epochs)
        start, end = span

        def report(epoch: int, losses: dict[str, float]) -> None:
            course = f"epoch {epoch}: loss {losses['train_loss']:.4f}, validation {losses['validation_loss']:.4f}"
            self.progress(course, start + (end - start) * epoch / plan.epochs)
            self.epoch_done(stage, epoch, plan.epochs, losses)

        return fit(
            lambda: self._build(network),
            self.recipe.module("sampling").batch_maker(self.plan.options),
            self.recipe.module("network").loss,
            train,
            validation,
            plan,
            key=self.plan.key(stage, network, train.digest(), validation.digest()),
            metric=metric,
            checkpoint=self.folder / f"{stage}.safetensors",
            progress=report,
            cancelled=self.cancelled,
            may_write=self.may_write,
        )

    def network(self, found: Fit, name: str = "") -> nn.Module:
        """A network with the weights of a fit, ready to be applied."""
        network = self._build(name)
        network.load_state_dict(found.weights)
        return network.to(self.device).eval()

    def outputs(self, network: nn.Module, samples: Samples) -> Logits:
        """What a network gives for samples, without augmentation."""
        make_batch = self.recipe.module("sampling").batch_maker(self.plan.options)
        return outputs(network, make_batch, samples, device=self.device)

    def kept(self, name: str, make: Callable[[], Samples]) -> Samples:
        """Samples that a stage makes; they are kept, so that a member that goes on has the same ones.

        Args:
            name: of the file; what decides the samples beside the plan must be part of it.
            make: called where they are not there yet.
        """
        path = self.folder / f"{name}.safetensors"
        if path.exists():
            return Samples.load(path)
        found = make()
        self.may_write()
        found.save(path)
        return found

    def stop_if_cancelled(self) -> None:
        """Between two pieces of work.

        Raises:
            Cancelled: the person asked to stop.
        """
        if self.cancelled and self.cancelled():
            raise Cancelled(CANCELLED)

    def _build(self, network: str) -> nn.Module:
        build = self.recipe.module("network").build
        built: nn.Module = build(self.plan.options, network) if network else build(self.plan.options)
        return built


def run_member(member: Member) -> MemberResult:
    """Train a member to its end; one that is finished is read.

    Raises:
        InputError: plan, pack or checkpoint are damaged or do not belong together.
        Cancelled: the person stopped it; started again, it goes on.
    """
    options = dict(member.plan.options)
    key = member.plan.key(options)
    path = member.folder / RESULT
    if path.exists() and (finished := MemberResult.load(path, key)) is not None:
        return finished
    found: MemberResult = member.recipe.module("training").fit_member(member)
    member.may_write()
    found.save(path, key)
    return found
