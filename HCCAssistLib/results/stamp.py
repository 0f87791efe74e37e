"""What is written into every picture of a result that says nothing about patients."""

from __future__ import annotations

from HCCAssistLib.results.run_record import RunRecord

SYNTHETIC, SYNTHETIC_MODEL = "SYNTHETIC", "SYNTHETIC MODEL"
"""No patient is shown; a patient is, to a model that learnt from synthetic cases alone."""


def stamp(run: RunRecord, *, synthetic: bool) -> str:
    """The words for a picture; empty where a model of patients looked at a patient.

    Args:
        run: of the result.
        synthetic: whether the case is a phantom.
    """
    if synthetic:
        return SYNTHETIC
    return SYNTHETIC_MODEL if run.synthetic_model else ""
