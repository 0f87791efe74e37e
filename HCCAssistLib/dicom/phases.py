"""Which contrast phase a series shows, guessed from its headers: a proposal with its evidence, never a fact.

Contrast fields are wrong or missing in most archives (76 % in one study), so that the fields are asked in the order
of trust, and a person confirms the answer.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydicom.dataset import Dataset

from HCCAssistLib.dicom.frames import text


class Phase(StrEnum):
    """Contrast phases of the liver."""

    UNENHANCED = "unenhanced"
    EARLY_ARTERIAL = "early arterial"
    LATE_ARTERIAL = "late arterial"
    PORTAL_VENOUS = "portal venous"
    DELAYED = "delayed"
    TRANSITIONAL = "transitional"
    HEPATOBILIARY = "hepatobiliary"
    EXCLUDED = "no phase image"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PhaseGuess:
    """A guess and how far to trust it.

    Attributes:
        phase: ``UNKNOWN`` where the headers do not say it or contradict each other; ``EXCLUDED`` for subtractions,
            projections, bolus tracking and sequences that are not part of a dynamic series.
        confidence: ``"high"`` where the scanner's own code says it or two fields agree, ``"medium"`` for one field,
            ``"low"`` for the protocol's name alone, ``"conflict"`` where fields disagree, ``"none"`` for nothing.
        evidence: what each field says, in words; the words of a rule only, never a whole free-text field.
    """

    phase: Phase
    confidence: Literal["high", "medium", "low", "conflict", "none"]
    evidence: tuple[str, ...] = ()


# Values of Contrast/Bolus Agent Phase (0018,9344), PS3.3 C.8.15.3 and C.8.13, and what scanners write in their place;
# without the underscores, which many write as blanks, hyphens or not at all.
_CODED = {
    "PRECONTRAST": Phase.UNENHANCED,
    "IMMEDIATE": Phase.EARLY_ARTERIAL,
    "EARLYARTERIAL": Phase.EARLY_ARTERIAL,
    "ARTERIAL": Phase.LATE_ARTERIAL,
    "LATEARTERIAL": Phase.LATE_ARTERIAL,
    "VENOUS": Phase.PORTAL_VENOUS,
    "PORTAL": Phase.PORTAL_VENOUS,
    "PORTALVENOUS": Phase.PORTAL_VENOUS,
    "STEADYSTATE": Phase.DELAYED,
    "DELAYED": Phase.DELAYED,
    "LATE": Phase.DELAYED,
    "EQUILIBRIUM": Phase.DELAYED,
}

# Seconds after the start of the injection, [from, to); between these nothing is concluded.
_CT_DELAYS = (
    (-5, 8, Phase.UNENHANCED),
    (8, 30, Phase.EARLY_ARTERIAL),
    (30, 50, Phase.LATE_ARTERIAL),
    (58, 110, Phase.PORTAL_VENOUS),
    (150, 3600, Phase.DELAYED),
)
_MR_DELAYS = (
    (-5, 5, Phase.UNENHANCED),
    (5, 15, Phase.EARLY_ARTERIAL),
    (15, 45, Phase.LATE_ARTERIAL),
    (50, 100, Phase.PORTAL_VENOUS),
    (120, 400, Phase.TRANSITIONAL),
    (600, 3600, Phase.HEPATOBILIARY),
)

# A word stands alone where no letter touches it; digits, blanks, "-" and "." may. Numbers touch no digit either.
_WORD = r"(?<![^\W\d])(?:{})(?![^\W\d])"


def _words(alone: str, anywhere: str = "") -> re.Pattern[str]:
    pattern = _WORD.format(alone)
    return re.compile(f"{pattern}|{anywhere}" if anywhere else pattern)


_RULES: tuple[tuple[Phase, re.Pattern[str]], ...] = (
    (
        Phase.DELAYED,
        _words(
            r"del|late|sp(?:ät|aet)(?:phase)?|dp|tard\w*|[eéè]quil\w*|excret\w*"
            r"|(?<!\d)(?:3|5|10) ?min\w*|(?<!\d)1[28]0 ?s(?:ec)?",
            r"delay|verz(?:oe|ö)g|延迟|遅延|平衡相",
        ),
    ),
    (Phase.HEPATOBILIARY, _words(r"hbp|hb|(?<!\d)(?:15|20) ?min\w*", r"hepatobil|肝胆")),
    (Phase.TRANSITIONAL, _words(r"tp", r"transition|移行")),
    (
        Phase.PORTAL_VENOUS,
        _words(
            r"pv|pvp|vp|ven|vein(?:eux|euse)|v[eé]n(?:ous|(?:oes|ös)(?:e[nr]?)?|oso|osa)|p\.? ?v(?:en|enous)|nephrog\w*"
            r"|(?<!\d)(?:60|70|80) ?s(?:ec)?",
            r"porto?[ -]?ven|portal|門脈|门脉|静脉|静脈",
        ),
    ),
    (Phase.EARLY_ARTERIAL, re.compile(r"(?:early|früh|frueh|pr[eé]coce)[ -]?art|art\w* (?:early|pr[eé]coce)")),
    (
        Phase.LATE_ARTERIAL,
        _words(
            r"art|hap|lap|ap phase|(?<!\d)35 ?s(?:ec)?",
            r"\(ap\)|art[eé]r(?!y|ies)|(?<![^\W\d])art(?=chest|abd|liver)|動脈|动脉",
        ),
    ),
    (
        Phase.UNENHANCED,
        _words(
            r"(?:wo|w/o|without|sans|ohne|sin|senza|zonder)"
            r"|(?:no|non)[ -]?(?:contrast\w*|con|enh\w*|inj\w*|iv)"
            r"|unenh\w*|pre[ -]?(?:contrast|con|gd|gad|inj\w*)?|nc|ncct|plain|nativ\w*|basal|dry",
            r"(?<!\w)c-(?!\w)|平扫|単純",
        ),
    ),
)
_LATE_ARTERIAL = re.compile(
    r"(?:late|sp(?:ae|ä)t|tard\w*)[ -]?art|art\w*\.?[ -](?:late|sp(?:ae|ä)t(?:phase)?|tard\w*)(?![^\W\d])"
)
_WITH_AND_WITHOUT = re.compile(
    r"(?<!\w)(?:w|with|mit|avec|con|c\+)\W*(?:and|und|et|y)?\W*(?:w/?o|without|ohne|sans|sin|c-)(?!\w)"
)
_EXCLUDED = _words(
    r"sub|mip|mpr|scout|topogram\w*|localizer|loc|bolus ?track\w*|(?:pre)?monitoring|smart ?prep|test ?bolus|perfusion"
    r"|dose|screen ?save|key ?images?|cin[eé]|adc|dwi|t2|haste|fiesta|trufi|mrcp|in.?phase|opp.?phase|opposed|survey",
    r"subtract|subtraktion",
)


def guess_phase(dataset: Dataset) -> PhaseGuess:
    """The contrast phase by one slice's header.

    Order of trust: the coded phase, the delay after injection, words of the series description (several languages),
    words of the protocol's name. Two that agree give a high confidence; a contradiction gives ``UNKNOWN``.
    """
    coded = _coded_phase(dataset)
    if coded is not None:
        return coded
    description, protocol = text(dataset, "SeriesDescription"), text(dataset, "ProtocolName")
    if match := _EXCLUDED.search(_plain(description)):
        return PhaseGuess(Phase.EXCLUDED, "high", (f"series description: {match.group().strip()!r}",))
    evidence: list[str] = []
    guesses: list[Phase] = []
    delay = _delay_seconds(dataset)
    by_delay = _phase_by_delay(delay, text(dataset, "Modality"))
    if delay is not None:
        evidence.append(f"scanned {delay:.0f} s after the injection began: {by_delay}")
        guesses.append(by_delay)
    by_words, words = phase_by_words(description)
    names_several = bool(words) and by_words is Phase.UNKNOWN
    if words:
        evidence.append(f"series description: {words}: {by_words}")
        guesses.append(by_words)
    guesses = [guess for guess in guesses if guess is not Phase.UNKNOWN]
    by_protocol, words = phase_by_words(protocol)
    if by_protocol is not Phase.UNKNOWN:
        evidence.append(f"protocol name: {words}: {by_protocol}")
    phase, confidence = _verdict(guesses, by_protocol)
    if names_several and not guesses:
        return PhaseGuess(Phase.UNKNOWN, "conflict", tuple(evidence))
    if phase is Phase.UNENHANCED and _has_agent(dataset):
        evidence.append("but a contrast agent is recorded")
        return PhaseGuess(Phase.UNKNOWN, "conflict", tuple(evidence))
    return PhaseGuess(phase, confidence, tuple(evidence))


_NAMED: dict[str, tuple[Phase, ...]] = {
    "unenhanced": (Phase.UNENHANCED,),
    "arterial": (Phase.EARLY_ARTERIAL, Phase.LATE_ARTERIAL),
    "early arterial": (Phase.EARLY_ARTERIAL,),
    "late arterial": (Phase.LATE_ARTERIAL,),
    "portal": (Phase.PORTAL_VENOUS,),
    "portal venous": (Phase.PORTAL_VENOUS,),
    "delayed": (Phase.DELAYED, Phase.TRANSITIONAL),
    "transitional": (Phase.TRANSITIONAL, Phase.DELAYED),
    "hepatobiliary": (Phase.HEPATOBILIARY,),
}


def contradicts(guess: PhaseGuess, name: str) -> bool:
    """Whether the headers name another phase than a method asks for.

    Args:
        guess: by the headers; nothing known contradicts nothing.
        name: the phase as methods and folders name it ("arterial", "portal", ...); other names ask for no phase.
    """
    wanted = _NAMED.get(name.strip().lower())
    return wanted is not None and guess.phase is not Phase.UNKNOWN and guess.phase not in wanted


def phase_by_words(description: str) -> tuple[Phase, str]:
    """The phase a free text names, and the words that name it; ``UNKNOWN`` where none or several are named."""
    plain = _plain(description)
    hits = {phase: match.group().strip() for phase, rule in _RULES if (match := rule.search(plain))}
    if _LATE_ARTERIAL.search(plain) or Phase.TRANSITIONAL in hits:
        hits.pop(Phase.DELAYED, None)
    if Phase.EARLY_ARTERIAL in hits:
        hits.pop(Phase.LATE_ARTERIAL, None)
    if _WITH_AND_WITHOUT.search(plain):
        hits.pop(Phase.UNENHANCED, None)
    words = ", ".join(repr(word) for word in hits.values())
    return (next(iter(hits)) if len(hits) == 1 else Phase.UNKNOWN), words


def _plain(description: str) -> str:
    return f" {unicodedata.normalize('NFC', description).lower()} ".replace("_", " ")


def _verdict(
    guesses: list[Phase], by_protocol: Phase
) -> tuple[Phase, Literal["high", "medium", "low", "conflict", "none"]]:
    if len(set(guesses)) > 1:
        return Phase.UNKNOWN, "conflict"
    if guesses:
        return guesses[0], "high" if len(guesses) > 1 or by_protocol is guesses[0] else "medium"
    if by_protocol in (Phase.UNKNOWN, Phase.EXCLUDED):
        return Phase.UNKNOWN, "none"
    return by_protocol, "low"


def _coded_phase(dataset: Dataset) -> PhaseGuess | None:
    value = text(dataset, "ContrastBolusAgentPhase")
    for shared in (dataset.get("SharedFunctionalGroupsSequence") or [])[:1]:
        for usage in shared.get("ContrastBolusUsageSequence") or []:
            value = text(usage, "ContrastBolusAgentPhase") or value
    phase = _CODED.get(re.sub(r"[\s_-]", "", value.upper()))
    return None if phase is None else PhaseGuess(phase, "high", (f"coded contrast phase: {value.upper()}",))


def _has_agent(dataset: Dataset) -> bool:
    agent = text(dataset, "ContrastBolusAgent").upper()
    return bool(agent) and agent not in ("NONE", "NO", "NEIN", "NON", "0", "N")


def _delay_seconds(dataset: Dataset) -> float | None:
    """Seconds from the start of the injection to the scan; None where unknown or impossible."""
    start, scan = (_seconds(text(dataset, f)) for f in ("ContrastBolusStartTime", "AcquisitionTime"))
    if start is None or scan is None:
        return None
    delay = scan - start
    if delay < -43200:  # past midnight
        delay += 86400
    return delay if -5 <= delay < 3600 else None


def _seconds(time: str) -> float | None:
    match = re.fullmatch(r"(\d\d)(\d\d)(\d\d(?:\.\d*)?)", time.replace(":", ""))
    return None if match is None else 3600 * int(match[1]) + 60 * int(match[2]) + float(match[3])


def _phase_by_delay(delay: float | None, modality: str) -> Phase:
    if delay is None:
        return Phase.UNKNOWN
    delays = _MR_DELAYS if modality == "MR" else _CT_DELAYS
    return next((phase for start, end, phase in delays if start <= delay < end), Phase.UNKNOWN)
