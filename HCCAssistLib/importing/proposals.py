"""Which role each series of an archive may play for a method: one row of a table that a person edits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.dicom.phases import Phase
from HCCAssistLib.importing.key import Key
from HCCAssistLib.importing.series import Series
from HCCAssistLib.recipes.spec import Recipe


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for a series.

    Attributes:
        case_id: of the case that it would belong to.
        role: ``"<time point>/<phase>"``, empty where none is proposed.
        why: the reason, in words.
    """

    case_id: str
    role: str
    why: str


def propose(series: Sequence[Series], key: Key, recipe: Recipe) -> dict[str, Proposal]:
    """A proposal for each series, by its id; in each study each role is proposed once at most."""
    needs = {str(need): need for need in recipe.inputs if need.kind == "volume"}
    times = list(dict.fromkeys(need.time_point for need in needs.values()))
    studies: dict[str, list[int]] = defaultdict(list)
    for patient, number, _ in key.studies.values():
        studies[patient].append(number)
    proposals: dict[str, Proposal] = {}
    wanting: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for one in series:
        patient, number = key.patient(one), key.study(one)
        case_id = patient if len(times) > 1 else f"{patient}-{number}"
        time, why = _time(one, number, len(studies[patient]), times)
        role, reason = _role(one, time, needs)
        if role and not time:
            role = ""
        proposals[one.id] = Proposal(case_id, role, "; ".join(filter(None, [reason, why if role or not time else ""])))
        if role:
            wanting[case_id, role].append(one)
    for (case_id, role), rivals in wanting.items():
        best = min(rivals, key=lambda one: _rank(one, needs[role]))
        for other in rivals:
            if other is not best:
                why = f"{proposals[other.id].why}; series {best.number or best.id} fits {role} better"
                proposals[other.id] = Proposal(case_id, "", why)
    return proposals


def _time(series: Series, number: int, studies: int, times: Sequence[str]) -> tuple[str, str]:
    """The time point of a study and why; empty where it is none that the method looks at, or nobody can tell."""
    if series.told:
        why = f"time point by a description: {series.told}"
        return (series.told, why) if series.told in times else ("", f"{why}, which this method does not read")
    if studies == 1:
        if len(times) == 1:
            return times[0], f"the only study: taken for {times[0]}"
        return times[0], f"the only study: taken for {times[0]}, look whether it is {times[1]}"
    if number <= len(times) and (len(times) > 1 or times[0] != "post"):
        return times[number - 1], f"study {number} of {studies}: taken for {times[number - 1]}"
    if times == ["post"] and number > 1:
        return "post", f"study {number} of {studies}: taken for post, since the first one is likely to be before"
    return "", f"study {number} of {studies}: its time point is not known"


def _role(series: Series, time: str, needs: Mapping[str, InputSpec]) -> tuple[str, str]:
    """The role at a time point, and the reason."""
    if not series.readable:
        return "", "it cannot be read: see problems"
    if series.state != "guess":
        return "", series.reason
    roles = [role for role in needs if role.partition("/")[2] in series.phases]
    if not roles:
        return "", f"{series.reason}; this method does not read this phase"
    if not series.is_axial:
        return "", f"{series.reason}; its slices are not axial"
    modality = needs[roles[0]].modality
    if series.modality != modality:
        return "", f"{series.reason}; this method reads {modality}"
    here = [role for role in roles if role.partition("/")[0] == time]
    return (here or roles)[0], series.reason


def _rank(series: Series, need: InputSpec) -> tuple[object, ...]:
    """The lower, the better it fits."""
    off = 0.0
    if need.spacing_mm:
        for value, (low, high) in ((series.spacing[0], need.spacing_mm[0]), (series.spacing[2], need.spacing_mm[1])):
            off = max(off, low / value, value / high, 1.0)
    warnings = sum(level == "WARN" for level, _ in series.problems)
    return (
        series.phase == Phase.EARLY_ARTERIAL,  # where a study has both, the late one shows more
        not series.is_original,
        off,
        warnings,
        series.spacing[2],
        -series.slices,
        series.id,
    )
