"""A study: what is known of one patient, gathered for a recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import CaseContents, read_case
from HCCAssistLib.cohort.finding_labels import Finding, findings_of_boxes, findings_of_points, findings_of_segments
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.judgement import judge
from HCCAssistLib.cohort.points import LabelledBox, PointList
from HCCAssistLib.cohort.segment_names import painted_lesions
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.cohort.unused_files import unused_files
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import all_inputs
from HCCAssistLib.recipes.spec import Recipe


@dataclass(frozen=True, eq=False, slots=True)
class Study:
    """Volumes and annotations by ``"<time point>/<name>"``, for example ``"post/arterial"``.

    Attributes:
        case_id: pseudonym.
        volumes: one per phase and time point.
        points: annotated points.
        masks: segments, each on the grid of a volume of its time point.
        values: clinical values and labels, as text.
        boxes: that a reader drew.
        findings: of the annotations of lesions, each with its label where one is known.
        warnings: found while reading.
        transforms: that a person gave for a volume, 4x4: LPS mm of the volume that it is laid on to LPS mm of itself.
        decimal_comma: whether numbers in ``values`` may be written with a comma.
    """

    case_id: str
    volumes: Mapping[str, Image]
    points: Mapping[str, PointList] = field(default_factory=dict)
    masks: Mapping[str, Image] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    boxes: Mapping[str, tuple[LabelledBox, ...]] = field(default_factory=dict)
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    transforms: Mapping[str, FloatArray] = field(default_factory=dict)
    decimal_comma: bool = False

    def digests(self, clinical: Iterable[str] = ()) -> dict[str, str]:
        """sha256 of all that a run may use, by the names that a run record gives to it.

        Points and boxes are told from a segment of the same name.

        Args:
            clinical: columns of the clinical values that are asked for; those that are missing count, too.
        """
        found = {key: image.digest() for key, image in {**self.volumes, **self.masks}.items()}
        found |= {f"{key} points": listed.digest() for key, listed in self.points.items()}
        found |= {
            f"{key} finding {number}": finding.mask.digest()
            for key, findings in self.findings.items()
            for number, finding in enumerate(findings, 1)
            if finding.mask is not None
        }
        found |= {f"{key} roi": _sha256([one.box.as_json() for one in drawn]) for key, drawn in self.boxes.items()}
        found |= {f"{key} transform": _sha256(np.asarray(one).tolist()) for key, one in self.transforms.items()}
        known = {column: str(self.values.get(column) or "").strip() for column in clinical}
        return found | ({"clinical": _sha256(known)} if known else {})

    def recorded(self, used: Collection[str], clinical: Iterable[str] = ()) -> tuple[dict[str, str], dict[str, str]]:
        """The inputs that a result rests on, and those that were there without any influence on it, for the run record.

        Args:
            used: names as in ``digests``, the volume that was looked at first.
            clinical: columns of the clinical values that are asked for.

        Raises:
            KeyError: something that is not there was used.
        """
        there = self.digests(clinical)
        return {name: there[name] for name in used}, {name: sha for name, sha in there.items() if name not in used}


def read_study(
    case: Case, recipe: Recipe, *, options: Mapping[str, Value] | None = None, classes: Classes | None = None
) -> Study:
    """Read what a recipe needs of a case.

    Args:
        case: the files.
        recipe: whose needs these are.
        options: of a model, which may need less; all that the recipe may need where None is given.
        classes: that the case's findings must have; None where a finding needs no label.

    Raises:
        InputError: something that the recipe requires is missing or cannot be used; all of it is listed.
    """
    needs = recipe.inputs if options is None else recipe.inputs_with(options)
    read = read_case(case, needs, classes)
    if stops := [problem for problem in read.problems if problem.level == "STOP"]:
        raise InputError(stops)
    return study_of(read, unused_files(case, needs, all_inputs()))


def study_of(read: CaseContents, doubts: Iterable[Problem] = ()) -> Study:
    """A study of a case that was read and holds nothing that stops the work.

    Args:
        read: the case.
        doubts: found besides.
    """
    warnings = (*read.problems, *doubts)
    case = read.case
    return Study(
        case.case_id,
        read.volumes,
        read.points,
        read.masks,
        case.values,
        warnings,
        read.boxes,
        read.findings,
        read.transforms,
        decimal_comma=case.decimal_comma,
    )


def judged_study(
    case_id: str,
    recipe: Recipe,
    *,
    volumes: Mapping[str, Image],
    segments: Mapping[str, Segment | Sequence[Segment]],
    points: Mapping[str, PointList],
    values: Mapping[str, str],
    boxes: Mapping[str, tuple[LabelledBox, ...]] | None = None,
    transforms: Mapping[str, FloatArray] | None = None,
) -> Study:
    """A study of what a person chose, judged as ``read_study`` judges files.

    Args:
        case_id: pseudonym.
        recipe: whose needs these are.
        volumes: by ``"<time point>/<name>"``.
        segments: by the same names, whatever they are called in the scene; several where each is a lesion.
        points: by the same names.
        values: clinical values and labels, as text.
        boxes: by the same names.
        transforms: of volumes, by the same names; see ``Study``.

    Raises:
        InputError: annotations that cannot belong to their volume; all of them are listed.
    """
    chosen = {key: (one,) if isinstance(one, Segment) else tuple(one) for key, one in segments.items()}
    found: list[tuple[InputSpec, Problem]] = []
    findings: dict[str, tuple[Finding, ...]] = {}
    for need in (one for one in recipe.inputs if one.of_lesions):
        key = str(need)
        labelled: tuple[Finding, ...] = ()
        if need.kind == "points" and key in points:
            labelled, _ = findings_of_points(points[key], None)
        elif need.kind == "segment" and key in chosen:
            chosen[key], doubts = painted_lesions(chosen[key])
            found += [(need, problem) for problem in doubts]
            labelled, _ = findings_of_segments(chosen[key], None)
        elif need.kind == "roi" and boxes and key in boxes:
            labelled, _ = findings_of_boxes(boxes[key], None)
        if labelled:
            findings[key] = (*findings.get(key, ()), *labelled)
    masks, doubtful = judge(recipe.inputs, volumes, chosen, points, boxes)
    found += doubtful
    if stops := [problem for _, problem in found if problem.level == "STOP"]:
        raise InputError(stops)
    warnings = (*(p for listed in points.values() for p in listed.warnings), *(problem for _, problem in found))
    return Study(case_id, volumes, points, masks, values, warnings, boxes or {}, findings, transforms or {})


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
