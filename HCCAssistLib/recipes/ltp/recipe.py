"""Local tumour progression (LTP) after ablation: the numbers of the paper and the choices it leaves open.

Lim S, Shin Y, Lee YH. Arterial enhancing local tumor progression detection on CT images using convolutional
neural network after hepatocellular carcinoma ablation: a preliminary study. 2023.
"""

from __future__ import annotations

from types import MappingProxyType

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.options import WIDTH, Option, training_options
from HCCAssistLib.recipes.spec import Recipe

WINDOWS = (Window(level=60, width=400), Window(level=80, width=60), Window(level=120, width=40))
"""Liver, ablation and tumour window: the three channels, each quantised to 8 bit as in the paper."""

PATCH_SHAPE = (8, 32, 32)
"""Voxels ``(k, j, i)`` of a patch, at the scan's own spacing."""

POSITIVES_PER_LESION = 20
NEGATIVES_PER_PATIENT = 40
HARD_NEGATIVES = 40
EXCLUSION_RADIUS = 15.0

TIME_POINT = "post"
LABEL = "ltp"

SPACING_MM = ((0.5, 1.0), (2.0, 6.0))
"""In-plane and between slices; a scan outside is resampled."""

LTP = Recipe(
    id="ltp",
    title="Local tumour progression after ablation",
    paper=(
        "Lim S, Shin Y, Lee YH. Arterial enhancing local tumor progression detection on CT images using "
        "convolutional neural network after hepatocellular carcinoma ablation: a preliminary study. 2023."
    ),
    task="detection",
    inputs=(
        InputSpec(TIME_POINT, "arterial", "volume", required=True, spacing_mm=SPACING_MM),
        InputSpec(TIME_POINT, "ltp", "points", required=False, of_lesions=True),
        InputSpec(TIME_POINT, "rejected", "points", required=False),
        InputSpec(TIME_POINT, "ignored", "points", required=False),
        InputSpec(TIME_POINT, "liver", "segment", required=False),
        InputSpec(TIME_POINT, "ablation", "segment", required=False),
        InputSpec(TIME_POINT, "ablation", "points", required=False),
    ),
    label=Classes(LABEL, {"0": "no progression", "1": "local tumour progression"}, positive=("1",), points="ltp"),
    split=(48, 10, 16),
    windows=MappingProxyType(dict(zip(("Liver", "Ablation", "Tumour"), WINDOWS, strict=True))),
    presets=MappingProxyType(
        {
            "paper": {"hard_negatives": 0, "averaging": 0.0},
            "quick": {"epochs": 6, "hard_negatives": 10, "width": 0.5},
        }
    ),
    options=(
        Option("pools", 3, "poolings: 3 as in the text (661,121 weights), 2 as in Fig 6 (4,331,137)", choices=(3, 2)),
        WIDTH,
        Option(
            "border",
            "context",
            "what surrounds a patch for the network: 7 more pixels of the scan in-plane (context), "
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
            "negatives per patient added from the network's own false positives after a first short training, so that "
            "it can scan whole livers; 0 is the paper's sampling alone",
            bounds=(0, 100),
        ),
        *training_options(epochs=50, patience=8, batch=64, learning_rate=1e-3, averaging=0.99),
        Option("augment", True, "flip, shift, shear, zoom and rotate training patches in the axial plane"),
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
        Option("heatmap", True, "Grad-CAM of the candidates"),
    ),
    package="HCCAssistLib.recipes.ltp",
    panel="HCC LTP Detection",
)

STRIDES = {"fast": (4, 16, 16), "standard": (4, 8, 8), "fine": (2, 4, 4)}
"""Voxels ``(k, j, i)`` between patches."""
