"""The simple rules of this method: they know the volume and the mean attenuation of a tumour alone."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.recipes.tace.recipe import OBJECTIVE_RESPONSE
from HCCAssistLib.recipes.tace.sampling import CODES
from HCCAssistLib.training.samples import Samples
from HCCAssistLib.training.simple_rules import Values, fitted_rules

RULES = MappingProxyType({"volume": ("log_volume",), "mean HU": ("hu",), "volume and mean HU": ("log_volume", "hu")})
"""What each of them knows."""


def measures(volume_ml: npt.ArrayLike, hu: npt.ArrayLike) -> dict[str, Values]:
    """What a rule may know of tumours, each ``(n,)``: the logarithm of their millilitres, and their mean HU."""
    return {"log_volume": np.log(np.asarray(volume_ml, dtype=float)), "hu": np.asarray(hu, dtype=float)}


def fitted(samples: Samples) -> dict[str, dict[str, Any]]:
    """A logistic regression of the objective response on what each rule knows, one row for each tumour.

    Args:
        samples: of the training, with ``volume_ml`` and ``hu``; those of one tumour have the same.

    Returns:
        As ``simple_rules.fitted_rules``.
    """
    table = np.column_stack([samples["case"], samples["volume_ml"], samples["hu"]])
    rows = np.sort(np.unique(table, axis=0, return_index=True)[1])
    responded = np.isin(samples.labels[rows], [CODES.index(code) for code in OBJECTIVE_RESPONSE])
    return fitted_rules(RULES, measures(samples["volume_ml"][rows], samples["hu"][rows]), responded)
