"""A captured case on its way into a cohort, in a thread: judged, asked about, written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from HCCAssistLib.cohort.additions import finish_interrupted, next_patient_id, put_case
from HCCAssistLib.cohort.case import CASES, TABLE, TRANSFORM_SUFFIXES, Case
from HCCAssistLib.cohort.case_content import Content, case_files, is_same
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.clean_marks import CleanMarks
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.known_patients import KnownPatients
from HCCAssistLib.cohort.reader_marks import CONSENSUS, first_reader, folder_of, put_marks
from HCCAssistLib.cohort.revisions import changes, keep_revision
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.inference.study import Study
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.annotations import TrainingAnnotations
from HCCAssistLib.recipes.of_cohort import objection
from HCCAssistLib.recipes.registry import all_columns
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.scene.capture_checks import case_problems
from HCCAssistLib.scene.capture_order import Order
from HCCAssistLib.scene.known_scans import case_with_scan, remember_scans
from HCCAssistLib.scene.run_inputs import RunInputs
from HCCAssistLib.scene.writer import Asked, Question
from HCCAssistLib.wording import plural

READER = "reader"
"""Column with who marked a case."""


@dataclass(frozen=True, eq=False)
class CaptureWriting:
    """A case that was gathered in the scene's thread, to be written in another.

    Attributes:
        inputs: what was chosen, as it was then.
        recipe: of the cohort.
        order: what is to be made of it.
        annotations: by the verdicts on a result.
        number: of the patient in DICOM; empty where it is not known.
        patients: who the patients of the cohorts are.
        confirmed: questions that were answered with yes.
        warnings: to be told when it is written.
    """

    inputs: RunInputs
    recipe: Recipe
    order: Order
    annotations: TrainingAnnotations
    number: str
    patients: KnownPatients
    confirmed: frozenset[str]
    warnings: list[Problem] = field(default_factory=list)

    def write(self) -> str:
        """Write the case; what was done, in words.

        Raises:
            Asked: before anything is written, where something is unclear.
            InputError: what cannot be added as it is.
            HCCAssistError: the disk is full or not writable.
        """
        cohort = self.order.cohort
        if not (cohort / TABLE).is_file():
            self._ask("create", f"There is no cohort in the folder {cohort.name} yet. Make a new one there?")
        finish_interrupted(cohort)
        known = (cohort / TABLE).is_file()
        cases = read_cohort(cohort, known=all_columns()).cases if known else ()
        if text := objection(cases, self.recipe):
            raise InputError(text, cohort.name, "choose another cohort, or begin a new one")
        old = next((case for case in cases if case.case_id.lower() == self.order.case_id.lower()), None)
        self._refuse_case(old)
        self._check_patient(cases, old)
        study = self.inputs.study(self.order.case_id)
        values = self._values(study)
        marks = self._marks(study)
        case_id = old.case_id if old else self.order.case_id
        case = Case(case_id, case_id, "", values, cohort / CASES / case_id)
        self._judge(case_problems(case, study, marks, self.recipe, labelled=self.order.labelled), study)
        self._check_scan(cases, old, study)
        if self.order.kind == "reading" and old is not None:
            return self._write_reading(old, study, marks, values)
        return self._write_case(old, study, marks, values)

    def _ask(self, question: Question, text: str) -> None:
        if question not in self.confirmed:
            raise Asked(question, text)

    def _refuse_case(self, old: Case | None) -> None:
        if self.order.kind == "new" and old is not None:
            raise InputError(f"there is a case {old.case_id} already", remedy="choose another id, or revise the case")
        if self.order.kind != "new" and old is None:
            raise InputError(f"there is no case {self.order.case_id}", remedy="choose a case of the cohort")
        agreed = old is not None and not is_missing(old.values.get(CONSENSUS, ""))
        if self.order.kind == "reading" and old is not None and first_reader(old) == self.order.reader and not agreed:
            what = f"{self.order.reader} marked {old.case_id} as its first reader"
            raise InputError(what, remedy="make a new version of the case, or let another reader mark it")

    def _check_patient(self, cases: Sequence[Case], old: Case | None) -> None:
        """Nothing puts one patient into a cohort as two without a word, or two as one."""
        guess, order = self.patients.guess(self.order.cohort, cases, self.number), self.order
        mine = f"the patient of {' and '.join(guess.cases)}"
        if old is not None:
            if guess.kind == "new" or (guess.kind == "known" and old.patient_id != guess.patient_id):
                who = mine if guess.kind == "known" else "another patient than those of the cohort"
                what = f"by the patient's number in DICOM the scan is of {who}, and not of {old.case_id}"
                raise InputError(what, remedy="choose the case of this patient, or add a new case")
            return
        if order.patient_id is None:
            raise InputError("nothing says whose case it is", remedy="choose the patient, or a new one")
        if order.patient_id and order.patient_id not in {case.patient_id for case in cases}:
            raise InputError(f"the cohort has no patient {order.patient_id}", remedy="choose the patient again")
        if guess.kind == "known" and order.patient_id != guess.patient_id:
            other = f"of {order.patient_id}" if order.patient_id else "of a new patient"
            text = f"By the patient's number in DICOM this is {mine}. Add it as a case {other} all the same?"
            self._ask("patient", text)
        if guess.kind == "new" and cases and order.patient_id:
            text = f"No scan of {order.patient_id} has this patient's number in DICOM. Is it the same person?"
            self._ask("patient", text)

    def _check_scan(self, cases: Sequence[Case], old: Case | None, study: Study) -> None:
        """The same scan twice is a leak where it is of two patients, and another one in a case may be a mistake."""
        if old is not None:
            if self._shows(old, study):
                return
            if self.order.kind == "reading":
                what = f"the scan is not that of {old.case_id}"
                raise InputError(what, remedy="open the case from the table of the cohort, and mark it there")
            self._ask("scan", f"None of the scans is one that {old.case_id} holds. Is it the same examination?")
        others = [case for case in cases if case is not old]
        same = case_with_scan(others, self.recipe, study.volumes)
        if same is None:
            return
        patient = old.patient_id if old else self.order.patient_id
        if same.patient_id != patient:
            what = f"the scan is in the cohort already, as {same.case_id} of {same.patient_id}"
            raise InputError(what, remedy=f"choose the patient of {same.case_id}, or revise that case")
        text = f"This scan is in the cohort already, as {same.case_id}. Add it again as {self.order.case_id}?"
        self._ask("duplicate", text)

    def _shows(self, case: Case, study: Study) -> bool:
        if case_with_scan([case], self.recipe, study.volumes) is not None:
            return True
        paths = {place: case.volume_path(*place.split("/")) for place in study.volumes}
        return any(path is not None and is_same(study.volumes[place], path) for place, path in paths.items())

    def _values(self, study: Study) -> dict[str, str]:
        """Label and clinical values of the row; verdicts and form say the same label, or nothing is written."""
        columns = dict.fromkeys((*self.recipe.label.columns, *(one.column for one in self.recipe.variables)), "")
        values = {**columns, **study.values}
        for column, told in self.annotations.values.items():
            if values.get(column) and values[column] != told:
                what = f"{column} is {values[column]} in the form, and {told} by the verdicts"
                raise InputError(what, remedy="correct one of them")
            values[column] = told
        return {**values, **({READER: self.order.reader} if self.order.reader else {})}

    def _marks(self, study: Study) -> CleanMarks:
        """All marks under names that tell nobody; those of lesions are marked in one way."""
        label = self.recipe.label
        classes = label if isinstance(label, Classes) and label.of == "finding" else None
        marks, given = CleanMarks(), self.annotations.points
        for need in self.recipe.inputs:
            place = str(need)
            if place in given:
                if need.kind == "points" and given[place].points:
                    marks.add_points(need, given[place], classes)
            elif need.kind == "points" and place in study.points:
                marks.add_points(need, study.points[place], classes)
            elif need.kind == "roi" and place in study.boxes:
                marks.add_boxes(need, study.boxes[place], classes)
            elif need.kind == "segment" and need.of_lesions and place in self.inputs.segments:
                drawn = self.inputs.segments[place]()
                marks.add_lesions(need, (drawn,) if isinstance(drawn, Segment) else drawn, classes)
        for place in marks.findings:
            ways = [kind for kind in (marks.points, marks.boxes, marks.segments) if place in kind]
            if len(ways) > 1:
                what = f"{place.split('/')[-1]} are marked in several ways, and each would count twice"
                raise InputError(what, remedy="choose one: points, a segmentation or a box")
        return marks

    def _judge(self, problems: Sequence[Problem], study: Study) -> None:
        if stops := [replace(p, where="") if p.where == self.order.case_id else p for p in problems if _stops(p)]:
            raise InputError(stops)
        unfit = [problem for problem in problems if problem.leaves_out]
        if unfit:
            told = " ".join(dict.fromkeys(str(problem) for problem in unfit))
            self._ask("unfit", f"No model can be trained on this case as it is. {told} Add it all the same?")
        self.warnings.extend(dict.fromkeys([*study.warnings, *(p for p in problems if p.level == "WARN")]))

    def _files(self, study: Study, marks: CleanMarks, *, volumes: bool) -> dict[str, Content]:
        lesions = {str(need) for need in self.recipe.inputs if need.of_lesions}
        return case_files(
            volumes=study.volumes if volumes else {},
            points=marks.points,
            masks={place: mask for place, mask in study.masks.items() if place not in lesions},
            segments=marks.segments,
            transforms=study.transforms if volumes else {},
            boxes=marks.boxes,
        )

    def _write_case(self, old: Case | None, study: Study, marks: CleanMarks, values: dict[str, str]) -> str:
        order, files = self.order, self._files(study, marks, volumes=True)
        kept, carried = "", _carried(old, self.recipe, files) if old is not None else ()
        if old is not None:
            told = {column: value for column, value in values.items() if column != READER}
            found = changes(old, files, told, carried)
            if not found:
                return f"{old.case_id} is the same already: nothing was written."
            self._ask("revise", f"{old.case_id} would change. {found}. The former version is kept. Go on?")
            number = keep_revision(order.cohort, old, found, order.reader)
            kept = f" The former version is kept as revision {number}."
        patient = old.patient_id if old else order.patient_id or next_patient_id(order.cohort)
        case = put_case(
            order.cohort,
            order.case_id,
            files,
            values,
            patient_id=patient,
            replace=old is not None,
            carried=carried,
        )
        self.patients.remember(order.cohort, case.case_id, self.number)
        remember_scans(case, self.recipe, study.volumes.values())
        done = f"{case.case_id} of {case.patient_id} is in the cohort {order.cohort.name}: {_counted(files)}.{kept}"
        return "\n".join([done, *map(str, self.warnings)])

    def _write_reading(self, old: Case, study: Study, marks: CleanMarks, values: dict[str, str]) -> str:
        order, files = self.order, self._files(study, marks, volumes=False)
        if folder_of(order.cohort, old.case_id, order.reader).exists():
            self._ask("replace", f"{order.reader} has read {old.case_id} already. Replace that reading?")
        labels = {column: values[column] for column in self.recipe.label.columns if values.get(column)}
        put_marks(order.cohort, old, order.reader, files, labels)
        done = f"The reading of {old.case_id} by {order.reader} is kept: {_counted(files) or 'its label'}."
        return "\n".join([done, *map(str, self.warnings)])


def _stops(problem: Problem) -> bool:
    return problem.level == "STOP"


def _carried(case: Case, recipe: Recipe, files: Mapping[str, Content]) -> tuple[str, ...]:
    """What stays of a case in a new version: what other methods read, and transforms of scans that stay the same."""
    own = {str(need) for need in recipe.inputs}
    found = []
    for path in (path for path in case.folder.rglob("*") if path.is_file()):
        name = path.relative_to(case.folder).as_posix()
        place = "/".join((*name.split("/")[:1], *(part.split(".")[0] for part in name.split("/")[1:2])))
        scan = files.get(f"{place}.nrrd")
        same = path.suffix in TRANSFORM_SUFFIXES and scan is not None and is_same(scan, case.folder / f"{place}.nrrd")
        if name not in files and (place not in own or same):
            found.append(name)
    return tuple(sorted(found))


def _counted(files: Mapping[str, Content]) -> str:
    """``2 scans, 1 segmentation``."""
    kinds = {".seg.nrrd": "segmentation", ".mrk.json": "list of points or boxes", ".tfm": "transform", ".nrrd": "scan"}
    counts = dict.fromkeys(reversed(kinds.values()), 0)
    for name in files:
        counts[next(word for ending, word in kinds.items() if name.endswith(ending))] += 1
    return ", ".join(f"{count} {plural(word, count)}" for word, count in counts.items() if count)
