"""What is written into every picture that says nothing about patients."""

from __future__ import annotations

SYNTHETIC, SYNTHETIC_MODEL = "SYNTHETIC", "SYNTHETIC MODEL"
"""No patient is shown; or one is, to a model that learnt from synthetic cases alone."""

_IN_WORDS = {
    "": "",
    SYNTHETIC: "synthetic case; ",
    SYNTHETIC_MODEL: "by a model that learnt from synthetic cases alone; ",
}


def stamp(*, case: bool, model: bool) -> str:
    """The words for a picture; empty where a model of patients looked at a patient.

    Args:
        case: whether it is a phantom.
        model: whether the model learnt from synthetic cases alone, as a run record tells.
    """
    return SYNTHETIC if case else SYNTHETIC_MODEL if model else ""


def in_words(stamped: str) -> str:
    """How a caption begins below a picture with a stamp."""
    return _IN_WORDS[stamped]
