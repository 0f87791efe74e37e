"""Which role a scan plays for the methods: its time point and contrast phase, as ``"post/arterial"``.

A role is guessed from a name, a DICOM header and the voxels; a person confirms it, because a wrong phase can hurt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pydicom.dataset import Dataset

from HCCAssistLib.cohort.case import PHASES, TIME_POINTS
from HCCAssistLib.dicom.phases import Phase, PhaseGuess, guess_phase
from HCCAssistLib.imaging.contrast import ContrastEvidence
from HCCAssistLib.recipes.registry import RECIPES

_OF_HEADER = {
    Phase.UNENHANCED: "unenhanced",
    Phase.EARLY_ARTERIAL: "arterial",
    Phase.LATE_ARTERIAL: "arterial",
    Phase.PORTAL_VENOUS: "portal",
    Phase.DELAYED: "delayed",
}
_OF_VOXELS = {"unenhanced": ("unenhanced",), "arterial": ("arterial",), "portal-or-later": ("portal", "delayed")}

_TIME_WORDS = {"baseline": "at diagnosis", "pre": "before treatment", "post": "after treatment"}

_TREATMENT = r"(?:op|operativ\w*|tace|rfa|mwa|ablat\w*|treat\w*|therap\w*|interv\w*|embol\w*|resect\w*|surg\w*)"
_TIME_POINT_WORDS = (
    ("baseline", re.compile(r"\bbaseline\b")),
    ("pre", re.compile(rf"\bpre[ -]?{_TREATMENT}|\bbefore\b|\bvor {_TREATMENT}")),
    ("post", re.compile(rf"\bpost[ -]?{_TREATMENT}|\bafter\b|\bfollow[ -]?up\b|\bnach {_TREATMENT}")),
)


@dataclass(frozen=True, slots=True)
class RoleGuess:
    """A proposal for a person to confirm.

    Attributes:
        role: the proposal, None where there is none.
        state: ``"guess"``; ``"conflict"`` where what is known contradicts itself; ``"unknown"`` where nothing says
            it; ``"unsuitable"`` for what is no phase image.
        reason: in words, for the person.
        phases: those that the evidence allows; empty where there is none.
        time: the time point that the name tells, empty where it tells none.
    """

    role: str | None
    state: Literal["guess", "conflict", "unknown", "unsuitable"]
    reason: str
    phases: tuple[str, ...] = ()
    time: str = ""


def needed_roles() -> dict[str, tuple[str, ...]]:
    """The roles that the methods ask for, each with the titles of the methods, in the order of the registry."""
    needed: dict[str, list[str]] = {}
    for recipe in RECIPES.values():
        for need in recipe.inputs:
            if need.kind == "volume":
                needed.setdefault(str(need), []).append(recipe.title)
    return {role: tuple(titles) for role, titles in needed.items()}


def methods_of(role: str) -> dict[str, tuple[str, ...]]:
    """The titles of the methods that ask for a role, by the modality that they ask for it in.

    >>> sorted(methods_of("post/arterial"))
    ['CT', 'MR']
    """
    found: dict[str, list[str]] = {}
    for recipe in RECIPES.values():
        for need in (one for one in recipe.inputs if one.kind == "volume" and str(one) == role):
            found.setdefault(need.modality, []).append(recipe.title)
    return {modality: tuple(titles) for modality, titles in found.items()}


def modalities_of(place: str) -> tuple[str, ...]:
    """The modalities that methods ask for at a place; where none asks for it, those of its time point.

    >>> modalities_of("pre/unenhanced"), modalities_of("baseline/portal")
    (('MR',), ('CT',))
    """
    asked = [need for recipe in RECIPES.values() for need in recipe.inputs if need.kind == "volume"]
    here = [need.modality for need in asked if str(need) == place]
    time_point = place.partition("/")[0]
    return tuple(sorted({*here} or {need.modality for need in asked if need.time_point == time_point}))


def all_roles() -> tuple[str, ...]:
    """Every role, those that the methods ask for first."""
    return tuple(dict.fromkeys([*needed_roles(), *(f"{time}/{phase}" for time in TIME_POINTS for phase in PHASES)]))


def phase_of_name(name: str) -> PhaseGuess:
    """The phase that a node's or file's name tells, as a series description would."""
    plain = _plain(name)
    for _, words in _TIME_POINT_WORDS:
        plain = words.sub(" ", plain)  # before the treatment is not before the contrast
    header = Dataset()
    header.SeriesDescription = plain.replace("\\", " ")[:64]
    guess = guess_phase(header)
    evidence = tuple(text.replace("series description", "name", 1) for text in guess.evidence)
    return PhaseGuess(guess.phase, guess.confidence, evidence)


def guess_role(
    name: str, header: PhaseGuess | None = None, voxels: ContrastEvidence | None = None, *, unseen: str = ""
) -> RoleGuess:
    """A role from what is known of a scan.

    Args:
        name: of the scan, as loaded.
        header: by its DICOM header, which counts more than its name; None where it has none.
        voxels: by its voxels, where they were looked at.
        unseen: why they could not be looked at.
    """
    words = phase_of_name(name)
    guess = header if header is not None and header.confidence != "none" else words
    reasons = [*guess.evidence, *([f"its voxels could not be looked at ({unseen})"] if unseen else [])]
    if guess.phase is Phase.EXCLUDED:
        return RoleGuess(None, "unsuitable", _sentence([*reasons, "not an image of a contrast phase"]))
    if guess.confidence == "conflict":
        return RoleGuess(None, "conflict", _sentence([*reasons, "this contradicts itself: look and choose"]))
    if guess.phase is not Phase.UNKNOWN and guess.phase not in _OF_HEADER:
        return RoleGuess(None, "unsuitable", _sentence([*reasons, "no method here uses this phase"]))
    phase = _OF_HEADER.get(guess.phase)
    seen = _OF_VOXELS.get(voxels.phase, ()) if voxels else ()
    if voxels:
        reasons.append(f"voxels: {voxels.phase.replace('-', ' ')}, {voxels.reason}")
    if phase and seen and phase not in seen:
        return RoleGuess(None, "conflict", _sentence([*reasons, "these contradict each other: look and choose"]))
    if phase is None and len(seen) == 1:
        phase = seen[0]
    time = _time_of_name(name)
    if phase is None:
        reasons.append("portal venous or delayed: choose which" if seen else "the phase is not known: look and choose")
        return RoleGuess(None, "unknown", _sentence(reasons), seen, time)
    chosen, why = _time_point(time)
    return RoleGuess(f"{chosen}/{phase}", "guess", _sentence([*reasons, why]), (phase,), time)


def contradicts(guess: RoleGuess, role: str) -> bool:
    """Whether what is known of a scan speaks against a role.

    >>> contradicts(guess_role("portal venous"), "post/arterial")
    True
    >>> contradicts(guess_role("CT 3.0"), "post/arterial")
    False
    """
    time, _slash, phase = role.partition("/")
    if guess.state in ("conflict", "unsuitable"):
        return True
    return bool(guess.phases and phase not in guess.phases) or guess.time not in ("", time)


def may_be(guess: RoleGuess, role: str) -> bool:
    """Whether a scan may be taken for a role: it is the guess, or the phase is, and nothing tells the time point.

    >>> [may_be(guess_role(name), "baseline/arterial") for name in ("arterial", "follow-up arterial")]
    [True, False]
    """
    return guess.role == role or (not guess.time and guess.phases == (role.partition("/")[2],))


def _time_of_name(name: str) -> str:
    found = [time for time, words in _TIME_POINT_WORDS if words.search(_plain(name))]
    return found[0] if len(found) == 1 else ""


def _time_point(named: str) -> tuple[str, str]:
    """The time point that a name tells, or the one that the first method asks for, and why."""
    if named:
        return named, f"time point by its name: {_TIME_WORDS[named]}"
    first = next(iter(needed_roles())).partition("/")[0]  # one for all phases of a study, whatever a method needs
    return first, f"time point not told: {_TIME_WORDS[first]} is what the first method here asks for"


def _plain(name: str) -> str:
    return name.lower().replace("_", " ")


def _sentence(parts: list[str]) -> str:
    return "; ".join(parts) + "."
