"""What a report of a prediction model on images should contain, by the items of TRIPOD+AI and CLAIM 2024.

TRIPOD+AI: Collins et al., BMJ 2024;385:e078378. CLAIM 2024: Tejani et al., Radiol Artif Intell 2024;6:e240300
(doi 10.1148/ryai.240300, PMC11304031), whose table gives the names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from HCCAssistLib.errors import InputError

GUIDELINES = (
    "Items of the reporting guidelines TRIPOD+AI (BMJ 2024;385:e078378) and CLAIM 2024 (Radiol Artif Intell "
    "2024;6:e240300) that a manuscript must add. Items that concern the text of a manuscript alone (title, abstract, "
    "aims, discussion) are not listed."
)

CLAIM_2024 = {
    3: "Scientific and/or clinical background, including the intended use and role of the AI approach",
    5: "Prospective or retrospective study",
    6: "Study goal",
    7: "Data sources",
    8: "Inclusion and exclusion criteria",
    9: "Data preprocessing",
    10: "Selection of data subsets",
    11: "De-identification methods",
    12: "How missing data were handled",
    13: "Image acquisition protocol",
    14: "Definition of method(s) used to obtain reference standard",
    15: "Rationale for choosing the reference standard",
    16: "Source of reference standard annotations",
    17: "Annotation of test set",
    18: "Measures of inter- and intrarater variability of features described by the annotators",
    19: "How data were assigned to partitions",
    20: "Level at which partitions are disjoint",
    21: "Intended sample size",
    22: "Detailed description of model",
    23: "Software libraries, frameworks, and packages",
    24: "Initialization of model parameters",
    25: "Details of training approach",
    26: "Method of selecting the final model",
    27: "Ensembling techniques",
    28: "Metrics of model performance",
    29: "Statistical measures of significance and uncertainty",
    30: "Robustness or sensitivity analysis",
    31: "Methods for explainability or interpretability",
    32: "Evaluation on internal data",
    33: "Testing on external data",
    34: "Clinical trial registration",
    35: "Numbers of patients or examinations included and excluded",
    36: "Demographic and clinical characteristics of cases in each partition",
    37: "Performance metrics and measures of statistical uncertainty",
    38: "Estimates of diagnostic performance and their precision",
    39: "Failure analysis of incorrect results",
    40: "Study limitations",
    42: "Provide a reference to the full study protocol or to additional technical details",
    43: "Statement about the availability of software, trained model, and/or data",
    44: "Sources of funding and other support; role of funders",
}
"""Names of the items by number, in the words of the 2024 update."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to report.

    Attributes:
        key: short name for programs.
        name: what should be said.
        tripod_ai: item numbers in TRIPOD+AI, empty where it has none.
        claim: item numbers in CLAIM 2024.
    """

    key: str
    name: str
    tripod_ai: str
    claim: tuple[int, ...] = ()

    @property
    def claim_text(self) -> str:
        """``7 Data sources``: the CLAIM items with their names."""
        return "; ".join(f"{number} {CLAIM_2024[number]}" for number in self.claim)


ITEMS = (
    Item("purpose", "Intended use and clinical role of the model", "3a, 3b", (3,)),
    Item("design", "Study design (prospective or retrospective) and goal", "4", (5, 6)),
    Item("data_source", "Source of the data and its dates", "5a, 5b", (7,)),
    Item("setting", "Setting, centres and eligibility criteria", "6a, 6b", (8,)),
    Item("treatments", "Treatments received", "6c"),
    Item("acquisition", "Scanners and image acquisition protocol", "", (13,)),
    Item("preprocessing", "Data preparation and preprocessing", "7", (9,)),
    Item("subsets", "Which part of the data was used", "", (10,)),
    Item("deidentification", "De-identification", "", (11,)),
    Item("reference_standard", "Definition and source of the reference standard", "8a", (14, 15, 16, 17)),
    Item("blinding", "Blinding of outcome and predictor assessment", "8c, 9c"),
    Item("rater_variability", "Inter- and intrarater variability of the annotations", "8b", (18,)),
    Item("sample_size", "How the sample size was determined", "10", (21,)),
    Item("missing_data", "How missing data were handled", "11", (12,)),
    Item("partitions", "Partitions and the level at which they are disjoint", "12a, 16", (19, 20)),
    Item("model", "Model, its inputs and outputs", "12c, 15, 22", (22,)),
    Item("software", "Software versions", "", (23,)),
    Item("training", "Training, initialization and choice of the final model", "12c", (24, 25, 26, 27)),
    Item("cutoff", "How the cut-off was chosen", "15"),
    Item("metrics", "Performance measures with confidence intervals", "12e, 23a", (28, 29, 37, 38)),
    Item("internal", "Evaluation on internal data", "", (32,)),
    Item("calibration", "Calibration", "12e, 23a", (28,)),
    Item("clinical_utility", "Clinical utility (net benefit)", "12e, 23a", (28,)),
    Item("class_imbalance", "Class imbalance and how it was handled", "13"),
    Item("fairness", "Performance in subgroups and fairness", "14, 23b", (30,)),
    Item("explainability", "Methods of explanation", "", (31,)),
    Item("external", "Evaluation on external data", "", (33,)),
    Item("flow", "Flow of participants and exclusions", "20a", (35,)),
    Item("characteristics", "Characteristics of the participants by partition", "20b, 20c", (36,)),
    Item("failures", "Failure analysis", "", (39,)),
    Item("limitations", "Limitations", "26", (40,)),
    Item("ethics", "Ethical approval", "17"),
    Item("registration", "Registration, protocol and availability of data and code", "18c-18f", (34, 42, 43)),
    Item("funding", "Funding and conflicts of interest", "18a, 18b", (44,)),
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
