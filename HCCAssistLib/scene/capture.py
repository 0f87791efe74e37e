"""What the scene shows becomes a case of a cohort, with a label and a pseudonym: an export without a result."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from HCCAssistLib.cohort.additions import check_pseudonym
from HCCAssistLib.cohort.known_patients import KnownPatients
from HCCAssistLib.cohort.reader_marks import check_reader
from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.annotations import TrainingAnnotations
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.result import Result
from HCCAssistLib.scene.capture_order import Order
from HCCAssistLib.scene.capture_writing import CaptureWriting
from HCCAssistLib.scene.drawing import restore
from HCCAssistLib.scene.patients import patient_names, patient_number
from HCCAssistLib.scene.run_inputs import ChosenInputs, capture
from HCCAssistLib.scene.writer import Writer


def reviewed_result(recipe: Recipe, chosen: ChosenInputs, scene: Any) -> Result | None:
    """The latest result of a method on the chosen scan, as it was reviewed; None where there is none."""
    found = [
        drawn.result
        for drawn in restore(scene, recipe.id).drawings
        if any(volume is chosen.main for volume in drawn.volumes.values())
    ]
    return found[-1] if found and chosen.main is not None else None


class CaseCapture(Writer):
    """Writes cases from the scene.

    Args:
        patients: who the patients of the cohorts are, as far as this computer knows.
    """

    def __init__(self, patients: KnownPatients) -> None:
        super().__init__()
        self._patients = patients

    def add(self, chosen: ChosenInputs, recipe: Recipe, order: Order, *, confirmed: Collection[str] = ()) -> None:
        """Begin to write a case; what is unclear comes back as a question, and nothing is written until then.

        Args:
            chosen: nodes of the scene, with label and clinical values by column.
            recipe: of the cohort.
            order: what is to be made of them.
            confirmed: questions that the reader answered with yes.

        Raises:
            InputError: nothing or something unusable is chosen, of two patients, or a name that tells the patient.
        """
        nodes = [*chosen.volumes.values(), *(node for node, _ in chosen.segments.values())]
        nodes += [*chosen.points.values(), *chosen.boxes.values()]
        names = dict.fromkeys(name for node in nodes for name in patient_names(node))
        for name in (order.case_id if order.kind == "new" else "", order.reader):
            check_pseudonym(name, names)
        if order.reader or order.kind == "reading":
            check_reader(order.reader)
        number = patient_number(nodes)
        if not order.cohort.exists() and not order.cohort.parent.is_dir():
            raise InputError("the folder of the cohort is not there", order.cohort.name, "choose another folder")
        inputs = capture(chosen, recipe, name="scan")
        annotations = TrainingAnnotations({}, {})
        if order.verdicts is not None:
            annotations = recipe.module("review").training_annotations(order.verdicts)
        self.begin(
            CaptureWriting(inputs, recipe, order, annotations, number, self._patients, frozenset(confirmed)).write
        )
