"""What a report of a prediction model on images should contain, by the names of TRIPOD+AI and CLAIM.

TRIPOD+AI: Collins et al., BMJ 2024;385:e078378. CLAIM: Mongan et al., Radiol Artif Intell 2020;2:e200029.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from HCCAssistLib.errors import InputError


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the two reporting guidelines.

    Attributes:
        key: short name for programs.
        name: what should be said.
        tripod_ai, claim: item numbers in TRIPOD+AI and CLAIM 2020, empty where a guideline has none.
    """

    key: str
    name: str
    tripod_ai: str
    claim: str


ITEMS = (
    Item("purpose", "Intended use and clinical role of the model", "3a, 3b", "3"),
    Item("design", "Study design (prospective or retrospective) and goal", "4", "5, 6"),
    Item("data_source", "Source of the data and its dates", "5a, 5b", "7"),
    Item("setting", "Setting, centres and eligibility criteria", "6a, 6b", "8"),
    Item("treatments", "Treatments received", "6c", ""),
    Item("preprocessing", "Data preparation and preprocessing", "7", "9"),
    Item("deidentification", "De-identification", "", "12"),
    Item("reference_standard", "Definition and source of the reference standard", "8a", "14, 15, 16, 17"),
    Item("blinding", "Blinding of outcome and predictor assessment", "8c, 9c", ""),
    Item("rater_variability", "Inter- and intrarater variability of the annotations", "8b", "18"),
    Item("sample_size", "How the sample size was determined", "10", "19"),
    Item("missing_data", "How missing data were handled", "11", "13"),
    Item("partitions", "Partitions and the level at which they are disjoint", "12a, 16", "20, 21"),
    Item("model", "Model, its inputs and outputs", "12c, 15, 22", "22"),
    Item("software", "Software versions", "", "23"),
    Item("training", "Training, initialization and choice of the final model", "12c", "24, 25, 26"),
    Item("cutoff", "How the cut-off was chosen", "15", "26"),
    Item("metrics", "Performance measures with confidence intervals", "12e, 23a", "28, 29, 36"),
    Item("calibration", "Calibration", "12e, 23a", "28"),
    Item("clinical_utility", "Clinical utility (net benefit)", "12e, 23a", "28"),
    Item("class_imbalance", "Class imbalance and how it was handled", "13", ""),
    Item("fairness", "Performance in subgroups and fairness", "14, 23b", "30"),
    Item("explainability", "Methods of explanation", "", "31"),
    Item("external", "Evaluation on external data", "", "32"),
    Item("flow", "Flow of participants and exclusions", "20a", "33"),
    Item("characteristics", "Characteristics of the participants by partition", "20b, 20c", "34"),
    Item("failures", "Failure analysis", "", "37"),
    Item("limitations", "Limitations", "26", "38"),
    Item("ethics", "Ethical approval", "17", ""),
    Item("registration", "Registration, protocol and availability of data and code", "18c, 18d, 18e, 18f", "40, 41"),
    Item("funding", "Funding and conflicts of interest", "18a, 18b", "42"),
)


def missing_items(covered: Iterable[str]) -> tuple[Item, ...]:
    """The items that a report does not cover.

    Raises:
        InputError: a key that is no item's.
    """
    keys = set(covered)
    unknown = keys - {item.key for item in ITEMS}
    if unknown:
        raise InputError(f"no reporting item is called {', '.join(sorted(unknown))}", "checklist")
    return tuple(item for item in ITEMS if item.key not in keys)
