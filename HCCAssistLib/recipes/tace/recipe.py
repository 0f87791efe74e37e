"""Response to TACE from the CT before it: the numbers of the paper and the choices it leaves open.

Peng J, Kang S, Ning Z, et al. Residual convolutional neural network for predicting response of transarterial
chemoembolization in hepatocellular carcinoma from CT imaging. Eur Radiol 2020;30:413-424.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.options import Option, Value, training_options
from HCCAssistLib.recipes.spec import Recipe

TIME_POINT = "pre"
ARTERIAL = f"{TIME_POINT}/arterial"
TUMOURS = f"{TIME_POINT}/tumour"
"""One segment for each tumour."""

SIZE = 224
"""Pixels along each side of a patch, as the network sees it."""

COLUMN = "response"
RESPONSES = MappingProxyType(
    {"CR": "complete response", "PR": "partial response", "SD": "stable disease", "PD": "progressive disease"}
)
"""By mRECIST after the first TACE."""

OBJECTIVE_RESPONSE = ("CR", "PR")
GROUPS = MappingProxyType({"objective_response": OBJECTIVE_RESPONSE})

PAPER_SLICE_MM = 1.0
"""Slices of the paper's scans."""

RESNET, SMALL = "resnet50", "small"


def window_of(options: Mapping[str, Value]) -> Window:
    """From black to white."""
    low, high = float(options["window_low"]), float(options["window_high"])
    return Window(level=(low + high) / 2, width=high - low)


def with_backbone(options: Mapping[str, Value]) -> bool:
    """Whether a frozen backbone sees the patches, and only a layer behind it learns."""
    return options["body"] == RESNET


TACE = Recipe(
    id="tace-response",
    title="Response to TACE, predicted before treatment",
    paper=(
        "Peng J, Kang S, Ning Z, et al. Residual convolutional neural network for predicting response of transarterial "
        "chemoembolization in hepatocellular carcinoma from CT imaging. Eur Radiol 2020;30:413-424."
    ),
    doi="10.1007/s00330-019-06318-1",
    task="classification",
    inputs=(
        InputSpec(TIME_POINT, "arterial", "volume", required=True),
        InputSpec(TIME_POINT, "tumour", "segment", required=True, of_lesions=True),
    ),
    label=Classes(COLUMN, RESPONSES, ordinal=True, positive=OBJECTIVE_RESPONSE),
    split=(562, 89, 138),
    windows=MappingProxyType({"Liver": Window(level=40, width=400)}),
    presets=MappingProxyType(
        {
            "paper": {"learning_rate": 1e-4, "optimiser": "sgd"},
            "quick": {"epochs": 12},
        }
    ),
    options=(
        Option(
            "body",
            RESNET,
            "what sees the patches: an installed ResNet-50 whose ImageNet weights stay as they are, so that only the "
            "layer behind it learns, or a small network that is trained whole; where no ResNet-50 is installed, the "
            "small one stands in",
            choices=(RESNET, SMALL),
        ),
        Option("backbone", "", "sha256 of the ResNet-50, its first characters or its name; the installed one if empty"),
        Option("window_low", -160.0, "Hounsfield units shown as black", bounds=(-1000.0, 3000.0)),
        Option("window_high", 240.0, "Hounsfield units shown as white", bounds=(-1000.0, 3000.0)),
        Option(
            "slices",
            "stored",
            "patches from the slices as stored, or from slices of 1 mm, as the paper had, interpolated between them",
            choices=("stored", "1 mm"),
        ),
        Option(
            "channels",
            "grey",
            "each of up to three slices is a patch, its grey values in all three channels (grey), or the three slices "
            "are the channels of one patch",
            choices=("grey", "slices"),
        ),
        *training_options(epochs=54, patience=54, batch=64, learning_rate=1e-3, balance="sampler"),
    ),
    run_options=(Option("heatmap", True, "Grad-CAM of each patch"),),
    package="HCCAssistLib.recipes.tace",
    panel="HCC TACE Response",
)
