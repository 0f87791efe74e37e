"""Choosing a cut-off, with its ties and its source."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.discrimination import RocCurve, roc
from HCCAssistLib.evaluation.scores import checked_rows
from HCCAssistLib.evaluation.values import FloatArray, number
from HCCAssistLib.results.cutoff import CutOff


def _chosen(curve: RocCurve, goodness: FloatArray, rule: str, chosen_on: str, digest: str) -> CutOff:
    """The best finite threshold; among ties the one with the highest sensitivity, all of them reported."""
    if not chosen_on.strip():
        raise InputError("a cut-off needs to say which data it was chosen on", remedy='e.g. "validation set"')
    goodness = goodness[1:]  # the infinite threshold calls nothing positive and is no cut-off
    ties = curve.thresholds[1:][goodness >= goodness.max() - 1e-12]
    note = f"; {len(ties)} cut-offs tie, the most sensitive was taken" if len(ties) > 1 else ""
    return CutOff(
        value=float(ties.min()),
        source=f"{rule} on the {chosen_on} (n = {curve.positives + curve.negatives}){note}",
        ties=tuple(float(v) for v in np.sort(ties)) if len(ties) > 1 else (),
        data_sha256=digest,
    )


def youden_cutoff(labels: npt.ArrayLike, scores: npt.ArrayLike, *, chosen_on: str) -> CutOff:
    """The observed score with the largest sensitivity + specificity - 1.

    >>> found = youden_cutoff([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], chosen_on="validation")
    >>> found.value, found.ties
    (0.35, (0.35, 0.8))

    Args:
        labels: ``(rows,)`` of 0 and 1.
        scores: ``(rows,)``, higher means positive.
        chosen_on: the data, in words ("validation set, 12 patients").

    Raises:
        InputError: rows of one class only.
    """
    curve = roc(labels, scores)
    digest = checked_rows(labels, scores).digest
    goodness = curve.sensitivity + curve.specificity - 1
    return _chosen(curve, goodness, "largest Youden index", chosen_on, digest)


def mean_cutoff(labels: npt.ArrayLike, scores: npt.ArrayLike, *, chosen_on: str) -> CutOff:
    """The observed score with the largest mean of sensitivity and specificity (Lim 2023).

    The mean is (Youden index + 1) / 2, so this is the cut-off of ``youden_cutoff`` under the paper's name.

    Raises:
        InputError: rows of one class only.
    """
    curve = roc(labels, scores)
    digest = checked_rows(labels, scores).digest
    goodness = (curve.sensitivity + curve.specificity) / 2
    return _chosen(curve, goodness, "largest mean of sensitivity and specificity", chosen_on, digest)


def fixed_rate_cutoff(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    chosen_on: str,
    at_least: float,
    rate: Literal["sensitivity", "specificity"] = "sensitivity",
) -> CutOff:
    """The cut-off that keeps sensitivity (or specificity) at ``at_least`` and makes the other rate largest.

    Raises:
        InputError: rows of one class only, a rate outside (0, 1], or a specificity that no observed score reaches.
    """
    if not 0.0 < number(at_least, rate) <= 1.0:
        raise InputError(f"a {rate} lies between 0 and 1, not {at_least}", remedy="write 0.9 for 90 %")
    if rate not in ("sensitivity", "specificity"):
        raise InputError(f"a rate is 'sensitivity' or 'specificity', not {rate!r}")
    curve = roc(labels, scores)
    digest = checked_rows(labels, scores).digest
    kept, other = curve.sensitivity, curve.specificity
    if rate == "specificity":
        kept, other = other, kept
    reached = kept >= at_least - 1e-12
    if not reached[1:].any():
        raise InputError(f"no observed score reaches a {rate} of {at_least:g}", remedy="ask for a lower one")
    goodness = np.where(reached, other, -np.inf)
    other_name = "specificity" if rate == "sensitivity" else "sensitivity"
    return _chosen(curve, goodness, f"largest {other_name} with {rate} >= {at_least:g}", chosen_on, digest)
