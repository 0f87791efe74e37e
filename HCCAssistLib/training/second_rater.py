"""The risks of the same patients when a second rater has drawn their tumours: does it matter who draws?

A second rater's segments lie beside the cases, in folders that mirror them:

    readings/<rater>/<case_id>/pre/tumour.seg.nrrd
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.cohort.case import READINGS, Case, is_safe_name
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.comparison import ModelComparison, compare_models
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.held_out import HeldOut
from HCCAssistLib.evaluation.result import Estimate
from HCCAssistLib.evaluation.risk_groups import DRAWS
from HCCAssistLib.training.recurrence import RecurrenceEvaluation, T


@dataclass(frozen=True, slots=True)
class RatedPatient:
    """One patient whose tumour two raters drew.

    Attributes:
        case_id, patient_id: whose it is.
        early: whether the recurrence came early; None where it is not known.
        risk, again: by the segment of the first rater, and of the second.
        high, high_again: the risk groups.
        dice: of the two segments; None where one of them is a box.
    """

    case_id: str
    patient_id: str
    early: bool | None
    risk: float
    again: float
    high: bool
    high_again: bool
    dice: float | None


@dataclass(frozen=True, eq=False, slots=True)
class SecondRater:
    """What a second rater's segments change.

    Attributes:
        name: of the rater's folder.
        patients: those whose tumour both drew.
        areas: AUC by the first rater and by the second, on those of whom it is known whether the recurrence came early.
        comparison: by the second rater minus by the first; None where all of them are of one kind.
        left_out: cases of the second rater that cannot be used, by case id, with what is wrong.
        problems: what is doubtful.
    """

    name: str
    patients: tuple[RatedPatient, ...]
    areas: tuple[Estimate, Estimate]
    comparison: ModelComparison | None
    left_out: Mapping[str, tuple[Problem, ...]]
    problems: tuple[Problem, ...] = ()

    @property
    def changed(self) -> tuple[RatedPatient, ...]:
        """Those who are in the other risk group by the second rater."""
        return tuple(one for one in self.patients if one.high != one.high_again)

    @property
    def dice(self) -> tuple[float, float, float] | None:
        """Median, lowest and highest Dice coefficient; None where no pair of segments has one."""
        found = [one.dice for one in self.patients if one.dice is not None]
        return (float(np.median(found)), min(found), max(found)) if found else None

    def as_json(self) -> dict[str, Any]:
        """Plain values at full precision."""
        return {
            "rater": self.name,
            "auc_first": self.areas[0].as_json(),
            "auc_second": self.areas[1].as_json(),
            "comparison": self.comparison.as_json() if self.comparison else None,
            "dice": dict(zip(("median", "lowest", "highest"), self.dice, strict=True)) if self.dice else None,
            "changed_group": [one.case_id for one in self.changed],
            "cases": {
                one.case_id: {
                    "risk_first": one.risk,
                    "risk_second": one.again,
                    "group_first": "high" if one.high else "low",
                    "group_second": "high" if one.high_again else "low",
                    "dice": one.dice,
                }
                for one in self.patients
            },
            "failed": [
                {"case_id": name, "problem": "\n".join(map(str, problems))} for name, problems in self.left_out.items()
            ],
        }


def rated_cases(held_out: HeldOut, rater: str, volumes: Sequence[str]) -> HeldOut:
    """The cases that a second rater drew, with the rater's marks in the place of their own.

    Args:
        held_out: the cases of an evaluation.
        rater: name of the rater's folder.
        volumes: ``"<time point>/<phase>"`` of the volumes, which stay where they are.

    Raises:
        InputError: there is no such rater, or none of these cases was drawn.
    """
    where, root = "option --rater", held_out.cohort.folder
    if root is None or not is_safe_name(rater):
        raise InputError(f"{rater!r} is no name of a rater", where, f"give the name of a folder in {READINGS}")
    folder = root / READINGS / rater
    if not folder.is_dir():
        there = root / READINGS
        names = sorted(path.name for path in there.iterdir() if path.is_dir()) if there.is_dir() else []
        remedy = f"known are {', '.join(names)}" if names else f"put the segments into {READINGS}/<rater>/<case id>"
        raise InputError(f"there is no second rater {rater}", where, remedy)
    cases = tuple(
        _rated(case, folder / case.case_id, volumes) for case in held_out.cases if (folder / case.case_id).is_dir()
    )
    if not cases:
        what = f"{rater} drew none of the {len(held_out.cases)} cases that are evaluated"
        raise InputError(what, where, f"put the segments into {READINGS}/{rater}/<case id>")
    missing = len(held_out.cases) - len(cases)
    note = Problem("WARN", f"{missing} of {len(held_out.cases)} cases are not drawn by {rater}", f"rater {rater}")
    return HeldOut(held_out.cohort, cases, {}, (note,) if missing else ())


def _rated(case: Case, folder: Path, volumes: Sequence[str]) -> Case:
    files = {name: path for name in volumes if (path := case.volume_path(*name.split("/"))) is not None}
    return replace(case, folder=folder, files={**case.files, **files})


def second_rater(
    rater: str,
    first: RecurrenceEvaluation[T],
    second: RecurrenceEvaluation[T],
    dice: Mapping[str, float | None],
    problems: Sequence[Problem] = (),
) -> SecondRater:
    """What changes when a second rater draws the tumours.

    Args:
        rater: name of the second one.
        first: by the marks of the cohort.
        second: by those of the rater, on some of the same cases.
        dice: of the two segments, by case id.
        problems: what is doubtful.
    """
    own = {one.case_id: one for one in first.cases}
    patients = tuple(
        RatedPatient(
            one.case_id,
            one.patient_id,
            own[one.case_id].early,
            own[one.case_id].risk,
            one.risk,
            own[one.case_id].high,
            one.high,
            dice.get(one.case_id),
        )
        for one in second.cases
        if one.case_id in own
    )
    known = [one for one in second.cases if one.case_id in own and own[one.case_id].early is not None]
    labels, ids = [bool(own[one.case_id].early) for one in known], [one.patient_id for one in known]
    risks, again = [own[one.case_id].score for one in known], [one.score for one in known]
    comparison = None
    if len(set(labels)) == 2:
        cutoff, other = (found.figures.groups.cutoff for found in (second, first))
        comparison = compare_models(
            labels, again, risks, ids, cutoff_a=cutoff, cutoff_b=other, unit="patient", draws=DRAWS
        )
    return SecondRater(
        name=rater,
        patients=patients,
        areas=(auc(labels, risks, unit="patient"), auc(labels, again, unit="patient")),
        comparison=comparison,
        left_out=second.left_out,
        problems=tuple(problems),
    )
