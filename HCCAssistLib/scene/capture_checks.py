"""What is wrong with a case before it is written: what `hccassist check` would say of it, from the scene's own data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.clean_marks import CleanMarks
from HCCAssistLib.cohort.clinical_values import value_of
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.cohort_spec import CohortSpec
from HCCAssistLib.cohort.label_checks import label_problems
from HCCAssistLib.errors import Problem
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.recipes.spec import Recipe


def missing_inputs(recipe: Recipe, there: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """The places where something is needed and nothing is.

    Args:
        recipe: that asks for it.
        there: what there is, by place.

    Returns:
        Places without which no model of the method can do, and those that only some of its models need.
    """
    always: dict[str, bool] = {}
    for need in recipe.inputs:
        if need.required:
            always[str(need)] = always.get(str(need), False) or not need.only_with
    lacking = [place for place in always if place not in there]
    volumes = {str(need) for need in recipe.volumes()}
    if not volumes & there.keys():
        return lacking, []
    return [place for place in lacking if always[place]], [place for place in lacking if not always[place]]


def case_problems(case: Case, study: Study, marks: CleanMarks, recipe: Recipe, *, labelled: bool) -> list[Problem]:
    """Everything that speaks against a case; STOPs are faults of what was chosen or typed.

    Args:
        case: as it would be, with its row.
        study: what was chosen.
        marks: as they would be written.
        recipe: of the cohort.
        labelled: whether the label is known; where it is not yet, that is a warning.
    """
    spec = cohort_spec(recipe)
    there = {**study.volumes, **marks.points, **marks.boxes, **marks.segments, **study.masks}
    stops, some = missing_inputs(recipe, there)
    found = [Problem("STOP", f"there is no {place}", case.case_id, "choose it") for place in stops]
    found += [Problem("WARN", f"there is no {place}: some models need it", case.case_id) for place in some]
    found += marks.problems
    found += label_problems(Cohort(None, (case,)), spec) if labelled else [_unlabelled(case)]
    found += [fault for variable in recipe.variables if (fault := value_of(case, variable)[1]) is not None]
    found += _marked(case, marks, spec) if labelled else ()
    if not any(problem.level == "STOP" for problem in found):
        found += _unfit(case, study, marks, recipe)
    return found


def _unlabelled(case: Case) -> Problem:
    what = "its label is not known yet, and no model can be trained on the cohort until it is"
    return Problem("WARN", what, case.case_id, "fill it in as soon as it is known")


def _marked(case: Case, marks: CleanMarks, spec: CohortSpec) -> Iterator[Problem]:
    """A label that marks do not bear out."""
    classes = spec.classes
    if classes is None or not classes.points:
        return
    code, last = classes.code_of(case.values.get(classes.column, "")), classes.codes[-1]
    points = [found for place, found in marks.points.items() if place.split("/")[-1] == classes.points]
    count = sum(len(found.points) for found in points)
    if code == last and not count:
        what = f"the label is {classes.names[last]}, but no point marks it"
        yield Problem("STOP", what, case.case_id, "click a point into each, or correct the label")
    elif code and code != last and count:
        what = f"the label is {classes.names[code]}, but {count} points mark {classes.names[last]}"
        yield Problem("STOP", what, case.case_id, "correct the label, or choose no points")


def _unfit(case: Case, study: Study, marks: CleanMarks, recipe: Recipe) -> Iterator[Problem]:
    """What the method's own check says; it stops a training, and may be mended later."""
    contents = CaseContents(
        case,
        volumes=dict(study.volumes),
        points=dict(marks.points),
        masks=dict(study.masks),
        boxes=dict(marks.boxes),
        findings=dict(marks.findings),
        transforms=dict(study.transforms),
    )
    for problem in recipe.module("checks").problems(contents):
        yield replace(problem, level="WARN", leaves_out="check" if problem.level == "STOP" else "")
