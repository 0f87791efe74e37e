"""What a reader wants to be made of what the scene shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from HCCAssistLib.results.result import Result

Kind = Literal["new", "revision", "reading"]


@dataclass(frozen=True, slots=True)
class Order:
    """What a reader wants to be made of what is chosen.

    Attributes:
        cohort: folder; a new one only after the question ``create``.
        kind: a new case, a new version of a case, or a further reader's marks in a case.
        case_id: pseudonym.
        patient_id: of a new case: the patient of the cohort who it is of, ``""`` for a new patient; None where nobody
            said it.
        reader: initials or a pseudonym.
        labelled: whether the label is known; where the findings have it, each of them.
        verdicts: a reviewed result of the scan, whose verdicts become annotations; None for none.
    """

    cohort: Path
    kind: Kind
    case_id: str
    patient_id: str | None = None
    reader: str = ""
    labelled: bool = True
    verdicts: Result | None = None
