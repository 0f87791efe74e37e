"""The model that made a run: its card, its cut-off, its files."""

from __future__ import annotations

from HCCAssistLib.models.model_card import ModelCard
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.results.run_record import RunRecord


class RunModels:
    """Finds the model of a run by its name; the last one is remembered.

    Args:
        store: of installed models, and of those that come along.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._known: tuple[RunRecord | None, ModelCard | None] = None, None

    def package(self, run: RunRecord) -> ModelPackage | None:
        """The model that made a run; None where it is not installed any more, or is another one of that name now."""
        card = self._card(run)
        return ModelPackage(self._store.find(run.model), card) if card is not None else None

    def cutoff(self, run: RunRecord) -> CutOff | None:
        """The cut-off that its results are shown at to begin with."""
        card = self._card(run)
        return card.cutoffs.get(card.default_name) if card is not None else None

    def _card(self, run: RunRecord) -> ModelCard | None:
        if self._known[0] is not run:
            card = self._store.card(run.model)
            known = card is not None and set(run.weights_sha256) <= set(card.files.values())
            self._known = run, card if known else None
        return self._known[1]
