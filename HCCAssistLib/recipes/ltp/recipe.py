"""Local tumour progression (LTP) after ablation: the numbers of the paper and the choices it leaves open.

Lim S, Shin Y, Lee YH. Arterial enhancing local tumor progression detection on CT images using convolutional
neural network after hepatocellular carcinoma ablation: a preliminary study. 2023.
"""

from __future__ import annotations

from HCCAssistLib.cohort.needs import Need
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.recipes.spec import Option, Recipe

WINDOWS = (Window(level=60, width=400), Window(level=80, width=60), Window(level=120, width=40))
"""Liver, ablation and tumour window: the three channels, each quantised to 8 bit as in the paper."""

PATCH_SHAPE = (8, 32, 32)
"""Voxels ``(k, j, i)`` of a patch, at the scan's own spacing."""

POSITIVES_PER_LESION = 20
NEGATIVES_PER_PATIENT = 40
HARD_NEGATIVES = 40
EXCLUSION_RADIUS = 15.0

TIME_POINT = "post"

LTP = Recipe(
    id="ltp",
    title="Local tumour progression after ablation",
    paper=(
        "Lim S, Shin Y, Lee YH. Arterial enhancing local tumor progression detection on CT images using "
        "convolutional neural network after hepatocellular carcinoma ablation: a preliminary study. 2023."
    ),
    task="detection",
    needs=(
        Need(TIME_POINT, "arterial", "volume", required=True),
        Need(TIME_POINT, "ltp", "points", required=False, of_lesions=True),
        Need(TIME_POINT, "rejected", "points", required=False),
        Need(TIME_POINT, "liver", "segment", required=False),
        Need(TIME_POINT, "ablation", "segment", required=False),
        Need(TIME_POINT, "ablation", "points", required=False),
    ),
    label="ltp",
    phase="arterial",
    spacing_mm=((0.5, 1.0), (2.0, 6.0)),
    options=(
        Option("pools", 3, "poolings: 3 as in the text (661,121 weights), 2 as in Fig 6 (4,331,137)", choices=(3, 2)),
        Option(
            "border",
            "context",
            "what the network sees at a patch's border: 7 more pixels of the scan in-plane (context), "
            "or zeros as printed (strict)",
            choices=("context", "strict"),
        ),
        Option("radius", EXCLUSION_RADIUS, "negatives keep this distance from every LTP point", bounds=(0.0, 100.0)),
        Option("radius_unit", "mm", "unit of the radius, which the paper does not name", choices=("mm", "voxels")),
        Option(
            "negatives",
            "body",
            "where negatives come from: the patient's body, or the whole volume with the air around it",
            choices=("body", "volume"),
        ),
        Option(
            "hard_negatives",
            HARD_NEGATIVES,
            "negatives per patient added from the network's own false alarms after a first short training, so that "
            "it can scan whole livers; 0 is the paper's sampling alone",
            bounds=(0, 100),
        ),
        Option("epochs", 50, "epochs at most", bounds=(1, 1000)),
        Option("patience", 8, "epochs without better validation scores before training stops", bounds=(1, 1000)),
        Option("batch", 64, "patches in a batch", bounds=(2, 4096)),
        Option("learning_rate", 1e-3, "of Adam", bounds=(1e-7, 1.0)),
        Option(
            "averaging",
            0.99,
            "share of the running average of the weights that a step keeps, so that one bad epoch does not decide; 0 "
            "takes the last weights alone",
            bounds=(0.0, 0.9999),
        ),
        Option("augment", True, "flip, shift, shear, zoom and rotate training patches in the axial plane"),
        Option("permute_labels", False, "shuffle the labels: a check for leaks, never a model to use"),
    ),
    run_options=(
        Option("stride", "standard", "spacing of the patches of a scan", choices=("fast", "standard", "fine")),
        Option(
            "region",
            "auto",
            "scan the liver segment where there is one (auto), the whole volume, or a ring around the ablation zone",
            choices=("auto", "volume", "liver", "ring"),
        ),
        Option("ring_mm", 20.0, "width of the ring around the ablation zone", bounds=(1.0, 100.0)),
        Option(
            "candidates",
            "nms",
            "how neighbouring patches become one candidate: non-maximum suppression, or "
            "connected components at the threshold",
            choices=("nms", "components"),
        ),
        Option("heatmap", True, "Grad-CAM of the candidates"),
    ),
    package="HCCAssistLib.recipes.ltp",
)

STRIDES = {"fast": (4, 16, 16), "standard": (4, 8, 8), "fine": (2, 4, 4)}
"""Voxels ``(k, j, i)`` between patches."""
