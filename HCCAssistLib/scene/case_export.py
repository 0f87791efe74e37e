"""Results and reviewed cases written to disk: what was run and reviewed, never what happens to be selected now."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from HCCAssistLib.cohort.additions import add_case, check_pseudonym
from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.finding_labels import segments_of_findings
from HCCAssistLib.cohort.points import PointList
from HCCAssistLib.errors import InputError
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.annotations import TrainingAnnotations
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.files import RESULT, write_result
from HCCAssistLib.results.result import Result
from HCCAssistLib.results.tables import TABLES, write_findings
from HCCAssistLib.scene.drawing import grids_of
from HCCAssistLib.scene.inputs import points_from_markups
from HCCAssistLib.scene.known_scans import case_with_scan
from HCCAssistLib.scene.patients import patient_names
from HCCAssistLib.scene.review import CaseReview
from HCCAssistLib.scene.run_inputs import RunInputs, capture
from HCCAssistLib.scene.writer import Asked, Question, Writer
from HCCAssistLib.wording import plural


class CaseExport(Writer):
    """Writes results and reviewed cases."""

    def export_result(self, review: CaseReview, folder: Path, *, confirmed: Collection[str] = ()) -> None:
        """Begin to write a result into a folder: result.json, heat maps and the table of findings.

        Args:
            review: of the result.
            folder: any; it is made where its parent is there.
            confirmed: questions that the reader answered with yes: ``overwrite``.

        Raises:
            InputError: the scan changed since the run, no such folder, or an export goes on already.
        """
        _refuse_changed(review)
        if not folder.parent.is_dir():
            raise InputError("the folder is not there", folder.name, "choose another one")
        self.begin(partial(_write_result, review.result, folder, frozenset(confirmed)))

    def add_to_cohort(
        self,
        review: CaseReview,
        cohort: Path,
        case_id: str,
        patient_id: str = "",
        *,
        missed: Any = None,
        confirmed: Collection[str] = (),
    ) -> None:
        """Begin to add a reviewed case to a cohort, with the inputs of its run.

        Args:
            review: of the result.
            cohort: folder with a ``cohort.csv``; a new one only after the question ``create``.
            case_id, patient_id: pseudonyms.
            missed: point list node with the lesions that the model did not find.
            confirmed: questions that the reader answered with yes: ``create``, ``duplicate``, ``replace``, ``changed``.

        Raises:
            InputError: an id that names the patient, a changed scan, an unfinished review, a list that cannot be that
                of missed lesions, no such folder, or an export that goes on already.
        """
        _refuse_changed(review)
        recipe = get_recipe(review.result.run.recipe)
        for name in (case_id, patient_id):
            check_pseudonym(name, patient_names(review.scan))
        marked = _missed(review, missed)
        annotations = recipe.module("review").training_annotations(review.result, missed=marked)
        if not cohort.exists() and not cohort.parent.is_dir():
            raise InputError("the folder of the cohort is not there", cohort.name, "choose the folder of a cohort")
        self.begin(_Addition(review, annotations, cohort, case_id, patient_id, frozenset(confirmed)).write)


def _refuse_changed(review: CaseReview) -> None:
    if sentence := review.changed:
        raise InputError(sentence.rstrip("."))


def _missed(review: CaseReview, node: Any) -> PointList | None:
    """The missed lesions of a node; None where it holds none."""
    if node is None or node.GetNumberOfDefinedControlPoints() == 0:
        return None
    points = points_from_markups(node, review.result.geometry)
    used = review.chosen_inputs.points
    own = [place for place, other in used.items() if other is node]
    if review.captured is not None:
        own += [place for place, known in review.captured.points.items() if known.digest() == points.digest()]
    if own:
        what = f"these are the points that mark {own[0].split('/')[-1]} for the run, not missed lesions"
        raise InputError(what, "", "choose another point list for the missed lesions, or none")
    return points


def _write_result(result: Result, folder: Path, confirmed: frozenset[str]) -> str:
    if (folder / RESULT).exists() and "overwrite" not in confirmed:
        raise Asked("overwrite", f"The folder {folder.name} holds a result already. Overwrite it?")
    write_result(result, folder)
    write_findings(result, folder / TABLES[result.kind])
    maps = len(result.heatmaps)
    heat = f" and {maps} {plural('heat map', maps)}" if maps else ""
    return f"The result was written into {folder.name}: {RESULT}, {TABLES[result.kind]}{heat}."


def _counted(number: int, many: str) -> str:
    """How many points a list has: ``1 mass``, ``2 masses``, ``1 ltp``."""
    one = many[:-2]
    return f"{number} {one if number == 1 and one and plural(one, 2) == many else many}"


class _Addition:
    """A reviewed case on its way into a cohort: gathered in the scene's thread, written in another.

    Raises:
        InputError: of a result that came with a loaded scene, whose inputs are not there any more.
    """

    def __init__(
        self,
        review: CaseReview,
        annotations: TrainingAnnotations,
        cohort: Path,
        case_id: str,
        patient_id: str,
        confirmed: frozenset[str],
    ) -> None:
        self.result = review.result
        self.annotations = annotations
        self.cohort = cohort
        self.case_id = case_id
        self.patient_id = patient_id
        self.confirmed = confirmed
        self.grids = grids_of(review.result, review.drawn.volumes)
        recipe = get_recipe(review.result.run.recipe)
        self.now: RunInputs | None = None
        self.changed = False
        if review.captured is not None and review.is_complete:
            self.inputs = review.captured
            self.changed = bool(review.inputs_changed)
            if self.changed:
                with suppress(InputError):  # deleted, or emptied: changed in any case
                    self.now = capture(review.chosen_inputs, recipe, name="scan")
        else:
            self.inputs = capture(review.chosen_inputs, recipe, name="scan")

    def write(self) -> str:
        """Add the case; what is unclear is asked before anything is written."""
        known = (self.cohort / TABLE).is_file()
        if not known:
            self._ask("create", f"There is no cohort in the folder {self.cohort.name} yet. Make a new one there?")
        # empty lists are written as well: they replace those of a case that is there
        given = self.annotations.points
        marked = {place: found for place, found in given.items() if found.points and not self._marks(place)}
        study = self.inputs.study(self.case_id, marked, self.grids)
        self._refuse_others(study)
        if names := self._differences(study):
            text = f"The annotation of {' and '.join(names)} was changed since the run. Export it as it was run?"
            self._ask("changed", text)
        cases = read_cohort(self.cohort).cases if known else ()
        taken = any(case.case_id.lower() == self.case_id.lower() for case in cases)
        if taken:
            self._ask("replace", f"There is a case {self.case_id} already. Replace it?")
        if "duplicate" not in self.confirmed:
            others = [case for case in cases if case.case_id.lower() != self.case_id.lower()]
            if (same := case_with_scan(others, self.inputs.recipe, study.volumes)) is not None:
                who = f"case {same.case_id} of patient {same.patient_id}"
                text = f"This scan is in the cohort already, as {who}. Add it again as {self.case_id}?"
                self._ask("duplicate", text)
        # a tumour each, where the recipe's lesions are segments and no points stand for them
        drawn = {place: found for place, found in study.findings.items() if place in self.inputs.segments}
        segments = {p: segments_of_findings(found, p.split("/")[-1]) for p, found in drawn.items() if p not in given}
        case = add_case(
            self.cohort,
            self.case_id,
            volumes=study.volumes,
            points={**self.inputs.points, **self.annotations.points},
            masks={place: mask for place, mask in study.masks.items() if place not in given},
            values={**self.annotations.values, **study.values},
            segments=segments,
            transforms=study.transforms,
            patient_id=self.patient_id,
            replace=taken,
        )
        instead = [
            place.split("/")[-1] for place in given if place in self.inputs.segments or place in self.inputs.boxes
        ]
        counts = [_counted(len(found.points), place.split("/")[-1]) for place, found in given.items()]
        counts += [f"{len(found)} {plural(place.split('/')[-1], len(found))}" for place, found in segments.items()]
        summary = f"{case.case_id} is in the cohort {self.cohort.name}: {', '.join(counts)}."
        if instead:
            summary += f" Labelled points stand for the segments and boxes of {' and '.join(instead)}."
        return "\n".join([summary, *map(str, (*self.annotations.warnings, *study.warnings))])

    def _marks(self, place: str) -> bool:
        """Whether the findings of the run were marked at a place; the reader's labels replace these marks."""
        return place in self.inputs.points or place in self.inputs.segments or place in self.inputs.boxes

    def _ask(self, question: Question, text: str) -> None:
        if question not in self.confirmed:
            raise Asked(question, text)

    def _refuse_others(self, study: Study) -> None:
        """Refuse inputs that are not those of the run."""
        run = self.result.run
        were = {**run.unused_inputs, **run.inputs}
        ours = {f"{place} points" for place in self.annotations.points if place not in self.inputs.points}
        are = {key: digest for key, digest in study.digests().items() if key not in ours}
        for key in dict.fromkeys([*were, *are]):
            if key == "clinical" or were.get(key) == are.get(key):
                continue
            if key in study.volumes:
                raise InputError("the voxels of the scan are not those of the run", remedy="run again")
            raise InputError(
                f"the annotation of {key.split('/')[-1]} is not that of the run any more",
                remedy="run again, so that the case holds what the result rests on",
            )

    def _differences(self, study: Study) -> list[str]:
        """The names of the annotations that are others now than those of the run."""
        if not self.changed:
            return []
        try:
            present = self.now.study(self.case_id, grids=self.grids).digests() if self.now is not None else {}
        except InputError:
            present = {}
        kinds = {"points": self.inputs.points, "roi": self.inputs.boxes, "transform": self.inputs.transforms}
        kept = {*self.inputs.segments, *(f"{place} {kind}" for kind, given in kinds.items() for place in given)}
        were = {key: digest for key, digest in study.digests().items() if key.split(" finding ")[0] in kept}
        return [key.split("/")[-1] for key, digest in were.items() if present.get(key) != digest]
