"""Early recurrence after ablation, from MR before and after it: the numbers of the paper and what it leaves open.

Kong Q, Li K. Predicting early recurrence of hepatocellular carcinoma after thermal ablation based on longitudinal MRI
with a deep learning approach. Oncologist 2025.
"""

from __future__ import annotations

from types import MappingProxyType

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.labels import TimeToEvent, Variable
from HCCAssistLib.recipes.options import WIDTH, Option, training_options
from HCCAssistLib.recipes.spec import Recipe

PRE, POST = "pre", "post"
TIME_POINTS = (PRE, POST)

PHASES = ("unenhanced", "arterial", "portal", "delayed")
"""Of a dynamic T1-weighted series; the others are registered to the last one, in which the regions are drawn."""

FIXED = PHASES[-1]

LIVER = "liver"
"""Where the liver is segmented, the phases are registered inside it."""

TUMOUR, ZONE = f"{PRE}/tumour", f"{POST}/ablation"
"""Where the tumour is marked before, and the zone of ablation after it; a region on one slice is enough."""

REGIONS = MappingProxyType({PRE: TUMOUR, POST: ZONE})

SIZE, PIXEL_MM = 128, 1.0
"""Of a crop, in pixels."""

TURN_DEGREES, MARGIN = 20.0, 20
"""A version for training is turned by so much at most, for which pixels are kept on each side of the crop."""

SLICES = 3
"""The one on which the region is largest, and those beside it."""

NETWORKS, TREES = ("pre", "prepost"), ("clinical", "dl_clinical")
"""What a package holds: two networks, trees on clinical values, and trees on these and a network's signature."""

SIGNATURE = "signature"
"""The probability of a network among the variables of the trees."""

FULLEST_FIRST = ("dl_clinical", "prepost", "pre", "clinical")
"""Whose risk group counts: the first one that the inputs allow."""

OUTCOME = TimeToEvent("follow_up_months", "event", horizon_months=24.0)


def _volume(time_point: str, phase: str, *, required: bool) -> InputSpec:
    onto = FIXED if phase != FIXED else ""
    return InputSpec(time_point, phase, "volume", required, modality="MR", unit="", registered_to=onto)


ABLATION = Recipe(
    id="ablation-recurrence",
    title="Early recurrence after ablation",
    paper=(
        "Kong Q, Li K. Predicting early recurrence of hepatocellular carcinoma after thermal ablation based on "
        "longitudinal MRI with a deep learning approach. Oncologist 2025."
    ),
    task="risk",
    inputs=(
        *(_volume(PRE, phase, required=True) for phase in PHASES),
        InputSpec(PRE, "tumour", "segment", required=True, of_lesions=True, drawn_on=FIXED, one_slice=True),
        InputSpec(PRE, "tumour", "roi", required=True, of_lesions=True, drawn_on=FIXED),
        InputSpec(PRE, "liver", "segment", required=False, drawn_on=FIXED),
        *(_volume(POST, phase, required=False) for phase in PHASES),
        InputSpec(POST, "ablation", "segment", required=False, drawn_on=FIXED, one_slice=True),
        InputSpec(POST, "ablation", "roi", required=False, drawn_on=FIXED),
        InputSpec(POST, "liver", "segment", required=False, drawn_on=FIXED),
    ),
    label=OUTCOME,
    variables=(
        Variable("tumour_size_mm", "largest tumour", "mm", (5.0, 150.0), missing="tree"),
        Variable("tumour_number", "number of tumours", "", (1.0, 20.0), missing="tree", whole=True),
        Variable("hbv", "hepatitis B", "", (0.0, 1.0), missing="tree", choices=MappingProxyType({0: "no", 1: "yes"})),
        Variable("total_protein_g_per_l", "total protein", "g/L", (30.0, 120.0), missing="tree"),
        Variable("afp_ng_per_ml", "alpha-fetoprotein", "ng/mL", (0.0, 1_000_000.0), missing="tree"),
    ),
    models=MappingProxyType({"pre": "Pre", "prepost": "PrePost", "clinical": "Clinical", "dl_clinical": "DL_Clinical"}),
    split=(203, 51, 35),
    # MR has no fixed scale: a view begins with what the volume itself spans
    windows=MappingProxyType({"Liver": Window(level=150, width=300)}),
    presets=MappingProxyType(
        {
            "paper": {},
            "quick": {"epochs": 24, "width": 0.25, "batch": 8, "learning_rate": 1e-3},
        }
    ),
    options=(
        Option(
            "registration",
            "rigid",
            "how the other phases are laid on the delayed one: rigidly, then deformed, or not at all",
            choices=("rigid", "deformable", "none"),
        ),
        Option(
            "intensity",
            "percentile",
            "what of each volume becomes 0 and 1: its 1st and 99th percentile, or its mean -/+ 3 standard deviations",
            choices=("percentile", "z-score"),
        ),
        WIDTH,
        Option("dropout", 0.2, "share of the values dropped before the last layer", bounds=(0.0, 0.9)),
        Option("trees", 500, "extra trees of the clinical models", bounds=(1, 5000)),
        Option("tree_depth", 4, "depth of each tree at most", bounds=(1, 64)),
        *training_options(epochs=100, patience=20, batch=16, learning_rate=1e-4, balance="weights"),
    ),
    run_options=(Option("heatmap", True, "Grad-CAM of early recurrence, on both time points"),),
    package="HCCAssistLib.recipes.ablation",
    panel="HCC Recurrence Risk",
)
