"""Early recurrence after hepatectomy, from arterial CT: the numbers of the paper and the choices it leaves open.

Cui H, Wang KY, Li WY, et al. CT images-based 3D convolutional neural network to predict early recurrence of solitary
hepatocellular carcinoma after radical hepatectomy. Diagn Interv Radiol 2022;28:524-531.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.labels import TimeToEvent
from HCCAssistLib.recipes.options import WIDTH, Option, Value, training_options
from HCCAssistLib.recipes.spec import Recipe

TIME_POINT = "pre"
ARTERIAL = f"{TIME_POINT}/arterial"
TUMOUR = f"{TIME_POINT}/tumour"
"""Where the tumour is marked: a segment, or a box around it."""

VOI_SHAPE = (10, 150, 150)
"""Voxels ``(z, y, x)`` of 1 mm that the network sees."""

SHIFT = 10
"""Pixels by which the translated version is moved at most, along each axis."""

VERSIONS = ("original", "up-down", "left-right", "translated", "90", "180", "270")
"""What an epoch shows of each VOI, by number."""

SEGMENTED, NOT_SEGMENTED = "SS", "NSS"
"""The tumour alone, or with what surrounds it."""

EARLY_RECURRENCE = "early_recurrence"
OUTCOME = TimeToEvent("follow_up_months", "event", horizon_months=24.0)


def window_of(options: Mapping[str, Value]) -> Window:
    """From 0 to 1."""
    low, high = float(options["clip_low"]), float(options["clip_high"])
    return Window(level=(low + high) / 2, width=high - low)


def tumour_alone(options: Mapping[str, Value]) -> bool:
    """Whether what lies outside the tumour is blackened, which a box cannot tell."""
    return options["voi"] == SEGMENTED


HEPATECTOMY = Recipe(
    id="hepatectomy-recurrence",
    title="Early recurrence after hepatectomy",
    paper=(
        "Cui H, Wang KY, Li WY, et al. CT images-based 3D convolutional neural network to predict early recurrence of "
        "solitary hepatocellular carcinoma after radical hepatectomy. Diagn Interv Radiol 2022;28:524-531."
    ),
    doi="10.5152/dir.2022.201097",
    task="risk",
    inputs=(
        InputSpec(TIME_POINT, "arterial", "volume", required=True),
        InputSpec(TIME_POINT, "tumour", "segment", required=True, of_lesions=True),
        InputSpec(
            TIME_POINT,
            "tumour",
            "roi",
            required=True,
            of_lesions=True,
            only_with=MappingProxyType({"voi": (NOT_SEGMENTED,)}),
        ),
    ),
    label=OUTCOME,
    split=(142, 36, 42),
    windows=MappingProxyType({"Liver": Window(level=70, width=340)}),
    presets=MappingProxyType(
        {
            "paper": {},
            # A narrow network has no values to spare for dropout, and longer steps kill all of a layer's ReLUs for good
            # before it has begun to learn; clipped closely, it begins sooner.
            "quick": {
                "epochs": 10,
                "width": 0.125,
                "dropout": 0.0,
                "learning_rate": 2e-4,
                "clip_low": 20.0,
                "clip_high": 180.0,
            },
        }
    ),
    options=(
        Option(
            "voi",
            SEGMENTED,
            "the tumour alone, with 0 outside its segment (SS), or with what surrounds it, where a box is enough (NSS)",
            choices=(SEGMENTED, NOT_SEGMENTED),
            variant=True,
        ),
        WIDTH,
        Option("dropout", 0.5, "share of the values dropped behind each fully connected layer", bounds=(0.0, 0.9)),
        Option("clip_low", -100.0, "Hounsfield units that become 0", bounds=(-1000.0, 3000.0)),
        Option("clip_high", 240.0, "Hounsfield units that become 1", bounds=(-1000.0, 3000.0)),
        Option(
            "copies",
            len(VERSIONS),
            "versions of each VOI in an epoch: original, up-down, left-right, translated, turned by 90, 180 and 270 "
            "degrees",
            bounds=(1, len(VERSIONS)),
        ),
        *training_options(epochs=100, patience=15, batch=8, learning_rate=1e-5, balance="weights"),
    ),
    run_options=(Option("heatmap", True, "Grad-CAM of early recurrence"),),
    package="HCCAssistLib.recipes.hepatectomy",
    panel="HCC Recurrence Risk",
)
