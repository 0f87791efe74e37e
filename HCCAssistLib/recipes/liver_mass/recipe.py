"""Liver masses in five categories: the numbers of the paper and the choices it leaves open.

Yasaka K, Akai H, Abe O, Kiryu S. Deep learning with convolutional neural network for differentiation of liver masses
at dynamic contrast-enhanced CT: a preliminary study. Radiology 2018;286:887-896.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.options import WIDTH, Option, Value, training_options
from HCCAssistLib.recipes.spec import Recipe

TIME_POINT = "baseline"
MASSES = f"{TIME_POINT}/masses"
"""Where the masses are marked: a point, a segment or a box for each."""

PHASES = ("unenhanced", "arterial", "delayed")
"""As the network sees them, one channel each."""

PHASES_OF = MappingProxyType(
    {
        "triphasic": PHASES,
        "arterial-delayed": ("arterial", "delayed"),
        "unenhanced": ("unenhanced",),
        "arterial": ("arterial",),
        "delayed": ("delayed",),
    }
)
"""The five models of the paper, by the option ``phases``."""

UNENHANCED_WINDOW, ENHANCED_WINDOW = Window(level=40, width=250), Window(level=45, width=290)
WINDOW_OF = MappingProxyType({"unenhanced": UNENHANCED_WINDOW, "arterial": ENHANCED_WINDOW, "delayed": ENHANCED_WINDOW})

SIZE = 70
"""Pixels along each side of the picture that the network sees."""

CATEGORIES = MappingProxyType(
    {
        "A": "classic HCC",
        "B": "other malignant mass",
        "C": "indeterminate, dysplastic nodule, early HCC or rare benign mass",
        "D": "haemangioma",
        "E": "cyst",
    }
)
MALIGNANT = ("A", "B")
SUBTYPES = MappingProxyType({"C-hyper": "C", "C-hypo": "C"})
"""Hyper- and hypovascular C: one category for the network, apart in the evaluation."""

COPIES = 52
"""Pictures made of each one in an epoch."""


def phases_of(options: Mapping[str, Value]) -> tuple[str, ...]:
    """The phases that a model with these options sees, in the order of its channels."""
    return PHASES_OF[str(options["phases"])]


def _volume(phase: str) -> InputSpec:
    seen_by = tuple(name for name, phases in PHASES_OF.items() if phase in phases)
    return InputSpec(TIME_POINT, phase, "volume", required=True, only_with=MappingProxyType({"phases": seen_by}))


LIVER_MASS = Recipe(
    id="liver-mass",
    title="Category of a liver mass",
    paper=(
        "Yasaka K, Akai H, Abe O, Kiryu S. Deep learning with convolutional neural network for differentiation of "
        "liver masses at dynamic contrast-enhanced CT: a preliminary study. Radiology 2018;286:887-896."
    ),
    doi="10.1148/radiol.2017170706",
    task="classification",
    inputs=(
        *(_volume(phase) for phase in PHASES),
        InputSpec(TIME_POINT, "masses", "points", required=True, of_lesions=True),
        InputSpec(TIME_POINT, "masses", "segment", required=True, of_lesions=True),
        InputSpec(TIME_POINT, "masses", "roi", required=True, of_lesions=True),
        InputSpec(TIME_POINT, "liver", "segment", required=False),
    ),
    label=Classes("category", CATEGORIES, of="finding", positive=MALIGNANT, subclasses=SUBTYPES),
    split=(368, 92, 100),
    windows=MappingProxyType({"Liver, enhanced": ENHANCED_WINDOW, "Liver, unenhanced": UNENHANCED_WINDOW}),
    presets=MappingProxyType({"paper": {}, "quick": {"epochs": 8, "width": 0.25, "copies": 8}}),
    options=(
        Option("phases", "triphasic", "the phases that the network sees", choices=tuple(PHASES_OF), variant=True),
        WIDTH,
        Option("dropout", 0.5, "share of the values dropped between the fully connected layers", bounds=(0.0, 0.9)),
        Option("field_factor", 2.0, "side of the square field of view in diameters of the mass", bounds=(1.0, 5.0)),
        Option("field_least", 40.0, "shortest side of the field of view in mm", bounds=(10.0, 60.0)),
        Option("field_most", 150.0, "longest side of the field of view in mm", bounds=(60.0, 400.0)),
        Option(
            "default_diameter",
            30.0,
            "mm, of a mass that is marked by a point alone, without a segment, box, line or typed size",
            bounds=(2.0, 250.0),
        ),
        Option("sections", 5, "sections of a mass to train on, at most; the paper has up to 5", bounds=(1, 9)),
        Option(
            "copies",
            COPIES,
            "pictures made of each one in an epoch: turned by quarters, and each turn plain, shifted, enlarged and "
            "with noise",
            bounds=(1, COPIES),
        ),
        Option("jpeg", False, "pass the pictures through JPEG of quality 90, as the paper's screen captures were"),
        *training_options(epochs=20, patience=6, batch=100, learning_rate=1e-3),
    ),
    run_options=(Option("heatmap", True, "Grad-CAM of each mass"),),
    package="HCCAssistLib.recipes.liver_mass",
    panel="HCC Mass Classification",
)
